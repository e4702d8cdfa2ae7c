"""What a report says of a run that was interrupted, and of one that was carried on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.run import analyse_run
from bench.report.run_table import run_table
from bench.report.run_view import view_run
from bench.report.run_words import banners
from bench.store.reader import open_run

MakeRun = Callable[..., Any]
SMALL: dict[str, Any] = {"prompt_tokens": (32,), "new_tokens": (4,), "blocks": 3, "repeats": 1}
KILLED = {"began_at": "2026-11-22T10:00:00+00:00", "ended_at": "2026-11-22T10:40:00+00:00", "reason": "killed"}
AGAIN = {"began_at": "2026-11-22T12:40:00+00:00", "block": 1, "position": 2, "changed": {}}


@pytest.fixture
def said(fake_run: MakeRun, tmp_path: Path) -> Callable[..., tuple[str, str]]:
    """The banners of a run, and what a terminal shows of it, each on one line."""

    def say(*sittings: dict[str, Any], end: str | None = "finished", **record: Any) -> tuple[str, str]:
        run = fake_run(**SMALL, end=end, record={**record, **({"sittings": list(sittings)} if sittings else {})})
        view = view_run(analyse_run(open_run(run.write(tmp_path / "results"))))
        return " ".join(banners(view)), " ".join(run_table(view).split())

    return say


@pytest.mark.parametrize("end", [None, "interrupted", "stopped"])
def test_a_run_without_its_end_names_what_carries_it_on(said: Callable[..., tuple[str, str]], end: str | None) -> None:
    for text in said(end=end, selection={"by": "-k int4", "selected": 3, "planned": 9}):
        assert "To measure what is missing: nox -s bench -- --resume" in text
        assert "-k int4" in text


def test_a_finished_run_is_not_to_be_carried_on(said: Callable[..., tuple[str, str]]) -> None:
    assert not any("--resume" in text or "sitting" in text for text in said())


@pytest.mark.slow
def test_a_run_of_two_sittings_says_when_it_was_killed_and_for_how_long(said: Callable[..., tuple[str, str]]) -> None:
    for text in said(KILLED, AGAIN):
        assert "It was killed on 2026-11-22 10:40 UTC and carried on 2.0 h later, in block 2." in text
        assert "So its blocks are of 2 sittings, which may differ as two runs do." in text
        assert "The visits of block 2 are of two sittings, whose difference is in its ratios." in text


def test_a_sitting_that_begins_with_a_block_shares_none(said: Callable[..., tuple[str, str]]) -> None:
    assert "The visits of block" not in said(KILLED, {**AGAIN, "position": 0})[0]


def test_what_changed_between_two_sittings_is_said(said: Callable[..., tuple[str, str]]) -> None:
    changed = {"driver of Intel Arc 140V": ["31.0", "32.0"], "power source": ["mains", None]}
    text, _ = said(KILLED, {**AGAIN, "changed": changed})
    assert "driver of Intel Arc 140V: 31.0, then 32.0; power source: mains, then not known." in text


def test_a_run_without_a_sitting_is_reported(said: Callable[..., tuple[str, str]]) -> None:
    assert said(sittings=[])

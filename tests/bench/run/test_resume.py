"""Which run is carried on, and which is offered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import UsageError
from bench.plan.flags import NEWEST
from bench.run.resume import find_resumable, offer
from bench.store.writer import RunWriter

MakeRow = Callable[..., dict[str, Any]]
CELL = {"load_key": "k", "prompt_tokens": 8, "new_tokens": 4, "batch_size": 1}
RECORD = {"plan": {"blocks": 3, "cells": [{"cell_key": "a", **CELL}, {"cell_key": "b", **CELL}]}}


def stored(results: Path, name: str, *ends: str) -> RunWriter:
    writer = RunWriter(results, name)
    writer.begin(RECORD)
    for reason in ends:
        writer.finish(reason)
    return writer


def test_the_newest_run_that_did_not_come_to_its_end_is_meant(tmp_path: Path) -> None:
    stored(tmp_path, "1", "interrupted")
    stored(tmp_path, "2", "stopped")
    stored(tmp_path, "3", "finished")
    under_way = stored(tmp_path, "4")
    assert find_resumable(NEWEST, tmp_path).run_id == "2"
    under_way.give_up()
    assert find_resumable(NEWEST, tmp_path).run_id == "4"


def test_without_an_unfinished_run_there_is_nothing_to_carry_on(tmp_path: Path) -> None:
    stored(tmp_path, "1", "finished")
    with pytest.raises(UsageError, match="was killed or interrupted"):
        find_resumable(NEWEST, tmp_path)


def test_a_run_that_cannot_be_carried_on_says_why(tmp_path: Path) -> None:
    stored(tmp_path, "1", "finished")
    under_way = stored(tmp_path, "2")
    for name, why in (("1", "came to its end"), ("2", "still goes on"), ("3", "no run 3"), ("*", "matches 2 runs")):
        with pytest.raises(UsageError, match=why):
            find_resumable(name, tmp_path)
    under_way.give_up()


def test_the_newest_run_is_offered_with_how_much_of_it_was_measured(tmp_path: Path, generation_row: MakeRow) -> None:
    writer = stored(tmp_path, "1")
    writer.rows("generations", [generation_row(cell_id=f"b0/0/k/{one}") for one in ("a1/0", "a1/0", "a1/1", "a2/1")])
    assert offer(tmp_path) is None
    writer.give_up()
    shown = str(tmp_path / "1")
    said = offer(tmp_path) or ""
    assert said.startswith("run 1 was interrupted after 2 of 6 cells: `nox -s bench -- --resume ")
    assert shown in said


def test_a_run_before_a_finished_one_is_not_offered(tmp_path: Path) -> None:
    stored(tmp_path, "1", "interrupted")
    stored(tmp_path, "2", "finished")
    assert offer(tmp_path) is None
    assert offer(tmp_path / "none") is None

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from bench.analyse.conditions import alike, mismatches, prompts_differ
from tests.bench.analyse.made import made_load, packages

RECORD: dict[str, Any] = {
    "machine_id": "m",
    "schema_version": 3,
    "model": {"name": "tiny", "digest": "d"},
    "plan": {"threads": 4},
    "machine": {"kernel": "6.17", "power_source": "mains", "gpus": [{"name": "Arc", "driver": "xe"}], "npus": None},
    "project": {"git_commit": "aaa"},
    "venvs": packages(numpy="2.4"),
}


@pytest.mark.parametrize(
    ("change", "what", "fatal"),
    [
        ({"machine_id": "n"}, "machine", True),
        ({"plan": {"threads": 8}}, "threads", False),
        ({"schema_version": 2}, "schema", False),
        ({"model": {"name": "tiny", "digest": "e"}}, "model digest", True),
    ],
)
def test_what_differs_is_named(change: dict[str, Any], what: str, fatal: bool) -> None:
    assert [(one.what, one.fatal) for one in mismatches(RECORD, RECORD | change)] == [(what, fatal)]


def test_the_fatal_comes_first() -> None:
    found = mismatches(RECORD, RECORD | {"machine_id": "n", "model": {"name": "tiny", "digest": "e"}})
    assert [one.what for one in found] == ["model digest", "machine"]


def test_records_without_a_section_differ_in_it_and_break_nothing() -> None:
    assert {one.what for one in mismatches({}, {"model": None, "machine": None})} == set()


class Asked:
    """Stands in for a stored run that asked these prompts of eight tokens: name -> digest."""

    def __init__(self, **prompts: str) -> None:
        self.prompts = prompts

    def table(self, name: str, columns: list[str]) -> pa.Table:
        values = ([8] * len(self.prompts), list(self.prompts), list(self.prompts.values()))
        return pa.table(dict(zip(columns, values, strict=True)))


@pytest.mark.parametrize(
    ("base", "head", "said"),
    [
        (Asked(a="1", b="2"), Asked(a="1", b="2"), None),
        (Asked(a="1", b="2"), Asked(b="2", c="3"), None),
        (Asked(a="1", b="2"), Asked(a="1", b="9"), ("2 prompts", "1 of them with other ids")),
    ],
    ids=["the same", "others beside", "one has other ids"],
)
def test_prompts_of_one_name_must_have_the_same_ids(base: Any, head: Any, said: tuple[str, str] | None) -> None:
    found = prompts_differ(base, head)
    assert (found and (found.base, found.head)) == said


@pytest.mark.parametrize(
    "change",
    [
        {"venvs": packages(numpy="2.5")},
        {"machine": RECORD["machine"] | {"kernel": "6.18"}},
        {"machine": RECORD["machine"] | {"power_source": "battery"}},
        {"plan": {"threads": 8}},
    ],
)
def test_what_could_make_a_load_faster_tells_runs_apart(change: dict[str, Any]) -> None:
    assert alike(RECORD, made_load()) != alike(RECORD | change, made_load())


@pytest.mark.parametrize(
    "change",
    [
        {"project": {"git_commit": "bbb"}},
        {"venvs": {**packages(numpy="2.4"), "transformers": {"packages": {"torch": "2"}}}},
    ],
)
def test_what_leaves_a_load_as_it_was_does_not(change: dict[str, Any]) -> None:
    assert alike(RECORD, made_load()) == alike(RECORD | change, made_load())


def test_a_variant_has_the_packages_of_its_own_venv() -> None:
    venvs = {f"ort-genai ({side})": {"packages": {"numpy": side}} for side in "ab"}
    record = RECORD | {"venvs": venvs}
    assert alike(record, made_load(variant="a")) != alike(record, made_load(variant="b"))

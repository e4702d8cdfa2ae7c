from __future__ import annotations

import json

import pytest

from bench.findings import Code
from bench.run.guard.found import Found, line
from bench.store.schema import FINDINGS


def test_a_row_has_the_stores_columns() -> None:
    assert {*Found(Code.ON_BATTERY).row(), "run_id"} == set(FINDINGS.names)


@pytest.mark.parametrize(
    ("place", "subject"), [({}, "run"), ({"load_id": "l"}, "load"), ({"cell_key": "c", "block": 1}, "cell")]
)
def test_the_subject_follows_from_what_is_named(place: dict[str, str], subject: str) -> None:
    assert Found(Code.ON_BATTERY, **place).row()["subject"] == subject  # type: ignore[arg-type]


@pytest.mark.parametrize(("severity", "fails"), [("info", False), ("warning", True), ("serious", True)])
def test_strict_fails_from_warnings_on(severity: str, fails: bool) -> None:
    assert Found(Code.HOT, severity=severity).fails_strict is fails


def test_a_row_is_codes_and_values_and_their_english() -> None:
    row = Found(Code.HOT, {"celsius": 97.25}).row()
    assert (row["message_keys"], json.loads(row["message_values"])) == (("hot",), {"celsius": 97.25})
    assert (row["message"], row["advice"]) == ("the CPU was at 97 °C at the end of the visit", Code.HOT.advice)


def test_a_line_ends_in_advice() -> None:
    assert line(Found(Code.ON_BATTERY)).endswith("on battery. Plug it in.")

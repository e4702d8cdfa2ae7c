from __future__ import annotations

import pytest

from bench import PROJECT_ROOT
from bench.run.guard.findings import SEVERITIES, Code, Found, line
from bench.store.schema import FINDINGS


@pytest.mark.parametrize("code", Code, ids=lambda code: code.word)
def test_every_kind_has_a_known_severity_and_ends_in_advice(code: Code) -> None:
    assert code.severity in SEVERITIES
    assert code.advice.endswith(".")


@pytest.mark.parametrize("code", Code, ids=lambda code: code.word)
def test_every_kind_stands_in_the_documentation(code: Code) -> None:
    row = f"| `{code.word}` | {code.severity} | {code.meaning} | {code.advice} |"
    assert row in (PROJECT_ROOT / "docs/metrics.md").read_text(encoding="utf-8").splitlines()


def test_a_row_has_the_stores_columns() -> None:
    assert {*Found(Code.HOT, "it is hot").row(), "run_id"} == set(FINDINGS.names)


@pytest.mark.parametrize(
    ("place", "subject"), [({}, "run"), ({"load_id": "l"}, "load"), ({"cell_key": "c", "block": 1}, "cell")]
)
def test_the_subject_follows_from_what_is_named(place: dict[str, str], subject: str) -> None:
    assert Found(Code.HOT, "it is hot", **place).row()["subject"] == subject  # type: ignore[arg-type]


@pytest.mark.parametrize(("severity", "fails"), [("info", False), ("warning", True), ("serious", True)])
def test_strict_fails_from_warnings_on(severity: str, fails: bool) -> None:
    assert Found(Code.HOT, "it is hot", severity).fails_strict is fails


def test_a_line_ends_in_advice() -> None:
    assert line(Found(Code.ON_BATTERY, "the machine runs on battery")).endswith("on battery. Plug it in.")

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.read_findings import read_findings
from bench.analyse.results import Finding
from bench.store.reader import open_run
from bench.store.writer import RunWriter

LOADS = [{"load_id": f"b{block}", "load_key": "load"} for block in range(5)]


def row(code: str = "hot", **columns: Any) -> dict[str, Any]:
    return {
        "code": code,
        "severity": "warning",
        "subject": "run",
        "message": f"{code} it was",
        "advice": "Cool it.",
        "seen_at": datetime(2030, 1, 2, tzinfo=UTC),
    } | columns


def visit(block: int, **columns: Any) -> dict[str, Any]:
    return row("hot", **{"subject": "load", "load_id": f"b{block}", "block": block, **columns})


def gathered(tmp_path: Path, *rows: dict[str, Any]) -> list[Finding]:
    writer = RunWriter(tmp_path, "run")
    writer.begin({})
    writer.rows("findings", rows)
    return read_findings(open_run(writer.path), LOADS)


def test_a_run_without_findings_has_none(tmp_path: Path) -> None:
    assert gathered(tmp_path) == []


def test_blocks_of_one_load_are_one_finding(tmp_path: Path) -> None:
    (found,) = gathered(tmp_path, visit(0), visit(2))
    assert (found.load_key, found.blocks, found.times) == ("load", (0, 2), 2)


def test_each_block_is_named_with_its_own_words(tmp_path: Path) -> None:
    (found,) = gathered(tmp_path, visit(0, message="97 °C"), visit(2, message="98 °C"))
    assert found.message == "97 °C in block 1; 98 °C in block 3"


def test_codes_and_values_are_kept_beside_their_english(tmp_path: Path) -> None:
    values = {"message_keys": ["hot"], "message_values": '{"celsius": 97.25}'}
    (found,) = gathered(tmp_path, visit(0, **values))
    assert (found.coded, found.occurrences[0].values) == (True, {"celsius": 97.25})
    assert found.message == "the CPU was at 97 °C at the end of the visit in block 1"


@pytest.mark.parametrize("columns", [{}, {"message_keys": ["hot", "one to come"], "message_values": "{}"}])
def test_without_codes_that_are_known_the_stored_message_stands(tmp_path: Path, columns: dict[str, Any]) -> None:
    (found,) = gathered(tmp_path, visit(0, **columns))
    assert (found.coded, found.message) == (False, "hot it was in block 1")


def test_many_messages_are_counted_and_not_listed(tmp_path: Path) -> None:
    (found,) = gathered(tmp_path, *(visit(block) for block in range(5)))
    assert found.message.endswith("; and 2 more")


def test_the_weightiest_block_comes_first(tmp_path: Path) -> None:
    (found,) = gathered(tmp_path, visit(0, message="a little"), visit(1, message="a lot", severity="serious"))
    assert (found.severity, found.message) == ("serious", "a lot in block 2; a little in block 1")


def test_kinds_are_ordered_by_weight(tmp_path: Path) -> None:
    rows = (row("virtual-machine", severity="info"), row("drift", severity="warning"), row("slept", severity="serious"))
    assert [found.code for found in gathered(tmp_path, *rows)] == ["slept", "drift", "virtual-machine"]


def test_cells_are_kept_apart(tmp_path: Path) -> None:
    found = gathered(tmp_path, *(row("drift", subject="cell", cell_key=key) for key in ("one", "other")))
    assert [one.cell_key for one in found] == ["one", "other"]


def test_a_process_without_a_row_keeps_its_id(tmp_path: Path) -> None:
    (found,) = gathered(tmp_path, visit(0, load_id="lost"))
    assert found.load_key == "lost"


def test_a_severity_of_another_version_comes_last(tmp_path: Path) -> None:
    found = gathered(tmp_path, row("new", severity="odd"), row("hot", severity="info"))
    assert [one.code for one in found] == ["hot", "new"]

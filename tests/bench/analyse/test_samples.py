from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bench.analyse import samples
from bench.analyse.samples import Generations
from bench.store.reader import StoredRun, open_run

MakeCell = Callable[..., Any]


@pytest.fixture
def run(tiny_run: Any, make_cell: MakeCell) -> StoredRun:
    """Two cells, one of them with a generation that failed between two that did not."""
    one, other = make_cell(prompt_tokens=10), make_cell(prompt_tokens=20)
    tiny_run.generation(one, 0, 10, [1, 2])
    tiny_run.generation(other, 0, 20, [3, 4])
    tiny_run.generation(one, 1, None, status="failed", itl_ns=None)
    tiny_run.generation(one, 2, 10, [5, 6])
    return open_run(tiny_run.write())


@pytest.mark.parametrize("rows", [1, 2, 3, 512])
def test_each_cell_gets_its_own_latencies_however_many_rows_are_read_at_once(
    run: StoredRun, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "ROWS_AT_ONCE", rows)
    found = [(cell.itl_ns / 1e6).tolist() for cell in Generations(run).cells()]
    assert found == [[[1, 2], [5, 6]], [[3, 4]]]


def test_the_ids_of_tokens_are_never_read(run: StoredRun, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    table, batches = StoredRun.table, StoredRun.batches

    def noting_table(self: StoredRun, name: str, columns: Sequence[str]) -> Any:
        asked.extend(columns)
        return table(self, name, columns)

    def noting_batches(self: StoredRun, name: str, columns: Sequence[str], rows: int) -> Any:
        asked.extend(columns)
        return batches(self, name, columns, rows)

    monkeypatch.setattr(StoredRun, "table", noting_table)
    monkeypatch.setattr(StoredRun, "batches", noting_batches)
    list(Generations(run).cells())
    assert "itl_ns" in asked
    assert "token_ids" not in asked

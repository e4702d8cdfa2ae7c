"""The queries of docs/schema.md give the report's estimates, of runs of all schema versions and half-gathered ones."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bench.analyse.results import CellResult
from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.store.compact import COMPACT_NAME, compact
from bench.store.reader import open_run
from bench.store.schema import TABLES
from tests.support.stored_runs import FakeRun

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "runs"
VERSION_2, VERSION_3 = "20261128T235139Z-92c760", "20261128T235149Z-00326f"
VARIANTS = "20261128T235223Z-1838e8"

Estimates = Mapping[tuple[str, str], tuple[float, ...]]
"""Run and cell -> its TTFT in ms, its TPOT if the query gives it, and the numbers of its blocks and generations."""


def example(title: str) -> str:
    """The query below that heading."""
    section = (ROOT / "docs" / "schema.md").read_text("utf-8").partition(f"\n### {title}\n")[2]
    found = re.search(r"^```\w+\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def duckdb_answer() -> Estimates:
    return estimates(duckdb_rows(), "ttft_ms", "tpot_ms", "blocks", "generations")


def duckdb_rows() -> list[dict[str, Any]]:
    answer = duckdb.sql(example("DuckDB"))
    assert answer
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]


def polars_answer() -> Estimates:
    return estimates(python_answer("polars").to_dicts(), "ttft_ms", "tpot_ms", "blocks", "generations")


def pandas_answer() -> Estimates:
    answer = python_answer("pandas").reset_index()
    assert (answer["low"] < answer["ttft_ms"]).all()
    return estimates(answer.to_dict("records"), "ttft_ms", "blocks", "generations")


def python_answer(title: str) -> Any:
    names: dict[str, Any] = {}
    exec(compile(example(title), title, "exec"), names)
    return names["answer"]


def estimates(rows: Iterable[Mapping[str, Any]], *columns: str) -> Estimates:
    rows = list(rows)
    found = {(row["run_id"], row["cell_key"]): tuple(row[column] for column in columns) for row in rows}
    assert len(found) == len(rows), "a cell has one row"
    return found


def reported(results: Path, *, tpot: bool) -> Estimates:
    """As the report has them."""
    analyses = [analyse_run(open_run(run)) for run in sorted(results.iterdir())]
    return {
        (analysis.record["run_id"], cell.cell_key): figures(cell, tpot=tpot)
        for analysis in analyses
        for cell in analysis.cells
    }


def figures(cell: CellResult, *, tpot: bool) -> tuple[float, ...]:
    assert cell.ttft_ms
    assert cell.tpot_ms
    times = [cell.ttft_ms, cell.tpot_ms] if tpot else [cell.ttft_ms]
    return (*(time.estimate.value for time in times), cell.blocks, cell.generations)


def half_gathered(folder: Path) -> None:
    """A run of today, killed after its parts were gathered and before the first of them was removed."""
    load = Load("ort-genai", "CPU", "int4")
    fake = FakeRun(loads=[load], prompt_tokens=(32,), end=None)
    fake.broken[f"{load.label}-p32"] = ("crashed", "out of memory", [2])
    run = fake.write(folder, "20300102T000000Z-abcdef")
    parts = [path for table in TABLES for path in (run / table).glob("part-*.parquet")]
    kept = {path: path.read_bytes() for path in parts}
    for table in TABLES:
        compact(run / table)
    for path, content in kept.items():
        path.write_bytes(content)
    assert len(list((run / "generations").iterdir())) > 1
    assert (run / "generations" / COMPACT_NAME).is_file()


@pytest.fixture(params=["all versions and a half-gathered run", "older versions alone", "a half-gathered run alone"])
def results(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's folder of runs, with the checkout as the current folder."""
    folder = tmp_path / "results"
    folder.mkdir()
    if "all" in request.param.split():
        shutil.copytree(GOLDEN, folder, dirs_exist_ok=True)
    if "older" in request.param:
        for run in (VERSION_2, VERSION_3):
            shutil.copytree(GOLDEN / run, folder / run)
    if "half" in request.param:
        half_gathered(folder)
    monkeypatch.chdir(tmp_path)
    return folder


# The answers are rounded to 0.01 ms.


def test_duckdb_gives_the_reports_estimates(results: Path) -> None:
    expected = {key: pytest.approx(value, abs=0.0051) for key, value in reported(results, tpot=True).items()}
    assert duckdb_answer() == expected


def test_polars_gives_the_reports_estimates(results: Path) -> None:
    expected = {key: pytest.approx(value) for key, value in reported(results, tpot=True).items()}
    assert polars_answer() == expected


def test_pandas_gives_the_reports_estimates(results: Path) -> None:
    expected = {key: pytest.approx(value) for key, value in reported(results, tpot=False).items()}
    assert pandas_answer() == expected


def test_cells_of_two_variants_stay_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(GOLDEN / VARIANTS, tmp_path / "results" / VARIANTS)
    monkeypatch.chdir(tmp_path)
    assert {row["variant"] for row in duckdb_rows()} == {"a", "b"}


@pytest.mark.parametrize("run", sorted(GOLDEN.iterdir()), ids=lambda run: run.name)
@pytest.mark.parametrize(
    ("table", "key"),
    [("loads", ["load_id"]), ("generations", ["cell_id", "warmup", "iteration", "status"])],
)
def test_a_key_identifies_a_row(run: Path, table: str, key: list[str]) -> None:
    rows = open_run(run).table(table, key)
    assert len(rows.group_by(key).aggregate([])) == len(rows)


@pytest.mark.parametrize("run", sorted(GOLDEN.iterdir()), ids=lambda run: run.name)
def test_no_two_findings_are_alike_in_all_columns(run: Path) -> None:
    rows = [str(row) for row in open_run(run).table("findings").to_pylist()]
    assert len(set(rows)) == len(rows)

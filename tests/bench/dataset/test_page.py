"""The queries of docs/datasets.md run as they stand there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bench.dataset.views import Views
from bench.store.dataset import DATASET_TABLES
from tests.support.datasets import FIRST, collected, write_run

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "datasets.md").read_text("utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    runs = ROOT / "tests" / "golden" / "runs"
    # Without six of the eight of one machine.
    more = shutil.ignore_patterns("20261128T235251*", "20261128T2353*", "20261128T2358*")
    shutil.copytree(runs, folder / "results", ignore=more)
    write_run(folder / "results", FIRST, "other")
    collected(folder / "results", into=folder / "dataset")
    return folder / "dataset"


@pytest.fixture(scope="module")
def answers(dataset: Path) -> list[list[dict[str, Any]]]:
    """To each query of the page, in its order."""
    with Views(dataset, print) as views:
        return [
            [dict(zip(answer.columns, row, strict=True)) for batch in answer.batches for row in batch]
            for query in examples("sql")
            for answer in views.answers(query)
        ]


@pytest.mark.slow
def test_the_first_tells_where_a_driver_is(answers: list[list[dict[str, Any]]]) -> None:
    assert {row["machine"] for row in answers[0]} == {"aa906e78d5fa0abb", "other"}
    assert {row["has_driver"] for row in answers[0]} == {False}


@pytest.mark.slow
def test_the_second_gives_quantiles(answers: list[list[dict[str, Any]]], dataset: Path) -> None:
    assert len(answers) == 2
    with Views(dataset, print) as views:
        query = """
            SELECT machine, backend, device, month, count(*), quantile_disc(itl_ns, 0.5) / 1e6,
                   quantile_disc(itl_ns, 0.95) / 1e6
            FROM tokens WHERE counted GROUP BY ALL ORDER BY ALL
        """
        (exact,) = views.answers(query)
        expected = [row for batch in exact.batches for row in batch]
    assert [tuple(row.values())[:5] for row in answers[1]] == [row[:5] for row in expected]
    for row, (*_, p50, p95) in zip(answers[1], expected, strict=True):
        assert (row["p50_ms"], row["p95_ms"]) == (pytest.approx(p50, rel=0.006), pytest.approx(p95, rel=0.006))


@pytest.mark.slow
def test_polars_reads_the_layout(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dataset.parent)
    names: dict[str, Any] = {}
    exec(compile(examples("python")[0], "polars", "exec"), names)
    assert isinstance(names["answer"], pl.DataFrame)
    assert {*names["answer"]["machine"]} == {"aa906e78d5fa0abb", "other"}
    with Views(dataset, print) as views:
        query = """
            SELECT machine, month, backend, count(*), median(ttft_ns) / 1e6
            FROM generations JOIN loads USING (run_id, load_id, machine, month)
            WHERE counted GROUP BY ALL ORDER BY ALL
        """
        (same,) = views.answers(query)
        expected = [(*row[:-1], pytest.approx(row[-1])) for batch in same.batches for row in batch]
    assert names["answer"].rows() == expected


def test_the_page_names_every_view_and_table() -> None:
    named = {*re.findall(r"`(\w+)`", PAGE)}
    assert {"runs", "machines", "loads", "generations", "tokens", "cells", "findings", "quality"} <= named
    assert {*DATASET_TABLES} <= named


def test_the_page_has_the_columns_of_the_runs_table() -> None:
    assert {*DATASET_TABLES["runs"].names} <= {*re.findall(r"`(\w+)`", PAGE)}

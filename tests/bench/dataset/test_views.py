"""Queries over a dataset and over a results folder: the same views, and nothing else within reach."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from bench.analyse.run import analyse_run
from bench.commands.sql import main
from bench.dataset.queries import answer_to
from bench.dataset.views import Views
from bench.errors import StoreError, UsageError
from bench.plan.cells import Load
from bench.store.lookup import all_folders
from bench.store.reader import open_run
from tests.support.datasets import FIRST, SECOND, collected, write_run

GOLDEN = Path(__file__).parents[2] / "golden" / "runs"
MORE_ALIKE = ("20261128T235251*", "20261128T2353*", "20261128T2358*")
"""Six of the eight of one machine."""
VIEWS = ("runs", "machines", "loads", "generations", "tokens", "latencies", "cells", "findings", "quality")


def rows(views: Views, query: str) -> list[tuple[Any, ...]]:
    (answer,) = views.answers(query)
    return [row for batch in answer.batches for row in batch]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of all schema versions, one that is half gathered, one with scores, one that failed in part."""
    results = tmp_path_factory.mktemp("mixed") / "results"
    shutil.copytree(GOLDEN, results, ignore=shutil.ignore_patterns(*MORE_ALIKE))
    broken = {"ort-genai-CPU-int4-p128": ("crashed", "out of memory", None)}
    write_run(results, FIRST, prompt_tokens=(32, 128), broken=broken, perplexity={"ort-genai-CPU-int4": 1.2})
    npu = [Load("openvino-genai", "NPU", "int4")]
    driver = {"gpus": [], "npus": [{"name": "Intel AI Boost", "driver": "32.0.100.4023"}]}
    write_run(results, SECOND, "other-machine", loads=npu, record={"machine": driver})
    return results


@pytest.fixture(scope="module")
def dataset(folders: Path) -> Path:
    collected(folders, into=folders.with_name("dataset"))
    return folders.with_name("dataset")


@pytest.fixture(scope="module", params=["folders", "dataset"])
def results(request: pytest.FixtureRequest, folders: Path, dataset: Path) -> Path:
    return folders if request.param == "folders" else dataset


@pytest.fixture(scope="module")
def views(results: Path) -> Iterator[Views]:
    with Views(results, print) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("name", [*VIEWS, "stored_generations"])
def test_each_can_be_asked_first(results: Path, name: str) -> None:
    with Views(results, print) as made:
        assert rows(made, f"SELECT count(*) FROM {name}")[0][0] > 0


def test_only_what_is_asked_for_is_made(dataset: Path) -> None:
    with Views(dataset, print) as made:
        rows(made, "SELECT sum(tokens) FROM latencies")
        names = "SELECT view_name FROM duckdb_views() WHERE NOT internal"
        (answer,) = answer_to(made.connection, names)
        assert {name for batch in answer.batches for (name,) in batch} == {"latencies", "stored_latencies"}


@pytest.mark.slow
def test_all_are_listed(results: Path) -> None:
    with Views(results, print) as made:
        assert {*VIEWS} <= {name for (name,) in rows(made, "SELECT view_name FROM duckdb_views()")}


@pytest.fixture(scope="module")
def both(folders: Path, dataset: Path) -> Iterator[tuple[Views, Views]]:
    with Views(folders, print) as one, Views(dataset, print) as other:
        yield one, other


@pytest.mark.slow
@pytest.mark.parametrize("name", VIEWS)
def test_a_dataset_and_its_folders_answer_alike(name: str, both: tuple[Views, Views]) -> None:
    answers = []
    for made in both:
        (answer,) = made.answers(f"FROM {name} ORDER BY ALL")
        answers.append((answer.columns, [row for batch in answer.batches for row in batch]))
    (columns, there), (again, here) = answers
    assert columns == again
    assert len(there) == len(here) > 0
    for row, other in zip(there, here, strict=True):
        for one, two in zip(row, other, strict=True):
            assert one == two or one == pytest.approx(two, nan_ok=True)


@pytest.fixture(scope="module")
def reported(folders: Path) -> dict[tuple[str, str], tuple[Any, ...]]:
    """What a report says of each cell, by its run and key."""
    expected = {}
    for folder in all_folders(folders):
        for cell in analyse_run(open_run(folder)).cells:
            load = cell.load
            of = load.backend, load.ran_on, load.precision, cell.prompt_tokens, cell.generations, cell.blocks
            times = (one and pytest.approx(one.estimate.value) for one in (cell.ttft_ms, cell.tpot_ms))
            expected[folder.name, cell.cell_key] = (*of, *times)
    return expected


@pytest.mark.slow
def test_the_cells_are_those_of_the_report(views: Views, reported: dict[tuple[str, str], tuple[Any, ...]]) -> None:
    query = """
        SELECT run_id, cell_key, backend, device, precision, prompt_tokens, generations, blocks, ttft_ms, tpot_ms
        FROM cells WHERE status = 'ok'
    """
    assert {row[:2]: row[2:] for row in rows(views, query)} == reported


@pytest.mark.slow
def test_a_cell_that_failed_is_a_row_with_its_reason(views: Views) -> None:
    query = "SELECT status, generations, ttft_ms, error_message FROM cells"
    assert rows(views, f"{query} WHERE run_id = '{FIRST}' AND prompt_tokens = 128") == [
        ("crashed", 0, None, "out of memory")
    ]


def test_columns_that_a_version_lacks_are_null(views: Views) -> None:
    query = "SELECT DISTINCT schema_version, weight_recipe IS NULL FROM loads JOIN runs USING (run_id) ORDER BY ALL"
    assert next(version for version, null in rows(views, query) if null) == 2


def test_latencies_give_quantiles_to_half_a_percent(views: Views) -> None:
    query = """
        WITH bins AS (
            SELECT run_id, cell_key, itl_ns, sum(tokens) AS tokens FROM latencies GROUP BY ALL
        ), ranked AS (
            SELECT *, sum(tokens) OVER cell AS upto, sum(tokens) OVER (PARTITION BY run_id, cell_key) AS total
            FROM bins WINDOW cell AS (PARTITION BY run_id, cell_key ORDER BY itl_ns)
        )
        SELECT run_id, cell_key, max(total), min(itl_ns) FILTER (upto >= 0.5 * total),
               min(itl_ns) FILTER (upto >= 0.95 * total)
        FROM ranked GROUP BY ALL ORDER BY ALL
    """
    found = rows(views, query)
    exact = rows(
        views,
        """
        SELECT run_id, cell_key, count(*), quantile_disc(itl_ns, 0.5), quantile_disc(itl_ns, 0.95)
        FROM tokens WHERE counted GROUP BY ALL ORDER BY ALL
        """,
    )
    assert [row[:3] for row in found] == [row[:3] for row in exact]
    for (*_, p50, p95), (*_, exact_p50, exact_p95) in zip(found, exact, strict=True):
        assert (p50, p95) == (pytest.approx(exact_p50, rel=0.00501), pytest.approx(exact_p95, rel=0.00501))


def test_a_driver_is_found_with_what_it_did(views: Views) -> None:
    query = """
        SELECT DISTINCT c.machine, c.backend, c.device FROM cells c JOIN runs USING (run_id)
        WHERE list_contains(drivers, '32.0.100.4023')
    """
    assert rows(views, query) == [("other-machine", "openvino-genai", "NPU")]


def test_tokens_are_the_inter_token_latencies_in_their_order(views: Views, folders: Path) -> None:
    query = f"SELECT step, itl_ns FROM tokens WHERE run_id = '{FIRST}' AND block = 1 AND iteration = 2 AND counted"
    found = sorted(rows(views, query))
    where = (pc.field("block") == 1) & (pc.field("iteration") == 2) & ~pc.field("warmup") & (pc.field("status") == "ok")
    (stored,) = open_run(folders / FIRST).table("generations", ["itl_ns"], where)["itl_ns"].to_pylist()
    assert found == [*enumerate(stored, start=1)]


# -- machines


@pytest.mark.slow
def test_machines_have_the_names_that_people_give_them(folders: Path, dataset: Path) -> None:
    text = '[other-machine]\nname = "nuc-3"\nlabels = ["lunar-lake", "32 GB"]\n'
    for place in (folders, dataset):
        (place / "machines.toml").write_text(text, "utf-8")
        with Views(place, print) as made:
            found = rows(made, "SELECT machine, name, labels FROM machines WHERE name IS NOT NULL")
        with Views(place, print, named=False) as made:
            hidden = rows(made, "SELECT machine FROM machines WHERE name IS NOT NULL")
        (place / "machines.toml").unlink()
        assert (found, hidden) == ([("other-machine", "nuc-3", ["lunar-lake", "32 GB"])], [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[a]\nname = "nuc"\n[b]\nname = "nuc"', "a and b are both named 'nuc'"),
        ('[a]\nname = "b"\n[b]\n', "a and b are both named 'b'"),
        ('[a]\nlabels = ["x", " "]', "a has an empty label"),
        ('[a]\nname = ""', "the name of a is empty"),
        ('[a]\nlabels = "x"', "a list of texts"),
        ('[a]\nlabel = ["x"]', "a has 'label'; it takes name and labels"),
        ('a = "nuc"', r"write \[a\]"),
        ("[a", "cannot read"),
    ],
)
def test_a_file_of_names_that_is_wrong_is_one_line(dataset: Path, text: str, why: str) -> None:
    (dataset / "machines.toml").write_text(text, "utf-8")
    try:
        with pytest.raises(UsageError, match=why) as raised:
            Views(dataset, print)
    finally:
        (dataset / "machines.toml").unlink()
    assert "\n" not in str(raised.value)


# -- nothing else is within reach


@pytest.mark.parametrize(
    "query",
    [
        "FROM read_csv('{elsewhere}')",
        "FROM read_text('{elsewhere}')",
        "FROM '{elsewhere}'",
        "FROM glob('{folder}/*')",
        "ATTACH '{folder}/new.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_paths = ['{elsewhere}']",
        "COPY cells TO '{folder}/new.csv'",
        "EXPLAIN ANALYZE COPY cells TO '{folder}/new.csv'",
        "EXPORT DATABASE '{folder}'",
        "COPY (SELECT 1) TO '{held}' (USE_TMP_FILE false)",
        "SELECT 1; COPY (SELECT 1) TO '{held}' (USE_TMP_FILE false)",
    ],
)
def test_a_query_reads_the_runs_and_writes_nothing(views: Views, results: Path, tmp_path: Path, query: str) -> None:
    elsewhere = tmp_path / "secret.csv"
    elsewhere.write_text("a\n1\n", "utf-8")
    held = next(path for path in sorted(results.glob("**/*.parquet")))
    before = held.read_bytes()
    asked = query.format(elsewhere=elsewhere, folder=tmp_path, held=held)
    with pytest.raises(UsageError) as raised:
        [list(answer.batches) for answer in views.answers(asked)]
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]
    assert held.read_bytes() == before


@pytest.mark.slow
def test_brackets_and_quotes_in_a_path_are_no_globs(folders: Path, tmp_path: Path) -> None:
    place = tmp_path / "it's [new] *"[: -2 if sys.platform == "win32" else None]
    shutil.copytree(folders / FIRST, place / FIRST)
    collected(place, into=tmp_path / "[data] set's")
    for one in (place, tmp_path / "[data] set's"):
        with Views(one, print) as made:
            assert rows(made, "SELECT count(*) > 0 FROM generations") == [(True,)]


def test_a_large_query_spills_to_disk() -> None:
    # The limit is locked against queries, not against the harness.
    with Views(Path(GOLDEN), print) as made:
        (found,) = rows(made, "SELECT current_setting('temp_directory')")
        assert Path(found[0]).is_dir()
    assert not Path(found[0]).exists()


# -- runs that cannot be read


def test_a_run_that_cannot_be_read_is_left_out(folders: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(folders / FIRST, results / "copy")
    shutil.copytree(folders / FIRST, results / FIRST)
    shutil.copytree(folders / SECOND, results / SECOND)
    (results / SECOND / "run.json").write_text("{", "utf-8")
    said: list[str] = []
    with Views(results, said.append) as made:
        assert rows(made, "SELECT run_id FROM runs") == [(FIRST,)]
    assert [line.partition(":")[0] for line in said] == ["left out", "left out"]


def test_a_cut_file_is_left_out(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / FIRST, tmp_path / FIRST)
    file = tmp_path / FIRST / "findings" / "part-00001.parquet"
    file.parent.mkdir()
    file.write_bytes(b"PAR1")
    said: list[str] = []
    with Views(tmp_path, said.append) as made:
        assert rows(made, "SELECT run_id, (SELECT count(*) FROM findings) FROM runs") == [(FIRST, 0)]
    assert [line.startswith(f"left out: cannot read {file}") for line in said] == [True]


def test_runs_of_which_none_can_be_read_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{", "utf-8")
    with pytest.raises(StoreError, match=r"no run in .* can be read"):
        Views(tmp_path, print)


# -- the command


def asked(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(list(arguments)) == status
    told = capsys.readouterr()
    return told.err if status else told.out


def test_an_answer_is_a_table(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT machine, runs, NULL AS nothing FROM machines ORDER BY runs"
    told = asked(capsys, query, "--results-dir", str(dataset)).splitlines()
    assert told[0].split() == ["machine", "runs", "nothing"]
    assert (told[-2].split()[1:], told[-1]) == (["7", "null"], "(3 rows)")


def test_a_table_shows_the_first_rows_and_cuts_values(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT range, repeat('x', 100) FROM range(1000)"
    told = asked(capsys, query, "--results-dir", str(dataset)).splitlines()
    assert len(told) == 2 + 200 + 1
    assert told[-1] == "(the first 200 rows; --format csv has all)"
    assert max(map(len, told)) < 100


def test_what_a_terminal_would_act_on_is_not_shown(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = asked(capsys, "SELECT chr(27) || '[2J' || chr(10) || 'a|b' AS x", "--results-dir", str(dataset))
    assert "\x1b" not in told
    told = asked(capsys, "SELECT 'a|b' AS x", "--results-dir", str(dataset), "--format", "markdown")
    assert told.splitlines() == ["| x |", "| --- |", "| a\\|b |"]


VALUES = """
    SELECT 1.5::DOUBLE AS f, 'nan'::DOUBLE AS bad, sum(7)::HUGEINT AS whole, [1, 2] AS l, MAP {'a': 1} AS m,
           TIMESTAMP '2026-11-22 01:02:03' AS t, NULL AS n, true AS b, 'x"y,z' AS s
"""


def test_json_has_values_of_its_own_types(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = asked(capsys, VALUES, "--results-dir", str(dataset), "--format", "json")
    (row,) = json.loads(told)
    assert row == {
        "f": 1.5, "bad": None, "whole": 7, "l": [1, 2], "m": {"a": 1}, "t": "2026-11-22T01:02:03", "n": None,
        "b": True, "s": 'x"y,z',
    }  # fmt: skip


def test_json_drops_no_column_of_two_with_one_name(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("SELECT 1 AS n, 2 AS n", "--results-dir", str(dataset), "--format")
    told = asked(capsys, *arguments, "json", status=4)
    assert told == "error: 2 columns are called n, and JSON has one of a name: call them otherwise by AS\n"
    assert asked(capsys, *arguments, "csv") == "n,n\n1,2\n"


def test_csv_has_all_digits(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = asked(capsys, VALUES, "--results-dir", str(dataset), "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(told))
    assert (row["f"], row["bad"], row["l"], row["m"], row["n"], row["s"]) == (
        "1.5", "null", "[1, 2]", '{"a": 1}', "", 'x"y,z',
    )  # fmt: skip


def test_an_answer_goes_to_a_file(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("SELECT 'ç' AS x", "--results-dir", str(dataset), "--format", "csv", "--output")
    assert asked(capsys, *arguments, str(tmp_path / "x.csv")) == ""
    assert (tmp_path / "x.csv").read_text("utf-8") == "x\nç\n"
    assert "cannot write" in asked(capsys, *arguments, str(tmp_path / "no" / "x.csv"), status=1)
    assert "syntax error" in asked(capsys, "selec", *arguments[1:], str(tmp_path / "x.csv"), status=4)
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


@pytest.mark.parametrize(
    ("query", "why"),
    [("selec 1", "syntax error"), ("SELECT x FROM cells", "not found"), ("FROM nothing", "does not exist")],
)
def test_a_wrong_query_is_one_line(dataset: Path, capsys: pytest.CaptureFixture[str], query: str, why: str) -> None:
    told = asked(capsys, query, "--results-dir", str(dataset), status=4)
    assert (told.startswith("error: "), len(told.splitlines()), why in told) == (True, 1, True)


def test_no_runs_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "holds no run" in asked(capsys, "SELECT 1", "--results-dir", str(tmp_path), status=1)


@pytest.mark.slow
def test_redacted_answers_have_no_paths_and_no_names(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dataset / "machines.toml").write_text('[other-machine]\nname = "nuc-3"\n', "utf-8")
    query = "SELECT '/home/somebody/x' AS place, name FROM machines WHERE machine = 'other-machine'"
    arguments = (query, "--results-dir", str(dataset), "--format", "json")
    open_told, hidden = asked(capsys, *arguments), asked(capsys, *arguments, "--redact")
    (dataset / "machines.toml").unlink()
    assert json.loads(open_told) == [{"place": "/home/somebody/x", "name": "nuc-3"}]
    assert json.loads(hidden) == [{"place": "<home>", "name": None}]


def test_queries_come_from_stdin(
    dataset: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 1 AS a; SELECT 2 AS b;"))
    assert asked(capsys, "--results-dir", str(dataset), "--format", "csv") == "a\n1\nb\n2\n"


def test_a_shell_goes_on_after_an_error(
    dataset: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = iter(["selec;", "SELECT 40 + 2", "AS found;", ".exit"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    assert main(["--results-dir", str(dataset), "--format", "csv"]) == 0
    told = capsys.readouterr()
    assert told.out.endswith("found\n42\n")
    assert len(told.err.splitlines()) == 1
    assert next(lines, None) is None

"""The pages under docs/ say what the code does: each column, each example, each command."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backends.table import BACKENDS
from bench.analyse.run import analyse_run
from bench.commands.gate import parser as gate_parser
from bench.plan.cells import Cell, Load
from bench.plan.flags import BY_NAME, raw_values
from bench.plan.options import resolve_options
from bench.report.exports.summary_json import SUMMARY_VERSION
from bench.report.exports.summary_rows import cell_rows
from bench.report.render import ReportPaths
from bench.report.run_details import TIMED_HEADS, timed_facts
from bench.report.run_view import view_run
from bench.store.reader import open_run
from bench.store.schema import SCHEMA_VERSION, TABLES
from bench.store.writer import RunWriter
from tests.support.faults import FAULTS, Fault, FaultTable, rows
from tests.support.rows import generation_row, load_row
from tests.support.stored_runs import FakeRun

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def described(table: str) -> list[tuple[str, ...]]:
    """(name, type, null) of each column as the page has it."""
    section = re.split(r"^## ", page("docs/schema.md"), flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(f"{table}\n"))
    return re.findall(r"^\| `(\w+)` \| ([^|]+) \| (yes|no) \|", text, flags=re.MULTILINE)


def in_words(kind: Any) -> str:
    text = str(kind).replace("element: ", "").replace("item: ", "")
    return "timestamp" if text.startswith("timestamp[us, tz=UTC]") else text


@pytest.mark.parametrize("table", TABLES)
def test_the_page_has_every_column_with_its_type(table: str) -> None:
    real = [(field.name, in_words(field.type), "yes" if field.nullable else "no") for field in TABLES[table]]
    assert described(table) == real


def test_the_page_has_the_schemas_version() -> None:
    assert f"Schema version: {SCHEMA_VERSION}." in page("docs/schema.md")


def write_run(results: Path) -> None:
    """Three blocks of one cell whose TTFT is 100, 200 and 400 ms, with a warm-up and a failure that must not count."""
    load = Load("simulated", "CPU", "int4")
    cell = Cell(load, 32, 3)
    writer = RunWriter(results, "20300102T000000Z-abcdef")
    writer.begin({})
    for block, ttft_ms in enumerate((100, 200, 400)):
        writer.rows("loads", [load_row(load, block, device_verdict="simulated", weight_bits=[("int4", 1.0)])])
        itl = [10_000_000, 30_000_000]
        timed = [generation_row(cell, block, iteration=n, ttft_ns=ttft_ms * 1_000_000, itl_ns=itl) for n in range(3)]
        warmup = generation_row(cell, block, warmup=True, ttft_ns=9_000_000_000, itl_ns=itl)
        failed = generation_row(cell, block, iteration=3, status="failed")
        writer.rows("generations", [warmup, *timed, failed])
    writer.finish("finished")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_flags_of_the_gate_in_the_pages_exist() -> None:
    commands = re.findall(r"nox -s gate -- ([^|`\n]*)", page("docs/ci.md"))
    flags = {flag for command in commands for flag in re.findall(r"--[a-z-]+", command)}
    assert flags
    assert flags <= set(re.findall(r"--[a-z-]+", gate_parser().format_help()))


def test_keys_of_the_sample_sweep_file_exist() -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page("docs/ci.md"), flags=re.MULTILINE | re.DOTALL)
    keys = set(re.findall(r"^(\w+) =", example, flags=re.MULTILINE))
    assert keys <= {name for name, flag in BY_NAME.items() if flag.in_file}


def test_ci_runs_what_the_readme_tells_a_user_to_run() -> None:
    command = page(".ci/run").splitlines()[-1]
    assert command in page("README.md")


def test_the_first_run_on_windows_asks_for_what_can_be(tmp_path: Path) -> None:
    commands = re.findall(r"nox -s bench -- (.*)$", page("docs/hardware-status.md"), flags=re.MULTILINE)
    asked = [resolve_options(raw_values(command.split()), tmp_path) for command in commands]
    assert {options.backends[0] for options in asked} == {"simulated", "openvino-genai", "ort-genai"}


@pytest.mark.parametrize(("name", "table"), [("loads", "loads"), ("counters", "generations")])
def test_the_first_run_on_windows_looks_at_columns_that_exist(name: str, table: str) -> None:
    (columns,) = re.findall(rf'^\${name} = "(.*)"$', page("docs/hardware-status.md"), flags=re.MULTILINE)
    assert set(columns.split()) <= set(TABLES[table].names)


@pytest.mark.process
@pytest.mark.parametrize(("name", "table"), [("loads", "loads"), ("counters", "generations")])
def test_the_first_run_on_windows_reads_what_was_stored(tmp_path: Path, name: str, table: str) -> None:
    write_run(tmp_path)
    guide = page("docs/hardware-status.md")
    program, columns = (re.findall(rf'^\${one} = "(.*)"$', guide, flags=re.MULTILINE)[0] for one in ("show", name))
    command = [sys.executable, "-c", program, str(tmp_path / "20300102T000000Z-abcdef" / table), columns]
    shown = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert shown.stdout.split()[: len(columns.split())] == columns.split()


def test_the_page_has_every_column_of_the_summary(tmp_path: Path) -> None:
    run = FakeRun(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(32, 128))
    run.break_cells("ort-genai-CPU-int4-p128", "failed", "no")
    analysis = analyse_run(open_run(run.write(tmp_path)))
    section = page("docs/exports.md").partition("## The columns")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| ", section, flags=re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(cell_rows(view_run(analysis))[0])
    assert f"`summary_version` in `summary.json`: {SUMMARY_VERSION}." in section


def test_the_page_says_what_each_stack_does_inside_the_timed_region() -> None:
    section = page("docs/metrics.md").partition("**What is inside the timed region**")[2].partition("What to make")[0]
    shown = re.findall(r"^\| `([\w-]+)` \| (.*) \|$", section, flags=re.MULTILINE)
    known = {name: " | ".join(timed_facts(spec).values()) for name, spec in BACKENDS.items() if spec.timed}
    assert dict(shown) == known
    assert f"| stack | {' | '.join(TIMED_HEADS.values())} |" in section


def test_the_page_has_every_file_of_a_report() -> None:
    table = page("docs/exports.md").partition("\n## ")[0]
    names = {path.name for path in dataclasses.astuple(ReportPaths.below(Path("folder")))}
    assert set(re.findall(r"^\| `([\w.-]+)` \|", table, flags=re.MULTILINE)) == names


def test_the_chart_over_the_nights_is_of_a_file_that_a_report_has() -> None:
    (name,) = re.findall(r"output-file-path: \S+ steps.bench.outputs.run }}/(\S+)$", page("docs/ci.md"), re.MULTILINE)
    assert name == ReportPaths.below(Path("folder")).action_benchmark.name


def test_the_page_has_every_test_of_a_fault_and_no_other(request: pytest.FixtureRequest) -> None:
    """As far as their files were collected here: all of them, where no test was named."""
    table = request.config.pluginmanager.get_plugin("faults")
    assert isinstance(table, FaultTable)
    if any("::" in argument for argument in request.config.args):
        pytest.skip("of a file of which tests are named not all are known")
    shown = {fault: row for fault, row in rows().items() if table.files.issuperset(row[0])}
    marked: dict[Fault, tuple[list[str], int]] = {
        FAULTS[name]: (sorted(files), files.total())
        for name, files in table.collected.items()
        if FAULTS[name] in shown or table.files.issuperset(rows().get(FAULTS[name], ((), 0))[0])
    }
    assert shown == marked, "run `AIPC_BENCH_UPDATE_DOCS=1 nox -s tests -- -m fault`"


def test_every_fault_has_its_row() -> None:
    assert [*rows()] == [*FAULTS.values()]
    files = {file for files, _ in rows().values() for file in files}
    assert [file for file in files if not (ROOT / "tests" / file).is_file()] == []


def test_the_tests_that_the_page_on_security_names_are_there() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", page("docs/security.md"))
    assert [path for path in named if not (ROOT / path).exists()] == []

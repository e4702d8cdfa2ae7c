from __future__ import annotations

import base64
import csv
import dataclasses
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import Failure
from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.exports.summary_json import SUMMARY_VERSION
from bench.report.exports.summary_rows import summary_csv
from bench.report.names import name_all
from bench.report.render import ReportPaths
from bench.report.run_page import summary_markdown
from bench.report.run_view import view_run
from bench.report.template import in_markdown as escape, source_digest
from bench.store.files import write_files
from bench.store.reader import open_run
from tests.support.markup import Tags, visible
from tests.support.reports import render

MakeRun = Callable[..., Any]


@pytest.fixture(scope="module")
def report(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    tmp_path = tmp_path_factory.mktemp("exports")
    run = fake_run(loads=[*fake_run().loads, Load("simulated", "CPU", "int4")])
    run.break_cells("transformers-CPU-fp32-p512", "timeout", "no token | within 1800 s")
    return render(run.write(tmp_path / "results"), tmp_path / "reports")


def rows(report: ReportPaths) -> list[dict[str, str]]:
    with report.summary_csv.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def summary(report: ReportPaths) -> dict[str, Any]:
    value = json.loads(report.summary_json.read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value


@pytest.mark.slow
def test_csv_has_one_row_per_planned_cell(report: ReportPaths) -> None:
    assert len({row["cell_key"] for row in rows(report)}) == len(rows(report)) == 24


@pytest.mark.slow
def test_csv_tells_what_was_not_measured(report: ReportPaths) -> None:
    (row,) = [row for row in rows(report) if row["status"] == "timeout"]
    assert (row["backend"], row["prompt_tokens"], row["ttft_ms"]) == ("transformers", "512", "")


def test_csv_marks_simulated_rows(report: ReportPaths) -> None:
    assert {row["simulated"] for row in rows(report) if row["backend"] == "simulated"} == {"true"}


def test_csv_names_its_units(report: ReportPaths) -> None:
    assert {"ttft_low_ms", "decode_tokens_per_s", "load_s", "peak_memory_bytes"} <= set(rows(report)[0])


def test_csv_text_is_no_formula() -> None:
    assert summary_csv([{"model": "=HYPERLINK(1)"}]) == "model\n'=HYPERLINK(1)\n"


def test_csv_of_nothing_is_empty() -> None:
    assert summary_csv([]) == ""


def test_json_carries_its_version(report: ReportPaths) -> None:
    assert summary(report)["summary_version"] == SUMMARY_VERSION


def test_json_holds_the_rows_of_the_csv(report: ReportPaths) -> None:
    assert [cell["cell_key"] for cell in summary(report)["cells"]] == [row["cell_key"] for row in rows(report)]


def test_json_marks_simulated_rankings(report: ReportPaths) -> None:
    found = {ranking["lowest"] for ranking in summary(report)["rankings"] if ranking["simulated"]}
    assert found == {"simulated CPU int4"}


def test_json_ranks_memory_as_the_page_does(report: ReportPaths) -> None:
    analysis = analyse_run(open_run(report.index.parents[2] / "results" / report.index.parent.name))
    naming = name_all(analysis)
    found = summary(report)["memory_rankings"]
    assert [
        (one["lowest"], one["simulated"], [(other["configuration"], other["ratio"]) for other in one["others"]])
        for one in found
    ] == [
        (naming.of(one.winner), one.simulated, [(naming.of(rival.load), rival.ratio.value) for rival in one.rivals])
        for one in analysis.memory_rankings
    ]
    assert [one["lowest_peak_bytes"] for one in found] == [one.lowest.value for one in analysis.memory_rankings]


def test_json_ranks_memory_only_among_those_that_answered_the_same(report: ReportPaths) -> None:
    found = {
        one["lowest_load_key"]: sorted({request["prompt_tokens"] for request in one["requests"]})
        for one in summary(report)["memory_rankings"]
        if "transformers" in one["lowest"]
    }
    assert list(found.values()) == [[32, 128]]


def test_json_keeps_null_for_what_was_not_measured(report: ReportPaths) -> None:
    assert {cell["device_memory_bytes"] for cell in summary(report)["cells"]} == {None}


def test_markdown_has_one_line_per_measured_cell(report: ReportPaths) -> None:
    lines = report.summary_md.read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("| ") for line in lines) == 1 + 23


def test_markdown_marks_simulated_rows(report: ReportPaths) -> None:
    lines = report.summary_md.read_text(encoding="utf-8").splitlines()
    assert all("simulated" in line for line in lines if line.startswith("|") and " simulated " in line)
    assert any("simulated CPU int4 | simulated" in line for line in lines)


def test_markdown_tells_the_failure(report: ReportPaths) -> None:
    assert r"no token \| within 1800 s" in report.summary_md.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("raw", "written"),
    [("a|b", r"a\|b"), ("<script>", "&lt;script&gt;"), ("x\n# y", r"x \# y"), ("`z`", r"\`z\`"), ("a\x1bb", "ab")],
)
def test_markdown_text_stays_text(raw: str, written: str) -> None:
    assert escape(raw) == written


@pytest.mark.slow
def test_markdown_fits_a_step_summary(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(prompt_tokens=tuple(range(10, 60)), new_tokens=(2,), blocks=2, repeats=1).write(tmp_path)
    analysis = analyse_run(open_run(run))
    assert len(summary_markdown(view_run(analysis)).encode("utf-8")) < 2**20


@pytest.mark.slow
def test_markdown_of_many_failures_fits_a_step_summary(fake_run: MakeRun, tmp_path: Path) -> None:
    analysis = analyse_run(open_run(fake_run(loads=[Load("ort-genai", "CPU", "int4")]).write(tmp_path)))
    load = analysis.loads[0]
    failures = tuple(
        Failure(load, "failed", None, f"{place} {'x' * 600}", None, None, (), (0,), measured_elsewhere=False)
        for place in range(2000)
    )
    said = summary_markdown(view_run(dataclasses.replace(analysis, failures=failures)))
    assert len(said.encode()) < 2**20
    assert "1,700 more rows are in summary.csv." in said


def test_no_half_written_file_is_left(report: ReportPaths) -> None:
    names = {path.name for path in report.index.parent.iterdir()}
    assert names == {path.name for path in dataclasses.astuple(report)}


def entries(report: ReportPaths) -> list[dict[str, Any]]:
    value = json.loads(report.action_benchmark.read_text(encoding="utf-8"))
    assert isinstance(value, list)
    return value


def test_the_action_gets_what_it_asks_for(report: ReportPaths) -> None:
    first = entries(report)[0]
    assert set(first) == {"name", "unit", "value", "range", "extra"}
    assert (type(first["value"]), first["unit"]) == (float, "ms")
    assert all(isinstance(first[name], str) for name in ("name", "range", "extra"))


def test_the_action_has_a_chart_per_name(report: ReportPaths) -> None:
    names = [entry["name"] for entry in entries(report)]
    assert len(set(names)) == len(names) == 23 * 3


def test_names_for_the_action_hold_model_configuration_shape_and_metric(report: ReportPaths) -> None:
    wanted = "SmolLM2-135M-Instruct, ort-genai CPU int4, 128 prompt tokens, 64 new: TTFT"
    assert wanted in {entry["name"] for entry in entries(report)}


def test_the_action_is_told_the_figures_of_the_report(report: ReportPaths) -> None:
    (entry,) = [one for one in entries(report) if "ort-genai CPU int4, 128 " in one["name"] and "TTFT" in one["name"]]
    (row,) = [
        row
        for row in rows(report)
        if (row["backend"], row["precision"], row["prompt_tokens"]) == ("ort-genai", "int4", "128")
    ]
    assert entry["value"] == float(row["ttft_ms"])


def test_the_action_can_tell_played_times_by_their_names(report: ReportPaths) -> None:
    marked = [entry for entry in entries(report) if "(simulated)" in entry["name"]]
    assert len(marked) == 9
    assert all("device simulated" in entry["extra"] for entry in marked)


def benchmarks(report: ReportPaths) -> list[dict[str, Any]]:
    value = json.loads(report.pytest_benchmark.read_text(encoding="utf-8"))
    assert {"machine_info", "commit_info", "benchmarks", "datetime", "version"} == set(value)
    found = value["benchmarks"]
    assert isinstance(found, list)
    return found


def one_benchmark(report: ReportPaths, param: str) -> dict[str, Any]:
    (found,) = [one for one in benchmarks(report) if one["name"] == param]
    return found


def test_statistics_are_those_of_the_generations(report: ReportPaths) -> None:
    times = stored_ttft_s(report, "ort-genai-CPU-int4", 128)
    stats = one_benchmark(report, "ttft[ort-genai-CPU-int4-p128-n64-b1]")["stats"]
    assert (stats["rounds"], stats["iterations"]) == (len(times), 1) == (9, 1)
    assert stats["median"] == pytest.approx(statistics.median(times))
    assert stats["stddev"] == pytest.approx(statistics.stdev(times))
    assert (stats["min"], stats["max"]) == (pytest.approx(min(times)), pytest.approx(max(times)))


def stored_ttft_s(report: ReportPaths, label: str, prompt_tokens: int) -> list[float]:
    run = report.index.parents[2] / "results" / report.index.parent.name
    table = open_run(run).table("generations", ["load_id", "prompt_tokens", "warmup", "ttft_ns"]).to_pylist()
    return [
        row["ttft_ns"] / 1e9
        for row in table
        if row["load_id"].endswith(label) and row["prompt_tokens"] == prompt_tokens and not row["warmup"]
    ]


def test_axes_and_interval_stand_beside_the_statistics(report: ReportPaths) -> None:
    found = one_benchmark(report, "tpot[ort-genai-CPU-int4-p128-n64-b1]")
    assert found["params"]["backend"] == "ort-genai"
    assert found["params"]["prompt_tokens"] == 128
    extra = found["extra_info"]
    assert extra["unit"] == "seconds per token"
    assert extra["interval_low_s"] < extra["estimate_s"] < extra["interval_high_s"]


def test_played_times_are_in_groups_of_their_own(report: ReportPaths) -> None:
    groups: dict[str, set[bool]] = {}
    for one in benchmarks(report):
        groups.setdefault(one["group"], set()).add(one["extra_info"]["simulated"])
    assert {len(kinds) for kinds in groups.values()} == {1}


def test_no_name_of_the_machine_is_told(report: ReportPaths) -> None:
    assert "node" not in json.loads(report.pytest_benchmark.read_text(encoding="utf-8"))["machine_info"]


@pytest.mark.process
def test_pytest_benchmark_compares_it(report: ReportPaths, tmp_path: Path) -> None:
    file = report.pytest_benchmark.resolve()
    run = subprocess.run(
        [sys.executable, "-c", "from pytest_benchmark.cli import main; main()", "compare", str(file), "--name=short"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
        check=True,
    )
    assert "Failed to load" not in run.stdout + run.stderr
    assert "ttft[ort-genai-CPU-int4-p128-n64-b1]" in run.stdout
    assert "(simulated)" in run.stdout


@pytest.fixture(scope="module")
def fallen_back(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    load = Load("ort-genai", "NPU", "int4")
    run = fake_run(loads=[load], verdicts={load.label: "fallback"}, executed={load.label: "CPU"}, prompt_tokens=(32,))
    folder = tmp_path_factory.mktemp("fallback")
    return render(run.write(folder / "results"), folder / "reports")


def test_a_fallback_is_marked_in_every_name(fallen_back: ReportPaths) -> None:
    assert {"(fallback to CPU)" in entry["name"] for entry in entries(fallen_back)} == {True}
    assert {"(fallback to CPU)" in one["name"] for one in benchmarks(fallen_back)} == {True}
    assert "(fallback to CPU)" in fallen_back.table.read_text(encoding="utf-8")


def test_one_block_has_no_range_and_one_token_no_rate(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(loads=[Load("ort-genai", "CPU", "int4")], blocks=1, prompt_tokens=(8,), new_tokens=(1,))
    paths = render(run.write(tmp_path / "results"), tmp_path / "reports")
    assert [set(entry) & {"range"} for entry in entries(paths)] == [set(), set()]
    assert [one["name"][:4] for one in benchmarks(paths)] == ["ttft"]


def test_nothing_measured_gives_empty_lists(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(prompt_tokens=(32,))
    run.break_cells("", "crashed", "killed")
    paths = render(run.write(tmp_path / "results"), tmp_path / "reports")
    assert (entries(paths), benchmarks(paths)) == ([], [])


def test_the_table_carries_its_styles_in_its_elements(report: ReportPaths) -> None:
    table = report.table.read_text(encoding="utf-8")
    tags = Tags(table)
    assert tags.balanced
    assert not [tag for tag, _ in tags.found if tag in ("style", "script")]
    cells = [attrs for tag, attrs in tags.found if tag in ("td", "th")]
    assert len(cells) > 23 * 9
    assert all(attrs.get("style") for attrs in cells)


def test_the_policy_of_the_table_names_each_style(report: ReportPaths) -> None:
    table = report.table.read_text(encoding="utf-8")
    (policy,) = [
        str(attrs["content"])
        for tag, attrs in Tags(table).found
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    styles = {str(attrs["style"]) for _, attrs in Tags(table).found if "style" in attrs}
    assert all(source_digest(style) in policy for style in styles)


def test_the_table_says_what_is_simulated(report: ReportPaths) -> None:
    table = visible(report.table.read_text(encoding="utf-8"))
    assert "simulated CPU int4 (simulated)" in table
    assert "Some configurations are simulated." in table


def test_the_table_escapes_what_comes_from_data(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(cpu_name="<img src=x onerror=alert(1)>", prompt_tokens=(32,))
    run.loads = [Load("<b>evil</b>", "CPU", "int4", variant='"><script>alert(4)</script>')]
    table = render(run.write(tmp_path / "results"), tmp_path / "reports").table.read_text(encoding="utf-8")
    assert not {tag for tag, _ in Tags(table).found} & {"img", "script"}
    assert "<b>evil" not in table


FOUND = {"severity": "warning", "message": "42 %", "advice": "Close them.", "seen_at": datetime(2026, 1, 1, tzinfo=UTC)}


@pytest.mark.slow
def test_rows_tell_what_the_guard_found(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(32, 128))
    first = run.cells[0].key
    run.findings = [
        {**FOUND, "code": "virtual-machine", "severity": "info", "subject": "run"},
        {**FOUND, "code": "other-load", "subject": "load", "load_id": "b0-ort-genai-CPU-int4", "block": 0},
        {**FOUND, "code": "drift", "severity": "serious", "subject": "cell", "cell_key": first},
    ]
    report = render(run.write(tmp_path / "results"), tmp_path / "reports")
    told = {row["cell_key"]: row for row in rows(report)}
    other = next(key for key in told if key != first)
    assert (told[first]["findings"], told[first]["findings_severity"]) == ("drift other-load", "serious")
    assert (told[other]["findings"], told[other]["findings_severity"]) == ("other-load", "warning")
    assert {row["run_findings"] for row in told.values()} == {"virtual-machine"}


def test_rows_of_a_quiet_run_have_no_findings(report: ReportPaths) -> None:
    assert {(row["findings"], row["run_findings_severity"]) for row in rows(report)} == {("", "")}


@pytest.mark.slow
def test_rows_tell_what_counters_said_and_are_blank_where_there_was_none(fake_run: MakeRun, tmp_path: Path) -> None:
    counters = {"energy_j": 6.4, "energy_source": "RAPL package-0", "gpu_busy_ns": 0}
    run = fake_run(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(32,), counters=counters)
    (row,) = rows(render(run.write(tmp_path / "results"), tmp_path / "reports"))
    assert (row["energy_j"], row["energy_j_per_token"], row["energy_source"]) == ("6.4", "0.1", "RAPL package-0")
    assert (row["gpu_busy_ms"], row["npu_busy_ms"], row["cpu_time_ms"]) == ("0.0", "", "")


def test_the_page_holds_the_bytes_of_the_spreadsheet_and_of_the_csv(report: ReportPaths) -> None:
    tags = Tags(report.index.read_text(encoding="utf-8")).found
    links = [str(attrs["href"]).partition(",") for tag, attrs in tags if tag == "a" and "download" in attrs]
    assert [head for head, _, _ in links] == [
        "data:application/vnd.openxmlformats-officedocument.spreadsheetml.sheet;base64",
        "data:text/csv;charset=utf-8;base64",
    ]
    files = report.summary_xlsx, report.summary_csv
    assert [base64.b64decode(body) for _, _, body in links] == [file.read_bytes() for file in files]


def test_the_saved_files_are_named_after_the_run(report: ReportPaths) -> None:
    page = report.index.read_text(encoding="utf-8")
    names = [f"{report.index.parent.name}-summary.{suffix}" for suffix in ("xlsx", "csv")]
    assert re.findall(r'download="(.*?)"', page) == names


def test_two_that_write_at_once_do_not_tear_a_file(tmp_path: Path) -> None:
    def write_ten_times(page: str) -> None:
        for _ in range(10):
            write_files(tmp_path, {target: page})

    pages = [letter * 200_000 for letter in "abcd"]
    target = tmp_path / "index.html"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_ten_times, pages))
    assert target.read_text(encoding="utf-8") in pages
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


@pytest.mark.slow
def test_the_verdict_has_its_share_in_every_export(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(32,), more={"device_share": 0.934})
    report = render(run.write(tmp_path / "results"), tmp_path / "reports")
    (row,) = rows(report)
    assert (row["device_share"], summary(report)["cells"][0]["device_share"]) == ("0.934", 0.934)
    folder = report.index.parent
    words = [(folder / name).read_text("utf-8") for name in ("summary.md", "table.html")]
    assert ["verified, busy 93 %" in one for one in words] == [True, True]

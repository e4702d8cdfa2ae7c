from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from bench import PROJECT_ROOT
from bench.observe.packages import without_home
from bench.plan.flags import raw_values
from bench.plan.options import resolve_options
from bench.plan.plan import make_plan
from bench.store.reader import open_run
from tests.support import sweeps
from tests.support.markup import words_of

pytestmark = pytest.mark.process

# What these fixtures give is defined in the conftest beside this file.
Measured = Any
Sweep = Any


def errors(process: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in (process.stdout + process.stderr).splitlines() if line.lower().startswith("error")]


def beside(folder: Path) -> str:
    """Where Python looks for modules: in ``folder`` too."""
    return os.pathsep.join((str(folder), str(PROJECT_ROOT)))


# A run that goes well


def test_a_run_that_goes_well_exits_0(measured: Measured) -> None:
    assert (measured.process.returncode, errors(measured.process)) == (0, [])


def test_every_visit_was_made(measured: Measured) -> None:
    places = [(row["block"], row["position"]) for row in measured.sweep.loads()]
    assert places == [(block, position) for block in (0, 1) for position in (0, 1, 2)]


def test_every_load_is_visited_once_per_block(measured: Measured) -> None:
    visited = sorted((row["block"], row["precision"]) for row in measured.sweep.loads())
    assert visited == [(block, precision) for block in (0, 1) for precision in ("fp32", "int4", "int8")]


def test_visits_were_made_one_after_the_other(measured: Measured) -> None:
    rows = measured.sweep.loads()
    assert all(before["ended_at"] <= after["started_at"] for before, after in pairwise(rows))


def test_every_cell_has_its_warm_up_and_its_repeats(measured: Measured) -> None:
    rows = measured.sweep.generations()
    visits = groupby(rows, key=lambda row: row["cell_id"])
    found = [[(row["warmup"], row["iteration"]) for row in cell] for _, cell in visits]
    assert found == [[(True, 0), (False, 0), (False, 1)]] * 12


def test_every_generation_has_exactly_the_steps_that_were_asked_for(measured: Measured) -> None:
    shapes = {(len(row["itl_ns"]), len(row["token_ids"]), row["status"]) for row in measured.sweep.generations()}
    assert shapes == {(3, 4, "ok")}


def test_visits_and_cells_came_in_the_planned_order(measured: Measured, tmp_path: Path) -> None:
    asked = measured.sweep.command("--precision", "int4,int8,fp32", "--blocks", "2")
    options = resolve_options(raw_values(asked), tmp_path)
    planned = [(visit.block, cell.key) for visit in make_plan(options).visits for cell in visit.cells]
    recorded = [(row["block"], row["cell_key"]) for row in measured.sweep.generations() if row["warmup"]]
    assert recorded == planned


def test_prompts_are_the_same_for_every_load(measured: Measured) -> None:
    by_load: dict[str, set[str]] = {}
    names = {row["load_id"]: row["precision"] for row in measured.sweep.loads()}
    for row in measured.sweep.generations():
        by_load.setdefault(names[row["load_id"]], set()).add(row["prompt_digest"])
    assert by_load["int4"] == by_load["int8"] == by_load["fp32"]


def prompts(measured: Measured, block: int, *, warmup: bool) -> set[str]:
    rows = [row for row in measured.sweep.generations() if (row["block"], row["warmup"]) == (block, warmup)]
    return {row["prompt_digest"] for row in rows}


def test_timed_prompts_differ_between_blocks(measured: Measured) -> None:
    first, second = (prompts(measured, block, warmup=False) for block in (0, 1))
    assert len(first) == len(second) > 0
    assert not first & second


def test_warm_ups_are_asked_the_same_in_every_block(measured: Measured) -> None:
    first, second = (prompts(measured, block, warmup=True) for block in (0, 1))
    # A cell that takes longer to settle has more of them.
    assert first & second == min(first, second, key=len) != set()


def test_the_record_names_every_cell_that_was_asked_for(measured: Measured) -> None:
    planned = {cell["cell_key"] for cell in measured.sweep.stored.record["plan"]["cells"]}
    assert planned == {row["cell_key"] for row in measured.sweep.generations()}


def test_the_record_says_how_to_repeat_the_run(measured: Measured) -> None:
    command = measured.sweep.stored.record["command"]
    assert re.match(r"nox -s bench -- .*--precision int4,int8,fp32 --blocks 2 --repeats 2", command)


def test_the_record_names_the_model_as_simulated(measured: Measured) -> None:
    assert measured.sweep.stored.record["model"]["kind"] == "simulated"


def test_the_run_has_an_end(measured: Measured) -> None:
    assert measured.sweep.stored.end["reason"] == "finished"


def test_a_finished_run_is_few_files(measured: Measured) -> None:
    files = sorted(
        path.relative_to(measured.sweep.stored.path).as_posix()
        for path in measured.sweep.stored.path.rglob("*")
        if path.is_file()
    )
    # Whether there is anything to find depends on the machine.
    files = [file for file in files if file != "findings/all.parquet"]
    assert files == ["digests.json", "end.json", "generations/all.parquet", "loads/all.parquet", "run.json"]


def test_the_report_is_there(measured: Measured) -> None:
    assert measured.sweep.reported


def test_the_run_ends_with_the_address_of_its_page(measured: Measured) -> None:
    assert re.search(r"file://\S+index\.html\s*$", measured.process.stdout)


def test_progress_is_visible(measured: Measured) -> None:
    visits = re.findall(r"^visit (\d) of 6", measured.process.stdout, re.MULTILINE)
    assert visits == ["1", "2", "3", "4", "5", "6"]


def test_nothing_simulated_is_shown_without_being_called_so(measured: Measured) -> None:
    lines = measured.process.stdout.splitlines()
    figures = [line for line in lines if "first token" in line]
    assert sum(line.startswith("    p") for line in figures) == 12
    assert [line for line in figures if "(simulated)" not in line] == []


# Replay


def replayed(measured: Measured, metric: str) -> dict[str, list[int]]:
    return {
        one["params"]["cell"]: [round(seconds * 1e9) for seconds in one["stats"]["data"]]
        for one in measured.benchmarks
        if one["params"]["metric"] == metric
    }


def recorded(measured: Measured, column: str) -> dict[str, list[int]]:
    labels = {cell["cell_key"]: cell["label"] for cell in measured.sweep.stored.record["plan"]["cells"]}
    found: dict[str, list[int]] = {}
    for row in measured.sweep.generations():
        if not row["warmup"]:
            value = row[column]
            found.setdefault(labels[row["cell_key"]], []).extend(value if isinstance(value, list) else [value])
    return found


@pytest.mark.parametrize(("metric", "column"), [("ttft", "ttft_ns"), ("itl", "itl_ns")])
def test_pytest_benchmark_shows_exactly_what_was_recorded(measured: Measured, metric: str, column: str) -> None:
    assert replayed(measured, metric) == recorded(measured, column)


def test_ids_of_the_replay_name_neither_block_nor_run(measured: Measured) -> None:
    assert sorted(one["fullname"].partition("::")[2] for one in measured.benchmarks) == sorted(
        f"test_recorded[{metric}-simulated-CPU-{precision}-p{length}-n4-b1]"
        for metric in ("ttft", "itl")
        for precision in ("int4", "int8", "fp32")
        for length in (8, 16)
    )


def test_one_new_token_has_no_replay_of_inter_token_latencies(sweep: Sweep) -> None:
    listed = sweep.run("--collect-only", "--new-tokens", "1").stdout
    assert ("test_recorded[ttft-" in listed, "test_recorded[itl-" in listed) == (True, False)


@pytest.fixture(scope="session")
def selected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, Any]:
    """A run of one of two cells, reported in Turkish."""
    sweep = sweeps.Sweep(tmp_path_factory.mktemp("selected"))
    return sweep, sweep.run("--lang", "tr", "-k", "p8-n4")


def test_the_language_of_the_report_is_no_part_of_the_run(selected: tuple[Sweep, Any]) -> None:
    sweep, process = selected
    page = (sweep.home / "reports" / sweep.stored.run_id / "index.html").read_text("utf-8")
    assert (process.returncode, '<html lang="tr">' in page) == (0, True)
    assert "language" not in sweep.stored.record["options"]
    assert "simulated: these latencies were played" in " ".join(process.stdout.split())


# pytest's own options


def test_collecting_makes_no_run(sweep: Sweep) -> None:
    process = sweep.run("--collect-only")
    assert (process.returncode, sweep.runs) == (0, 0)


def test_collecting_lists_a_visit_with_its_cells(sweep: Sweep) -> None:
    listed = sweep.run("--collect-only", "--blocks", "2").stdout
    cells = re.findall(r"::(block\d-1-simulated-CPU-int4)::(p\d+-n4-b1)$", listed, re.MULTILINE)
    assert len(set(cells)) == 4


def test_a_selection_measures_and_records_what_it_names_alone(selected: tuple[Sweep, Any]) -> None:
    sweep, process = selected
    measured = {row["prompt_tokens"] for row in sweep.generations()}
    asked = {cell["prompt_tokens"] for cell in sweep.stored.record["plan"]["cells"]}
    assert (process.returncode, measured, asked) == (0, {8}, {8})


def test_what_narrows_a_run_is_recorded_and_said(selected: tuple[Sweep, Any]) -> None:
    sweep, process = selected
    assert sweep.stored.record["selection"] == {"by": "-k p8-n4", "selected": 1, "planned": 2}
    said = "Narrowed by -k p8-n4 to 1 of 2 planned cells, each counted once per block."
    assert said in " ".join(process.stdout.split())
    page = (sweep.home / "reports" / sweep.stored.run_id / "index.html").read_text("utf-8")
    assert "-k p8-n4" in page[: page.index("<table")]


def test_a_run_of_its_whole_plan_was_not_narrowed(measured: Measured) -> None:
    assert "selection" not in measured.sweep.stored.record
    assert "Narrowed" not in measured.process.stdout


@pytest.mark.parametrize(
    "options",
    [
        ("--deselect", "test_measure.py::block1-1-simulated-CPU-int4::p8-n4-b1"),
        ("test_measure.py::block1-1-simulated-CPU-int4::p8-n4-b1",),
    ],
)
def test_every_option_that_narrows_is_named(sweep: Sweep, options: tuple[str, ...]) -> None:
    if len(options) == 1:
        options = (f"bench/{options[0]}",)
        sweep.run_pytest([part for part in sweep.command(*options)[3:] if part != "bench/"])
    else:
        sweep.run(*options)
    assert sweep.stored.record["selection"] == {"by": " ".join(options), "selected": 1, "planned": 2}


def test_a_selection_of_nothing_exits_4_and_makes_no_run(sweep: Sweep) -> None:
    process = sweep.run("-k", "nothing")
    assert (process.returncode, errors(process), sweep.runs) == (
        4,
        ["ERROR: no cell is selected; loosen -k, or see --collect-only"],
        0,
    )


# What goes wrong


@pytest.fixture(scope="session")
def failed(tmp_path_factory: pytest.TempPathFactory, measured: Measured) -> tuple[Sweep, Any, Path]:
    """A run in which one cell fails, one cannot be, and the rest is measured."""
    sweep = type(measured.sweep)(tmp_path_factory.mktemp("failed"))
    junit = sweep.home / "junit.xml"
    options = ("--load-option", "simulated.fail_at=2", "--load-option", "simulated.only_prompt_tokens=8")
    process = sweep.run(*options, "--backend", "simulated,transformers", f"--junit-xml={junit}")
    return sweep, process, junit


Failed = tuple[Sweep, Any, Path]


def test_a_failed_cell_exits_1(failed: Failed) -> None:
    assert failed[1].returncode == 1


def test_a_failed_cell_is_told_in_one_line_without_a_traceback(failed: Failed) -> None:
    lines = failed[1].stdout.splitlines()
    told = "simulated-CPU-int4-p8-n4-b1: failed: the simulated backend was told to fail at step 2"
    assert (lines.count(told), "Traceback" in failed[1].stdout + failed[1].stderr) == (1, False)


def test_a_failed_cell_has_its_row(failed: Failed) -> None:
    found = [(row["status"], row["error_message"]) for row in failed[0].generations() if row["status"] == "failed"]
    assert found == [("failed", "the simulated backend was told to fail at step 2")]


def test_the_other_cell_was_measured(failed: Failed) -> None:
    found = [row["prompt_tokens"] for row in failed[0].generations() if row["status"] == "ok"]
    assert found == [16, 16]


def test_a_combination_that_cannot_be_has_its_row(failed: Failed) -> None:
    found = {
        (row["prompt_tokens"], row["error_message"])
        for row in failed[0].generations()
        if row["status"] == "unsupported"
    }
    reason = "transformers takes no int4 on CPU, only int8, fp16, bf16, fp32"
    assert found == {(8, reason), (16, reason)}


def test_a_run_with_a_failure_is_reported(failed: Failed) -> None:
    assert failed[0].reported


def test_junit_has_failures_and_skips_with_their_reasons(failed: Failed) -> None:
    cases = list(ET.parse(failed[2]).getroot().iter("testcase"))
    failures = [case.find("failure") for case in cases]
    skips = [case.get("name") for case in cases if case.find("skipped") is not None]
    assert ([one.get("message") for one in failures if one is not None], skips[:2]) == (
        ["simulated-CPU-int4-p8-n4-b1: failed: the simulated backend was told to fail at step 2"],
        ["transformers-CPU-int4-p8-n4-b1", "transformers-CPU-int4-p16-n4-b1"],
    )


def test_stopping_at_the_first_failure_still_ends_and_reports_the_run(sweep: Sweep) -> None:
    process = sweep.run("-x", "--load-option", "simulated.fail_at=2")
    assert (process.returncode, len(sweep.generations()), sweep.stored.end["reason"], sweep.reported) == (
        1,
        1,
        "stopped",
        True,
    )


def test_a_run_in_which_no_load_works_exits_1_and_is_reported(sweep: Sweep) -> None:
    process = sweep.run("--load-option", "simulated.fail_load=no such model")
    statuses = [row["status"] for row in sweep.generations()]
    assert (process.returncode, statuses, sweep.reported) == (1, ["failed", "failed"], True)


@pytest.mark.fault("disk-full")
def test_a_full_disk_is_told_in_one_line_and_what_was_measured_is_reported(sweep: Sweep, small_disk: Path) -> None:
    sizes = ("--new-tokens", "5000", "--repeats", "5", "--blocks", "9", "--load-option", "simulated.itl_ms=0.001")
    (small_disk / "other data").write_bytes(bytes(700_000))
    process = sweep.run(*sizes, "--results-dir", str(small_disk / "results"))
    (folder,) = (small_disk / "results").iterdir()
    run = open_run(folder)
    page = sweep.home / "reports" / run.run_id / "index.html"
    assert "No space left on device; free some space or choose --results-dir" in process.stdout
    assert (process.returncode, "Traceback" in process.stdout + process.stderr, page.is_file()) == (1, False, True)


@pytest.mark.fault("disk-read-only")
def test_a_results_folder_that_cannot_be_is_told_before_anything_is_measured(sweep: Sweep) -> None:
    (sweep.home / "taken").write_bytes(b"")
    process = sweep.run("--results-dir", str(sweep.home / "taken"))
    assert (process.returncode, len(errors(process))) == (1, 1)
    assert "choose another folder with --results-dir" in errors(process)[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--backend", "vllm"), "--backend: no backend 'vllm'; there are openvino-genai"),
        (("--prompt-tokens", "0"), "--prompt-tokens: expected at least 1, got 0"),
        (("--benchmark-only",), "--benchmark-only skips every measuring item"),
        (("--backend", "ort-genai", "--device", "NPU"), "nothing remains to be measured: ort-genai has no device NPU"),
        (("--config", "nowhere.toml"), "--config: cannot read"),
    ],
)
def test_a_request_that_cannot_be_exits_4_with_one_line(sweep: Sweep, arguments: tuple[str, ...], message: str) -> None:
    process = sweep.run(*arguments)
    assert (process.returncode, len(errors(process)), sweep.runs) == (4, 1, 0)
    assert errors(process)[0].startswith(f"ERROR: {message}")
    assert "Traceback" not in process.stdout + process.stderr


@pytest.mark.parametrize(
    ("plugin", "text", "arguments", "message"),
    [
        (
            "side_by_side",
            "def pytest_addoption(parser):\n    parser.addoption('--numprocesses', type=int)\n",
            # pytest-xdist itself, where the venv has it, has that option too.
            ("-p", "no:xdist", "--numprocesses", "2"),
            "-n runs items side by side",
        ),
        ("randomly", "", (), "a plugin reorders items"),
    ],
)
def test_plugins_that_would_break_the_order_are_refused(
    sweep: Sweep, plugin: str, text: str, arguments: tuple[str, ...], message: str
) -> None:
    (sweep.home / f"{plugin}.py").write_text(text, encoding="utf-8")
    process = sweep.run("-p", plugin, *arguments, PYTHONPATH=beside(sweep.home))
    assert (process.returncode, sweep.runs) == (4, 0)
    assert errors(process)[0].startswith(f"ERROR: {message}")


@pytest.mark.parametrize("name", ["PYTEST_ADDOPTS", "PYTEST_PLUGINS"])
def test_options_from_outside_are_refused_by_name(sweep: Sweep, name: str) -> None:
    value = {"PYTEST_ADDOPTS": "-k p8", "PYTEST_PLUGINS": "pytester"}[name]
    process = sweep.run(**{name: value})
    assert (process.returncode, sweep.runs) == (4, 0)
    assert errors(process)[0].startswith(f"ERROR: {name} is set ({value}), and a sweep takes options from its own")


def test_a_plugin_that_happens_to_be_installed_does_nothing(sweep: Sweep) -> None:
    """Such as those of ROS, which come in by PYTHONPATH and rely on hooks of another pytest."""
    about = sweep.home / "installed" / "theirs-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[pytest11]\ntheirs = theirs\n", encoding="utf-8")
    (about.parent / "theirs.py").write_text(
        "def pytest_pycollect_makemodule(path, module_path, parent):\n    raise RuntimeError('theirs')\n",
        encoding="utf-8",
    )
    process = sweep.run(PYTHONPATH=beside(about.parent))
    assert (process.returncode, "theirs" in process.stdout + process.stderr) == (0, False)


# The guard


def test_a_run_that_is_started_elsewhere_reads_and_writes_there(tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_text('backend = ["simulated"]\n', encoding="utf-8")
    small = (
        "--config=sweep.toml",
        "--precision=int4",
        "--prompt-tokens=8",
        "--new-tokens=2",
        "--blocks=1",
        "--repeats=1",
    )
    command = [sys.executable, "-m", "pytest", str(PROJECT_ROOT / "bench"), *small, "--junit-xml=junit.xml"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AIPC_"))}
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(PROJECT_ROOT), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    (run,) = (tmp_path / "results").iterdir()
    assert (done.returncode, (tmp_path / "reports" / run.name / "index.html").is_file()) == (0, True)
    assert (tmp_path / "junit.xml").is_file()
    assert "bench/" not in open_run(run).record["command"]


NO_ACCOUNT = """
import os, pwd
def unknown(_):
    raise KeyError
pwd.getpwuid = unknown
for name in ("HOME", "USER", "LOGNAME", "USERNAME"):
    os.environ.pop(name, None)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a user of Windows has an account")
def test_a_user_without_an_account_measures_and_has_a_report(sweep: Sweep) -> None:
    (sweep.home / "no_account.py").write_text(NO_ACCOUNT, encoding="utf-8")
    process = sweep.run("-p", "no_account", "--redact", PYTHONPATH=beside(sweep.home))
    assert (process.returncode, len(sweep.stored.table("generations")) > 0) == (0, True)


def test_what_a_reading_costs_stands_in_the_record(measured: Measured) -> None:
    assert measured.sweep.stored.record["observers"]["memory"]["cost_us"] > 0


def test_strict_fails_exactly_where_something_was_found(sweep: Sweep) -> None:
    run = sweep.run("--strict")
    findings = sweep.stored.table("findings").to_pylist()
    weighty = [row for row in findings if row["severity"] != "info"]
    assert (run.returncode == 1, "--strict: " in run.stdout) == (bool(weighty), bool(weighty))
    assert sweep.reported


def test_without_strict_a_finding_fails_nothing(measured: Measured) -> None:
    assert measured.process.returncode == 0


# Without names and paths


@pytest.fixture(scope="session")
def redacted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, Any]:
    """A run of two variants, reported without names."""
    sweep = sweeps.Sweep(tmp_path_factory.mktemp("redacted"))
    variants = ("--a", "simulated.itl_ms=2", "--b", "simulated.itl_ms=3")
    return sweep, sweep.run("--redact", *variants, "--blocks", "2")


def test_a_redacted_report_names_no_folder_and_the_run_keeps_them(redacted: tuple[Sweep, Any]) -> None:
    sweep, run = redacted
    assert run.returncode == 0
    # Windows' folder for temporary files is below the home folder.
    assert without_home(str(sweep.home)) in sweep.stored.record["command"]
    folder = sweep.home / "reports" / f"{sweep.stored.run_id}-redacted"
    texts = [words_of(path) for path in folder.iterdir() if path.stem != "compare"]
    assert len(texts) == 8
    assert not [text for text in texts if str(sweep.home) in text]
    assert str(sweep.home) not in run.stdout[run.stdout.index("results    ") :]
    assert not sweep.reported


def test_a_redacted_comparison_lies_beside_its_redacted_report(redacted: tuple[Sweep, Any]) -> None:
    sweep, run = redacted
    assert run.returncode == 0
    folder = sweep.home / "reports" / f"{sweep.stored.run_id}-redacted"
    assert {"compare.html", "compare.json", "index.html"} <= {path.name for path in folder.iterdir()}
    assert not [path for path in folder.iterdir() if str(sweep.home) in words_of(path)]

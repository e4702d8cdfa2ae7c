"""Two stored runs side by side: what is compared, what is said, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.comparison import Comparison, Difference, compare
from bench.analyse.interval import Contrast, Estimate
from bench.analyse.run import analyse_run
from bench.commands.compare import main
from bench.commands.stored_runs import share
from bench.errors import UsageError
from bench.plan.cells import Load
from bench.report.compare.comparison_exports import comparison_json, lines, markdown
from bench.report.compare.comparison_page import page
from bench.report.compare.comparison_view import called_first, comparison_view
from bench.report.compare.comparison_words import largest
from bench.store.reader import open_run
from tests.support.stored_runs import FakeRun

Run = Callable[..., int]
ONE_LOAD = (Load("transformers", "CPU", "fp32"),)


def compared(base: FakeRun, head: FakeRun, tmp_path: Path) -> Comparison:
    runs = [one.write(tmp_path / name, name) for name, one in (("base", base), ("head", head))]
    there, here = (analyse_run(open_run(run)) for run in runs)
    return compare(there, [here], 0.03)


def twins(tmp_path: Path, **settings: Any) -> Comparison:
    """Two runs of the same kind."""
    return compared(FakeRun(**settings), FakeRun(**settings), tmp_path)


@pytest.mark.slow
def test_a_run_against_its_own_twin_calls_nothing(tmp_path: Path) -> None:
    found = compared(FakeRun(blocks=5), FakeRun(blocks=5), tmp_path)
    assert {one.verdict for cell in found.heads[0].cells for one in cell.differences} <= {"same", "inconclusive"}
    assert found.heads[0].mismatches == ()


@pytest.mark.slow
def test_every_metric_of_a_shared_cell_is_compared(tmp_path: Path) -> None:
    found = twins(tmp_path, loads=ONE_LOAD)
    assert {one.metric for one in found.heads[0].cells[0].differences} == {"ttft_ms", "tpot_ms", "itl_p95_ms"}


@pytest.mark.slow
def test_cells_of_one_run_alone_are_listed(tmp_path: Path) -> None:
    loads = [Load("ort-genai", "CPU", precision) for precision in ("int4", "int8")]
    base = FakeRun(loads=loads[:1], prompt_tokens=(8, 16))
    found = compared(base, FakeRun(loads=loads, prompt_tokens=(8,)), tmp_path)
    assert (len(found.heads[0].cells), len(found.heads[0].only_base), len(found.heads[0].only_head)) == (1, 1, 1)


@pytest.mark.slow
def test_what_differs_is_named_the_worst_first(tmp_path: Path) -> None:
    other = FakeRun(loads=ONE_LOAD)
    other.model = {**other.model, "name": "Phi-3", "digest": "b"}
    found = compared(FakeRun(loads=ONE_LOAD), other, tmp_path)
    assert [(one.what, one.fatal) for one in found.heads[0].mismatches] == [("model", True), ("model digest", True)]


@pytest.mark.slow
def test_changed_packages_are_named(tmp_path: Path) -> None:
    def run(version: str) -> FakeRun:
        venvs = {"ort-genai": {"packages": {"onnxruntime-genai": version, "numpy": "2"}}}
        return FakeRun(loads=[Load("ort-genai", "CPU", "int4")], venvs=venvs)

    found = compared(run("0.18.0"), run("0.19.0"), tmp_path)
    assert {one.name: one.ends for one in found.heads[0].changes} == {
        "onnxruntime-genai (ort-genai)": ("0.18.0", "0.19.0")
    }


@pytest.mark.slow
def test_a_cell_without_a_metric_is_compared_by_the_others(tmp_path: Path) -> None:
    found = twins(tmp_path, loads=ONE_LOAD, new_tokens=(1,))
    assert {one.metric for one in found.differences} == {"ttft_ms"}


# -- in words


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """A comparison whose names come from somebody who means harm."""
    load = Load("<script>alert(1)</script>|x", "CPU", "int4")
    return compared(FakeRun(loads=[load]), FakeRun(loads=[load], end=None), tmp_path_factory.mktemp("hostile"))


@pytest.mark.slow
def test_the_lines_are_plain_text_of_any_encoding(hostile: Comparison) -> None:
    assert "\n".join(lines(comparison_view(hostile))).isascii()


def test_markdown_keeps_foreign_text_as_text(hostile: Comparison) -> None:
    said = markdown(comparison_view(hostile))
    assert ("<script>" in said, "&lt;script&gt;" in said) == (False, True)


def test_json_has_a_row_per_cell_and_metric(hostile: Comparison) -> None:
    value = json.loads(comparison_json(comparison_view(hostile)))
    assert (value["comparison_version"], len(value["cells"])) == (5, 9)


@pytest.mark.slow
def test_thousands_of_cells_leave_the_terminal_readable(tmp_path: Path) -> None:
    loads = [Load(f"stack{n}", "CPU", "int4") for n in range(60)]
    small: dict[str, Any] = {
        "loads": loads,
        "prompt_tokens": range(8, 16),
        "new_tokens": (2,),
        "blocks": 1,
        "repeats": 1,
    }
    found = compared(FakeRun(**small), FakeRun(**small), tmp_path)
    said = list(lines(comparison_view(found)))
    assert (len(found.heads[0].cells), len(said) < 150, "and 440 more cells" in "\n".join(said)) == (480, True, True)
    assert len(json.loads(comparison_json(comparison_view(found)))["cells"]) == 960
    assert "more rows left out" in markdown(comparison_view(found))


@pytest.mark.slow
def test_cells_that_are_called_come_first(tmp_path: Path) -> None:
    loads = [Load("ort-genai", "CPU", precision) for precision in ("int4", "int8", "fp32")]
    found = compared(FakeRun(loads=loads, blocks=9), FakeRun(loads=loads, blocks=9), tmp_path)
    slower = Difference("ttft_ms", 1, 2, Contrast(Estimate(2, 1.9, 2.1, 9), 0.0), "slower")
    cells = (*found.heads[0].cells[:-1], replace(found.heads[0].cells[-1], differences=(slower,)))
    view = comparison_view(replace(found, heads=(replace(found.heads[0], cells=cells),)))
    assert called_first(view.rows)[0] is view.rows[-1]


@pytest.mark.slow
def test_the_largest_change_is_named_with_its_interval(tmp_path: Path) -> None:
    found = twins(tmp_path, loads=ONE_LOAD, blocks=9)
    slower = Difference("ttft_ms", 1, 2, Contrast(Estimate(1.5, 1.4, 1.6, 9), 0.0), "slower")
    cells = (*found.heads[0].cells[:-1], replace(found.heads[0].cells[-1], differences=(slower,)))
    assert largest(comparison_view(replace(found, heads=(replace(found.heads[0], cells=cells),)))).endswith(
        "TTFT of transformers CPU fp32, 512+64: +50.0 % (+40.0 % to +60.0 %)"
    )


@pytest.mark.parametrize("threshold", [0.0, 3.0, 100.0])
def test_no_threshold_breaks_a_rendering(threshold: float, hostile: Comparison) -> None:
    view = comparison_view(compare(hostile.base, [hostile.heads[0].run], threshold))
    assert "nan" not in "".join((*lines(view), markdown(view), comparison_json(view), page(view))).lower()


def test_a_run_without_an_end_is_called_so(hostile: Comparison) -> None:
    assert "still being written or was killed" in "\n".join(lines(comparison_view(hostile)))


@pytest.mark.slow
def test_one_block_claims_nothing_and_says_so(tmp_path: Path) -> None:
    found = twins(tmp_path, loads=ONE_LOAD, blocks=1)
    assert {one.verdict for cell in found.heads[0].cells for one in cell.differences} == {"inconclusive"}
    assert "one block gives no interval" in "\n".join(lines(comparison_view(found)))


@pytest.mark.slow
def test_runs_without_a_common_cell_say_so(tmp_path: Path) -> None:
    loads = [Load("ort-genai", "CPU", precision) for precision in ("int4", "int8")]
    said = "\n".join(lines(comparison_view(compared(FakeRun(loads=loads[:1]), FakeRun(loads=loads[1:]), tmp_path))))
    assert "no cell was measured in both runs" in said


# -- the command


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of two loads, twins but for their names."""
    folder = tmp_path_factory.mktemp("twins")
    for name in ("20261101T000000Z-aaaaaa", "20261102T000000Z-bbbbbb"):
        FakeRun(loads=FakeRun().loads[3:5], prompt_tokens=(32, 128)).write(folder, name)
    return folder


@pytest.fixture
def run(results: Path, tmp_path: Path) -> Run:
    """The command, with those two runs."""
    return lambda *arguments: main([*arguments, "--results-dir", str(results), "--reports-dir", str(tmp_path / "out")])


@pytest.mark.parametrize("names", [["20261101*", "20261102*"], ["2026110*"], ["*-aaaaaa", "20261102T000000Z-bbbbbb"]])
def test_runs_are_named_by_id_or_glob(
    run: Run, names: Sequence[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(*names) == 0
    folder = tmp_path / "out" / "compare-20261101T000000Z-aaaaaa-20261102T000000Z-bbbbbb"
    assert {path.name for path in folder.iterdir()} == {"compare.html", "compare.md", "compare.json"}
    assert "20261102T000000Z-bbbbbb compared with 20261101T000000Z-aaaaaa" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["*-aaaaaa", "*-aaaaaa"], "cannot be compared with itself"),
        (["*-aaaaaa"], "cannot be compared with itself"),
        (["nowhere", "*-aaaaaa"], "there is no run nowhere"),
        (["2026*", "--threshold", "few"], "expected a share such as 3%"),
        (["2026*", "--threshold", "-1"], "expected a share such as 3%"),
        (["2026*", "--threshold", "nan"], "expected a share such as 3%"),
        (["2026*", "--quality-tolerance", "few"], "--quality-tolerance: expected a share such as 3%"),
        ([], "required: RUN"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    run: Run, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 4
    told = capsys.readouterr().err
    assert (said in told, told.count("\n")) == (True, 1)


@pytest.mark.slow
def test_another_model_is_refused_unless_it_is_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results"
    other = FakeRun(loads=ONE_LOAD)
    other.model = {**other.model, "name": "Phi-3", "digest": "b"}
    runs = [str(FakeRun(loads=ONE_LOAD).write(results, "base")), str(other.write(results, "head"))]
    out = ["--reports-dir", str(tmp_path / "out")]
    assert (main([*runs, *out]), main([*runs, *out, "--force"])) == (4, 0)
    told = capsys.readouterr()
    assert ("would mean nothing" in told.err, "DIFFERENT model" in told.out) == (True, True)


@pytest.mark.slow
def test_runs_in_which_nothing_was_measured_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = []
    for name in ("base", "head"):
        failed = FakeRun(loads=ONE_LOAD)
        failed.break_cells("", "failed", "nothing works")
        runs.append(str(failed.write(tmp_path, name)))
    assert main([*runs, "--reports-dir", str(tmp_path / "out")]) == 1
    assert "neither run measured anything" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["base", "head"])
def test_a_run_without_any_result_leaves_the_others_cells_comparison_view(
    tmp_path: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = []
    for name in ("base", "head"):
        run = FakeRun(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(8,), blocks=1, repeats=1)
        if name == broken:
            run.break_cells("", "failed", "nothing works")
        runs.append(str(run.write(tmp_path, name)))
    assert main([*runs, "--reports-dir", str(tmp_path / "out")]) == 0
    assert "nothing can be compared" in capsys.readouterr().out


def test_a_newer_run_is_refused_with_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [FakeRun(loads=ONE_LOAD).write(tmp_path, name) for name in ("base", "head")]
    record = json.loads((runs[1] / "run.json").read_text("utf-8"))
    (runs[1] / "run.json").write_text(json.dumps({**record, "schema_version": 99}), "utf-8")
    assert main([*map(str, runs), "--reports-dir", str(tmp_path / "out")]) == 1
    assert "update AIPC Bench" in capsys.readouterr().err


def test_a_copy_of_a_run_is_the_same_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = FakeRun(loads=[Load("ort-genai", "CPU", "int4")]).write(tmp_path, "base")
    shutil.copytree(run, tmp_path / "copy")
    assert main([str(run), str(tmp_path / "copy"), "--reports-dir", str(tmp_path / "out")]) == 4
    assert "cannot be compared with itself" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "said"), [([], "between 5 earlier runs"), (["--no-history"], "cover the blocks only")]
)
def test_what_the_intervals_cover_is_said(
    tmp_path: Path, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    small = FakeRun(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(8,))
    for number in range(6):
        small.write(results, f"run{number}")
    out = ["--results-dir", str(results), "--reports-dir", str(tmp_path / "out")]
    assert main(["run0", "run5", *out, *flags]) == 0
    assert said in capsys.readouterr().out


@pytest.mark.slow
def test_an_unreadable_run_is_no_history_and_no_obstacle(tmp_path: Path) -> None:
    small = FakeRun(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(8,))
    for name in ("base", "head"):
        small.write(tmp_path, name)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{", "utf-8")
    assert main(["base", "head", "--results-dir", str(tmp_path), "--reports-dir", str(tmp_path / "out")]) == 0


@pytest.mark.parametrize(("text", "value"), [("3%", 0.03), ("0.03", 0.03), ("0", 0.0), (" 300 %", 3.0)])
def test_a_threshold_is_a_share(text: str, value: float) -> None:
    assert share(text, "--threshold") == pytest.approx(value)


def test_a_threshold_beyond_reason_is_refused() -> None:
    with pytest.raises(UsageError):
        share("20000%", "--threshold")

"""Two variants of one run: paired by block, named as they were asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.analyse.comparison import compare_variants, has_variants
from bench.analyse.run import analyse_run
from bench.commands.compare import main
from bench.plan.cells import Load
from bench.report.compare.comparison_exports import write_variants
from bench.store.reader import open_run
from tests.support.analyses import made_cell, made_load, made_run
from tests.support.comparisons import ab_run
from tests.support.stored_runs import FakeRun


def test_variants_are_paired_block_by_block() -> None:
    drift = [10.0, 20.0, 40.0]
    sides = [
        made_cell([value * times for value in drift], 32, made_load(variant=side))
        for side, times in (("a", 1), ("b", 1.1))
    ]
    found = compare_variants(made_run("ab", sides), 0.03)
    ratio = found.differences[0].contrast.ratio
    assert (ratio.low, ratio.high) == pytest.approx((1.1, 1.1))


def test_milliseconds_beside_a_ratio_cover_the_blocks_that_both_variants_have() -> None:
    # Variant b failed in the second half of the run, in which the machine was slower.
    sides = [
        made_cell([value * times for value in medians], 32, made_load(variant=side))
        for side, times, medians in (("a", 1.0, [100.0] * 10 + [130.0] * 10), ("b", 1.1, [100.0] * 10))
    ]
    (found,) = compare_variants(made_run("ab", sides), 0.03).differences
    assert (found.base_ms, found.head_ms) == pytest.approx((100.0, 110.0))
    assert found.contrast.ratio.value == pytest.approx(found.head_ms / found.base_ms)


def test_options_that_tell_the_variants_apart_do_not_keep_cells_apart(tmp_path: Path) -> None:
    loads = [Load("openvino-genai", "CPU", "int4", {"x": side}, side) for side in "ab"]
    found = compare_variants(analyse_run(open_run(ab_run(tmp_path, loads))), 0.03)
    assert (len(found.heads[0].cells), found.heads[0].only_base, found.heads[0].only_head) == (2, (), ())


def test_loads_that_differ_by_options_within_a_variant_pair_in_their_order(tmp_path: Path) -> None:
    loads = [Load("openvino-genai", "CPU", "int4", {"x": n}, side) for side in "ab" for n in (1, 2)]
    assert len(compare_variants(analyse_run(open_run(ab_run(tmp_path, loads))), 0.03).heads[0].cells) == 4


def test_what_differs_between_the_variants_packages_is_named(tmp_path: Path) -> None:
    found = compare_variants(analyse_run(open_run(ab_run(tmp_path))), 0.03)
    assert {one.name: one.ends for one in found.heads[0].changes} == {
        "openvino-genai (openvino-genai)": ("openvino-genai==2026.3", "openvino-genai==2026.4"),
    }


def test_a_cell_that_one_variant_could_not_measure_is_listed(tmp_path: Path) -> None:
    run = FakeRun(loads=[Load("openvino-genai", "CPU", "int4", variant=side) for side in "ab"], prompt_tokens=(32, 128))
    run.break_cells("b-openvino-genai-CPU-int4-p128", "crashed", "no")
    found = compare_variants(analyse_run(open_run(run.write(tmp_path))), 0.03)
    assert [cell.prompt_tokens for cell in found.heads[0].only_base] == [128]


def test_an_ordinary_run_has_no_variants() -> None:
    assert not has_variants(made_run("one", [made_cell([1.0])]))


def test_the_lines_name_both_as_they_were_asked_for(tmp_path: Path) -> None:
    said = "\n".join(write_variants(ab_run(tmp_path), tmp_path / "out"))
    assert "b: openvino-genai==2026.4 compared with a: openvino-genai==2026.3" in said
    assert "both variants block by block in one run" in said


def test_the_files_lie_beside_the_runs_report(tmp_path: Path) -> None:
    write_variants(ab_run(tmp_path), tmp_path / "out")
    files = {path.name for path in (tmp_path / "out" / "ab-run").iterdir()}
    assert files == {"compare.html", "compare.md", "compare.json"}


def test_the_command_compares_the_variants_of_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(ab_run(tmp_path)), "--reports-dir", str(tmp_path / "out")]) == 0
    assert "compared with a: openvino-genai==2026.3" in capsys.readouterr().out


def test_variants_that_measured_nothing_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = FakeRun(loads=[Load("openvino-genai", "CPU", "int4", variant=side) for side in "ab"])
    run.break_cells("", "failed", "nothing works")
    assert main([str(run.write(tmp_path)), "--reports-dir", str(tmp_path / "out")]) == 1
    assert "neither variant measured anything" in capsys.readouterr().err

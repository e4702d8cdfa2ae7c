"""Several heads held against one base: one page, one Markdown file and one JSON file over all of them."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.comparison import compare_variants
from bench.analyse.results import CellResult, Lost, RunAnalysis
from bench.commands.compare import main
from bench.plan.cells import Load
from bench.report.compare.comparison_exports import MOST_BYTES, comparison_json, lines, markdown
from bench.report.compare.comparison_figures import tint
from bench.report.compare.comparison_page import FOLDED_FROM, page
from bench.report.compare.comparison_view import ComparisonView, comparison_view
from bench.report.compare.comparison_words import adjustment, alone_lines, caveats, refusal
from tests.support.analyses import made_cell, made_load, made_run, packages
from tests.support.comparisons import SMALL, ab_run, difference, finding, held, run, with_findings
from tests.support.markup import Tags, visible
from tests.support.stored_runs import FakeRun

GITHUB_TAKES = 65_536


@pytest.fixture(scope="module")
def three() -> ComparisonView:
    """A twin, a head that is slower in one cell, and one that lacks that cell."""
    heads = run("twin", 1.0), run("slow", {16: 1.5}), run("lacking", 0.8, (8, 32))
    return held(run("base", 1.0), *heads)


# -- what is compared


def test_a_row_has_a_place_for_every_head(three: ComparisonView) -> None:
    verdicts = [{place: one.difference.verdict for place, one in row.of("ttft_ms").items()} for row in three.rows]
    assert verdicts == [{0: "same", 1: "same", 2: "faster"}, {0: "same", 1: "slower"}]


def test_a_verdict_is_the_same_whoever_is_shown_beside_it(three: ComparisonView) -> None:
    base, heads = three.comparison.base, three.comparison.heads
    alone = [held(base, head.run).comparison.differences for head in heads]
    assert [head.differences for head in heads] == alone


def test_what_falls_if_all_heads_are_judged_together_is_told() -> None:
    # Each head has one cell, so that alone 5 % are enough, and a hundred heads together take 0.05 %.
    base = made_run("base", [made_cell([100.0, 101.0, 99.0, 100.5])])
    certain = made_run("certain", [made_cell([200.0, 201.0, 199.0, 200.5])])
    barely = made_run("barely", [made_cell([104.0, 106.5, 101.5, 103.0])])
    twins = [made_run(f"twin{n}", [made_cell([100.5, 100.0, 99.0, 101.0])]) for n in range(98)]
    side = held(base, certain, barely, *twins)
    assert [(call.head, call.together) for call in side.calls] == [(0, True), (1, False)]
    assert "1 of 2 calls stand" in adjustment(side)[0]


def test_what_the_adjustment_covers_is_said_of_several_heads_alone(three: ComparisonView) -> None:
    assert "up to 15 % have one" in adjustment(three)[0]
    assert adjustment(held(run("base", 1.0), run("twin", 1.0))) == []


def test_what_differs_has_a_value_per_run() -> None:
    venvs: list[dict[str, Any]] = [{"venvs": packages(numpy=version)} for version in ("1", "1", "2")]
    base, same, newer = (run(name, 1.0, **venv) for name, venv in zip("abc", venvs, strict=True))
    without = run("d", 1.0, plan={"threads": 8})
    found = {one.name: (one.base, one.heads) for one in held(base, same, newer, without).changed}
    assert found == {"threads": (2, (2, 2, 8)), "numpy (ort-genai)": ("1", ("1", "2", None))}


# -- what is said first


def test_a_difference_that_several_heads_share_is_said_once() -> None:
    heads = [run(f"head{n}", 1.0, plan={"threads": threads}) for n, threads in enumerate((2, 8, 8, 4))]
    assert "DIFFERENT threads: 2 in the base, 8 in heads 2 and 3, 4 in head 4" in caveats(held(run("b", 1.0), *heads))


def test_a_head_without_an_end_or_a_result_is_named() -> None:
    unfinished = replace(run("unfinished", 1.0), end=None)
    said = "\n".join(caveats(held(run("base", 1.0), run("fine", 1.0), unfinished, run("empty", 1.0, ()))))
    assert ("head 2 has no end" in said, "head 3 measured nothing" in said, "head 1" in said) == (True, True, False)


def machine(name: str) -> dict[str, Any]:
    return {"machine_id": name, "machine": {"cpu": {"name": name}}}


def test_machines_are_named_and_their_ratio_is_explained() -> None:
    side = held(run("base", 1.0, **machine("Core Ultra 7")), run("one", 1.0), run("two", 0.5, **machine("Ryzen")))
    assert "DIFFERENT machine: Core Ultra 7 in the base, unknown processor in head 1, Ryzen in head 2" in caveats(side)
    assert "It cannot tell which of these makes the difference" in visible(page(side))


def test_a_comparison_of_machines_is_refused_for_what_it_is() -> None:
    side = held(run("base", 1.0, **machine("Core Ultra 7")), run("two", 0.5, **machine("Ryzen")))
    assert "would tell of machines and not of software" in refusal(side.comparison)
    assert "--force" in refusal(side.comparison)


def test_one_machine_with_two_ids_is_named_by_them() -> None:
    sides = [{**machine("Core Ultra 7"), "machine_id": name} for name in ("before", "after")]
    side = held(run("base", 1.0, **sides[0]), run("head", 1.0, **sides[1]))
    assert (
        next(caveats(side)) == "DIFFERENT machine: Core Ultra 7 (before) in the base, Core Ultra 7 (after) in the head"
    )


# -- findings


def doubtful(side: ComparisonView) -> list[tuple[int | None, int]]:
    """Each serious finding's run, and how many compared cells it touches."""
    found = json.loads(comparison_json(side))["findings"]
    return [(one["head"], len(one["cell_keys"])) for one in found if one["severity"] == "serious"]


def test_a_serious_finding_is_said_first_and_marks_what_it_touches() -> None:
    key = made_cell([1.0], 16).cell_key
    side = held(run("base", 1.0), run("fine", 1.0), with_findings(run("slept", 1.0), finding(cell_key=key)))
    assert doubtful(side) == [(1, 1)]
    assert next(caveats(side)).startswith("SERIOUS finding in head 2: suspended: it slept for 9 s (1 compared cell")
    assert [line.count("% !") + line.count("** !") for line in markdown(side).splitlines() if "| 16+1" in line] == [1]
    # In the heat map and in the chart, of that cell and head alone.
    assert page(side).count("touched by a serious finding") == 2


def test_cells_that_lost_blocks_are_named_with_the_run_that_lost_them() -> None:
    crashed = (Lost("crashed", "killed by signal 11", tuple(range(1, 10))),)
    head = run("head", 1.0)
    broken = replace(head, cells=(head.cells[0], replace(head.cells[1], lost=crashed)))
    side = held(run("base", 1.0), run("fine", 1.0), broken)
    (note,) = caveats(side)
    assert note.startswith("BLOCKS LOST in head 2: ")
    assert note.endswith(": ort-genai CPU int4, 16+1 (9 lost)")
    assert all("9 lost" in said for said in (markdown(side), page(side), comparison_json(side)))


def test_a_variant_that_lost_blocks_is_named() -> None:
    crashed = (Lost("crashed", "killed by signal 11", (1, 2)),)
    sides = [made_cell([10.0, 10.1, 9.9], 8, made_load(variant=side)) for side in "ab"]
    plan = {"variants": {"a": {"spec": "x==1"}, "b": {"spec": "x==2"}}}
    found = made_run("ab", [sides[0], replace(sides[1], lost=crashed)], plan=plan)
    (note,) = caveats(comparison_view(compare_variants(found, 0.03)))
    assert note.startswith("BLOCKS LOST in b: x==2: ")


def test_cells_that_differ_in_options_alone_are_not_missing_under_the_same_name() -> None:
    loads = [replace(made_load(), load_key=key, options=own) for key, own in (("a", {"recipe": "plain"}), ("b", {}))]
    base, head = (made_run(load.load_key, [made_cell([10.0] * 5, load=load)]) for load in loads)
    assert alone_lines(held(base, head)) == [
        "Measured in the base, and not in the head: ort-genai CPU int4, 32+1 [recipe=plain]",
        "Measured in the head, and not in the base: ort-genai CPU int4, 32+1 [default options]",
    ]


def test_a_finding_about_the_base_marks_every_head() -> None:
    base = with_findings(run("base", 1.0), finding(load_key=made_load().load_key))
    side = held(base, run("one", 1.0), run("two", 1.0))
    assert (doubtful(side), page(side).count("touched by a serious finding")) == ([(None, 2)], 8)


def test_a_finding_about_what_is_not_compared_is_left_to_the_reports() -> None:
    head = with_findings(run("head", 1.0), finding(cell_key="another"), finding(load_key="another"))
    assert doubtful(held(run("base", 1.0), head, run("two", 1.0))) == []


def test_warnings_are_counted_and_mark_nothing() -> None:
    side = held(run("base", 1.0), with_findings(run("head", 1.0), finding("warning")), run("two", 1.0))
    made = page(side)
    assert ("Warnings of the guard about compared cells: 1." in visible(made), "touched by a serious" in made) == (
        True,
        False,
    )


def test_what_befell_a_run_of_two_variants_is_said_once() -> None:
    cells = [made_cell([10.0, 11.0], 32, made_load(variant=side)) for side in "ab"]
    run_of_two = with_findings(made_run("ab", cells), finding())
    side = comparison_view(compare_variants(run_of_two, 0.03))
    assert doubtful(side) == [(None, 1)]
    assert next(caveats(side)).startswith("SERIOUS finding in the run:")


# -- the page


@pytest.fixture(scope="module")
def made(three: ComparisonView) -> str:
    return page(three)


def test_the_page_is_well_formed_and_asks_for_nothing(made: str) -> None:
    tags = Tags(made)
    addresses = {attrs[name] for _, attrs in tags.found for name in ("src", "href") if attrs.get(name)}
    assert (tags.balanced, tags.open) == (True, [])
    assert {address for address in addresses if not str(address).startswith("#")} == {"data:,"}
    assert not [attrs for _, attrs in tags.found if "style" in attrs]


def test_links_within_the_page_lead_somewhere(made: str) -> None:
    tags = Tags(made).found
    links = {str(attrs["href"])[1:] for _, attrs in tags if str(attrs.get("href")).startswith("#")}
    assert links <= {attrs.get("id") for _, attrs in tags}


def test_a_tile_has_sign_word_number_and_interval(made: str) -> None:
    row = visible(made).partition("Heat map Each head")[2].partition("16+1")[2]
    assert row.split()[:3] == ["100", "=", "same"]
    assert "▲ slower +49.8 % +49.5 to +50.2 %" in row


def test_the_page_says_what_the_adjustment_covers(made: str) -> None:
    assert "one metric in one head, and not the heads together" in visible(made)


def test_the_runs_stand_as_they_were_named_and_the_page_says_so(made: str) -> None:
    runs = made.partition('<table id="table-runs" cellpadding="6">')[2].partition("</table>")[0]
    assert re.findall(r'<th scope="row">(.*?)</th>', runs) == ["base", "twin", "slow", "lacking"]
    assert "The base stands first, then the heads in the order in which they were named." in visible(made)


def test_cells_in_some_runs_alone_are_listed_with_the_heads(made: str) -> None:
    shown = visible(made)
    assert "Measured in the base, and not in head 3: 1 cell" in shown
    assert "Measured in head 3, and not in the base: 1 cell" in shown


@pytest.mark.parametrize(
    ("value", "verdict", "classes"),
    [
        (1.05, "slower", "slower d1"),
        (1.2, "slower", "slower d2"),
        (1.4, "slower", "slower d3"),
        (1 / 1.2, "faster", "faster d2"),
        (1.4, "inconclusive", "inconclusive"),
        (1.01, "same", "same"),
    ],
)
def test_only_what_is_called_is_deep(value: float, verdict: str, classes: str) -> None:
    judged = replace(difference(value), verdict=verdict)
    assert tint(judged) == classes


def test_many_rows_without_a_call_are_folded() -> None:
    prompts = range(1, FOLDED_FROM + 5)
    side = held(run("base", 1.0, prompts), run("one", {3: 1.5}, prompts), run("two", 1.0, prompts))
    shown = visible(page(side))
    assert "Cells with a significant change: 1" in shown
    assert f"Cells without a significant change: {FOLDED_FROM + 3}" in shown


def with_all_metrics(cells: Sequence[CellResult]) -> list[CellResult]:
    return [replace(cell, tpot_ms=cell.ttft_ms, itl_p95_ms=cell.ttft_ms) for cell in cells]


@pytest.fixture(scope="module")
def large() -> ComparisonView:
    """300 cells and twelve heads, with all metrics."""
    loads = [made_load(f"stack{n}", precision) for n, precision in itertools.product(range(15), ("int4", "int8"))]
    noise = random.Random(7)

    def of(name: str) -> RunAnalysis:
        cells = [
            made_cell([100 * noise.lognormvariate(0, 0.01) for _ in range(3)], 2**n, load)
            for load in loads
            for n in range(10)
        ]
        return made_run(name, with_all_metrics(cells))

    return held(of("base"), *(of(f"20261101T000000Z-{n:06d}") for n in range(12)))


@pytest.mark.slow
def test_a_page_of_300_cells_and_twelve_heads_holds_all_and_stays_small(large: ComparisonView) -> None:
    made = page(large)
    assert len(made.encode()) < 2_350_000
    assert made.count('aria-hidden="true">=</b>') + made.count('aria-hidden="true">?</b>') > 10_000


@pytest.mark.slow
def test_the_markdown_fits_a_comment_and_says_what_is_left_out(large: ComparisonView) -> None:
    said = markdown(large)
    assert (len(said) < GITHUB_TAKES, len(said.encode()) <= MOST_BYTES, "more rows left out" in said) == (True,) * 3
    assert said.rstrip().endswith("\\`nox -s ab\\` needs none.")


@pytest.mark.slow
def test_the_largest_changes_are_the_ones_that_stay() -> None:
    prompts = range(1, 1500)
    side = held(run("base", 1.0, prompts), run("one", {1400: 1.5, 1300: 1.3}, prompts), run("two", 1.0, prompts))
    rows = [line for line in markdown(side).splitlines() if line.startswith("| ort-genai")]
    assert [row.split(" | ")[1] for row in rows[:2]] == ["1400+1", "1300+1"]
    assert len(rows) < 1499


def test_names_without_end_leave_the_markdown_small() -> None:
    loads = [made_load("<" * 5000 + str(n)) for n in range(60)]
    cells = [made_cell([1.0, 1.1], 8, load) for load in loads]
    venvs = {"ort-genai": {"packages": {f"{n}{'|' * 5000}": "1" for n in range(60)}}}
    newer = {"ort-genai": {"packages": {f"{n}{'|' * 5000}": "2" * 5000 for n in range(60)}}}
    heads = [made_run(f"{n}{'*' * 3000}", cells[n:], venvs=newer, plan={"threads": "_" * 9000}) for n in range(12)]
    side = held(made_run("base", cells[:40], venvs=venvs), *heads)
    assert len(markdown(side).encode()) <= MOST_BYTES


def test_foreign_names_stay_text() -> None:
    cells = [made_cell([1.0, 1.1], 8, made_load("<script>alert(1)</script>|x"))]
    heads = [made_run(f"<script>{n}|", cells, venvs=packages(**{"<script>": str(n)})) for n in (1, 2)]
    side = held(made_run("base", cells, venvs=packages(**{"<script>": "0"})), *heads)
    assert (page(side).count("<script"), "<script" in markdown(side)) == (1, False)
    assert "\n".join(lines(side)).isascii()


@pytest.mark.parametrize("threshold", [0.0, 3.0])
def test_no_threshold_breaks_a_rendering(threshold: float) -> None:
    side = held(run("base", 1.0), run("one", 1.5), run("two", {8: 1.001}), threshold=threshold)
    shown = "".join((*lines(side), markdown(side), comparison_json(side), page(side))).lower()
    assert ("nan" in shown, "nothing that can be called the same" in shown) == (False, threshold == 0)


def test_the_terminal_names_what_is_called_and_in_which_head(three: ComparisonView) -> None:
    said = list(lines(three))
    assert said[0] == "3 runs compared with base"
    assert any(one.startswith("slower: TTFT of ort-genai CPU int4, 16+1 in head 2: 100 -> 150 ms") for one in said)
    assert sum(one.startswith(("slower", "faster")) for one in said) == 2


def test_json_has_a_row_per_cell_head_and_metric(three: ComparisonView) -> None:
    value = json.loads(comparison_json(three))
    assert [(one["head"], one["prompt_tokens"], one["verdict"]) for one in value["cells"]] == [
        (0, 8, "same"),
        (1, 8, "same"),
        (2, 8, "faster"),
        (0, 16, "same"),
        (1, 16, "slower"),
    ]
    assert [one["name"] for one in value["heads"]] == ["twin", "slow", "lacking"]


# -- the command

Command = Callable[..., int]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command, with four small runs."""
    for name in ("base", "one", "two", "three"):
        FakeRun(**SMALL).write(tmp_path / "results", name)
    folders = ["--results-dir", str(tmp_path / "results"), "--reports-dir", str(tmp_path / "out")]
    return lambda *arguments: main([*arguments, *folders])


@pytest.mark.slow
def test_all_heads_share_one_folder(command: Command, tmp_path: Path) -> None:
    assert command("base", "one", "two", "three") == 0
    (folder,) = (path for path in (tmp_path / "out").iterdir() if path.is_dir())
    assert folder.name.startswith("compare-base-3-runs-")
    assert {path.name for path in folder.iterdir()} == {"compare.html", "compare.md", "compare.json"}


@pytest.mark.slow
def test_other_heads_have_another_folder(command: Command, tmp_path: Path) -> None:
    assert (command("base", "one", "two"), command("base", "one", "three")) == (0, 0)
    assert len([path for path in (tmp_path / "out").iterdir() if path.is_dir()]) == 2


@pytest.mark.slow
def test_a_run_that_is_named_twice_is_taken_once(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("base", "one", "two", "one", "b*") == 0
    told = capsys.readouterr()
    assert told.err.splitlines() == [f"note: {name} is named more than once and taken once" for name in ("base", "one")]
    assert "2 runs compared with base" in told.out


@pytest.mark.slow
def test_one_head_of_another_model_stops_all_and_is_named(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = FakeRun(**SMALL)
    other.model = {**other.model, "name": "Phi-3"}
    other.write(tmp_path / "results", "phi")
    assert (command("base", "one", "phi"), command("base", "one", "phi", "--force")) == (4, 0)
    told = capsys.readouterr()
    assert "model (SmolLM2-135M-Instruct in base, Phi-3 in phi)" in told.err
    assert "DIFFERENT model: SmolLM2-135M-Instruct in the base, Phi-3 in head 2" in told.out


def test_a_glob_of_what_is_no_run_says_so(command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results" / "empty").mkdir()
    assert (command("base", "emp*"), command("base", "none*")) == (4, 4)
    first, second = capsys.readouterr().err.splitlines()
    assert ("matches 1 file or folder and no run" in first, "there is no run none*" in second) == (True, True)


@pytest.mark.slow
def test_a_head_without_a_result_leaves_the_others_alone(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = FakeRun(**SMALL)
    broken.break_cells("", "failed", "nothing works")
    for name in ("broken", "broken2"):
        broken.write(tmp_path / "results", name)
    assert command("base", "one", "broken") == 0
    assert "head 2 measured nothing that counts" in capsys.readouterr().out
    assert command("broken", "broken2") == 1


@pytest.mark.slow
def test_nothing_in_any_run_is_an_error(command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = FakeRun(**SMALL)
    broken.break_cells("", "failed", "nothing works")
    for name in ("x1", "x2", "x3"):
        broken.write(tmp_path / "results", name)
    assert command("x*") == 1
    assert "none of these runs measured anything" in capsys.readouterr().err


def test_a_newer_run_among_the_heads_is_refused_by_name(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results" / "two" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "schema_version": 99}), "utf-8")
    assert command("base", "one", "two") == 1
    said = capsys.readouterr().err
    assert ("two" in said, "update AIPC Bench" in said) == (True, True)


@pytest.mark.slow
def test_one_generation_in_each_run_claims_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(FakeRun(**SMALL, blocks=1, repeats=1).write(tmp_path, name)) for name in ("base", "one", "two")]
    assert main([*runs, "--reports-dir", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert ("one block gives no interval" in said, "slower:" in said) == (True, False)


@pytest.mark.slow
def test_a_run_of_two_variants_among_others_is_a_run_like_them(tmp_path: Path) -> None:
    ab = ab_run(tmp_path)
    ordinary = FakeRun(loads=[Load("openvino-genai", "CPU", "int4")], prompt_tokens=(32,)).write(tmp_path, "ordinary")
    third = FakeRun(loads=[Load("openvino-genai", "CPU", "int4")], prompt_tokens=(32,)).write(tmp_path, "third")
    assert main([str(ordinary), str(third), str(ab), "--reports-dir", str(tmp_path / "out")]) == 0

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bench.analyse.comparison import Caveat
from bench.analyse.conditions import NO_ID
from bench.analyse.gate_rule import CANNOT_TELL, NONE_SHOWN, REGRESSION, Gate, gate, gate_variants
from bench.analyse.quality import Quality, Verdict
from bench.analyse.results import AskedCell, CellResult, Finding, Lost, RunAnalysis
from bench.analyse.variation import variation
from bench.report.compare.gate_exports import lost_text, sentence
from tests.support.analyses import failed, made_cell, made_load, made_quality, made_run, packages, with_quality

SHIFTS = (-0.01, -0.005, 0.0, 0.005, 0.01, 0.0)
FIVE = 0.05


def run(name: str, *values: float, blocks: int = 5) -> RunAnalysis:
    """A run with a cell per value, each block alike."""
    return made_run(name, [made_cell([value] * blocks, index) for index, value in enumerate(values, start=1)])


def baselines(count: int = 6, cells: int = 1) -> list[RunAnalysis]:
    return [run(f"base{n}", *([10 * math.exp(SHIFTS[n])] * cells)) for n in range(count)]


def sentences(found: Sequence[Caveat]) -> tuple[str, ...]:
    return tuple(map(sentence, found))


def outcome(head: RunAnalysis, runs: Sequence[RunAnalysis], threshold: float = FIVE, *, strict: bool = False) -> str:
    return gate(head, runs, threshold, strict=strict).outcome


# -- the outcome


@pytest.mark.parametrize(("value", "said"), [(10.0, NONE_SHOWN), (12.0, REGRESSION), (8.0, NONE_SHOWN)])
def test_a_run_is_held_against_the_spread_of_its_baselines(value: float, said: str) -> None:
    assert outcome(run("head", value), baselines()) == said


def test_a_change_that_the_baselines_spread_explains_is_no_regression() -> None:
    wide = [run(f"base{n}", 10 * math.exp(20 * shift)) for n, shift in enumerate(SHIFTS)]
    assert outcome(run("head", 12.0), wide) == NONE_SHOWN


def test_a_cell_that_could_hide_a_slowdown_says_how_large() -> None:
    wide = [run(f"base{n}", 10 * math.exp(4 * shift)) for n, shift in enumerate(SHIFTS)]
    found = gate(run("head", 10.0), wide, FIVE)
    high = found.head.differences[0].contrast.ratio.high
    assert (len(found.hiding), (high or 0) > 1.05) == (1, True)


def test_strictly_a_slowdown_that_could_hide_is_not_told() -> None:
    wide = [run(f"base{n}", 10 * math.exp(4 * shift)) for n, shift in enumerate(SHIFTS)]
    head = run("head", 10.0)
    assert (outcome(head, wide), outcome(head, wide, strict=True)) == (NONE_SHOWN, CANNOT_TELL)


def test_a_head_of_fewer_blocks_is_allowed_to_vary_more() -> None:
    full, short = (gate(run("head", 10.4, blocks=blocks), baselines(), FIVE).head.differences[0] for blocks in (5, 1))
    assert (short.contrast.ratio.high or 0) > (full.contrast.ratio.high or 0)


@pytest.mark.parametrize("threshold", [0.0, 3.0, 100.0])
def test_no_threshold_breaks_it(threshold: float) -> None:
    assert outcome(run("head", 10.0), baselines(), threshold) == NONE_SHOWN


def test_baselines_that_do_not_vary_divide_by_nothing() -> None:
    same = [run(f"base{n}", 10.0) for n in range(5)]
    assert (outcome(run("head", 10.0), same), outcome(run("head", 11.0), same)) == (NONE_SHOWN, REGRESSION)


# -- blocks of the head that do not agree


def noisy(name: str, blocks: Sequence[float]) -> RunAnalysis:
    return made_run(name, [made_cell(blocks, 1)])


@pytest.mark.parametrize(
    ("blocks", "said"), [([10.0] * 9 + [30.0], NONE_SHOWN), ([11.2] * 10, REGRESSION)], ids=["one block", "all"]
)
def test_one_block_that_was_held_up_is_no_regression(blocks: Sequence[float], said: str) -> None:
    # Both take 1.12 times as long by their estimates.
    assert outcome(noisy("head", blocks), baselines()) == said


def test_what_the_heads_own_blocks_do_not_agree_on_could_hide_a_slowdown() -> None:
    found = gate(noisy("head", [10.0] * 9 + [30.0]), baselines(), FIVE)
    assert len(found.hiding) == 1


def test_a_single_block_of_the_head_varies_as_those_of_its_baselines() -> None:
    wild = [noisy(f"base{n}", [8.0, 10.0, 12.5]) for n in range(5)]
    assert (outcome(noisy("head", [12.5]), wild), outcome(noisy("head", [60.0]), wild)) == (NONE_SHOWN, REGRESSION)


# -- few baselines


def test_fewer_than_five_baselines_cannot_tell() -> None:
    found = gate(run("head", 10.0), baselines(4), FIVE)
    assert (found.outcome, "is not sampled by fewer than 5" in sentence(found.reasons[0])) == (CANNOT_TELL, True)


def test_without_a_history_a_few_baselines_show_nothing() -> None:
    assert outcome(run("head", 20.0), baselines(4)) == CANNOT_TELL


@pytest.mark.parametrize(("value", "said"), [(10.0, CANNOT_TELL), (12.0, REGRESSION)])
def test_what_the_machines_history_does_not_explain_is_a_regression(value: float, said: str) -> None:
    known = variation(baselines())
    assert gate(run("head", value), baselines(2), FIVE, known).outcome == said


def test_a_new_cell_waits_for_its_baselines_and_holds_up_no_other() -> None:
    runs = [*baselines(5), run("base5", 10.0, 20.0)]
    found = gate(run("head", 10.0, 40.0), runs, FIVE)
    assert (found.outcome, sentences(found.notes)) == (
        NONE_SHOWN,
        ("1 of the cells were measured in fewer than 5 baselines",),
    )


def test_a_cell_that_no_baseline_has_is_listed() -> None:
    assert [cell.prompt_tokens for cell in gate(run("head", 10.0, 20.0), baselines(), FIVE).head.only_head] == [2]


# -- what cannot be compared


def test_a_cell_that_failed_now_is_missing_with_its_reason() -> None:
    head = run("head", 10.0, 10.0)
    found = gate(failed(head, head.cells[1], "no memory"), baselines(cells=2), FIVE)
    assert (found.outcome, [sentence(one.why) for one in found.missing]) == (CANNOT_TELL, ["crashed: no memory"])


def test_a_regression_counts_more_than_a_missing_cell() -> None:
    assert outcome(run("head", 12.0), baselines(cells=2)) == REGRESSION


def test_a_cell_that_was_not_in_every_baseline_is_not_missed() -> None:
    assert outcome(run("head", 10.0), [*baselines(5), run("base5", 10.0, 10.0)]) == NONE_SHOWN


def test_no_shared_cell_is_told_apart_from_no_regression() -> None:
    head = made_run("head", [made_cell([10.0] * 5, 99)])
    assert sentences(gate(head, baselines(), FIVE).void) == ("no cell was measured here and in a baseline",)


def test_a_head_without_an_end_cannot_be_told() -> None:
    assert outcome(replace(run("head", 12.0), end=None), baselines()) == CANNOT_TELL


def test_a_head_that_measured_nothing_cannot_be_told() -> None:
    assert sentences(gate(made_run("head", []), baselines(), FIVE).void) == ("head measured nothing",)


@pytest.mark.parametrize(
    ("record", "why"),
    [({"machine_id": "n"}, "another machine (n, the head is of m)"), ({"plan": {"threads": 8}}, "other threads (8")],
)
def test_baselines_of_other_conditions_are_left_out_and_named(record: dict[str, object], why: str) -> None:
    other = made_run("other", [made_cell([99.0] * 5, 1)], **record)
    found = gate(run("head", 10.0), [*baselines(), other], FIVE)
    assert (found.outcome, f"LEFT OUT baseline other: {why}" in sentence(found.notes[0])) == (NONE_SHOWN, True)


HARDWARE = {"cpu": {"name": "Core Ultra 7", "physical_cores": 8}, "memory_bytes": 16 * 2**30}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"cpu": {"name": "Core i5", "physical_cores": 8}}, "(machine: Core Ultra 7, the head has Core i5)"),
        ({"cpu": {"name": "Core Ultra 7", "physical_cores": 4}}, "(cores: 8, the head has 4)"),
        ({"memory_bytes": 32 * 2**30}, "(memory: 16.0 GiB, the head has 32.0 GiB)"),
    ],
)
def test_other_hardware_under_the_same_id_cannot_be_told_and_is_named(other: dict[str, object], why: str) -> None:
    before = [replace(one, record={**one.record, "machine": HARDWARE}) for one in baselines()]
    head = made_run("head", [made_cell([12.0] * 5, 1)], machine=HARDWARE | other)
    found = gate(head, before, FIVE)
    assert (found.outcome, sentence(found.notes[0]).endswith(f"as copied images have it {why}")) == (CANNOT_TELL, True)


def test_a_machine_without_an_id_is_said() -> None:
    before = [replace(one, record={**one.record, "machine_id": NO_ID}) for one in baselines()]
    found = gate(made_run("head", [made_cell([10.0] * 5, 1)], machine_id=NO_ID), before, FIVE)
    assert (found.outcome, "no id of its machine" in sentence(found.notes[0])) == (NONE_SHOWN, True)


def test_a_head_of_another_machine_cannot_be_told() -> None:
    head = made_run("head", [made_cell([12.0] * 5, 1)], machine_id="n")
    assert sentences(gate(head, baselines(), FIVE).void) == ("no baseline can be compared with this run",)


@pytest.mark.parametrize("broken", [replace(run("other", 50.0), end=None), made_run("other", [])])
def test_baselines_that_were_killed_or_empty_are_left_out(broken: RunAnalysis) -> None:
    found = gate(run("head", 10.0), [*baselines(), broken], FIVE)
    assert (len(found.comparison.base_names), found.outcome) == (6, NONE_SHOWN)


def test_baselines_under_different_conditions_are_pointed_out() -> None:
    runs = baselines()
    changed = replace(runs[0], record={**runs[0].record, "venvs": packages(numpy="9")})
    assert "2 different conditions" in sentence(gate(run("head", 10.0), [changed, *runs[1:]], FIVE).notes[0])


def test_another_power_mode_is_pointed_out() -> None:
    head = made_run("head", [made_cell([10.0] * 5, 1)], machine={"power_mode": "quiet"})
    said = sentence(gate(head, baselines(), FIVE).notes[0])
    assert said == "DIFFERENT power mode: not recorded in the newest baseline, quiet here"


# -- lost blocks

NINE_CRASHED = (Lost("crashed", "killed by signal 11", tuple(range(1, 10))),)


def one_block_is_left(run: RunAnalysis, lost: tuple[Lost, ...] = NINE_CRASHED) -> RunAnalysis:
    return replace(run, cells=tuple(replace(cell, lost=lost) for cell in run.cells))


def test_a_cell_that_crashed_in_nine_of_ten_blocks_cannot_be_told() -> None:
    found = gate(one_block_is_left(run("head", 10.0, blocks=1)), baselines(), FIVE)
    assert (found.outcome, [lost_text(one.cell) for one in found.lost]) == (
        CANNOT_TELL,
        ["crashed in 9 blocks: killed by signal 11"],
    )


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (Lost("unreached", "", (8, 9)), "not reached in 2 blocks"),
        (Lost("invalid", "the machine was suspended", (3,)), "nothing counts in one block: the machine was suspended"),
        (Lost("timeout", "no answer in 60 s", (3,)), "timeout in one block: no answer in 60 s"),
    ],
)
def test_a_lost_block_is_named_with_its_reason(lost: Lost, said: str) -> None:
    found = gate(one_block_is_left(run("head", 10.0), (lost,)), baselines(), FIVE)
    assert (found.outcome, lost_text(found.lost[0].cell)) == (CANNOT_TELL, said)


def test_a_regression_counts_more_than_lost_blocks() -> None:
    assert outcome(one_block_is_left(run("head", 12.0)), baselines()) == REGRESSION


def test_a_new_cell_that_lost_blocks_holds_up_no_other() -> None:
    head = run("head", 10.0, 20.0)
    broken = replace(head, cells=(head.cells[0], replace(head.cells[1], lost=NINE_CRASHED)))
    assert outcome(broken, baselines()) == NONE_SHOWN


def test_a_baseline_that_lost_blocks_is_named() -> None:
    runs = baselines()
    found = gate(run("head", 10.0), [one_block_is_left(runs[0]), *runs[1:]], FIVE)
    assert (found.outcome, sentences(found.notes)) == (NONE_SHOWN, ("not all blocks were measured in baseline base0",))


@pytest.mark.parametrize("side", ["a", "b"])
def test_lost_blocks_of_either_variant_cannot_be_told(side: str) -> None:
    found = variants((1.0, 1.0, 1.0))
    cells = tuple(replace(cell, lost=NINE_CRASHED if cell.load.variant == side else ()) for cell in found.cells)
    gated = gate_variants(replace(found, cells=cells), FIVE)
    assert (gated.outcome, [one.side for one in gated.lost]) == (CANNOT_TELL, [side])


# -- serious findings


def serious(cell: CellResult | None = None, load_key: str | None = None) -> Finding:
    key = None if cell is None else cell.cell_key
    said = "other programs used 2.0 of 4 CPUs"
    return Finding("other-load", "serious", said, "Close them.", load_key=load_key, cell_key=key)


def test_a_serious_finding_in_the_head_is_named_with_how_many_cells_it_touches() -> None:
    head = run("head", 10.0, 10.0)
    found = gate(replace(head, findings=(serious(head.cells[0]),)), baselines(cells=2), FIVE)
    (note,) = found.notes
    said = "other-load: other programs used 2.0 of 4 CPUs. Close them."
    assert sentence(note) == f"SERIOUS finding in this run, about one of the cells: {said}"


def test_a_serious_finding_in_a_baseline_is_named() -> None:
    runs = [replace(one, findings=(serious(),)) for one in baselines()]
    (note,) = gate(run("head", 10.0), runs, FIVE).notes
    assert sentence(note) == "SERIOUS finding in baselines base0, base1, base2, base3, base4 and 1 more: other-load"


def test_findings_that_are_not_serious_or_about_other_cells_are_not_named() -> None:
    head = run("head", 10.0)
    findings = (replace(serious(head.cells[0]), severity="warning"), serious(load_key="another"))
    assert gate(replace(head, findings=findings), baselines(), FIVE).notes == ()


def test_a_serious_finding_about_a_variant_is_named() -> None:
    found = variants((1.0, 1.0, 1.0))
    gated = gate_variants(replace(found, findings=(serious(found.cells[1]),)), FIVE)
    assert sentence(gated.notes[0]).startswith("SERIOUS finding in this run, about one of the cells: other-load")


# -- variants of one run


def variants(ratios: Sequence[float], drift: float = 0.2) -> RunAnalysis:
    """A run whose variant b takes ``ratios`` times as long as a, block by block, on a machine that drifts."""
    base = [10 * math.exp(drift * block) for block in range(len(ratios))]
    head = [value * ratio for value, ratio in zip(base, ratios, strict=True)]
    sides = [made_cell(values, 1, made_load(variant=name)) for name, values in (("a", base), ("b", head))]
    plan = {"variants": {"a": {"spec": "x==1"}, "b": {"spec": "x==2"}}}
    return made_run("ab", sides, plan=plan)


@pytest.mark.parametrize(
    ("ratios", "said"),
    [((1.1, 1.12, 1.11, 1.1), REGRESSION), ((1.0, 1.01, 0.99, 1.0), NONE_SHOWN), ((0.9, 0.91, 0.89, 0.9), NONE_SHOWN)],
)
def test_variants_are_held_against_each_other_block_by_block(ratios: Sequence[float], said: str) -> None:
    assert gate_variants(variants(ratios), FIVE).outcome == said


def test_a_variant_that_failed_cannot_be_told() -> None:
    found = variants((1.0, 1.0, 1.0))
    broken = failed(found, found.cells[1], "no such symbol")
    gated = gate_variants(broken, FIVE)
    assert (gated.outcome, [sentence(one.why) for one in gated.missing]) == (CANNOT_TELL, ["crashed: no such symbol"])


def test_a_variant_that_the_run_did_not_reach_is_said_to_be_so() -> None:
    found = variants((1.0, 1.0, 1.0))
    other = found.cells[1]
    asked = AskedCell(other.cell_key, other.load, *other.shape, other.ask)
    gated = gate_variants(replace(found, cells=found.cells[:1], unreached=(asked,)), FIVE)
    assert [sentence(one.why) for one in gated.missing] == ["the run ended before"]


# -- how often it is wrong


def simulated(noise: random.Random, between: float, slowdown: float = 1.0, cells: int = 4) -> Gate:
    def one(name: str, factor: float) -> RunAnalysis:
        def cell(prompt_tokens: int) -> CellResult:
            mean = 10 * factor * noise.lognormvariate(0, between)
            return made_cell([mean * noise.lognormvariate(0, 0.01) for _ in range(3)], prompt_tokens)

        return made_run(name, [cell(index) for index in range(cells)])

    return gate(one("head", slowdown), [one(f"base{n}", 1.0) for n in range(6)], FIVE)


@pytest.mark.slow
def test_of_runs_that_do_not_differ_at_most_one_in_twenty_is_called() -> None:
    noise = random.Random(11)
    found = [simulated(noise, between=0.05) for _ in range(300)]
    called = sum(any(one.verdict in ("slower", "faster") for one in gated.head.differences) for gated in found)
    assert called / 300 <= 0.07


@pytest.mark.slow
def test_a_slowdown_of_a_tenth_is_seen_at_one_percent_of_noise() -> None:
    noise = random.Random(12)
    found = [simulated(noise, between=0.01, slowdown=1.1) for _ in range(100)]
    assert sum(gated.outcome == REGRESSION for gated in found) >= 95


# -- quality

TEXTS = (8.0, 12.0, 20.0, 9.0)


def scored(factor: float = 1.0, verdict: Verdict = "faithful", **known: Any) -> Quality:
    texts = [value * factor * (1 + place / 1000) for place, value in enumerate(TEXTS)] if factor else []
    return made_quality(texts, verdict, **known)


def judged_with(
    base: Quality | None, head: Quality | None, *, strict: bool = False, tolerance: float | None = None
) -> Gate:
    runs = [with_quality(one, base) for one in baselines()]
    return gate(with_quality(run("head", 10.0), head), runs, FIVE, strict=strict, tolerance=tolerance)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (scored(), NONE_SHOWN),
        (scored(1.05), REGRESSION),
        (scored(1.004), NONE_SHOWN),
        (scored(0.8), NONE_SHOWN),
        (scored(0, "broken", reason="not-finite"), REGRESSION),
        (scored(0, "unknown", reason="failed"), CANNOT_TELL),
        (None, NONE_SHOWN),
    ],
    ids=["same", "worse", "within", "better", "broken", "failed", "not asked for"],
)
def test_quality_decides_as_latency_does(head: Quality | None, said: str) -> None:
    assert judged_with(scored(), head).outcome == said


def test_a_driver_that_gets_faster_by_getting_worse_fails() -> None:
    head = with_quality(run("head", 5.0), scored(1.1))
    found = gate(head, [with_quality(one, scored()) for one in baselines()], FIVE)
    assert ([one.verdict for one in found.head.differences], found.outcome) == (["faster"], REGRESSION)


def test_the_tolerance_of_perplexities_is_an_option() -> None:
    assert judged_with(scored(), scored(1.05), tolerance=0.2).outcome == NONE_SHOWN


def test_baselines_that_did_not_score_are_a_note() -> None:
    found = judged_with(None, scored())
    assert (found.outcome, sentences(found.notes)) == (
        NONE_SHOWN,
        ("quality of 1 configuration not compared: no baseline scored it",),
    )


@pytest.mark.parametrize(("base", "head"), [(None, scored()), (scored(), None), (None, None)])
def test_where_quality_is_asked_for_it_must_be_there(base: Quality | None, head: Quality | None) -> None:
    found = judged_with(base, head, tolerance=0.01)
    assert (found.outcome, sentences(found.reasons)) == (
        CANNOT_TELL,
        ("the quality of a load is to be judged and could not be compared",),
    )


def test_a_stack_that_gives_no_scores_is_not_asked_for_them() -> None:
    silent = scored(0, "unknown", reason="no-scores")
    assert judged_with(silent, silent, tolerance=0.01).outcome == NONE_SHOWN


def test_the_newest_baseline_that_scored_a_load_is_compared_with() -> None:
    runs = baselines()
    known = [None, scored(3.0), scored(1.0), None, scored(0, "unknown", reason="failed"), None]
    runs = [with_quality(one, quality) for one, quality in zip(runs, known, strict=True)]
    (one,) = gate(with_quality(run("head", 10.0), scored(1.0)), runs, FIVE).head.qualities
    assert (one.verdict, one.reason) == ("same", "perplexity")


def test_strictly_a_rise_that_could_hide_is_not_told() -> None:
    head = made_quality([TEXTS[0] * 1.3, *TEXTS[1:]])
    found = [judged_with(made_quality(TEXTS), head, strict=strict) for strict in (False, True)]
    assert [one.outcome for one in found] == [NONE_SHOWN, CANNOT_TELL]
    assert "a rise of perplexity beyond 1 % could hide" in sentence(found[1].reasons[-1])


def test_a_variant_whose_quality_is_worse_fails_the_gate() -> None:
    sides = [replace(made_load(variant=side), quality=scored(factor)) for side, factor in (("a", 1.0), ("b", 1.1))]
    found = gate_variants(made_run("ab", [made_cell([10.0] * 5, load=load) for load in sides]), FIVE)
    assert found.outcome == REGRESSION

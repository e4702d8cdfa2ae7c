from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bench.analyse.comparison import compare, compare_variants
from bench.analyse.quality import Quality
from bench.analyse.quality_change import QualityChange
from bench.analyse.results import Answers, RunAnalysis
from tests.support.analyses import made_cell, made_load, made_quality, made_run, with_quality

TEXTS = (8.0, 12.0, 20.0, 9.0, 15.0, 30.0)
NOISE = (0.01, -0.01, 0.02, -0.02, 0.005, -0.005)


def times(factor: float, spread: float = 1.0) -> list[float]:
    """The perplexities of all texts, about ``factor`` times as high."""
    return [value * factor * math.exp(spread * off) for value, off in zip(TEXTS, NOISE, strict=True)]


def run(name: str, quality: Quality | None = None, artifact: str | None = None) -> RunAnalysis:
    return with_quality(made_run(name, [made_cell([10.0, 10.1, 9.9])]), quality, artifact)


def change(base: Quality | None, head: Quality | None, tolerance: float = 0.01) -> QualityChange:
    found = compare(run("base", base), [run("head", head)], 0.03, tolerance=tolerance)
    (one,) = found.heads[0].qualities
    return one


def said(base: Quality | None, head: Quality | None, tolerance: float = 0.01) -> tuple[str, str]:
    one = change(base, head, tolerance)
    return one.verdict, one.reason


# -- perplexities


@pytest.mark.parametrize(
    ("head", "verdict"),
    [
        (TEXTS, "same"),
        (times(1.08), "worse"),
        (times(0.9), "better"),
        (times(1.08, spread=20), "inconclusive"),
        (times(1.0, spread=0.1), "same"),
        ([1.08 * value for value in TEXTS], "worse"),
    ],
    ids=["identical", "higher", "lower", "texts disagree", "rounding", "all alike"],
)
def test_perplexities_are_judged_as_latencies_are(head: Sequence[float], verdict: str) -> None:
    assert said(made_quality(TEXTS), made_quality(head)) == (verdict, "perplexity")


def test_identical_perplexities_are_the_same_without_any_tolerance() -> None:
    assert said(made_quality(TEXTS), made_quality(TEXTS), tolerance=0.0) == ("same", "perplexity")


def test_a_rise_within_the_tolerance_is_the_same() -> None:
    assert said(made_quality(TEXTS), made_quality(times(1.03)), tolerance=0.10) == ("same", "perplexity")


def test_one_text_gives_a_ratio_without_a_claim() -> None:
    assert said(made_quality([2.0]), made_quality([2.5])) == ("inconclusive", "perplexity")


def test_loads_are_a_family_of_their_own() -> None:
    """A change that stands alone does not stand beside enough loads that did not change."""
    off = (0.05, -0.005, 0.05, 0.03, 0.04, 0.02)
    changed = [value * math.exp(one) for value, one in zip(TEXTS, off, strict=True)]

    def verdict(others: int) -> str:
        loads = [made_load(precision=str(place)) for place in range(1 + others)]
        qualities = [made_quality(changed), *[made_quality(times(1.0, spread=2))] * others]
        base = with_quality(made_run("base", [made_cell([10.0], load=load) for load in loads]), made_quality(TEXTS))
        head = made_run(
            "head",
            [made_cell([10.0], load=replace(load, quality=own)) for load, own in zip(loads, qualities, strict=True)],
        )
        return compare(base, [head], 0.03).heads[0].qualities[0].verdict

    assert (verdict(0), verdict(9)) == ("worse", "inconclusive")


# -- what needs no interval


def test_a_load_that_is_broken_now_is_worse() -> None:
    head = made_quality([], "broken", reason="not-finite")
    assert said(made_quality(TEXTS), head) == ("worse", "broken")


def test_one_that_was_scored_without_a_reference_and_is_broken_now_is_worse() -> None:
    base = made_quality(TEXTS, "unknown", reason="no-reference")
    assert said(base, made_quality([], "broken", reason="not-finite")) == ("worse", "broken")


def test_one_that_is_broken_on_the_longest_prompt_alone_is_worse() -> None:
    assert said(made_quality(TEXTS), made_quality(TEXTS, "broken", reason="longest")) == ("worse", "broken")


def test_a_load_that_was_broken_before_is_compared_by_its_perplexities() -> None:
    assert said(made_quality(TEXTS, "broken"), made_quality(TEXTS, "broken")) == ("same", "perplexity")


def test_only_just_beyond_the_limit_the_perplexities_decide() -> None:
    assert said(made_quality(TEXTS), made_quality(times(1.001, 0.1), "broken")) == ("same", "perplexity")


def test_a_load_that_is_no_longer_broken_is_better() -> None:
    assert said(made_quality([], "broken", reason="not-finite"), made_quality(TEXTS)) == ("better", "mended")


def test_a_load_that_a_few_texts_degrade_is_worse_though_texts_disagree() -> None:
    head = made_quality([*TEXTS[:-1], 400.0], "degraded")
    assert said(made_quality(TEXTS), head) == ("worse", "degraded")


def collapsing(analysis: RunAnalysis, *, collapsed: bool) -> RunAnalysis:
    answers = Answers(distinct=0.5, collapsed=collapsed)
    return replace(analysis, cells=tuple(replace(cell, answers=answers) for cell in analysis.cells))


@pytest.mark.parametrize(("before", "verdicts"), [(False, ["worse"]), (True, [])])
def test_answers_that_collapsed_now_are_worse_without_any_score(before: bool, verdicts: list[str]) -> None:
    base, head = (collapsing(run(name), collapsed=one) for name, one in (("base", before), ("head", True)))
    found = compare(base, [head], 0.03).heads[0].qualities
    assert [one.verdict for one in found] == verdicts


# -- what cannot be compared


@pytest.mark.parametrize(
    ("base", "head", "reason"),
    [
        (None, made_quality(TEXTS), "base-none"),
        (made_quality(TEXTS), None, "head-none"),
        (made_quality([], "unknown", reason="failed"), made_quality(TEXTS), "base-unscored"),
        (*[made_quality([], "unknown", reason="no-scores")] * 2, "no-scores"),
        (made_quality(TEXTS), made_quality([], "unknown", reason="failed", error="no memory"), "head-unscored"),
        (made_quality(TEXTS), replace(made_quality(TEXTS), log_probs={"other": [-9.0]}), "other-texts"),
    ],
)
def test_what_cannot_be_compared_has_a_reason(base: Quality | None, head: Quality | None, reason: str) -> None:
    assert said(base, head) == ("unknown", reason)


def test_loads_of_which_nothing_is_known_are_not_listed() -> None:
    assert compare(run("base"), [run("head")], 0.03).heads[0].qualities == ()


# -- beside it


@pytest.mark.parametrize(("base", "head", "same"), [("a", "a", True), ("a", "b", False), (None, "b", None)])
def test_the_artifact_is_told_beside_it(base: str | None, head: str | None, same: bool | None) -> None:
    quality = made_quality(TEXTS)
    (one,) = compare(run("base", quality, base), [run("head", quality, head)], 0.03).heads[0].qualities
    assert one.same_artifact is same


def test_two_variants_of_one_run_are_compared() -> None:
    loads = [
        replace(made_load(variant=side), quality=made_quality(times(factor)))
        for side, factor in (("a", 1.0), ("b", 1.2))
    ]
    found = compare_variants(made_run("ab", [made_cell([10.0, 10.0], load=load) for load in loads]), 0.03)
    assert [one.verdict for one in found.heads[0].qualities] == ["worse"]

"""What a run says of the quality of its loads, from scores whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bench.analyse.quality import Quality, over_texts, perplexity
from bench.analyse.ranking import faithful_rankings
from bench.analyse.results import RunAnalysis
from bench.plan.cells import Cell, Load
from tests.support.tiny_run import TinyRun

Measure = Callable[..., Load]
TEXTS = ("chat-1", "chat-2", "code-1", "writing-1")
RIGHT = [-1.0, -2.0, -0.5, -4.0, -2.5] * 8
"""What the reference thinks of each text: a perplexity of e^2."""
OF = "transformers fp32"
ONE, OTHER = {"a": 4.0, "b": 9.0, "c": 100.0}, {"a": 2.0, "b": 4.5, "d": 1.0}
"""Text -> perplexity."""


@pytest.fixture
def measure(tiny_run: TinyRun) -> Measure:
    """A load that was measured, so many ms to the first token."""

    def one(
        backend: str = "ort-genai", precision: str = "int4", device: str = "CPU", ttft_ms: float = 10, **columns: Any
    ) -> Load:
        load = Load(backend, device, precision)
        cell = Cell(load, 10, 3)
        tiny_run.planned.append(cell)
        for block in range(2):
            tiny_run.generation(cell, block, ttft_ms + block, [1.0, 1.0], **columns)
            tiny_run.load(load, block, peak_memory_bytes=1000)
        return load

    return one


def about(value: Any, rel: float | None = None) -> Any:
    """``pytest.approx``, which can stand beside anything in a tuple."""
    return pytest.approx(value, rel=rel)


def at_ratio(ratio: float) -> list[float]:
    """Log-probabilities of a model with that many times the perplexity of the reference."""
    return [value - math.log(ratio) for value in RIGHT]


def score(
    run: TinyRun, load: Load, ratios: float | Sequence[float], reference: str | None = OF, **columns: Any
) -> None:
    """The fixed texts, one after the other, at these ratios."""
    of_texts = [ratios] * len(TEXTS) if isinstance(ratios, float | int) else ratios
    beside = {"reference": reference, "reference_log_probs": RIGHT} if reference else {}
    for name, ratio in zip(TEXTS, of_texts, strict=True):
        run.text(load, name, at_ratio(ratio), **beside, **columns)


def qualities(analysis: RunAnalysis) -> dict[str, Quality | None]:
    return {load.label: load.quality for load in analysis.loads}


def quality(run: TinyRun, load: Load) -> Quality:
    found = qualities(run.analyse())[load.label]
    assert found is not None
    return found


def verdict(run: TinyRun, load: Load) -> tuple[str, str]:
    found = quality(run, load)
    return found.verdict, found.reason


# -- ratios


def test_a_run_that_was_not_asked_has_no_quality(tiny_run: TinyRun, measure: Measure) -> None:
    measure()
    analysis = tiny_run.analyse()
    assert (qualities(analysis), analysis.faithful_rankings) == ({"ort-genai-CPU-int4": None}, ())


def test_the_ratio_is_that_of_the_perplexities(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    score(tiny_run, load, 1.25)
    found = quality(tiny_run, load)
    assert found.ratio is not None
    assert (found.ratio.value, found.ratio.blocks, found.perplexity) == (
        *(about(1.25), 4),
        about(1.25 * math.e**2),
    )


def test_the_interval_is_over_texts(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    score(tiny_run, load, [1.1, 1.2, 1.3, 1.4])
    ratio = quality(tiny_run, load).ratio
    logs = [math.log(value) for value in (1.1, 1.2, 1.3, 1.4)]
    mean = sum(logs) / 4
    half = 3.18245 * math.sqrt(sum((one - mean) ** 2 for one in logs) / 3 / 4)
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == about(
        (math.exp(mean), math.exp(mean - half), math.exp(mean + half)), rel=1e-4
    )


def test_one_text_has_no_interval(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    tiny_run.text(load, "chat-1", at_ratio(1.5), reference=OF, reference_log_probs=RIGHT)
    ratio = quality(tiny_run, load).ratio
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == (about(1.5), None, None)


def test_kinds_are_told_apart(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    score(tiny_run, load, [1.0, 1.0, 1.5, 1.2])
    found = [(one.kind, one.texts, one.positions, one.ratio) for one in quality(tiny_run, load).kinds]
    assert found == [
        ("chat", 2, 80, about(1.0)),
        ("code", 1, 40, about(1.5)),
        ("writing", 1, 40, about(1.2)),
    ]


def test_divergence_and_agreement_are_over_all_positions(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    score(tiny_run, load, 1.0, kl=[0.0, 0.1, 0.2, 0.3] * 10, same_top=[True, True, True, False] * 10)
    found = quality(tiny_run, load)
    assert (found.kl_mean, found.kl_p99, found.same_top) == (about(0.15), about(0.3), 0.75)


def test_half_a_pass_is_compared_over_the_positions_that_both_have(tiny_run: TinyRun, measure: Measure) -> None:
    wide, load = measure("transformers", "fp32"), measure()
    score(tiny_run, wide, 1.0, reference=None)
    for name in TEXTS:
        tiny_run.text(load, name, at_ratio(1.3)[:7], positions=40)
    found = quality(tiny_run, load)
    assert found.ratio is not None
    assert (found.ratio.value, found.positions) == (about(1.3), 28)


def test_of_a_text_that_was_scored_again_the_last_counts(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    score(tiny_run, load, 3.0)
    score(tiny_run, load, 1.0)
    assert verdict(tiny_run, load) == ("faithful", "ratio")


# -- references


def test_rows_without_a_reference_are_compared_with_the_widest_load(tiny_run: TinyRun, measure: Measure) -> None:
    load, wide = measure(), measure("transformers", "fp32")
    score(tiny_run, load, 1.2, reference=None)
    score(tiny_run, wide, 1.0, reference=None)
    found = qualities(tiny_run.analyse())
    own, of_wide = found[load.label], found[wide.label]
    assert own is not None
    assert of_wide is not None
    assert own.ratio is not None
    assert of_wide.ratio is not None
    assert (own.reference, own.reference_key, own.is_reference) == (wide.label, wide.key, False)
    assert (own.ratio.value, of_wide.ratio.value) == (about(1.2), 1.0)
    assert (of_wide.verdict, of_wide.reason, of_wide.is_reference) == ("faithful", "reference", True)


def test_the_reference_of_the_rows_goes_before_a_load_of_the_run(tiny_run: TinyRun, measure: Measure) -> None:
    load, wide = measure(), measure("transformers", "fp32")
    score(tiny_run, load, 1.2)
    score(tiny_run, wide, 1.1)
    found = quality(tiny_run, wide)
    assert (found.reference, found.reference_key, found.is_reference, found.verdict) == (OF, None, False, "degraded")


def test_a_load_can_be_named_as_the_reference(tiny_run: TinyRun, measure: Measure) -> None:
    load, wide = measure(), measure("transformers", "fp32")
    tiny_run.record = {"options": {"reference": load.label.lower()}}
    score(tiny_run, load, 1.25, reference=None)
    score(tiny_run, wide, 1.0, reference=None)
    analysis = tiny_run.analyse()
    found = qualities(analysis)[wide.label]
    assert found is not None
    assert found.ratio is not None
    assert analysis.reference is not None
    assert (found.ratio.value, found.reference, analysis.reference.label) == (about(0.8), *[load.label] * 2)


def test_without_a_reference_asked_for_nothing_is_compared(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure("transformers", "fp32")
    tiny_run.record = {"options": {"reference": "none"}}
    score(tiny_run, load, 1.0, reference=None)
    assert verdict(tiny_run, load) == ("unknown", "no-reference")


def test_a_load_that_is_nonsense_is_no_reference(tiny_run: TinyRun, measure: Measure) -> None:
    load, wide = measure("ort-genai", "int8"), measure("transformers", "fp32")
    score(tiny_run, load, 1.0, reference=None)
    tiny_run.text(wide, "chat-1", [None, *RIGHT[1:]])
    found = qualities(tiny_run.analyse())
    assert [(one.verdict, one.reason) for one in found.values() if one] == [
        ("faithful", "reference"),
        ("broken", "not-finite"),
    ]


def test_of_two_references_only_that_of_the_last_text_counts(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    tiny_run.text(load, "chat-1", at_ratio(9.0), reference="another", reference_log_probs=RIGHT)
    tiny_run.text(load, "chat-2", at_ratio(1.2), reference=OF, reference_log_probs=RIGHT)
    found = quality(tiny_run, load)
    assert found.ratio is not None
    assert (found.ratio.value, found.ratio.blocks, found.reference, found.texts) == (about(1.2), 1, OF, 2)


def test_other_texts_are_not_compared(tiny_run: TinyRun, measure: Measure) -> None:
    load, wide = measure(), measure("transformers", "fp32")
    score(tiny_run, wide, 1.0, reference=None)
    tiny_run.text(load, "chat-1", at_ratio(1.0), text_digest="of other ids")
    assert verdict(tiny_run, load) == ("unknown", "no-reference")


def test_without_anything_wide_nothing_is_claimed(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    score(tiny_run, load, 1.0, reference=None)
    assert verdict(tiny_run, load) == ("unknown", "no-reference")


# -- verdicts


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.0, "faithful"), (1.049, "faithful"), (1.051, "degraded"), (2.49, "degraded"), (2.51, "broken")],
)
def test_the_verdict_follows_the_ratio(tiny_run: TinyRun, measure: Measure, ratio: float, expected: str) -> None:
    load = measure()
    score(tiny_run, load, ratio)
    assert verdict(tiny_run, load) == (expected, "ratio")


def test_the_limits_are_those_of_the_run(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    tiny_run.record = {"options": {"quality_limits": {"degraded": 1.3, "broken": 4.0}}}
    score(tiny_run, load, 1.29)
    assert verdict(tiny_run, load) == ("faithful", "ratio")


@pytest.mark.parametrize("bad", [None, math.nan, math.inf])
def test_a_value_that_is_not_finite_is_broken(tiny_run: TinyRun, measure: Measure, bad: float | None) -> None:
    load = measure()
    score(tiny_run, load, 1.0)
    tiny_run.text(load, "code-2", [*RIGHT, bad], reference=OF, reference_log_probs=[*RIGHT, -1.0])
    found = quality(tiny_run, load)
    assert (found.verdict, found.reason, found.perplexity) == ("broken", "not-finite", None)
    assert found.ratio is not None
    assert found.ratio.value == about(1.0)


def test_one_likeliest_token_everywhere_is_broken(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    score(tiny_run, load, 1.0, top_ids=[5] * 40)
    assert verdict(tiny_run, load) == ("broken", "constant")


def test_a_few_positions_with_one_likeliest_token_are_not(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    tiny_run.text(load, "chat-1", RIGHT, top_ids=[5] * 40, reference=OF, reference_log_probs=RIGHT)
    assert verdict(tiny_run, load) == ("faithful", "ratio")


@pytest.mark.parametrize(("kl", "expected"), [(1.2, ("broken", "chance")), (0.1, ("faithful", "ratio"))])
def test_agreement_by_chance_is_broken_unless_all_tokens_are_about_as_likely(
    tiny_run: TinyRun, measure: Measure, kl: float, expected: tuple[str, str]
) -> None:
    load = measure()
    score(tiny_run, load, 1.0, same_top=[True, *[False] * 39], kl=[kl] * 40)
    assert verdict(tiny_run, load) == expected


def test_only_the_longest_prompt_can_be_wrong(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    score(tiny_run, load, 1.0)
    longest = {"kind": "longest-prompt", "first_position": 447}
    tiny_run.text(load, "longest-prompt", at_ratio(50), reference=OF, reference_log_probs=RIGHT, **longest)
    found = quality(tiny_run, load)
    assert found.longest is not None
    assert found.ratio is not None
    assert (found.verdict, found.reason, found.texts) == ("broken", "longest", 4)
    assert (found.longest.ratio, found.ratio.value) == (about(50), about(1.0))


@pytest.mark.parametrize(("device", "cpu"), [("GPU", "CPU"), ("OPENVINO.GPU", "OPENVINO.CPU")])
def test_a_device_that_is_wrong_where_the_cpu_is_right(
    tiny_run: TinyRun, measure: Measure, device: str, cpu: str
) -> None:
    load = measure(device=device)
    score(tiny_run, load, 30.0)
    score(tiny_run, load, 1.2, device=cpu)
    found = quality(tiny_run, load)
    assert found.cpu_ratio is not None
    assert (found.verdict, found.reason, found.cpu_ratio.value) == ("broken", "device", about(25))


def test_an_artifact_that_is_wrong_on_the_cpu_too_is_not_the_devices_fault(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure(device="GPU")
    score(tiny_run, load, 30.0)
    score(tiny_run, load, 10.0, device="CPU")
    assert verdict(tiny_run, load) == ("broken", "ratio")


def test_a_device_is_judged_beside_the_cpu_without_a_reference_too(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure(device="GPU")
    score(tiny_run, load, 30.0, reference=None)
    score(tiny_run, load, 1.2, reference=None, device="CPU")
    assert verdict(tiny_run, load) == ("broken", "device")


def test_a_longest_prompt_that_is_wrong_on_the_device_alone(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure(device="NPU")
    score(tiny_run, load, 1.0)
    for device, ratio in (("NPU", 20.0), ("CPU", 1.0)):
        tiny_run.text(load, "longest-prompt", at_ratio(ratio), kind="longest-prompt", device=device)
    assert verdict(tiny_run, load) == ("broken", "longest")


@pytest.mark.parametrize(
    ("synthetic", "expected"), [(False, ("broken", "collapsed")), (True, ("unknown", "no-scores"))]
)
def test_collapsed_answers_are_broken_unless_the_weights_are_random(
    tiny_run: TinyRun, synthetic: bool, expected: tuple[str, str]
) -> None:
    load = Load("openvino-genai", "NPU", "int4")
    cell = Cell(load, 10, 8)
    tiny_run.record = {"model": {"synthetic": synthetic}}
    tiny_run.planned.append(cell)
    tiny_run.generation(cell, 0, 10, [1.0] * 7, prompt_digest="p", token_ids=[[7]] * 8)
    tiny_run.load(load, 0)
    tiny_run.text(load, None, status="unsupported", error_message="no logits on an NPU")
    found = quality(tiny_run, load)
    assert ((found.verdict, found.reason), found.error) == (expected, "no logits on an NPU")


def test_answers_outside_of_the_vocabulary_are_broken_whatever_was_scored(tiny_run: TinyRun) -> None:
    load = Load("openvino-genai", "NPU", "int4")
    tiny_run.record = {"model": {"vocab_size": 50}}
    tiny_run.planned.append(Cell(load, 10, 2))
    tiny_run.generation(tiny_run.planned[0], 0, 10, [1.0], prompt_digest="p", token_ids=[[7], [50]])
    tiny_run.load(load, 0)
    score(tiny_run, load, 1.0)
    assert verdict(tiny_run, load) == ("broken", "vocabulary")


def test_a_pass_that_crashed_leaves_it_unknown(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    tiny_run.text(load, None, status="crashed", error_message="exit code 139")
    found = quality(tiny_run, load)
    assert (found.verdict, found.reason, found.error) == ("unknown", "failed", "exit code 139")


def test_what_was_scored_before_a_crash_counts(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    score(tiny_run, load, 1.2)
    tiny_run.text(load, None, status="crashed", error_message="exit code 139")
    found = quality(tiny_run, load)
    assert (found.verdict, found.texts, found.error) == ("degraded", 4, "exit code 139")


def test_a_text_that_was_left_out_is_no_failure_of_the_load(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    score(tiny_run, load, 1.0)
    tiny_run.text(load, "longest-prompt", status="unsupported", error_message="longer than the model's context")
    found = quality(tiny_run, load)
    assert (found.verdict, found.error, found.longest) == ("faithful", None, None)


def test_a_load_that_was_left_out_is_unknown(tiny_run: TinyRun, measure: Measure) -> None:
    load, other = measure(), measure("openvino-genai")
    score(tiny_run, other, 1.0)
    assert verdict(tiny_run, load) == ("unknown", "no-scores")


def test_a_row_without_values_is_no_score(tiny_run: TinyRun, measure: Measure) -> None:
    load = measure()
    tiny_run.text(load, "chat-1", ())
    found = quality(tiny_run, load)
    assert (found.verdict, found.reason, found.texts, found.kinds) == ("unknown", "no-scores", 0, ())


def test_a_simulated_load_that_is_not_told_what_to_say_has_no_quality(tiny_run: TinyRun, measure: Measure) -> None:
    measure("simulated")
    score(tiny_run, measure(), 1.0)
    assert qualities(tiny_run.analyse())["simulated-CPU-int4"] is None


def test_simulated_loads_are_compared_among_themselves(tiny_run: TinyRun, measure: Measure) -> None:
    played, wide, real = measure("simulated"), measure("simulated", "int8"), measure("transformers", "fp32")
    score(tiny_run, played, 1.3, reference=None)
    score(tiny_run, wide, 1.0, reference=None)
    score(tiny_run, real, 1.0, reference=None)
    found = quality(tiny_run, played)
    assert found.ratio is not None
    assert (found.reference, found.ratio.value) == (wide.label, about(1.3))


# -- rankings


def test_a_broken_load_takes_no_part_in_a_ranking(tiny_run: TinyRun, measure: Measure) -> None:
    fast, slow = measure(ttft_ms=5), measure("openvino-genai", ttft_ms=20)
    score(tiny_run, fast, 8.0)
    score(tiny_run, slow, 1.0)
    analysis = tiny_run.analyse()
    ranked: list[Any] = [*analysis.rankings, *analysis.memory_rankings]
    for ranking in ranked:
        assert [one.backend for one in _loads(ranking.contestants)] == ["openvino-genai"]
        assert [one.backend for one in _loads(ranking.broken)] == ["ort-genai"]


def test_the_faithful_are_ranked_among_themselves_too(tiny_run: TinyRun, measure: Measure) -> None:
    for backend, ttft_ms, ratio in (("ort-genai", 5, 1.3), ("openvino-genai", 20, 1.0), ("transformers", 30, 1.01)):
        score(tiny_run, measure(backend, ttft_ms=ttft_ms), ratio)
    analysis = tiny_run.analyse()
    winners = [
        {one.metric: one.winner.load.backend for one in found}["ttft_ms"]
        for found in (analysis.rankings, analysis.faithful_rankings)
    ]
    assert winners == ["ort-genai", "openvino-genai"]
    assert [len(one.contestants) for one in analysis.faithful_rankings] == [2, 2, 2]


@pytest.mark.parametrize("ratios", [(1.0, 1.0), (1.3, 1.3), (9.0, 1.0)], ids=["all", "none", "all but the broken"])
def test_the_faithful_have_no_ranking_where_it_would_be_the_same_or_empty(
    tiny_run: TinyRun, measure: Measure, ratios: Sequence[float]
) -> None:
    for backend, ratio in zip(("ort-genai", "openvino-genai"), ratios, strict=True):
        score(tiny_run, measure(backend), ratio)
    assert tiny_run.analyse().faithful_rankings == ()


def test_where_all_are_broken_nobody_wins(tiny_run: TinyRun, measure: Measure) -> None:
    score(tiny_run, measure(), 9.0)
    analysis = tiny_run.analyse()
    assert (analysis.rankings, analysis.memory_rankings, faithful_rankings(analysis.cells, ())) == ((), (), [])


def _loads(contestants: Sequence[Any]) -> list[Any]:
    return [getattr(one, "load", one) for one in contestants]


# -- two runs


def test_only_texts_of_both_sides_are_compared() -> None:
    logs = [{name: [-math.log(value)] for name, value in texts.items()} for texts in (ONE, OTHER)]
    found = over_texts(*logs)
    assert found is not None
    assert [found.contrast.ratio.value, found.one, found.other] == pytest.approx([2.0, 6.0, 3.0])
    assert found.contrast.ratio.blocks == 2


def test_a_text_is_compared_as_far_as_both_have_it() -> None:
    found = over_texts({"a": [-1.0, -2.0, -9.0]}, {"a": [-1.0, -2.0]})
    assert found is not None
    assert found.contrast.ratio.value == 1.0


def test_a_text_with_a_value_that_is_not_finite_is_left_out() -> None:
    found = over_texts({"a": [math.nan], "b": [-1.0]}, {"a": [-1.0], "b": [-1.0]})
    assert found is not None
    assert found.contrast.ratio.blocks == 1


def test_loads_that_share_no_text_are_not_compared() -> None:
    assert over_texts({"a": RIGHT}, {"b": RIGHT}) is None


def test_a_perplexity_beyond_what_a_float_holds_is_finite() -> None:
    assert math.isfinite(perplexity([-1e6, -1e6]))

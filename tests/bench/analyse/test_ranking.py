from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bench.analyse.adaptive import Medians, Rule, narrow_enough
from bench.analyse.interval import over_blocks, paired
from bench.analyse.ranking import memory_rankings, rankings
from bench.analyse.results import CellResult, Measured, Ranking, RunAnalysis
from bench.plan.cells import Cell
from tests.support.analyses import made_cell, made_load

MakeCell = Callable[..., Cell]


def ttft(analysis: RunAnalysis) -> Ranking[CellResult]:
    return next(ranking for ranking in analysis.rankings if ranking.metric == "ttft_ms")


def measure(tiny_run: Any, cell: Cell, medians: list[float]) -> None:
    for block, value in enumerate(medians):
        tiny_run.generation(cell, block, value, (1, 1))
        tiny_run.load(cell.load, block)


def test_the_lowest_wins(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("transformers"), [30, 31, 32])
    measure(tiny_run, make_cell("ort-genai"), [20, 21, 22])
    assert ttft(tiny_run.analyse()).winner.load.backend == "ort-genai"


def test_a_clear_difference_is_distinguishable(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("transformers"), [30, 31, 32])
    measure(tiny_run, make_cell("ort-genai"), [20, 21, 22])
    assert ttft(tiny_run.analyse()).rivals[0].distinguishable is True


def test_a_difference_within_the_noise_is_tied(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("transformers"), [20, 26, 23])
    measure(tiny_run, make_cell("ort-genai"), [24, 20, 22])
    assert [rival.distinguishable for rival in ttft(tiny_run.analyse()).rivals] == [False]


def test_one_block_tells_nothing_apart(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("transformers"), [99])
    measure(tiny_run, make_cell("ort-genai"), [20])
    assert ttft(tiny_run.analyse()).rivals[0].distinguishable is None


def test_equal_cells_are_tied(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("transformers"), [20, 20])
    measure(tiny_run, make_cell("ort-genai"), [20, 20])
    assert ttft(tiny_run.analyse()).rivals[0].distinguishable is False


def test_few_blocks_claim_no_verdict(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell(), [20.0] * 9)
    assert not ttft(tiny_run.analyse()).verdict


def test_ten_blocks_claim_a_verdict(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell(), [20.0] * 10)
    assert ttft(tiny_run.analyse()).verdict


def test_one_cell_with_few_blocks_withholds_the_verdict(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("ort-genai"), [20.0] * 10)
    measure(tiny_run, make_cell("transformers"), [30.0] * 2)
    assert not ttft(tiny_run.analyse()).verdict


def test_simulated_cells_are_never_ranked_with_measured_ones(tiny_run: Any, make_cell: MakeCell) -> None:
    measure(tiny_run, make_cell("ort-genai"), [20, 21])
    measure(tiny_run, make_cell("simulated"), [1, 1])
    winners = {r.simulated: r.winner.load.backend for r in tiny_run.analyse().rankings if r.metric == "ttft_ms"}
    assert winners == {False: "ort-genai", True: "simulated"}


def test_each_prompt_length_has_its_own_ranking(tiny_run: Any, make_cell: MakeCell) -> None:
    for prompt_tokens in (10, 20):
        measure(tiny_run, make_cell(prompt_tokens=prompt_tokens), [20, 21])
    lengths = [r.shapes[0][0] for r in tiny_run.analyse().rankings if r.metric == "tpot_ms"]
    assert lengths == [10, 20]


def test_an_answer_of_one_token_is_not_ranked_by_tpot(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(new_tokens=1), 0, 20)
    assert {ranking.metric for ranking in tiny_run.analyse().rankings} == {"ttft_ms", "response_ms"}


def ask_again(tiny_run: Any, cell: Cell, medians: list[float]) -> None:
    for block, value in enumerate(medians):
        tiny_run.generation(cell, block, 90, (1, 1), warmup=True, ask="first")
        tiny_run.generation(cell, block, value, (1, 1), ask="again")
        tiny_run.load(cell.load, block)


def test_a_prefix_cache_hit_never_wins_against_first_asks(tiny_run: Any, make_cell: MakeCell) -> None:
    first = make_cell("openvino-genai")
    measure(tiny_run, first, [20, 21, 22])
    ask_again(
        tiny_run, replace(first, load=replace(first.load, options={"prefix_caching": "on"}), ask="again"), [2, 2, 2]
    )
    found = [
        (one.ask, one.winner.ask, len(one.rivals)) for one in tiny_run.analyse().rankings if one.metric == "ttft_ms"
    ]
    assert found == [("first", "first", 0), ("again", "again", 0)]


# -- cells that were measured in different blocks


def by_block(medians: Mapping[int, float]) -> Measured:
    estimate = over_blocks(medians)
    assert estimate is not None
    return Measured(estimate, medians)


def ranked(contestants: Mapping[str, Mapping[int, float]]) -> Ranking[CellResult]:
    """The ranking by time to first token of backends with these block medians."""

    def cell(backend: str, medians: Mapping[int, float]) -> CellResult:
        return replace(made_cell([1.0], load=made_load(backend)), ttft_ms=by_block(medians))

    (ranking,) = rankings([cell(*one) for one in contestants.items()])
    return ranking


def names(cells: Sequence[CellResult]) -> list[str]:
    return [cell.load.backend for cell in cells]


def slowed_later(seed: int) -> dict[str, dict[int, float]]:
    """Backend a is 5 % faster and ran 40 blocks, b ran ten; from block 10 on the machine is 20 % slower."""
    noise = random.Random(seed)

    def medians(factor: float, blocks: int) -> dict[int, float]:
        return {n: factor * (100 if n < 10 else 120) * math.exp(noise.gauss(0, 0.01)) for n in range(blocks)}

    return {"a": medians(0.95, 40), "b": medians(1.0, 10)}


def test_a_cell_that_went_on_while_the_machine_got_slower_is_still_the_fastest() -> None:
    contestants = slowed_later(1)
    found = ranked(contestants)
    (rival,) = found.rivals
    # By its own blocks alone it would be the slower one.
    assert by_block(contestants["a"]).estimate.value > by_block(contestants["b"]).estimate.value
    assert (found.winner.load.backend, found.claimed, rival.ratio.blocks) == ("a", True, 10)
    assert rival.ratio.value == pytest.approx(1 / 0.95, rel=0.01)


def test_figures_beside_a_ratio_cover_its_blocks() -> None:
    contestants = slowed_later(1)
    found = ranked(contestants)
    (rival,) = found.rivals
    first = {block: contestants["a"][block] for block in range(10)}
    assert (found.lowest, found.partial) == (over_blocks(first), True)
    assert (rival.value, rival.lowest) == (by_block(contestants["b"]).estimate.value, found.lowest.value)
    assert rival.ratio.value == pytest.approx(rival.value / rival.lowest)


def test_each_ratio_has_the_figures_of_its_own_blocks() -> None:
    contestants = {**slowed_later(1), "c": {block: 2.0 * (100 if block < 10 else 120) for block in range(40)}}
    found = ranked(contestants)
    assert [rival.ratio.blocks for rival in found.rivals] == [10, 40]
    for rival in found.rivals:
        assert rival.ratio.value == pytest.approx(rival.value / rival.lowest)
    # The figure of the lowest itself is over all blocks that any of them shares with it.
    assert (found.lowest.blocks, found.partial, found.rivals[0].lowest < found.lowest.value) == (40, False, True)


def test_a_verdict_takes_enough_shared_blocks() -> None:
    found = ranked({"a": dict.fromkeys(range(12), 10.0), "b": dict.fromkeys(range(5, 17), 20.0)})
    assert (found.blocks, found.verdict, found.claimed) == (7, False, False)


def test_a_cell_that_shares_no_block_with_the_lowest_is_not_compared_and_nothing_is_claimed() -> None:
    ten = range(10)
    found = ranked({"a": dict.fromkeys(ten, 10.0), "b": dict.fromkeys(ten, 20.0), "c": dict.fromkeys((10, 11), 5.0)})
    assert (found.winner.load.backend, names(found.not_compared), found.claimed) == ("a", ["c"], False)
    assert [rival.load.backend for rival in found.rivals] == ["b"]


def test_two_that_share_no_block_claim_nothing() -> None:
    found = ranked({"a": dict.fromkeys(range(10), 20.0), "b": dict.fromkeys(range(10, 20), 10.0)})
    assert (found.winner.load.backend, found.rivals, names(found.not_compared)) == ("b", (), ["a"])
    assert (found.alone, found.verdict, found.claimed) == (False, False, False)


def test_nothing_is_fastest_while_a_rival_is_lower_where_both_were_measured() -> None:
    # Pairs that share different blocks of a machine that does not slow all of them alike: a < b < c < a.
    noise = random.Random(1)

    def ten(first: int, value: float) -> dict[int, float]:
        return {block: value * math.exp(noise.gauss(0, 0.01)) for block in range(first, first + 10)}

    found = ranked({"a": ten(0, 90) | ten(20, 100), "b": ten(0, 100) | ten(10, 90), "c": ten(10, 100) | ten(20, 90)})
    assert [(rival.lower, rival.higher) for rival in found.rivals] == [(True, False), (False, True)]
    assert (found.verdict, found.claimed, found.open) == (True, False, True)


def test_memory_is_ranked_by_shared_blocks_too() -> None:
    def cell(backend: str, peaks: Mapping[int, float]) -> CellResult:
        return made_cell([1.0], load=replace(made_load(backend), peak_memory=by_block(peaks)))

    grown = {block: (500e6 if block < 10 else 600e6) * (1 + block / 1e4) for block in range(40)}
    (found,) = memory_rankings([cell("a", grown), cell("b", {block: 1.05 * grown[block] for block in range(10)})])
    assert (found.winner.backend, found.claimed, found.partial) == ("a", True, True)
    assert found.lowest.value == pytest.approx(500e6, rel=0.001)


@pytest.mark.slow
def test_drift_under_adaptive_stopping_makes_nobody_fastest_who_is_not() -> None:
    """By estimates over each cell's own blocks, the slower cell was called fastest in two of three such runs."""
    noise, rule = random.Random(1), Rule(target=0.02, least_blocks=10)

    def medians(factor: float, spread: float) -> dict[int, float]:
        found: dict[int, float] = {}
        for block in range(40):
            if block >= rule.least_blocks and narrow_enough(Medians(found), rule):
                break
            found[block] = factor * (100 + 20 * block / 39) * math.exp(noise.gauss(0, spread))
        return found

    claims = [ranked({"a": medians(0.95, 0.05), "b": medians(1.0, 0.01)}) for _ in range(100)]
    fastest = [found.winner.load.backend for found in claims if found.claimed]
    assert (fastest.count("b"), fastest.count("a") > 60) == (0, True)


# -- how many false calls there are


def identical(
    contestants: int, blocks: int, noise: random.Random, spread: Callable[[int], float]
) -> Ranking[CellResult]:
    """A ranking of configurations that take equally long."""
    mood = [noise.gauss(0, 0.03) for _ in range(blocks)]
    return ranked(
        {
            f"{one:02}": {block: 100 * math.exp(mood[block] + noise.gauss(0, spread(one))) for block in range(blocks)}
            for one in range(contestants)
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("contestants", [3, 7, 12])
@pytest.mark.parametrize("spread", [lambda _: 0.03, lambda one: 0.005 + 0.007 * one], ids=["alike", "unlike"])
def test_of_rankings_of_identical_configurations_one_in_twenty_has_a_false_call(
    contestants: int, spread: Callable[[int], float]
) -> None:
    noise, count = random.Random(14), 300
    found = [identical(contestants, 10, noise, spread) for _ in range(count)]
    called = sum(any(rival.distinguishable for rival in ranking.rivals) for ranking in found)
    # An interval of its ratio alone leaves out 1 far more often.
    alone = sum(any((rival.ratio.low or 0) > 1 for rival in ranking.rivals) for ranking in found)
    # One in twenty, and what 300 rankings can be off by: two standard errors.
    assert called / count <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / count)
    assert alone > 2 * called


def test_the_adjustment_is_over_all_pairs_and_not_over_those_with_the_lowest_alone() -> None:
    # Both differences from the lowest have p = 0.02, which stands among two comparisons and not among three pairs.
    mean, turns = 0.94, [1 if block % 2 else -1 for block in range(10)]
    above, below = ({n: math.exp((mean + sign * turn) / 100) for n, turn in enumerate(turns)} for sign in (1, -1))
    found = ranked({"lowest": dict.fromkeys(range(10), 1.0), "above": above, "below": below})
    contrast = paired(above, found.winner.ttft_ms.by_block)
    assert contrast is not None
    assert contrast.p_value == pytest.approx(0.02, abs=0.001)
    assert [rival.distinguishable for rival in found.rivals] == [False, False]


# -- memory


def weigh(tiny_run: Any, cell: Cell, megabytes: list[float | None]) -> None:
    """A generation and a process per block, with that peak."""
    for block, peak in enumerate(megabytes):
        tiny_run.generation(cell, block, 20, (1, 1))
        tiny_run.load(cell.load, block, peak_memory_bytes=None if peak is None else round(peak * 1e6))


def test_the_lowest_peak_leads_the_ranking_by_memory(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell("transformers"), [900, 910, 905])
    weigh(tiny_run, make_cell("ort-genai"), [500, 505, 500])
    (found,) = tiny_run.analyse().memory_rankings
    (rival,) = found.rivals
    assert (found.winner.backend, rival.load.backend, rival.distinguishable) == ("ort-genai", "transformers", True)


def test_memory_has_the_interval_of_its_blocks(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell(), [500, 510, 505])
    (found,) = tiny_run.analyse().memory_rankings
    estimate = found.winner.peak_memory.estimate
    # The geometric mean, and Student's t on the logarithms with two degrees of freedom.
    assert estimate.value == pytest.approx((500 * 510 * 505) ** (1 / 3) * 1e6)
    assert (estimate.low / 1e6, estimate.high / 1e6) == pytest.approx((492.7, 517.6), abs=0.1)


def test_a_load_whose_memory_is_not_known_is_not_ranked(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell("transformers"), [None, None])
    weigh(tiny_run, make_cell("ort-genai"), [500, 505])
    (found,) = tiny_run.analyse().memory_rankings
    assert (found.winner.backend, found.rivals) == ("ort-genai", ())


def test_a_run_without_any_known_memory_has_no_ranking_by_it(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell(), [None, None])
    assert tiny_run.analyse().memory_rankings == ()


def test_one_block_gives_memory_no_interval_and_no_verdict(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell("transformers"), [900])
    weigh(tiny_run, make_cell("ort-genai"), [500])
    (found,) = tiny_run.analyse().memory_rankings
    assert (found.verdict, found.rivals[0].distinguishable, found.winner.peak_memory.estimate.low) == (
        *(False, None),
        None,
    )


def test_a_load_that_failed_at_a_longer_prompt_is_not_ranked_with_those_that_did_not(
    tiny_run: Any, make_cell: MakeCell
) -> None:
    for prompt_tokens in (10, 20):
        weigh(tiny_run, make_cell("transformers", prompt_tokens=prompt_tokens), [900, 905])
        weigh(tiny_run, make_cell("openvino-genai", prompt_tokens=prompt_tokens), [700, 705])
    weigh(tiny_run, make_cell("ort-genai"), [500, 505])
    found = [(one.winner.backend, len(one.rivals)) for one in tiny_run.analyse().memory_rankings]
    assert found == [("openvino-genai", 1), ("ort-genai", 0)]


def test_a_process_that_was_started_again_does_not_lower_the_peak_of_its_block(
    tiny_run: Any, make_cell: MakeCell
) -> None:
    cell = make_cell()
    weigh(tiny_run, cell, [500, 500])
    tiny_run.load(cell.load, 1, load_id="again", attempt=1, peak_memory_bytes=300_000_000)
    (found,) = tiny_run.analyse().memory_rankings
    assert found.winner.peak_memory.by_block == {0: 5e8, 1: 5e8}


def test_simulated_memory_is_never_ranked_with_measured(tiny_run: Any, make_cell: MakeCell) -> None:
    weigh(tiny_run, make_cell("ort-genai"), [500, 505])
    weigh(tiny_run, make_cell("simulated"), [50, 50])
    found = [(one.simulated, one.winner.backend, one.rivals) for one in tiny_run.analyse().memory_rankings]
    assert found == [(False, "ort-genai", ()), (True, "simulated", ())]

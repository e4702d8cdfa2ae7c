from __future__ import annotations

import math
import random

import pytest

from bench.analyse.compare import compare
from bench.analyse.results import RunAnalysis
from bench.analyse.variation import Variation, variation
from tests.support.analyses import made_cell, made_load, made_run, packages


def run(name: str, *values: float, blocks: int = 3, version: str = "1") -> RunAnalysis:
    """A run with a cell per value, each block alike."""
    cells = [made_cell([value] * blocks, prompt_tokens=index) for index, value in enumerate(values, start=1)]
    return made_run(name, cells, venvs=packages(numpy=version))


def factors(*shifts: float) -> list[float]:
    return [10 * math.exp(shift) for shift in shifts]


def spread(found: Variation, prompt_tokens: int = 1, blocks: int = 3) -> tuple[float, float] | None:
    known = found.of(made_cell([1.0], prompt_tokens), "ttft_ms")
    if known is None:
        return None
    told = known.for_blocks(blocks)
    return told.variance, told.freedom


def test_the_variance_is_that_of_the_runs_logarithms() -> None:
    shifts = (-0.02, -0.01, 0.0, 0.01, 0.02)
    found = variation(run(str(n), value) for n, value in enumerate(factors(*shifts)))
    assert spread(found) == pytest.approx((0.00025, 4))


def test_four_runs_are_too_few() -> None:
    assert spread(variation(run(str(n), 10.0 + n) for n in range(4))) is None


def test_runs_under_other_conditions_vary_around_a_mean_of_their_own() -> None:
    slow = [run(f"a{n}", value, version="1") for n, value in enumerate(factors(-0.01, 0.0, 0.01))]
    fast = [run(f"b{n}", value, version="2") for n, value in enumerate(factors(-1.01, -1.0, -0.99))]
    assert spread(variation([*slow, *fast])) == pytest.approx((0.0001, 4))


def test_a_run_of_its_own_kind_tells_nothing() -> None:
    found = variation([*(run(str(n), 10.0) for n in range(5)), run("other", 99.0, version="2")])
    assert found.runs == 5
    assert spread(found) == pytest.approx((0.0, 4))


def test_a_cell_without_a_history_has_that_of_its_stack() -> None:
    found = variation(run(str(n), value) for n, value in enumerate(factors(-0.02, -0.01, 0.0, 0.01, 0.02)))
    assert spread(found, prompt_tokens=77) == pytest.approx((0.00025, 4))


def test_cells_of_one_run_do_not_add_to_the_freedom() -> None:
    found = variation(run(str(n), value, value, value) for n, value in enumerate(factors(-0.02, -0.01, 0, 0.01, 0.02)))
    assert spread(found, prompt_tokens=77) == pytest.approx((0.00025, 4))


def test_another_stack_has_no_history() -> None:
    found = variation(run(str(n), 10.0 + n) for n in range(5))
    assert found.of(made_cell([1.0], 77, made_load("transformers")), "ttft_ms") is None


def test_an_estimate_over_fewer_blocks_is_expected_to_vary_more() -> None:
    found = variation(run(str(n), value, blocks=6) for n, value in enumerate(factors(-0.02, -0.01, 0.0, 0.01, 0.02)))
    assert spread(found, blocks=2) == pytest.approx((0.00075, 4))
    assert spread(found, blocks=20) == pytest.approx((0.00025, 4))


# -- what a comparison makes of it


def history(size: float) -> Variation:
    return variation(run(f"h{n}", 10 * math.exp(size * shift)) for n, shift in enumerate((-2, -1, 0, 1, 2)))


def test_an_interval_that_covers_the_variation_between_runs_is_taken_where_it_is_wider() -> None:
    base, head = run("base", 10.0), run("head", 11.0)
    known, blind = compare(base, [head], 0.03, [history(0.05)]), compare(base, [head], 0.03)
    assert [
        (one.earlier, one.differences[0].basis, one.differences[0].verdict) for one in (*known.heads, *blind.heads)
    ] == [
        (5, "runs", "inconclusive"),
        (0, "blocks", "slower"),
    ]


def test_a_history_without_variation_leaves_the_blocks_interval() -> None:
    cells = [made_cell(values) for values in ([10.0, 10.5, 9.5], [11.0, 11.5, 10.5])]
    base, head = (made_run(name, [cell]) for name, cell in zip("ab", cells, strict=True))
    calm = variation(made_run(f"h{n}", [made_cell([10.0] * 3)]) for n in range(5))
    assert compare(base, [head], 0.03, [calm]).differences[0].basis == "blocks"


def test_one_block_claims_nothing_whatever_the_history() -> None:
    found = compare(run("base", 10.0, blocks=1), [run("head", 20.0, blocks=1)], 0.03, [history(0.001)])
    assert found.differences[0].contrast.p_value is None


def test_a_history_of_many_runs_makes_no_claim_easier() -> None:
    noise = random.Random(3)
    known = variation(run(f"h{n}", 10 * noise.lognormvariate(0, 0.06)) for n in range(40))
    base, head = (
        made_run(name, [made_cell([value * 0.98, value * 1.02], 1)]) for name, value in (("b", 10), ("h", 13))
    )
    with_it, without = (compare(base, [head], 0.03, [one]).differences[0] for one in (known, None))
    assert (with_it.contrast.p_value or 0) >= (without.contrast.p_value or 1)


def test_with_a_history_twins_are_called_apart_in_at_most_one_cell_of_twenty() -> None:
    noise = random.Random(4)

    def one(name: str) -> RunAnalysis:
        return run(name, *(10 * noise.lognormvariate(0, 0.02) for _ in range(4)))

    called = {"blind": 0, "informed": 0}
    for _ in range(150):
        known = variation(one(f"h{n}") for n in range(5))
        base, head = one("base"), one("head")
        for name, found in (("blind", compare(base, [head], 0.03)), ("informed", compare(base, [head], 0.03, [known]))):
            called[name] += sum(difference.verdict in ("slower", "faster") for difference in found.differences)
    assert called["informed"] / 600 <= 0.05 < called["blind"] / 600

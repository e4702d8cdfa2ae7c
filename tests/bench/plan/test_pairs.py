"""The order of visits of an A/B run: what makes the comparison of the two fair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from bench.errors import UsageError
from bench.plan.flags import raw_values
from bench.plan.options import Options, resolve_options
from bench.plan.plan import Plan, PlannedVisit, make_plan

MakeOptions = Callable[..., Options]
SEEDS = st.integers(min_value=0, max_value=2**31 - 1)
BLOCKS = st.integers(min_value=1, max_value=12)
VARIANTS = ("--a", "simulated.itl_ms=2", "--b", "simulated.itl_ms=2.2")


def plan_of(seed: int, blocks: int) -> Plan:
    sweep = (*VARIANTS, "--prompt-tokens", "8,16,32", "--seed", str(seed), "--blocks", str(blocks))
    return make_plan(resolve_options(raw_values(sweep), Path.cwd()))


def pairs(plan: Plan) -> list[tuple[PlannedVisit, PlannedVisit]]:
    return list(zip(plan.visits[::2], plan.visits[1::2], strict=True))


def order(plan: Plan) -> list[tuple[int, int, str, list[str]]]:
    return [(one.block, one.position, one.load.key, [cell.key for cell in one.cells]) for one in plan.visits]


@given(SEEDS, BLOCKS)
def test_the_two_variants_of_a_load_are_neighbours(seed: int, blocks: int) -> None:
    for one, other in pairs(plan_of(seed, blocks)):
        assert (one.block, one.load.precision, {one.load.variant, other.load.variant}) == (
            other.block,
            other.load.precision,
            {"a", "b"},
        )


@given(SEEDS, BLOCKS)
def test_every_block_visits_each_load_once(seed: int, blocks: int) -> None:
    plan = plan_of(seed, blocks)
    visited = [sorted(one.load.key for one in plan.visits if one.block == block) for block in range(blocks)]
    assert visited == [sorted(load.key for load in plan.loads)] * blocks


@given(SEEDS, BLOCKS)
def test_each_variant_is_first_equally_often_but_for_an_odd_block(seed: int, blocks: int) -> None:
    first = Counter((one.load.precision, one.load.variant) for one, _ in pairs(plan_of(seed, blocks)))
    assert all(abs(first[precision, "a"] - first[precision, "b"]) <= blocks % 2 for precision, _ in first)


@given(SEEDS, BLOCKS)
def test_both_variants_measure_their_cells_in_the_same_order(seed: int, blocks: int) -> None:
    for one, other in pairs(plan_of(seed, blocks)):
        assert [cell.shape for cell in one.cells] == [cell.shape for cell in other.cells]


@given(SEEDS, BLOCKS)
def test_the_same_seed_gives_the_same_order(seed: int, blocks: int) -> None:
    assert order(plan_of(seed, blocks)) == order(plan_of(seed, blocks))


@given(SEEDS)
def test_more_blocks_do_not_change_the_order_of_the_first(seed: int) -> None:
    assert order(plan_of(seed, 7))[: len(plan_of(seed, 5).visits)] == order(plan_of(seed, 5))


@given(SEEDS)
def test_visits_are_numbered_one_after_the_other(seed: int) -> None:
    places = [(one.block, one.position) for one in plan_of(seed, 3).visits]
    assert (all(before < after for before, after in pairwise(places)), places[5]) == (True, (0, 5))


def test_which_variant_is_first_differs_between_seeds_loads_and_pairs_of_blocks() -> None:
    drawn = {tuple(one.load.variant for one, _ in pairs(plan_of(seed, 4))) for seed in range(30)}
    assert len(drawn) > 20


def test_pairs_come_in_another_order_in_each_block() -> None:
    orders = {
        tuple(one.load.precision for one, _ in pairs(plan_of(seed, 4))[3 * block : 3 * block + 3])
        for seed in range(5)
        for block in range(4)
    }
    assert len(orders) == 6


def test_both_variants_have_the_same_cells_under_keys_of_their_own() -> None:
    plan = plan_of(1, 1)
    shapes = Counter((cell.load.precision, cell.shape) for cell in plan.cells)
    assert (set(shapes.values()), len({cell.key for cell in plan.cells})) == ({2}, len(plan.cells))


def test_each_variant_has_its_own_options_and_those_of_the_run(make_options: MakeOptions) -> None:
    options = make_options(*VARIANTS, "--precision", "int4", "--load-option", "simulated.ttft_ms=5")
    assert [(load.variant, dict(load.options)) for load in make_plan(options).loads] == [
        ("a", {"ttft_ms": 5, "itl_ms": 2}),
        ("b", {"ttft_ms": 5, "itl_ms": 2.2}),
    ]


def test_an_option_that_splits_the_loads_of_one_variant_leaves_pairs(make_options: MakeOptions) -> None:
    variants = ("--a", "openvino-genai.max_prompt_len=1024", "--b", "current")
    plan = make_plan(make_options(*variants, "--device", "NPU", "--precision", "int4", "--prompt-tokens", "32,512"))
    for one, other in pairs(plan):
        assert [cell.shape for cell in one.cells] == [cell.shape for cell in other.cells]


def test_what_cannot_be_cannot_be_in_either_variant(make_options: MakeOptions) -> None:
    plan = make_plan(make_options("--a", "openvino-genai==2026.3.0.0", "--b", "current", "--batch-size", "1,4"))
    assert Counter(entry.cell.load.variant for entry in plan.impossible) == {"a": 9, "b": 9}


@pytest.mark.parametrize(
    ("variant", "device", "reason"),
    [
        (
            "openvino-genai.attention_backend=SDPA",
            "NPU",
            "attention_backend is no option of openvino-genai on NPU",
        ),
        (
            "onnxruntime-genai==0.17.0",
            "DML",
            "'onnxruntime-genai==0.17.0' changes nothing of ort-genai on DML, whose environment has onnxruntime-",
        ),
    ],
)
def test_a_variant_that_changes_nothing_on_a_device_is_set_apart_there(
    make_options: MakeOptions, variant: str, device: str, reason: str
) -> None:
    plan = make_plan(make_options("--a", variant, "--b", "current", "--device", f"CPU,{device}", "--precision", "int4"))
    assert {entry.cell.load.device for entry in plan.impossible} == {device}
    assert all(entry.reason.startswith(reason) for entry in plan.impossible)


def test_a_variant_that_changes_nothing_anywhere_is_refused(make_options: MakeOptions) -> None:
    variant = ("--a", "openvino-genai.attention_backend=SDPA", "--b", "current")
    with pytest.raises(UsageError, match="nothing remains to be measured: attention_backend is no option"):
        make_plan(make_options(*variant, "--device", "NPU"))

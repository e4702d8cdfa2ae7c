from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from bench.errors import UsageError
from bench.plan.cells import ASKS
from bench.plan.flags import raw_values
from bench.plan.options import Options, resolve_options
from bench.plan.plan import Plan, Surroundings, make_plan, reference_load

MakeOptions = Callable[..., Options]
SIMULATED = ("--backend", "simulated")
SEEDS = st.integers(min_value=0, max_value=2**31 - 1)


def plan_of(seed: int, blocks: int = 4, *arguments: str) -> Plan:
    sweep = (*SIMULATED, "--prompt-tokens", "8,16,32", "--seed", str(seed), "--blocks", str(blocks), *arguments)
    return make_plan(resolve_options(raw_values(sweep), Path.cwd()))


def order(plan: Plan) -> list[tuple[int, int, str, list[str]]]:
    return [(one.block, one.position, one.load.key, [cell.key for cell in one.cells]) for one in plan.visits]


@given(SEEDS)
def test_every_block_visits_each_load_once(seed: int) -> None:
    plan = plan_of(seed)
    visited = [sorted(one.load.key for one in plan.visits if one.block == block) for block in range(4)]
    assert visited == [sorted(load.key for load in plan.loads)] * 4


@given(SEEDS)
def test_every_visit_measures_each_cell_of_its_load_once(seed: int) -> None:
    plan = plan_of(seed)
    asked = [[cell.key for cell in plan.cells if cell.load.key == one.load.key] for one in plan.visits]
    assert [sorted(cell.key for cell in one.cells) for one in plan.visits] == [sorted(keys) for keys in asked]


@given(SEEDS)
def test_the_same_seed_gives_the_same_order(seed: int) -> None:
    assert order(plan_of(seed)) == order(plan_of(seed))


@given(SEEDS)
def test_more_blocks_do_not_change_the_order_of_the_first(seed: int) -> None:
    assert order(plan_of(seed, 4))[: len(plan_of(seed, 2).visits)] == order(plan_of(seed, 2))


@given(SEEDS)
def test_blocks_follow_one_another(seed: int) -> None:
    places = [(one.block, one.position) for one in plan_of(seed).visits]
    assert all(before < after for before, after in pairwise(places))


def test_the_order_of_loads_differs_between_blocks_and_seeds() -> None:
    orders = {
        tuple(one.load.key for one in plan_of(seed).visits if one.block == block)
        for seed in range(5)
        for block in range(4)
    }
    assert len(orders) == 6


def test_the_order_of_cells_differs_between_visits() -> None:
    orders = {tuple(cell.shape for cell in one.cells) for seed in range(5) for one in plan_of(seed).visits}
    assert orders == {("p8-n64-b1", "p16-n64-b1", "p32-n64-b1"), ("p8-n64-b1", "p32-n64-b1", "p16-n64-b1")}


@given(SEEDS)
def test_every_process_of_a_run_is_asked_the_smallest_request_first(seed: int) -> None:
    plan = plan_of(seed, 3, "--new-tokens", "4,2", "--batch-size", "2,1", "--precision", "int4,int8,fp32")
    assert {one.cells[0].shape for one in plan.visits} == {"p8-n2-b1"}


def test_a_load_of_its_own_per_prompt_length_begins_with_its_own_smallest_request(make_options: MakeOptions) -> None:
    sweep = ("--backend", "openvino-genai", "--device", "NPU", "--precision", "int4", "--prompt-tokens", "32,64,128")
    plan = make_plan(make_options(*sweep, "--new-tokens", "64"))
    first = {one.load.options["max_prompt_len"]: one.cells[0].prompt_tokens for one in plan.visits}
    assert first == {64: 32, 128: 128}


def test_cells_are_the_product_of_the_axes(make_options: MakeOptions) -> None:
    axes = ("--device", "CPU,NPU", "--precision", "int4,int8", "--new-tokens", "4,5", "--batch-size", "1,2")
    assert len(make_plan(make_options(*SIMULATED, *axes, "--prompt-tokens", "8,16")).cells) == 32


def test_every_cell_has_a_key_of_its_own(make_options: MakeOptions) -> None:
    cells = make_plan(make_options("--backend", "simulated,openvino-genai", "--device", "GPU,GPU.0")).cells
    assert len({cell.key for cell in cells}) == len(cells)


def test_without_precisions_each_stack_has_its_own(make_options: MakeOptions) -> None:
    loads = make_plan(make_options()).loads
    assert [load.precision for load in loads if load.backend == "transformers"] == ["fp32"]


def test_defaults_of_a_stack_are_part_of_its_loads(make_options: MakeOptions) -> None:
    load = make_plan(make_options("--backend", "openvino-genai")).loads[0]
    assert set(load.options) == {"attention_backend", "kv_cache_precision", "compile_cache"}


def test_a_load_option_replaces_the_default(make_options: MakeOptions) -> None:
    options = make_options("--backend", "openvino-genai", "--load-option", "openvino-genai.attention_backend=SDPA")
    assert make_plan(options).loads[0].options["attention_backend"] == "SDPA"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("--backend", "transformers,simulated", "--device", "NPU"),
            "transformers has no device NPU, only CPU, CUDA, XPU",
        ),
        (
            ("--backend", "openvino-genai,simulated", "--precision", "bf16"),
            "openvino-genai takes no bf16 on CPU, only int4, int8, fp16, fp32",
        ),
        (
            ("--backend", "ort-genai,simulated", "--precision", "original"),
            "ort-genai takes no original weights of this model, which is converted for it first",
        ),
        (
            ("--backend", "openvino-genai", "--batch-size", "1,4"),
            "openvino-genai streams only batches of one, not of 4",
        ),
        (
            ("--backend", "optimum-intel", "--ask", "first,again"),
            "optimum-intel has no prefix cache that a repeat could hit",
        ),
        (
            ("--backend", "openvino-genai", "--device", "CPU,NPU", "--ask", "first,again"),
            "openvino-genai has no prefix cache on NPU that a repeat could hit",
        ),
        (
            (
                *("--backend", "openvino-genai", "--ask", "first,again"),
                *("--load-option", "openvino-genai.attention_backend=SDPA"),
            ),
            "openvino-genai has no prefix cache with attention_backend=SDPA that a repeat could hit",
        ),
    ],
)
def test_what_cannot_be_is_set_apart_with_the_reason(
    make_options: MakeOptions, arguments: tuple[str, ...], reason: str
) -> None:
    assert {entry.reason for entry in make_plan(make_options(*arguments)).impossible} == {reason}


def test_what_cannot_be_is_never_visited(make_options: MakeOptions) -> None:
    plan = make_plan(make_options("--backend", "openvino-genai", "--batch-size", "1,4"))
    assert {cell.batch_size for one in plan.visits for cell in one.cells} == {1}


def test_a_numbered_gpu_takes_what_a_gpu_takes(make_options: MakeOptions) -> None:
    plan = make_plan(make_options("--backend", "openvino-genai", "--device", "GPU.1"))
    assert (plan.loads[0].device, plan.impossible) == ("GPU.1", ())


def test_a_sweep_of_which_nothing_remains_is_refused_with_each_reason_once(make_options: MakeOptions) -> None:
    options = make_options("--backend", "llama-cpp,transformers", "--device", "NPU")
    with pytest.raises(UsageError) as caught:
        make_plan(options)
    assert str(caught.value) == (
        "nothing remains to be measured: "
        "llama-cpp has no device NPU, only CPU, VULKAN; transformers has no device NPU, only CPU, CUDA, XPU"
    )


NPU = ("--backend", "openvino-genai", "--device", "NPU", "--precision", "int4", "--new-tokens", "64")


def test_on_an_npu_each_padded_prompt_length_is_a_load_of_its_own(make_options: MakeOptions) -> None:
    loads = make_plan(make_options(*NPU, "--prompt-tokens", "32,64,65")).loads
    assert [load.options["max_prompt_len"] for load in loads] == [64, 128]


def test_on_an_npu_the_response_length_follows_the_new_tokens(make_options: MakeOptions) -> None:
    load = make_plan(make_options(*NPU, "--prompt-tokens", "32")).loads[0]
    assert load.options["min_response_len"] == 64


def test_an_npus_padded_length_can_be_set(make_options: MakeOptions) -> None:
    options = make_options(*NPU, "--load-option", "openvino-genai.max_prompt_len=1024")
    assert [load.options["max_prompt_len"] for load in make_plan(options).loads] == [1024]


def test_an_option_is_no_part_of_a_load_on_another_device(make_options: MakeOptions) -> None:
    options = make_options("--backend", "openvino-genai", "--load-option", "openvino-genai.max_prompt_len=1024")
    assert "max_prompt_len" not in make_plan(options).loads[0].options


def devices(plan: Plan) -> set[tuple[str, str]]:
    asked = [*plan.cells, *(entry.cell for entry in plan.impossible)]
    return {(cell.load.backend, cell.load.device) for cell in asked}


def test_a_device_that_only_another_stack_knows_is_no_hole_in_this_one(make_options: MakeOptions) -> None:
    plan = make_plan(make_options("--backend", "openvino-genai,ort-genai", "--device", "CPU,DML"))
    assert devices(plan) == {("openvino-genai", "CPU"), ("ort-genai", "CPU"), ("ort-genai", "DML")}


def test_a_stack_that_knows_none_of_the_devices_says_so(make_options: MakeOptions) -> None:
    plan = make_plan(make_options("--backend", "openvino-genai,transformers", "--device", "GPU,NPU"))
    assert {entry.cell.load.backend for entry in plan.impossible} == {"transformers"}


@pytest.mark.parametrize(
    ("hardware", "expected"),
    [
        ((), {"CPU"}),
        (("intel-gpu",), {"CPU", "GPU"}),
        (("intel-gpu", "intel-npu"), {"CPU", "GPU", "NPU"}),
        (("nvidia-gpu",), {"CPU"}),
    ],
)
def test_by_default_a_stack_is_asked_for_what_the_system_lists(
    make_options: MakeOptions, hardware: tuple[str, ...], expected: set[str]
) -> None:
    plan = make_plan(make_options("--backend", "openvino-genai"), Surroundings(frozenset(hardware)))
    assert {device for _, device in devices(plan)} == expected


def test_a_stack_for_hardware_that_is_not_listed_is_asked_all_the_same(make_options: MakeOptions) -> None:
    assert devices(make_plan(make_options("--backend", "npu"))) == {("npu", "NPU")}


@pytest.mark.parametrize("maker", ["intel-gpu", "nvidia-gpu", "amd-gpu", "directx-gpu"])
def test_llama_cpp_is_asked_for_a_gpu_of_any_maker(make_options: MakeOptions, maker: str) -> None:
    plan = make_plan(make_options("--backend", "llama-cpp"), Surroundings(frozenset([maker])))
    assert {device for _, device in devices(plan)} == {"CPU", "VULKAN"}


IR = Surroundings(ready_made="openvino-ir", has_original=False)


def test_a_ready_made_artifact_is_taken_in_the_precision_that_it_has(make_options: MakeOptions) -> None:
    plan = make_plan(make_options("--backend", "openvino-genai,optimum-intel"), IR)
    assert {cell.load.precision for cell in plan.cells} == {"original"}


def test_a_ready_made_artifact_is_loaded_by_its_own_stacks_alone(make_options: MakeOptions) -> None:
    plan = make_plan(make_options("--backend", "openvino-genai,ort-genai"), IR)
    assert {entry.reason for entry in plan.impossible} == {
        "ort-genai cannot load this model, which is made for openvino-genai and optimum-intel (openvino-ir)"
    }


def test_a_ready_made_artifact_takes_no_precision(make_options: MakeOptions) -> None:
    with pytest.raises(UsageError, match="leave --precision out"):
        make_plan(make_options("--backend", "openvino-genai", "--precision", "int4"), IR)


def test_a_simulated_backend_minds_no_model(make_options: MakeOptions) -> None:
    assert len(make_plan(make_options("--backend", "simulated", "--precision", "int4"), IR).loads) == 1


def test_a_model_without_a_gguf_of_its_own_is_not_asked_for_it(make_options: MakeOptions) -> None:
    plan = make_plan(make_options("--backend", "llama-cpp"), Surroundings(has_original=False))
    assert {cell.load.precision for cell in plan.cells} == {"int4", "int8"}


def test_a_gguf_that_is_not_there_is_a_reason(make_options: MakeOptions) -> None:
    options = make_options("--backend", "llama-cpp", "--precision", "int4,original")
    plan = make_plan(options, Surroundings(has_original=False))
    assert {entry.reason for entry in plan.impossible} == {
        "llama-cpp: this model has no GGUF of its own to take as it is"
    }


FP8 = Surroundings(has_original=False, quantized="fp8")
INT8 = Surroundings(has_original=False, quantized="torchao Int8WeightOnlyConfig")


@pytest.mark.parametrize("precision", ["int4", "bf16", "original"])
def test_a_quantized_model_is_refused_once_for_all_stacks(make_options: MakeOptions, precision: str) -> None:
    backends = "openvino-genai,ort-genai,llama-cpp,transformers"
    with pytest.raises(UsageError) as refused:
        make_plan(make_options("--backend", backends, "--device", "CPU", "--precision", precision), FP8)
    assert str(refused.value).count("this model is quantized already (fp8)") == 1


def test_a_quantized_model_is_measured_as_it_is_by_a_stack_that_reads_it(make_options: MakeOptions) -> None:
    plan = make_plan(make_options("--backend", "ort-genai,transformers", "--device", "CPU"), INT8)
    assert [(load.backend, load.precision) for load in plan.loads] == [("transformers", "original")]


def test_a_quantized_model_is_not_quantized_again(make_options: MakeOptions) -> None:
    with pytest.raises(UsageError, match="has the weights that it has, not int8: leave --precision out"):
        make_plan(make_options("--backend", "transformers", "--device", "CPU", "--precision", "int8"), INT8)


# Asking again


def asked(plan: Plan) -> dict[str, set[object]]:
    return {ask: {cell.load.options.get("prefix_caching") for cell in plan.cells if cell.ask == ask} for ask in ASKS}


def test_first_asks_alone_are_made_unless_told_otherwise(make_options: MakeOptions) -> None:
    assert {cell.ask for cell in make_plan(make_options()).cells} == {"first"}


def test_only_loads_that_are_asked_again_have_a_prefix_cache(make_options: MakeOptions) -> None:
    plan = make_plan(make_options("--backend", "openvino-genai", "--ask", "first,again"))
    assert asked(plan) == {"first": {None}, "again": {"on"}}


def test_asking_again_leaves_the_keys_of_first_asks_alone(make_options: MakeOptions) -> None:
    usual = make_plan(make_options("--backend", "openvino-genai"))
    both = make_plan(make_options("--backend", "openvino-genai", "--ask", "again,first"))
    assert [cell.key for cell in both.cells if cell.ask == "first"] == [cell.key for cell in usual.cells]


def test_no_load_is_asked_both_ways(make_options: MakeOptions) -> None:
    plan = make_plan(make_options(*SIMULATED, "--ask", "first,again"))
    assert all(len({cell.ask for cell in visit.cells}) == 1 for visit in plan.visits)


def test_without_turns_there_is_no_chat(make_options: MakeOptions) -> None:
    assert {cell.turn for cell in make_plan(make_options()).cells} == {0}


def test_each_turn_of_a_chat_is_a_cell_with_the_whole_conversation(make_options: MakeOptions) -> None:
    plan = make_plan(
        make_options(
            *SIMULATED, "--precision", "int4", "--prompt-tokens", "128", "--new-tokens", "64", "--turns", "8,1,4"
        )
    )
    assert [cell.request for cell in plan.cells] == [(128, 64, 1, 1), (704, 64, 1, 4), (1472, 64, 1, 8)]


def test_the_turns_of_two_chats_are_different_cells_at_the_same_length(make_options: MakeOptions) -> None:
    chats = ("--precision", "int4", "--prompt-tokens", "64,192", "--new-tokens", "64", "--turns", "1,2")
    cells = [cell for cell in make_plan(make_options(*SIMULATED, *chats)).cells if cell.prompt_tokens == 192]
    assert ({cell.turn for cell in cells}, len({cell.key for cell in cells})) == ({1, 2}, 2)


def test_a_chat_with_the_prefix_cache_has_a_load_of_its_own(make_options: MakeOptions) -> None:
    plan = make_plan(make_options("--backend", "openvino-genai", "--ask", "first,again", "--turns", "1,4"))
    assert asked(plan) == {"first": {None}, "again": {"on"}}


def test_a_plan_that_adds_blocks_has_visits_for_the_most(make_options: MakeOptions) -> None:
    plan = make_plan(make_options(*SIMULATED, "--precision", "int4", "--interval-target", "5%", "--max-blocks", "11"))
    assert [visit.block for visit in plan.visits] == list(range(11))


def test_a_reference_is_a_load_of_the_sweep(make_options: MakeOptions) -> None:
    base = ("--backend", "simulated", "--precision", "int4,fp32", "--reference")
    assert make_plan(make_options(*base, "simulated-CPU-fp32")).cells
    with pytest.raises(UsageError, match="--reference: no load 'simulated-CPU-int8' in this run; there are "):
        make_plan(make_options(*base, "simulated-CPU-int8"))


@pytest.mark.parametrize("asked", ["auto", "none"])
def test_a_reference_may_be_no_load(make_options: MakeOptions, asked: str) -> None:
    plan = make_plan(make_options("--backend", "simulated", "--reference", asked))
    assert reference_load(asked, plan.loads) is None


def test_cells_that_turn_out_impossible_are_never_visited() -> None:
    plan = plan_of(1, 2)
    long = {cell.key: "too long" for cell in plan.cells if cell.prompt_tokens > 8}
    left = plan.without(long)
    visited = {cell.prompt_tokens for visit in left.visits for cell in visit.cells}
    assert {cell.prompt_tokens for cell in left.cells} == visited == {8}
    assert {one.cell.key: one.reason for one in left.impossible} == long
    assert len(left.visits) == len(plan.visits)


def test_a_visit_without_cells_is_none() -> None:
    plan = plan_of(1, 2)
    first = plan.loads[0]
    left = plan.without({cell.key: "no" for cell in plan.cells if cell.load == first})
    assert first.key not in {visit.load.key for visit in left.visits}

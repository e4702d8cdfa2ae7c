"""What is read off llama.cpp's log; the lines are those of its build b11669."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from backends.contract import Evidence, LoadOptions, UnsupportedError
from backends.llama_requests import (
    CACHE_TYPES,
    FLASH_ATTENTION,
    LlamaLog,
    LlamaRequests,
    Placement,
    context_facts,
    placement,
)
from backends.table import BACKENDS

GPU = "Intel(R) Arc(TM) B390 Graphics"
USING = f"llama_prepare_model_devices: using device Vulkan0 ({GPU}) (0000:00:02.0) - 2048 MiB free\n"
LOAD = (
    USING,
    "load_tensors: offloading output layer to GPU\n",
    "load_tensors: offloaded 31/31 layers to GPU\n",
    "load_tensors:   CPU_Mapped model buffer size =    28.69 MiB\n",
    "load_tensors:      Vulkan0 model buffer size =    85.77 MiB\n",
)
CONTEXT = (
    "llama_context: flash_attn            = enabled\n",
    "llama_kv_cache: size =   11.25 MiB (512 cells, 30 layers, 1/1 seqs), K (f16):    5.62 MiB, V (f16):    5.62 MiB\n",
)
WHOLE = Placement(GPU, 31, 31, {"CPU_Mapped": "28.69 MiB", "Vulkan0": "85.77 MiB"})


def log(*lines: str) -> LlamaLog:
    found = LlamaLog()
    for line in lines:
        found.take(2, line)
    return found


@pytest.mark.parametrize("identity", ["(0000:00:02.0)", "(unknown id)"])
def test_a_whole_model_on_a_gpu(identity: str) -> None:
    assert placement(log(*(line.replace("(0000:00:02.0)", identity) for line in LOAD))) == WHOLE


def test_a_products_name_may_hold_brackets() -> None:
    software = USING.replace(GPU, "llvmpipe (LLVM 15.0.6, 256 bits)").replace("0000:00:02.0", "unknown id")
    assert placement(log(software)).product == "llvmpipe (LLVM 15.0.6, 256 bits)"


@pytest.mark.parametrize(
    ("found", "device"),
    [
        (WHOLE, "VULKAN.0"),
        (replace(WHOLE, offloaded=12), "CPU and VULKAN.0"),
        (replace(WHOLE, offloaded=0), "CPU"),
        (replace(WHOLE, product=None), "CPU"),
        (replace(WHOLE, product="another GPU"), "another GPU"),
        (placement(log()), "CPU"),
    ],
)
def test_what_is_left_on_the_cpu_or_runs_elsewhere_is_not_called_what_was_asked(found: Placement, device: str) -> None:
    assert found.ran_on("VULKAN.0", GPU) == device


def test_the_share_of_the_layers_is_said() -> None:
    assert replace(WHOLE, offloaded=12).words == (
        f"By its log llama.cpp uses {GPU}, with 12 of 31 layers (39%) there; weights: 28.69 MiB in CPU_Mapped, "
        "85.77 MiB in Vulkan0."
    )


def test_the_cache_and_the_attention_are_those_of_the_log() -> None:
    assert context_facts(log(*CONTEXT)) == {"cache": "f16", "attention": "flash"}


@pytest.mark.parametrize(("chosen", "attention"), [("enabled", "flash"), ("disabled", "softmax")])
def test_of_what_llama_cpp_was_left_to_choose_the_choice_is_told(chosen: str, attention: str) -> None:
    lines = ("llama_context: flash_attn            = auto\n", f"sched: Flash Attention was auto, set to {chosen}\n")
    assert context_facts(log(*lines)) == {"attention": attention}


def test_keys_and_values_of_two_types_are_both_named() -> None:
    assert context_facts(log(CONTEXT[1].replace("V (f16)", "V (q8_0)")))["cache"] == "f16, values q8_0"


@pytest.mark.parametrize("backend", ["llama-cpp", "llama-cpp-python"])
def test_every_choice_of_the_table_has_a_number(backend: str) -> None:
    options = BACKENDS[backend].options
    assert {*options["type_k"].choices} == {*options["type_v"].choices} == CACHE_TYPES.keys()
    assert {*options["flash_attention"].choices} == FLASH_ATTENTION.keys()


# What is kept of a request


class Requests(LlamaRequests):
    """Notes the ids that are computed and the position from which a sequence is forgotten; answers 7."""

    def __init__(self, *, caching: bool, cut: bool = True) -> None:
        super().__init__(LoadOptions("int4", extra={"prefix_caching": "on"} if caching else {}), LlamaLog(), 4096, 100)
        self.told: list[Any] = []
        self.cut = cut

    def _field(self, name: str) -> str | None:
        return None

    def _make_context(self, sequences: int, cells: int) -> int | None:
        self.told.append(f"{cells} cells")
        return 512

    def _free_context(self) -> None:
        pass

    def _forget(self) -> None:
        self.told.append("forgotten")

    def _forget_from(self, row: int, position: int) -> bool:
        self.told.append((row, position))
        return self.cut

    def _decode(self, ids: Any, positions: Any, rows: Any, wanted: Any) -> None:
        self.told.append((ids.tolist(), int(positions[0])))

    def _sample(self, place: int) -> int:
        return 7

    def _logits(self, place: int) -> Any:
        raise NotImplementedError

    def _where(self) -> Evidence:
        return Evidence("CPU", "read-back", "Made up.")

    def close(self) -> None:
        pass


def told(one: Requests, *prompts: Sequence[int]) -> list[Any]:
    for prompt in prompts:
        one.generate([prompt], 2, lambda _ids: None)
    return one.told


def test_without_a_prefix_cache_each_request_begins_anew() -> None:
    whole = ["forgotten", ([1, 2], 0), ([7], 2)]
    assert told(Requests(caching=False), [1, 2], [1, 2]) == ["256 cells", *whole, *whole]


def test_with_a_prefix_cache_what_two_prompts_share_is_not_computed_again() -> None:
    found = told(Requests(caching=True), [1, 2], [1, 2, 7, 5], [3])
    assert found == [
        *("256 cells", "forgotten", ([1, 2], 0), ([7], 2)),
        *((0, 3), ([5], 3), ([7], 4)),
        *("forgotten", ([3], 0), ([7], 1)),
    ]


def test_the_context_has_room_for_the_next_turn_up_to_what_the_model_has() -> None:
    assert told(Requests(caching=True), [1] * 400)[0] == "1024 cells"
    assert told(Requests(caching=True), [1] * 3000)[0] == "4096 cells"


def test_a_cache_that_cannot_be_cut_back_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="cannot be cut back"):
        told(Requests(caching=True, cut=False), [1, 2], [1, 2])

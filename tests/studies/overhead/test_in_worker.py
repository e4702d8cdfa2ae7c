"""The two loops take turns on the same prompts, and both are asked the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from backends.contract import Device, GenerationDetails, LoadOptions, StepCallback
from studies.overhead.in_worker import by_bare_loop, main, measure_pairs


class Toy:
    """A backend and session that remembers who asked it what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Sequence[int]]] = []

    def devices(self) -> list[Device]:
        return [Device("CPU")]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> Toy:
        return self

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        self.asked.append(("worker", prompts[0]))
        for step in range(new_tokens):
            on_step([step])
        return GenerationDetails()

    def evidence(self) -> Any:
        return None

    def close(self) -> None:
        return None


def bare_loop(session: Toy, prompt: Sequence[int], new_tokens: int) -> tuple[int, int, int]:
    session.asked.append(("bare", prompt))
    return 100, 150, 150 + 10 * (new_tokens - 1)


@pytest.mark.slow
def test_each_loop_goes_first_in_turn() -> None:
    toy = Toy()
    measure_pairs(toy, bare_loop, [[1], [2], [3]], 2)

    assert [loop for loop, _ in toy.asked] == ["worker", "bare", "bare", "worker", "worker", "bare"]


@pytest.mark.slow
def test_both_loops_get_the_same_prompt() -> None:
    toy = Toy()
    measure_pairs(toy, bare_loop, [[1], [2]], 2)

    assert [prompt for _, prompt in toy.asked] == [[1], [1], [2], [2]]


def test_latencies_are_those_between_the_stamps() -> None:
    assert by_bare_loop(bare_loop, Toy(), [1], 5) == (50, 10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "loops_of_a_pair"), [({}, {"worker", "bare"}), ({"loops": "bare"}, {"bare"})], ids=["both", "bare alone"]
)
def test_every_pair_is_answered_and_the_warm_ups_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], loops_of_a_pair: set[str]
) -> None:
    stack, loops = ModuleType("backends.toy_stack"), ModuleType("studies.bare_loops.toy_stack")
    stack.Toy, loops.bare_loop = Toy, bare_loop  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "backends.toy_stack", stack)
    monkeypatch.setitem(sys.modules, "studies.bare_loops.toy_stack", loops)
    result = tmp_path / "result.json"
    main(
        {
            "target": "backends.toy_stack:Toy",
            "artifact": str(tmp_path),
            "device": "CPU",
            "precision": "int4",
            "threads": 1,
            "extra": {},
            "warmups": [[1], [2]],
            "prompts": [[3], [4], [5]],
            "new_tokens": 3,
            "result": str(result),
            **more,
        }
    )
    pairs = json.loads(result.read_text(encoding="utf-8"))

    assert [pair["bare"] for pair in pairs] == [[50, 10]] * 3
    assert [set(pair) for pair in pairs] == [loops_of_a_pair] * 3

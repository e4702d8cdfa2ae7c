"""How far the answers of a run agree with those of its reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from bench.analyse.agreement import read_right_answers
from bench.analyse.results import Answers, RunAnalysis
from bench.analyse.run import analyse_run
from bench.plan.cells import Cell, Load
from bench.store.files import write_json
from bench.store.reader import open_run
from tests.support.tiny_run import TinyRun

MakeCell = Callable[..., Cell]


def ask(run: TinyRun, cell: Cell, block: int, prompt: str, *ids: int | Sequence[int], **columns: Any) -> None:
    """One generation with its ids, a step each; the load's process told that it ran."""
    steps = [[one] if isinstance(one, int) else list(one) for one in ids]
    latencies = [1.0] * (len(steps) - 1)
    run.generation(cell, block, 10.0, latencies, prompt_digest=prompt, token_ids=steps, **columns)
    if cell not in run.planned:
        run.planned.append(cell)
    run.load(cell.load, block)


def answers(run: TinyRun) -> dict[str, Answers | None]:
    return {cell.load.precision: cell.answers for cell in run.analyse().cells}


@pytest.fixture
def narrow(make_cell: MakeCell) -> Cell:
    return make_cell(precision="int4", new_tokens=4)


@pytest.fixture
def wide(make_cell: MakeCell) -> Cell:
    return make_cell(precision="fp32", new_tokens=4)


def test_answers_are_compared_with_those_of_the_widest_weights(tiny_run: TinyRun, narrow: Cell, wide: Cell) -> None:
    ask(tiny_run, narrow, 0, "p", 5, 6, 9, 9)
    ask(tiny_run, wide, 0, "p", 5, 6, 7, 8)
    assert answers(tiny_run) == {"int4": Answers(0.75, 1, 2.0, 2.0, 0.0, compared_tokens=4), "fp32": Answers(1.0)}


def test_the_reference_of_a_run_is_named(tiny_run: TinyRun, narrow: Cell, wide: Cell) -> None:
    ask(tiny_run, narrow, 0, "p", 1, 2, 3, 4)
    ask(tiny_run, wide, 0, "p", 1, 2, 3, 4)
    reference = tiny_run.analyse().reference
    assert reference is not None
    assert reference.precision == "fp32"


def test_a_run_of_int4_alone_has_no_reference(tiny_run: TinyRun, narrow: Cell) -> None:
    ask(tiny_run, narrow, 0, "p", 1, 2, 3, 4)
    analysis = tiny_run.analyse()
    assert (analysis.reference, [cell.answers for cell in analysis.cells]) == (None, [Answers(1.0)])


def test_an_answer_that_is_the_same_counts_with_its_whole_length(tiny_run: TinyRun, narrow: Cell, wide: Cell) -> None:
    for prompt, ids in (("p", (1, 2, 3, 4)), ("q", (4, 4, 4, 5))):
        ask(tiny_run, narrow, 0, prompt, *ids)
    ask(tiny_run, wide, 0, "p", 1, 2, 3, 4)
    ask(tiny_run, wide, 0, "q", 4, 7, 4, 5)
    assert answers(tiny_run)["int4"] == Answers(0.75, 2, 2.5, 2.5, 0.5, compared_tokens=4)


def test_sequences_of_a_batch_are_compared_one_by_one(tiny_run: TinyRun, make_cell: MakeCell) -> None:
    narrow, wide = (make_cell(precision=one, new_tokens=3, batch_size=2) for one in ("int4", "fp32"))
    ask(tiny_run, narrow, 0, "p+q", (1, 1), (2, 2), (3, 9))
    ask(tiny_run, wide, 0, "p+q", (1, 1), (2, 2), (3, 3))
    assert answers(tiny_run)["int4"] == Answers(1.0, 2, 2.5, 2.5, 0.5, compared_tokens=3)


def test_other_prompts_and_warm_ups_are_not_compared(tiny_run: TinyRun, narrow: Cell, wide: Cell) -> None:
    ask(tiny_run, narrow, 0, "p", 1, 2, 3, 4)
    ask(tiny_run, wide, 0, "q", 1, 2, 3, 4)
    ask(tiny_run, wide, 0, "p", 9, 9, 9, 9, warmup=True)
    assert answers(tiny_run)["int4"] == Answers(1.0)


def test_a_generation_without_ids_is_left_out(tiny_run: TinyRun, narrow: Cell, wide: Cell) -> None:
    ask(tiny_run, narrow, 0, "p", 1, 2, 3, 4)
    ask(tiny_run, wide, 0, "p", 1, 2, 3, 4)
    tiny_run.generation(narrow, 1, 10.0, [1.0] * 3, prompt_digest="q")
    assert answers(tiny_run)["int4"] == Answers(1.0, 1, 4.0, 4.0, 1.0, compared_tokens=4)


def test_simulated_answers_are_no_reference(tiny_run: TinyRun, make_cell: MakeCell) -> None:
    played = make_cell("simulated", "fp32")
    ask(tiny_run, played, 0, "p", 1, 2, 3)
    assert tiny_run.analyse().reference is None


def test_simulated_cells_have_no_answers(tiny_run: TinyRun, make_cell: MakeCell, wide: Cell) -> None:
    ask(tiny_run, make_cell("simulated", "int4", new_tokens=4), 0, "p", 1, 2, 3, 4)
    ask(tiny_run, wide, 0, "p", 1, 2, 3, 4)
    assert answers(tiny_run) == {"int4": None, "fp32": Answers(1.0)}


def test_another_answer_to_the_same_prompt_is_counted(tiny_run: TinyRun, make_cell: MakeCell) -> None:
    cell = make_cell(precision="int4", new_tokens=2)
    again = Cell(cell.load, cell.prompt_tokens, cell.new_tokens, ask="again")
    for prompt, ids in (("p", (1, 2)), ("q", (3, 5))):
        ask(tiny_run, again, 0, prompt, 1, 2, ask="first", warmup=True)
        ask(tiny_run, again, 0, prompt, *ids, ask="again")
    found = answers(tiny_run)["int4"]
    assert found is not None
    assert (found.repeated, found.repeats_that_differ) == (2, 1)


@pytest.mark.parametrize(
    ("asked", "collapsed"),
    [([(7,) * 8], True), ([(7,) * 8, (9,) * 8], True), ([(7,) * 8, (7,) * 7 + (8,)], False), ([(7,) * 7], False)],
    ids=["one id", "one id each", "one of two", "too short"],
)
def test_answers_of_one_id_repeated_are_collapsed(
    tiny_run: TinyRun, make_cell: MakeCell, asked: Sequence[Sequence[int]], collapsed: bool
) -> None:
    cell = make_cell(precision="int4", new_tokens=len(asked[0]))
    for number, ids in enumerate(asked):
        ask(tiny_run, cell, 0, f"p{number}", *ids)
    found = answers(tiny_run)["int4"]
    assert found is not None
    assert found.collapsed is collapsed


@pytest.mark.parametrize(
    ("ids", "share"),
    [(tuple(range(8)), 0.0), ((1, 2, 3, 4) * 3, 5 / 9), ((7,) * 8, 0.8), (tuple(range(7)), None)],
    ids=["none", "a loop", "one id", "too short"],
)
def test_phrases_that_stood_in_an_answer_before_are_counted(
    tiny_run: TinyRun, make_cell: MakeCell, ids: Sequence[int], share: float | None
) -> None:
    ask(tiny_run, make_cell(precision="int4", new_tokens=len(ids)), 0, "p", *ids)
    found = answers(tiny_run)["int4"]
    assert found is not None
    assert found.phrases_again == (None if share is None else pytest.approx(share))


@pytest.mark.parametrize(("vocab_size", "outside"), [(100, 2), (101, 1), (None, 1)])
def test_ids_that_the_vocabulary_does_not_have_are_counted(
    tiny_run: TinyRun, make_cell: MakeCell, vocab_size: int | None, outside: int
) -> None:
    tiny_run.record = {"model": {"vocab_size": vocab_size}}
    ask(tiny_run, make_cell(precision="int4", new_tokens=4), 0, "p", 1, 99, 100, -1)
    found = answers(tiny_run)["int4"]
    assert found is not None
    assert found.outside == outside


# -- beside the model's own weights


def beside_right(run: TinyRun, answers: object) -> RunAnalysis:
    """The run, analysed with these answers of the reference by the digest of the prompt."""
    path = run.write()
    write_json(path / "answers.json", {"reference": "transformers fp32", "answers": answers})
    return analyse_run(open_run(path))


def test_answers_are_compared_with_those_of_the_models_own_weights(tiny_run: TinyRun, narrow: Cell, wide: Cell) -> None:
    ask(tiny_run, narrow, 0, "p", 5, 6, 9, 9)
    ask(tiny_run, wide, 0, "p", 5, 6, 7, 7)
    found = beside_right(tiny_run, {"p": [5, 6, 7, 8]})
    assert [cell.answers for cell in found.cells] == [
        Answers(0.75, 1, 2.0, 2.0, 0.0, compared_tokens=4),
        Answers(0.75, 1, 3.0, 3.0, 0.0, compared_tokens=4),
    ]
    assert (found.reference, found.right_answers) == (None, "transformers fp32")


def test_a_run_of_int4_alone_has_the_models_own_weights_to_be_compared_with(tiny_run: TinyRun, narrow: Cell) -> None:
    ask(tiny_run, narrow, 0, "p", 1, 2, 3, 4)
    (cell,) = beside_right(tiny_run, {"p": [1, 2, 3, 4]}).cells
    assert cell.answers == Answers(1.0, 1, 4.0, 4.0, 1.0, compared_tokens=4)


def test_prompts_that_the_reference_was_not_asked_are_not_compared(tiny_run: TinyRun, narrow: Cell) -> None:
    ask(tiny_run, narrow, 0, "p", 1, 2, 3, 4)
    ask(tiny_run, narrow, 1, "q", 1, 2, 3, 4)
    (cell,) = beside_right(tiny_run, {"p": [1, 2, 3, 4]}).cells
    assert cell.answers is not None
    assert cell.answers.compared == 1


@pytest.mark.parametrize("right", [[1, 2], [1, 2, 3, 4, 5]])
def test_answers_are_compared_as_far_as_both_go(tiny_run: TinyRun, narrow: Cell, right: list[int]) -> None:
    ask(tiny_run, narrow, 0, "p", 1, 2, 3, 4)
    (cell,) = beside_right(tiny_run, {"p": right}).cells
    assert cell.answers is not None
    assert (cell.answers.compared_tokens, cell.answers.alike) == (min(4, len(right)), 1.0)


def test_of_a_batch_the_first_sequence_is_compared(tiny_run: TinyRun, make_cell: MakeCell) -> None:
    ask(tiny_run, make_cell(precision="int4", new_tokens=3, batch_size=2), 0, "p+q", (1, 9), (2, 9), (3, 9))
    (cell,) = beside_right(tiny_run, {"p": [1, 2, 4], "q": [1, 2, 3]}).cells
    assert cell.answers is not None
    assert (cell.answers.compared, cell.answers.first_difference) == (1, 2.0)


@pytest.mark.parametrize("damage", [[], {"p": ["x"]}, {"p": [2**70]}, {"p": None}, {"p": 5}])
def test_a_file_of_answers_that_is_none_leaves_them_out(tiny_run: TinyRun, narrow: Cell, damage: object) -> None:
    ask(tiny_run, narrow, 0, "p", 1, 2, 3, 4)
    found = beside_right(tiny_run, damage)
    assert (found.right_answers, read_right_answers(open_run(tiny_run.folder / "run"))) == (None, None)


# -- the same artifact on the CPU


def on_devices(tiny_run: TinyRun, digests: Mapping[str, str | None], **columns: Any) -> dict[str, Answers | None]:
    """Device -> answers of its load of the artifact with that digest; that of the GPU errs in its third id."""
    for device, digest in digests.items():
        cell = Cell(Load("openvino-genai", device, "int4"), 10, 4)
        tiny_run.planned.append(cell)
        ids = (1, 2, 9, 9) if device == "GPU" else (1, 2, 3, 4)
        steps = [[one] for one in ids]
        tiny_run.generation(cell, 0, 10.0, [1.0] * 3, prompt_digest="p", token_ids=steps)
        tiny_run.load(cell.load, 0, artifact_digest=digest, **columns)
    return {cell.load.device_requested: cell.answers for cell in tiny_run.analyse().cells}


def beside_cpu(found: Mapping[str, Answers | None]) -> dict[str, tuple[float | None, float | None]]:
    return {device: (one.cpu_first_difference, one.cpu_alike) for device, one in found.items() if one}


def test_a_device_is_compared_with_the_same_artifact_on_the_cpu(tiny_run: TinyRun) -> None:
    found = on_devices(tiny_run, {"CPU": "a", "GPU": "a", "NPU": "a"})
    assert beside_cpu(found) == {"CPU": (None, None), "GPU": (2.0, 0.0), "NPU": (4.0, 1.0)}


def test_another_artifact_is_not_compared(tiny_run: TinyRun) -> None:
    found = on_devices(tiny_run, {"CPU": "a", "GPU": "b", "NPU": None})
    assert beside_cpu(found) == dict.fromkeys(("CPU", "GPU", "NPU"), (None, None))


def test_a_device_that_fell_back_to_the_cpu_is_not_compared(tiny_run: TinyRun) -> None:
    found = on_devices(tiny_run, {"CPU": "a", "GPU": "a"}, device_verdict="fallback", device_executed="CPU")
    assert beside_cpu(found) == dict.fromkeys(("CPU", "GPU"), (None, None))

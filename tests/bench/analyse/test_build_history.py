"""From analysed runs to series, the places where they change, and what else changed there."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.analyse.build_history import build_history
from bench.analyse.conditions import Change
from bench.analyse.machine_runs import MachineRun, machine_run
from bench.analyse.results import CellResult, LoadResult, Prompts
from bench.analyse.timeline import History, Series
from tests.support.analyses import made_cell, made_load, made_run

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
ORT, OPENVINO = made_load("ort-genai"), made_load("openvino-genai")


def cell(night: int, level: float, load: LoadResult = ORT, prompt_tokens: int = 32) -> CellResult:
    """A cell of three blocks whose runs vary by 1 %."""
    noise = random.Random(f"{night} {load.load_key} {prompt_tokens}")
    return made_cell([level * noise.lognormvariate(0, 0.01)] * 3, prompt_tokens, load)


def read_run(night: int, cells: Sequence[CellResult], prompts: Prompts | None = None, **record: Any) -> MachineRun:
    run, created_at = made_run(f"run{night:02}", cells, **record), FIRST + timedelta(days=night)
    return machine_run(f"run{night:02}", created_at, replace(run, prompts=prompts or {}), scores=True)


def of_nights(count: int, cells: Callable[[int], Sequence[CellResult]], record: Any = lambda night: {}) -> History:
    return build_history([read_run(night, cells(night), **record(night)) for night in range(count)], 0.03)


def only(found: History) -> Series:
    (one,) = found.series
    return one


def venvs(**versions: str) -> Mapping[str, Any]:
    """Backend (with an underscore for its dash) -> version of its package of that name."""
    named = {backend.replace("_", "-"): version for backend, version in versions.items()}
    return {"venvs": {backend: {"packages": {backend: version}} for backend, version in named.items()}}


# -- what makes a series


def test_a_series_has_the_runs_in_the_order_of_time() -> None:
    runs = [read_run(night, [cell(night, 10 + night)]) for night in (2, 0, 1)]
    assert [round(point.estimate.value) for point in only(build_history(runs, 0.03)).points] == [10, 11, 12]


@pytest.mark.parametrize(
    "record",
    [{"model": {"name": "tiny", "digest": "other"}}, {"plan": {"threads": 4}}],
    ids=["another model", "other threads"],
)
def test_what_cannot_be_compared_is_another_series(record: dict[str, Any]) -> None:
    found = of_nights(2, lambda night: [cell(night, 10)], lambda night: record if night else {})
    assert [len(one.points) for one in found.series] == [1, 1]


def test_a_fallback_is_another_series() -> None:
    fallen = replace(ORT, device_verdict="fallback", device_executed="GPU")
    found = of_nights(2, lambda night: [cell(night, 10, fallen if night else ORT)])
    assert [len(one.points) for one in found.series] == [1, 1]


def asked(ids: str, names: Sequence[str] = "abcdef", prompt_tokens: int = 32) -> Prompts:
    """A letter of ``ids`` for each prompt."""
    return {prompt_tokens: dict(zip(names, ids, strict=True))}


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        ((asked("111111"), asked("222222")), [1, 1]),
        ((asked("111111"), asked("111112")), [2]),
        ((asked("111111"), asked("222222"), asked("111111")), [2, 1]),
        ((asked("111", "abc"), asked("111222", "abcdef")), [2]),
        ((asked("111", "abc"), asked("222", "def")), [2]),
        ((asked("111111"), {}), [2]),
        ((asked("111111"), asked("222222", prompt_tokens=8)), [2]),
    ],
    ids=["others", "one of six is another", "the first ones again", "more of them", "none shared", "none", "of others"],
)
def test_a_series_begins_anew_with_other_prompts(prompts: Sequence[Prompts], expected: list[int]) -> None:
    runs = [read_run(night, [cell(night, 10)], asked_then) for night, asked_then in enumerate(prompts)]
    assert [len(one.points) for one in build_history(runs, 0.03).series] == expected


def test_other_prompts_of_one_length_leave_the_other_lengths_alone() -> None:
    def run(night: int, short: str) -> MachineRun:
        cells = [cell(night, 10, prompt_tokens=length) for length in (8, 32)]
        return read_run(night, cells, {**asked(short, prompt_tokens=8), **asked("333333")})

    found = build_history([run(0, "111111"), run(1, "222222")], 0.03)
    assert [(one.cell.prompt_tokens, len(one.points)) for one in found.series] == [(8, 1), (32, 2), (8, 1)]


def test_variants_are_counted_and_left_out() -> None:
    run = read_run(0, [cell(0, 10), cell(0, 10, made_load(variant="a"))])
    assert (len(run.analysis.cells), run.variants) == (1, 1)


def test_no_run_gives_an_empty_history() -> None:
    assert build_history([], 0.03) == History((), (), (), (), 0.03)


# -- where it changes


def test_the_levels_are_the_means_before_and_after() -> None:
    found = of_nights(12, lambda night: [cell(night, 12 if night >= 7 else 10)])
    assert [level for _, _, level in only(found).levels] == pytest.approx([10, 12], rel=0.01)


def test_cells_that_change_together_are_one_turn() -> None:
    found = of_nights(
        12,
        lambda night: [
            cell(night, 12 if night >= 7 and prompt < 5 else 10, prompt_tokens=prompt) for prompt in range(1, 7)
        ],
    )
    (turn,) = found.turns
    (move,) = turn.moves
    assert (turn.before, turn.after, len(move.series), move.of, move.slower) == (6, 7, 4, 6, True)


def test_slower_and_faster_at_one_place_are_two_moves() -> None:
    found = of_nights(
        12, lambda night: [cell(night, 12 if night >= 7 else 10), cell(night, 9 if night >= 7 else 10, OPENVINO)]
    )
    (turn,) = found.turns
    assert [move.slower for move in turn.moves] == [True, False]


def test_a_cell_that_some_runs_left_out_changes_with_the_others() -> None:
    def cells(night: int) -> list[CellResult]:
        level = 13 if night >= 10 else 10
        return [cell(night, level), *([cell(night, level, OPENVINO)] if night % 2 else [])]

    (turn,) = of_nights(20, cells).turns
    assert (turn.before, turn.after, turn.venvs) == (9, 10, ("openvino-genai", "ort-genai"))


def test_a_drift_is_no_turn() -> None:
    found = of_nights(40, lambda night: [cell(night, 10 * 1.004**night)])
    assert (len(found.turns), len(found.drifts)) == (0, 1)


def test_a_drift_reaches_from_its_first_run_to_its_last() -> None:
    (drift,) = of_nights(40, lambda night: [cell(night, 10 * 1.004**night)]).drifts
    assert (drift.first, drift.last) == (0, 39)


def test_the_scatter_is_taken_around_the_levels() -> None:
    found = of_nights(40, lambda night: [cell(night, 15 if night >= 20 else 10)])
    assert only(found).scatter == pytest.approx(0.01, rel=0.4)


def test_one_run_has_no_scatter() -> None:
    assert only(of_nights(1, lambda night: [cell(night, 10)])).scatter is None


# -- what changed there


def test_what_differs_across_the_turn_is_named() -> None:
    found = of_nights(
        12,
        lambda night: [cell(night, 12 if night >= 7 else 10)],
        lambda night: venvs(ort_genai="2" if night >= 7 else "1"),
    )
    assert found.turns[0].changes == (Change("ort-genai", "1", "2", ("ort-genai",)),)


def test_what_changed_elsewhere_in_time_is_not() -> None:
    found = of_nights(
        12,
        lambda night: [cell(night, 12 if night >= 7 else 10)],
        lambda night: venvs(ort_genai="2" if night >= 3 else "1"),
    )
    assert found.turns[0].changes == ()

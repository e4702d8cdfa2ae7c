from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from bench.plan.options import Options
from bench.plan.plan import make_plan
from bench.run.progress import Progress

MakeOptions = Callable[..., Options]
SWEEP = ("--backend", "simulated", "--prompt-tokens", "8", "--seed", "1")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bench.run.progress.time.monotonic", clock)
    return clock


def lines(options: Options, clock: Clock, settled: str = "") -> list[str]:
    """What a run says whose visits take ten seconds each; from block 10 on, ``settled`` loads need no more."""
    visits = make_plan(options).visits
    adaptive = options.interval_target is not None
    done: set[str] = set()
    progress = Progress(options, visits, (lambda keys: not done.issuperset(keys)) if adaptive else None)
    said = []
    for visit in visits:
        if visit.block == 10:
            done = {cell.key for one in visits for cell in one.cells if one.load.precision == settled}
        if not done.issuperset(cell.key for cell in visit.cells):
            said.append(progress.begin(visit))
            clock.now_s += 10
    return said


def test_a_visit_is_named_with_its_place(make_options: MakeOptions, clock: Clock) -> None:
    said = lines(make_options(*SWEEP, "--precision", "int4", "--blocks", "3"), clock)
    assert said[0] == "visit 1 of 3, block 1 of 3: simulated CPU int4"


def test_the_time_left_is_said_after_the_first_block(make_options: MakeOptions, clock: Clock) -> None:
    said = lines(make_options(*SWEEP, "--precision", "int4,int8", "--blocks", "2"), clock)
    found = [re.search(r"\((.*)\)$", line) for line in said]
    assert [one and one[1] for one in found] == [None, None, "about 20 s left", "about 10 s left"]


def test_a_run_that_adds_blocks_says_at_most(make_options: MakeOptions, clock: Clock) -> None:
    options = make_options(*SWEEP, "--precision", "int4", "--interval-target", "5%", "--max-blocks", "11")
    assert lines(options, clock)[1] == (
        "visit 2 of at most 11, block 2 of 10 to 11: simulated CPU int4 (at most about 2 min left)"
    )


def test_loads_that_need_no_more_take_no_more_time(make_options: MakeOptions, clock: Clock) -> None:
    options = make_options(*SWEEP, "--precision", "int4,int8", "--interval-target", "5%", "--max-blocks", "12")
    assert lines(options, clock, settled="int4")[20:] == [
        "visit 21 of at most 24, block 11 of 10 to 12: simulated CPU int8 (at most about 20 s left)",
        "visit 22 of at most 24, block 12 of 10 to 12: simulated CPU int8 (at most about 10 s left)",
    ]


def test_no_more_time_is_left_than_may_be_spent(make_options: MakeOptions, clock: Clock) -> None:
    options = make_options(*SWEEP, "--precision", "int4", "--interval-target", "5%", "--max-time", "60s")
    assert lines(options, clock)[3].endswith("(at most about 30 s left)")


def test_a_run_that_is_carried_on_counts_the_visits_before(make_options: MakeOptions, clock: Clock) -> None:
    options = make_options(*SWEEP, "--precision", "int4", "--blocks", "4")
    visits = make_plan(options).visits
    progress = Progress(options, visits, before=2)
    said = []
    for visit in visits[2:]:
        said.append(progress.begin(visit))
        clock.now_s += 10
    assert said == [
        "visit 3 of 4, block 3 of 4: simulated CPU int4",
        "visit 4 of 4, block 4 of 4: simulated CPU int4 (about 10 s left)",
    ]

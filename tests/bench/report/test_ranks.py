"""The marks beside the lowest: an axis on which a ratio of 1 and every estimate have a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.analyse.interval import Estimate
from bench.analyse.loads import unknown_load
from bench.analyse.results import LoadResult, Rival
from bench.analyse.run import analyse_run
from bench.report.ranks import MOST, Mark, Ranks, ranks
from bench.store.reader import open_run


def rival(value: float, low: float | None = None, high: float | None = None) -> Rival[LoadResult]:
    """Of a load that only has a name here."""
    told = None if low is None or high is None else low > 1 or high < 1
    return Rival(
        contestant=replace(unknown_load(""), label=f"load at {value:g}"),
        ratio=Estimate(value, low, high, 3),
        distinguishable=told,
        value=value,
        lowest=1.0,
    )


def drawn(*rivals: Rival[LoadResult]) -> Ranks:
    found = ranks(rivals)
    assert found is not None
    return found


def names(group: Sequence[Rival[LoadResult]]) -> list[str]:
    return [one.load.label.removeprefix("load at ") for one in group]


def marks(found: Ranks) -> list[Mark]:
    """Of those that are tied, and of the rest."""
    return [found.axis.mark(one.ratio) for one in (*found.tied, *found.rest)]


def test_alone_there_is_nothing_to_draw() -> None:
    assert ranks([]) is None


def test_who_cannot_be_told_apart_stands_apart_from_who_takes_longer() -> None:
    found = drawn(rival(1.1, 0.9, 1.3), rival(1.2, 1.1, 1.3), rival(2.0, 1.8, 2.2))
    assert (names(found.tied), names(found.rest)) == (["1.1"], ["1.2", "2"])
    assert not found.untold


def test_one_that_is_lower_stands_neither_with_the_tied_nor_with_who_takes_longer() -> None:
    found = drawn(rival(0.9, 0.85, 0.95), rival(1.1, 0.9, 1.3), rival(1.2, 1.1, 1.3))
    assert [names(group) for group in (found.lower, found.tied, found.rest)] == [["0.9"], ["1.1"], ["1.2"]]


def test_equal_factors_lie_equally_far_apart() -> None:
    found = drawn(rival(2.0, 1.9, 2.1), rival(4.0, 3.9, 4.1))
    two, four = marks(found)
    assert abs((two.place - found.axis.place(1)) - (four.place - two.place)) < 1e-9


def test_an_interval_crosses_the_line_of_one_exactly_where_it_holds_one() -> None:
    found = drawn(rival(1.1, 0.9, 1.3), rival(1.2, 1.1, 1.3))
    tied, longer = marks(found)
    assert tied.low is not None
    assert longer.low is not None
    assert tied.low < found.axis.place(1) < longer.low < longer.place


def test_an_interval_that_goes_far_beyond_ends_open_at_the_edge() -> None:
    (wide,) = marks(drawn(rival(1.2, 0.01, 90.0)))
    assert (wide.low, wide.high, wide.open_low, wide.open_high) == (0.0, 100.0, True, True)


def test_every_mark_has_a_place_on_the_axis() -> None:
    found = drawn(rival(1.0, 0.99, 1.01), rival(1.5, 1.2, 1.9), rival(300.0, 200.0, 450.0))
    for mark in marks(found):
        assert mark.low is not None
        assert mark.high is not None
        assert 0 <= mark.low <= mark.place <= mark.high <= 100


def test_one_block_draws_dots_without_intervals_and_tells_nobody_apart() -> None:
    found = drawn(rival(1.1), rival(3.0))
    assert found.untold
    assert names(found.tied) == ["1.1", "3"]
    assert all(mark.low is None and mark.high is None for mark in marks(found))


def test_of_many_the_nearest_are_drawn_and_the_last_and_the_others_are_counted() -> None:
    found = drawn(*(rival(1 + n / 10, 1 + n / 11, 1 + n / 9) for n in range(1, 21)))
    assert names(found.rest) == [*(f"{1 + n / 10:g}" for n in range(1, MOST)), "3"]
    assert found.left_out == 20 - MOST


def test_many_that_are_tied_leave_room_for_who_takes_longer() -> None:
    found = drawn(*(rival(1.1, 0.9, 1.3) for _ in range(12)), rival(1.5, 1.2, 1.9), rival(2.0, 1.8, 2.2))
    assert (len(found.tied), names(found.rest), found.left_out) == (MOST, ["1.5", "2"], 4)


def test_every_rival_is_drawn_with_the_ratio_of_the_analysis(stored_run: Path) -> None:
    analysis = analyse_run(open_run(stored_run))
    ranking = analysis.rankings[0]
    found = ranks(ranking.rivals)
    assert found is not None
    assert sorted(map(id, (*found.tied, *found.rest))) == sorted(map(id, ranking.rivals))

from __future__ import annotations

import pytest

from bench.measure.settling import Pace, settled


def series(ttft: list[float], itl: list[float | None] | None = None) -> list[Pace]:
    return [Pace(first, after) for first, after in zip(ttft, itl or [10.0] * len(ttft), strict=True)]


def warmups(ttft: list[float], least: int = 2, most: int = 6) -> int:
    """How many warm-ups are run if a process goes through ``ttft``."""
    return next((n for n in range(least, most) if settled(series(ttft[:n]))), most)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_generations_settle_nothing(count: int) -> None:
    assert not settled(series([10.0] * count))


def test_two_alike_have_settled() -> None:
    assert settled(series([10.0, 9.8]))


def test_a_first_token_that_still_comes_sooner_has_not_settled() -> None:
    assert not settled(series([10.0, 8.9]))


def test_tokens_that_still_come_sooner_have_not_settled() -> None:
    assert not settled(series([10.0, 10.0], [9.0, 8.0]))


def test_what_got_slower_is_no_warm_up() -> None:
    assert settled(series([10.0, 15.0], [9.0, 12.0]))


def test_coming_back_from_a_slow_generation_is_not_falling() -> None:
    assert settled(series([30.0, 10.0, 10.1, 16.0, 10.0]))


def test_one_new_token_is_judged_by_its_first_token_alone() -> None:
    assert settled(series([10.0, 10.0], [None, None]))


def test_a_fresh_openvino_process_gets_as_many_as_it_takes() -> None:
    # The first compiles, the second takes 1.8 times as long as the third.
    assert warmups([390.0, 180.0, 100.0, 101.0, 99.0, 100.0]) == 4


def test_a_process_that_is_ready_at_once_gets_the_minimum() -> None:
    assert warmups([36.5, 36.3, 36.4, 37.0, 36.4, 36.2]) == 2


def test_a_process_that_never_settles_gets_the_maximum() -> None:
    assert warmups([900.0, 700.0, 500.0, 400.0, 300.0, 200.0]) == 6

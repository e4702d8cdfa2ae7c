from __future__ import annotations

import numpy as np
import pytest

from bench.analyse.arrival import MILESTONES, arrival


def test_a_token_is_there_after_all_the_latencies_before_it() -> None:
    found = arrival(np.array([10.0]), np.array([[1.0, 2.0, 4.0]]))
    assert (found.token, found.median) == ((1, 2, 3, 4), (10, 11, 13, 17))


def test_the_time_to_a_token_is_the_median_over_generations() -> None:
    found = arrival(np.array([10.0, 20.0, 90.0]), np.array([[5.0], [1.0], [1.0]]))
    assert found.median == (20, 21)


def test_an_answer_of_one_token_arrives_with_it() -> None:
    found = arrival(np.array([10.0]), np.empty((1, 0)))
    assert (found.token, found.median) == ((1,), (10,))


def test_of_a_long_answer_some_tokens_are_kept_with_the_last_and_the_milestones() -> None:
    found = arrival(np.array([0.0]), np.ones((1, 2999)))
    assert len(found.token) < 60
    assert {*MILESTONES, 3000} <= set(found.token)


@pytest.mark.parametrize(("token", "time"), [(1, 10), (3, 13), (4, None), (0, None)])
def test_only_a_kept_token_has_a_time(token: int, time: float | None) -> None:
    assert arrival(np.array([10.0]), np.array([[1.0, 2.0]])).at(token) == time

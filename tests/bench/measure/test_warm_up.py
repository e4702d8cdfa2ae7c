"""Warm-ups of a visit: how many, with which prompts, and what is said if they were too few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bench.measure.prompt_keys import warmup_ordinals
from bench.measure.settling import Pace

pytestmark = pytest.mark.process

MakeKit = Callable[..., Any]


@pytest.fixture
def settle_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Decides how many generations it takes until a series counts as settled."""

    def after(count: int) -> None:
        def settled(series: Sequence[Pace]) -> bool:
            return len(series) >= count

        monkeypatch.setattr("bench.measure.settling.settled", settled)

    return after


def shape(one: Any) -> list[tuple[bool, int]]:
    return [(row["warmup"], row["iteration"]) for row in one.rows("generations")]


def test_warm_ups_go_on_until_the_series_has_settled(kit: MakeKit, settle_after: Callable[[int], None]) -> None:
    settle_after(3)
    one = kit(arguments=("--max-warmups", "5"))
    one.measure(8)
    assert shape(one) == [(True, 0), (True, 1), (True, 2), (False, 0), (False, 1)]


def test_a_settled_series_still_has_the_least_number(kit: MakeKit, settle_after: Callable[[int], None]) -> None:
    settle_after(0)
    one = kit(arguments=("--warmups", "2", "--max-warmups", "5"))
    one.measure(8)
    assert shape(one)[:3] == [(True, 0), (True, 1), (False, 0)]


def test_no_more_than_the_most_are_run(kit: MakeKit, settle_after: Callable[[int], None]) -> None:
    settle_after(99)
    one = kit(arguments=("--max-warmups", "3"))
    one.measure(8)
    assert shape(one)[:4] == [(True, 0), (True, 1), (True, 2), (False, 0)]


def test_every_further_warm_up_has_a_prompt_of_its_own(kit: MakeKit, settle_after: Callable[[int], None]) -> None:
    settle_after(99)
    one = kit(arguments=("--max-warmups", "6"))
    one.measure(8, 16)
    digests = [row["prompt_digest"] for row in one.rows("generations")]
    assert len(set(digests)) == len(digests) == 16


def test_further_warm_ups_leave_the_other_prompts_as_they_are(
    kit: MakeKit, settle_after: Callable[[int], None]
) -> None:
    settle_after(99)
    one = kit(arguments=("--warmups", "2", "--max-warmups", "4"))
    one.measure(8)
    assert [row["prompt_id"] for row in one.rows("generations")] == [
        *("8/0/-2/0", "8/0/-1/0", "8/0/-3/0", "8/0/-4/0"),
        *("8/0/0/0", "8/0/1/0"),
    ]


def test_a_warm_up_may_be_of_fewer_tokens_than_what_is_timed(kit: MakeKit) -> None:
    one = kit(arguments=("--warmup-new-tokens", "2"))
    one.measure(8)
    assert [(row["warmup"], row["prompt_tokens"], row["new_tokens"]) for row in one.rows("generations")] == [
        *((True, 8, 2), (False, 8, 4), (False, 8, 4)),
    ]


def test_a_warm_up_is_of_no_more_tokens_than_what_is_timed(kit: MakeKit) -> None:
    one = kit(arguments=("--warmup-new-tokens", "64"))
    one.measure(8)
    assert [row["new_tokens"] for row in one.rows("generations")] == [4, 4, 4]


def told(one: Any) -> list[tuple[Any, ...]]:
    """Measures a cell; what the guard is told of it."""
    heard: list[tuple[Any, ...]] = []
    one.visit.facts = replace(one.visit.facts, unsettled=lambda *given: heard.append(given))
    one.measure(8)
    return heard


def test_a_series_that_did_not_settle_is_told(kit: MakeKit, settle_after: Callable[[int], None]) -> None:
    settle_after(99)
    one = kit(arguments=("--max-warmups", "3"))
    assert told(one) == [(one.cells[8].key, one.visit._attempt.load_id, 0, 3)]


def test_a_series_that_settled_with_its_last_warm_up_is_not_told(
    kit: MakeKit, settle_after: Callable[[int], None]
) -> None:
    settle_after(3)
    assert told(kit(arguments=("--max-warmups", "3"))) == []


@pytest.mark.parametrize("count", ["0", "1"])
def test_too_few_warm_ups_to_tell_are_not_told(kit: MakeKit, count: str) -> None:
    assert told(kit(arguments=("--warmups", count, "--max-warmups", count))) == []


def test_ordinals_of_warm_ups_begin_as_they_did_when_their_number_was_fixed() -> None:
    assert warmup_ordinals(2, 5) == [-2, -1, -3, -4, -5]


# Asking again

AGAIN = ("--ask", "again", "--warmups", "1")


def test_what_is_asked_again_was_asked_just_before(kit: MakeKit) -> None:
    one = kit(arguments=AGAIN)
    one.measure(8)
    digests = [row["prompt_digest"] for row in one.rows("generations")]
    assert (digests[0::2], len(set(digests))) == (digests[1::2], 3)


def test_what_is_asked_before_a_timed_repeat_is_as_long_as_that(kit: MakeKit) -> None:
    one = kit(arguments=(*AGAIN, "--warmup-new-tokens", "2"))
    one.measure(8)
    assert [row["new_tokens"] for row in one.rows("generations")] == [2, 2, 4, 4, 4, 4]


def test_the_first_ask_before_a_repeat_counts_as_warm_up(kit: MakeKit) -> None:
    one = kit(arguments=AGAIN)
    one.measure(8)
    found = [(row["warmup"], row["iteration"], row["ask"]) for row in one.rows("generations")]
    warm = [(True, 0, "first"), (True, 1, "again")]
    assert found == [*warm, (True, 2, "first"), (False, 0, "again"), (True, 3, "first"), (False, 1, "again")]


def test_the_outcome_of_asking_again_holds_the_repeats_alone(kit: MakeKit) -> None:
    one = kit("ttft_ms=40", arguments=AGAIN)
    outcome = one.visit.measure(one.cells[8])
    recorded = [row["ttft_ns"] / 1e6 for row in one.rows("generations") if not row["warmup"]]
    assert list(outcome.ttft_ms) == recorded


def test_a_first_ask_is_recorded_as_such(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    assert {row["ask"] for row in one.rows("generations")} == {"first"}


def test_a_failure_tells_how_it_was_to_be_asked(kit: MakeKit) -> None:
    one = kit("fail_load=no such model", arguments=AGAIN)
    one.measure(8)
    assert [(row["ask"], row["status"]) for row in one.rows("generations")] == [("again", "failed")]

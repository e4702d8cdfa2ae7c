"""How a run was interrupted, as its record tells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bench.analyse.sittings import Interruption, interruptions

FIRST = {"began_at": "2026-11-22T10:00:00+00:00", "ended_at": "2026-11-22T10:40:00+00:00", "reason": "killed"}
SECOND = {"began_at": "2026-11-22T10:45:00+00:00", "block": 1, "position": 2, "changed": {"driver": ["1", None]}}


def test_what_lies_between_two_sittings() -> None:
    (found,) = interruptions({"sittings": [FIRST, SECOND]})
    at = datetime(2026, 11, 22, 10, 40, tzinfo=UTC)
    assert found == Interruption("killed", at, 300.0, 1, within_block=True, changed={"driver": ("1", None)})


def test_a_sitting_that_begins_with_a_block_shares_none() -> None:
    (found,) = interruptions({"sittings": [FIRST, {**SECOND, "position": 0}]})
    assert not found.within_block


def test_what_is_not_recorded_is_not_known() -> None:
    first, second = interruptions({"sittings": [{}, {}, {"began_at": "never"}]})
    assert (first.at, first.pause_s, first.block, first.changed) == (None, None, None, {})
    assert second.pause_s is None


def test_a_clock_that_was_set_back_makes_no_negative_pause() -> None:
    (found,) = interruptions({"sittings": [FIRST, {"began_at": "2026-11-22T09:00:00+00:00"}]})
    assert found.pause_s == 0


@pytest.mark.parametrize("alone", [None, [], [FIRST]])
def test_a_run_that_was_measured_at_once_has_none(alone: Any) -> None:
    assert interruptions({"sittings": alone}) == ()

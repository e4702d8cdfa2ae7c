from __future__ import annotations

from typing import Any

import pytest

from bench.observe.clocks import slept_s, windows_slept_s


class KernelBase:
    """Counts in units of 100 ns; five seconds of them were slept through."""

    def QueryInterruptTime(self, time: Any) -> None:  # noqa: N802 - Windows' own names
        time._obj.value = 65 * 10**7

    def QueryUnbiasedInterruptTime(self, time: Any) -> None:  # noqa: N802
        time._obj.value = 60 * 10**7


def test_windows_sleeps_by_the_difference_of_two_clocks() -> None:
    assert windows_slept_s(KernelBase()) == 5.0


def test_a_windows_without_these_clocks_does_not_tell() -> None:
    assert windows_slept_s(object()) is None


def test_a_machine_that_is_awake_sleeps_no_longer() -> None:
    first, last = slept_s(), slept_s()
    assert (first is None) == (last is None)
    assert (last or 0.0) - (first or 0.0) == pytest.approx(0, abs=0.1)

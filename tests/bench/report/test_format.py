from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bench.analyse.interval import Estimate
from bench.report import format as fmt
from bench.report.drawing.canvas import log_ticks


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.12345, "0.123"), (6.1278, "6.13"), (22.345, "22.3"), (223.4, "223"), (2315.0, "2,315"), (None, "")],
)
def test_a_number_shows_three_digits_that_matter(value: float | None, shown: str) -> None:
    assert fmt.number(value) == shown


def test_an_interval_has_the_decimals_of_its_value() -> None:
    assert fmt.interval(Estimate(9.9, 8.75, 11.123, 3)) == "8.75–11.12"  # noqa: RUF001


def test_a_terminal_shows_what_ascii_has_instead() -> None:
    assert fmt.plain("b (…==2026.4.1): cool-down, °C, 3 µs – 漢") == "b (...==2026.4.1): cool-down, deg C, 3 us - ?"  # noqa: RUF001


def test_no_interval_is_blank() -> None:
    assert fmt.interval(Estimate(9.9, None, None, 1)) == ""


@pytest.mark.parametrize("unmeasured", [fmt.seconds, fmt.megabytes, fmt.gibibytes, fmt.parameters])
def test_not_measured_is_blank(unmeasured: object) -> None:
    assert callable(unmeasured)
    assert unmeasured(None) == ""


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x9b", "\u202e", "\u2066"])
def test_clean_removes_what_disguises(character: str) -> None:
    assert fmt.clean(f"a{character}b") == "ab"


def test_clean_text_can_be_encoded() -> None:
    assert fmt.clean("a\ud800b").encode("utf-8") == b"a?b"


@given(st.floats(1e-6, 1e6), st.floats(1.05, 1e6))
def test_ticks_lie_within_their_axis(low: float, spread: float) -> None:
    ticks = log_ticks(low, low * spread)
    assert all(low <= tick <= low * spread for tick in ticks)


@given(st.floats(1e-6, 1e6), st.floats(1.05, 1e6))
def test_there_are_ticks_enough_and_not_too_many(low: float, spread: float) -> None:
    assert 2 <= len(log_ticks(low, low * spread)) <= 10

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from bench.report.drawing.svg import commands, coordinate, line, vertices, written

PLACES = st.floats(-500, 500, allow_nan=False)
LINES = st.lists(st.tuples(PLACES, PLACES), min_size=2, max_size=30)


def walked(path: str) -> list[tuple[float, float]]:
    """Every place that a path leads to."""
    found: list[tuple[float, float]] = []
    for letter, words in re.findall("([MlhvL])([^MlhvL]*)", path):
        numbers = [float(word) for word in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", words)]
        x, y = found[-1] if found else (0.0, 0.0)
        if letter in "hv":
            steps = [(number, 0.0) if letter == "h" else (0.0, number) for number in numbers]
        else:
            steps = list(zip(numbers[::2], numbers[1::2], strict=True))
        for across, down in steps:
            x, y = (across, down) if letter == "M" else (x + across, y + down)
            found.append((x, y))
    return found


@pytest.mark.parametrize(
    ("units", "places", "shown"),
    [(25, 1, "2.5"), (5, 1, ".5"), (-5, 1, "-.5"), (100, 1, "10"), (0, 1, "0"), (-25, 2, "-.25"), (10, 0, "10")],
)
def test_a_number_has_no_zero_that_goes_without_saying(units: int, places: int, shown: str) -> None:
    assert written(units, places) == shown


def test_a_coordinate_is_rounded() -> None:
    assert [coordinate(value) for value in (2.349, -0.04, 99.96)] == ["2.3", "0", "100"]


@given(LINES)
def test_a_line_ends_within_a_twentieth_of_where_it_should(points: list[tuple[float, float]]) -> None:
    x, y = walked(line(points))[-1]
    assert (abs(x - points[-1][0]), abs(y - points[-1][1])) <= (0.0501, 0.0501)


@given(LINES)
def test_every_vertex_is_kept_and_within_half_a_unit(points: list[tuple[float, float]]) -> None:
    found = walked(vertices(points))
    assert len(found) == len(points)
    assert all(abs(x - a) <= 0.5 and abs(y - b) <= 0.5 for (x, y), (a, b) in zip(found, points, strict=True))


def test_a_single_vertex_is_a_path_that_carries_a_marker() -> None:
    assert (vertices([(3.2, 4)]), vertices([])) == ("M3 4h0", "")


def test_neighbouring_steps_share_their_letter() -> None:
    assert line([(0, 0), (3, 0), (3, 2), (2, 2), (2, 1)]) == "M0 0l3 0 0 2-1 0 0-1"


def test_a_closed_outline_goes_on_from_where_it_began() -> None:
    triangle = [("M", (1, 1)), ("L", (2, 2)), ("L", (3, 1)), ("z", (0, 0))]
    assert "".join(commands([*triangle, ("M", (5, 5)), ("L", (6, 6))])) == "M1 1l1 1 1-1zM5 5l1 1"


def test_a_curve_has_all_of_its_points() -> None:
    curve = [("C", (1, 2)), ("C", (3, 4)), ("C", (5, 6))]
    assert "".join(commands([("M", (0, 0)), *curve, ("L", (7, 8))])) == "M0 0C1 2 3 4 5 6l2 2"

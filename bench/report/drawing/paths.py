"""Coordinates in as few characters as a reader cannot tell from more: they are most of a large page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

PLACES = 1
"""Decimals of a coordinate in a drawing of some hundred units: finer than any screen."""
FINE_PLACES = 2
"""Of a shape of a few units, such as a marker."""

Point = tuple[float, float]
Step = tuple[str, Point]
"""The letter of a command and where it leads: M, L and z, and for each point of a curve C or Q."""


@lru_cache(maxsize=65536)
def written(units: int, places: int = PLACES) -> str:
    """``units`` of the last decimal as a number, without zeros that go without saying: 25 is 2.5 and 5 is .5."""
    if places == 0:
        return str(units)
    text = f"{units / 10**places:.{places}f}".rstrip("0").rstrip(".")
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    return sign + (digits.removeprefix("0") if digits.startswith("0.") else digits)


def coordinate(value: float, places: int = PLACES) -> str:
    """One coordinate."""
    return written(round(value * 10**places), places)


def line(points: Iterable[Point], places: int = PLACES) -> str:
    """Path data of one line through ``points``."""
    return "".join(commands((("L" if place else "M", point) for place, point in enumerate(points)), places))


def vertices(points: Sequence[Point]) -> str:
    """Path data whose every point is a vertex, in whole units: markers stand at them, and no line is drawn."""
    whole = [(round(x), round(y)) for x, y in points]
    steps = (pair(str(to[0] - x), str(to[1] - y)) for (x, y), to in pairwise(whole))
    begin = [f"M{x} {y}" for x, y in whole[:1]]
    # A place alone is no path yet.
    return "".join([*begin, "h0" if len(whole) == 1 else "", "l" if len(whole) > 1 else "", _joined(steps)])


def _joined(steps: Iterable[str]) -> str:
    found = ""
    for step in steps:
        found = pair(found, step) if found else step
    return found


def commands(steps: Iterable[Step], places: int = PLACES) -> Iterator[str]:
    """Path data, in parts: moves to a place, and from there on by how far it is to the next.

    Places are rounded, not the ways between them, so that no error adds up. Curves, the outlines of markers, are few.
    """
    scale = 10**places
    x = y = start_x = start_y = 0
    along = 0
    before = ""
    for letter, point in steps:
        to_x, to_y = round(point[0] * scale), round(point[1] * scale)
        level = letter == "L" and to_y == y
        # One way to the right in several steps is one step.
        if along and not (level and (to_x - x) * along >= 0):
            yield "h" + written(along, places)
            along = 0
        if letter in "zZ":
            to_x, to_y, before = start_x, start_y, "z"
            yield "z"
        elif letter == "M":
            start_x, start_y, before = to_x, to_y, "M"
            yield "M" + pair(written(to_x, places), written(to_y, places))
        elif letter in "CQ":
            place = pair(written(to_x, places), written(to_y, places))
            yield pair("", place) if before == letter else letter + place
            before = letter
        elif level:
            along, before = along + to_x - x, "h"
        elif to_x == x:
            before = "v"
            yield "v" + written(to_y - y, places)
        else:
            step = pair(written(to_x - x, places), written(to_y - y, places))
            yield pair("", step) if before == "l" else "l" + step
            before = "l"
        x, y = to_x, to_y
    if along:
        yield "h" + written(along, places)


def pair(first: str, second: str) -> str:
    """Two numbers as they stand in path data."""
    return f"{first}{second}" if second.startswith("-") else f"{first} {second}"

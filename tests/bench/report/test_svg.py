from __future__ import annotations

import pytest

from bench.report.svg import StyleSheet, embed


@pytest.mark.parametrize(
    ("drawn", "shown"),
    [
        ("M 1.000000 2.345678\nL 3 4.5\nL 5.109999 6\nz", "M 1 2.35 3 4.5 5.11 6 z"),
        ("M 0 1 L 2 3 M 4 5 L 6 7", "M 0 1 2 3 M 4 5 6 7"),
        ("M 0 0 C 1 2 3 4 5 6 L 7 8", "M 0 0 C 1 2 3 4 5 6 L 7 8"),
        ("M -0.123456 10.500000", "M -0.12 10.5"),
    ],
    ids=["a line", "two lines", "a curve keeps its letters", "zeros at the end"],
)
def test_a_path_is_written_no_longer_than_it_looks(drawn: str, shown: str) -> None:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="{drawn}"/></svg>'
    assert f'<path d="{shown}" />' in embed(svg, StyleSheet(), "a drawing")

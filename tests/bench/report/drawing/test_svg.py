from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from matplotlib.lines import Line2D

from bench.report.drawing.canvas import Drawing, drawing
from bench.report.drawing.svg import StyleSheet, embed


def drawn(sheet: StyleSheet, draw: Callable[[Drawing], object]) -> str:
    """A drawing of matplotlib's own, as it stands in the page."""
    with drawing("test", (3, 2), None) as canvas:
        draw(canvas)
        return canvas.finish(sheet, "a drawing")


def points(canvas: Drawing) -> None:
    axes = canvas.figure.add_axes((0.1, 0.1, 0.8, 0.8), ylim=(0, 1))
    for x in (0.2, 0.4, 0.6):
        axes.add_artist(Line2D([x], [0.5], linestyle="none", marker="o", gid=canvas.point(f"at {x}", 0, 8)))
    axes.plot([0.1, 0.9], [0.3, 0.3], linestyle="none", marker="_")
    axes.set_ylabel("upright")


@pytest.mark.parametrize(
    ("drawn", "shown"),
    [
        ("M 1.000000 2.345678\nL 3 4.5\nL 5.109999 6\nz", "M1 2.3l2 2.2 2.1 1.5z"),
        ("M 0 1 L 2 3 M 4 5 L 6 7", "M0 1l2 2M4 5l2 2"),
        ("M 0 0 C 1 2 3 4 5 6 L 7 8", "M 0 0 C 1 2 3 4 5 6 L 7 8"),
        ("M -0.123456 10.500000", "M-.1 10.5"),
    ],
    ids=["a line", "two lines", "a curve keeps its letters", "zeros at the end"],
)
def test_a_path_is_written_no_longer_than_it_looks(drawn: str, shown: str) -> None:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="{drawn}"/></svg>'
    assert f'<path d="{shown}"/>' in embed(svg, StyleSheet(), "a drawing")


def test_no_group_is_kept_that_holds_nothing_together() -> None:
    svg = drawn(StyleSheet(), points)
    assert "<g>" not in svg
    assert "<defs" not in svg
    assert "<g/>" not in svg


def test_a_shape_stands_once_in_a_page_however_many_drawings_use_it() -> None:
    sheet = StyleSheet()
    first, second = drawn(sheet, points), drawn(sheet, points)
    assert (first == second, sheet.shapes().count("<path"), sheet.shapes().count("<clipPath")) == (True, 1, 1)


@pytest.mark.parametrize(("fill", "drawn_as"), [("full", 1), ("left", 2)])
def test_each_marker_of_a_line_is_a_point_of_its_own(fill: str, drawn_as: int) -> None:
    with drawing("test", (3, 2), None) as canvas:
        gid = canvas.points([(f"at {x}", x) for x in (1, 2, 3)], 5)
        line = Line2D([0.2, 0.5, 0.8], [0.5] * 3, linestyle="none", marker="o", fillstyle=fill, gid=gid)
        canvas.figure.add_artist(line)
        svg = canvas.finish(StyleSheet(), "a drawing")
    groups = re.findall(r'<g data-line="5" data-prompt="(.)" data-point=""><title>at (.)</title>(.*?)</g>', svg)
    assert [found[:2] for found in groups] == [("1", "1"), ("2", "2"), ("3", "3")]
    uses = [re.findall(r'<use x="([\d.]+)"', found[2]) for found in groups]
    assert uses == [["43.2"] * drawn_as, ["108"] * drawn_as, ["172.8"] * drawn_as]


def test_a_frame_stands_once_in_a_page_below_what_is_drawn_on_it() -> None:
    sheet = StyleSheet()
    with drawing("frame", (3, 2)) as canvas:
        canvas.figure.subplots().set_ylabel("upright")
        frame = canvas.as_frame(sheet)
    svgs = []
    for x in (0.3, 0.6):
        with drawing("test", (3, 2), None) as canvas:
            canvas.figure.add_artist(Line2D([x], [0.5], linestyle="none", marker="o"))
            svgs.append(canvas.finish(sheet, "a drawing", frame))
    assert [svg.index(f'<use href="#{frame.shape}"/>') < svg.index("<use x=") for svg in svgs] == [True, True]
    assert ["upright" in svg for svg in svgs] == [False, False]
    assert sheet.shapes().count("upright") == 1


def test_whatever_a_drawing_refers_to_is_among_the_shapes() -> None:
    sheet = StyleSheet()
    svg = drawn(sheet, points)
    assert set(re.findall(r"#(d\d+)", svg)) == set(re.findall(r'id="(d\d+)"', sheet.shapes()))


def test_neighbours_are_clipped_together() -> None:
    svg = drawn(StyleSheet(), points)
    assert re.search(r'<g clip-path="url\(#d\d+\)"><g data-line="0"', svg)
    assert not re.search(r"<use[^>]*clip-path", svg)


def test_each_point_keeps_its_mark_and_its_title() -> None:
    assert re.findall("<title>(.*?)</title>", drawn(StyleSheet(), points)) == ["at 0.2", "at 0.4", "at 0.6"]


def test_a_tooltip_stays_with_what_it_is_about() -> None:
    def line(canvas: Drawing) -> None:
        for y in (0.2, 0.4):
            canvas.figure.add_artist(Line2D([0.1, 0.9], [y, y], gid=canvas.tip(f"at {y}")))

    assert re.findall("<g><title>(.*?)</title><path", drawn(StyleSheet(), line)) == ["at 0.2", "at 0.4"]


def test_straight_markers_are_one_path() -> None:
    def caps(canvas: Drawing) -> None:
        canvas.figure.add_artist(Line2D([0.25, 0.5, 0.75], [0.5] * 3, linestyle="none", marker="_", markersize=4))

    assert re.findall('d="(.*?)"', drawn(StyleSheet(), caps)) == ["M56 72h-4M110 72h-4M164 72h-4"]


def test_only_a_label_that_is_turned_says_so() -> None:
    assert [turn.partition(" ")[0] for turn in re.findall('transform="(.*?)"', drawn(StyleSheet(), points))] == [
        "rotate(-90"
    ]


def test_the_ground_of_a_figure_is_not_written() -> None:
    assert not re.search(r'class="m\d+" d=|<path', drawn(StyleSheet(), lambda _: None))

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from bench.report.drawing.canvas import Drawing, drawing
from bench.report.drawing.style import ACCENT
from bench.report.drawing.svg import Mark, Sheet

pytestmark = pytest.mark.charts


def drawn(sheet: Sheet, draw: Callable[[Drawing], object]) -> str:
    """A drawing of matplotlib's own, as it stands in the page."""
    with drawing(sheet, (3, 2), None) as canvas:
        draw(canvas)
        return canvas.svg("a drawing")


def points(canvas: Drawing) -> None:
    axes = canvas.figure.add_axes((0.1, 0.1, 0.8, 0.8), ylim=(0, 1))
    for x in (0.2, 0.4, 0.6):
        axes.add_artist(Line2D([x], [0.5], linestyle="none", marker="o", gid=[canvas.point(f"at {x}", 0, 8)]))
    axes.plot([0.1, 0.9], [0.3, 0.3], linestyle="none", marker="_")
    axes.set_ylabel("upright")


def test_a_path_is_written_no_longer_than_it_looks() -> None:
    def line(canvas: Drawing) -> None:
        canvas.figure.add_artist(Line2D([0, 0.5, 0.5123456, math.nan, 0, 1], [0, 0.1, 0.5, math.nan, 1, 1]))

    assert re.findall('<path class="m0" d="(.*?)"/>', drawn(Sheet(), line)) == ["M0 144l108-14.4 2.7-57.6M0 0l216 0"]


def test_colours_and_styles_become_classes_of_the_page() -> None:
    sheet = Sheet()
    svg = drawn(sheet, lambda canvas: canvas.figure.add_artist(Line2D([0, 1], [0, 1], color=ACCENT, dashes=(2, 1))))
    assert "style=" not in svg
    assert sheet.css() == ".m0{fill: none; stroke: var(--accent); stroke-width: 1.5; stroke-dasharray: 3,1.5}\n"


def test_what_is_drawn_transparent_is_transparent_in_the_page() -> None:
    sheet = Sheet()

    def draw(canvas: Drawing) -> None:
        canvas.figure.add_artist(Line2D([0, 1], [0, 1], color=ACCENT, alpha=0.5, linewidth=1))
        canvas.figure.add_artist(Rectangle((0, 0), 1, 1, facecolor=(*to_rgb(ACCENT), 0.25), linewidth=0))
        canvas.figure.add_artist(Rectangle((0, 0), 1, 1, color=ACCENT, alpha=0.75, linewidth=0))

    drawn(sheet, draw)
    found = re.findall(r"[a-z-]*opacity: [\d.]+", sheet.css())
    assert found == ["fill-opacity: 0.25", "opacity: 0.75", "stroke-opacity: 0.5"]


def test_what_a_mark_says_is_no_markup() -> None:
    assert Mark('<b> & "c"', {"line": '"'}).around("") == (
        '<g data-line="&quot;"><title>&lt;b&gt; &amp; "c"</title></g>'
    )


def test_no_group_is_kept_that_holds_nothing_together() -> None:
    svg = drawn(Sheet(), points)
    assert "<g>" not in svg
    assert "<defs" not in svg
    assert "<g/>" not in svg


def test_a_shape_stands_once_in_a_page_however_many_drawings_use_it() -> None:
    sheet = Sheet()
    first, second = drawn(sheet, points), drawn(sheet, points)
    assert (first == second, sheet.shapes().count("<path"), sheet.shapes().count("<clipPath")) == (True, 1, 1)


@pytest.mark.parametrize(("fill", "drawn_as"), [("full", 1), ("left", 2)])
def test_each_marker_of_a_line_is_a_point_of_its_own(fill: str, drawn_as: int) -> None:
    with drawing(Sheet(), (3, 2), None) as canvas:
        gid = [canvas.point(f"at {x}", 5, x) for x in (1, 2, 3)]
        line = Line2D([0.2, 0.5, 0.8], [0.5] * 3, linestyle="none", marker="o", fillstyle=fill, gid=gid)
        canvas.figure.add_artist(line)
        svg = canvas.svg("a drawing")
    groups = re.findall(r'<g data-line="5" data-prompt="(.)" data-point=""><title>at (.)</title>(.*?)</g>', svg)
    assert [found[:2] for found in groups] == [("1", "1"), ("2", "2"), ("3", "3")]
    uses = [re.findall(r'<use href="#d\d" x="([\d.]+)"', found[2]) for found in groups]
    assert uses == [["43.2"] * drawn_as, ["108"] * drawn_as, ["172.8"] * drawn_as]


def test_a_frame_stands_once_in_a_page_below_what_is_drawn_on_it() -> None:
    sheet = Sheet()
    with drawing(sheet, (3, 2)) as canvas:
        canvas.figure.subplots().set_ylabel("upright")
        frame = canvas.as_frame()
    svgs = []
    for x in (0.3, 0.6):
        with drawing(sheet, (3, 2), None) as canvas:
            canvas.figure.add_artist(Line2D([x], [0.5], linestyle="none", marker="o"))
            svgs.append(canvas.svg("a drawing", frame))
    assert [svg.index(f'<use href="#{frame.shape}"/>') < svg.rindex("<use ") for svg in svgs] == [True, True]
    assert ["upright" in svg for svg in svgs] == [False, False]
    assert sheet.shapes().count("upright") == 1


def test_whatever_a_drawing_refers_to_is_among_the_shapes() -> None:
    sheet = Sheet()
    svg = drawn(sheet, points)
    assert set(re.findall(r"#(d\d+)", svg)) == set(re.findall(r'id="(d\d+)"', sheet.shapes()))


def test_neighbours_are_clipped_together() -> None:
    svg = drawn(Sheet(), points)
    assert re.search(r'<g clip-path="url\(#d\d+\)"><g data-line="0"', svg)
    assert not re.search(r"<use[^>]*clip-path", svg)


def test_each_point_keeps_its_mark_and_its_title() -> None:
    assert re.findall("<title>(.*?)</title>", drawn(Sheet(), points)) == ["at 0.2", "at 0.4", "at 0.6"]


def test_a_tooltip_stays_with_what_it_is_about() -> None:
    def line(canvas: Drawing) -> None:
        for y in (0.2, 0.4):
            canvas.figure.add_artist(Line2D([0.1, 0.9], [y, y], gid=[canvas.tooltip(f"at {y}")]))

    assert re.findall("<g><title>(.*?)</title><path", drawn(Sheet(), line)) == ["at 0.2", "at 0.4"]


def test_straight_markers_are_one_path() -> None:
    def caps(canvas: Drawing) -> None:
        canvas.figure.add_artist(Line2D([0.25, 0.5, 0.75], [0.5] * 3, linestyle="none", marker="_", markersize=4))

    assert re.findall('d="(.*?)"', drawn(Sheet(), caps)) == ["M56 72l-4 0M110 72l-4 0M164 72l-4 0"]


def test_only_a_label_that_is_turned_says_so() -> None:
    assert [turn.partition(" ")[0] for turn in re.findall('transform="(.*?)"', drawn(Sheet(), points))] == [
        "rotate(-90"
    ]


def test_the_ground_of_a_figure_is_not_written() -> None:
    assert not re.search(r'class="m\d+" d=|<path', drawn(Sheet(), lambda _: None))

"""compare.html: one file, no request, a policy that allows nothing but its own style and script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

import bench.report
from bench.analyse.compare import VERDICTS, Comparison, Difference
from bench.analyse.results import Finding, RunAnalysis
from bench.analyse.side_by_side import Row, SideBySide, changed
from bench.metrics import COMPARED, METRICS
from bench.report import finding_words, metric_words, text
from bench.report import format as fmt
from bench.report.compare import words
from bench.report.compare.alone import alone
from bench.report.compare.figures import MARKS, SERIOUS_MARK, cell_name, change, percent, ratio, shape
from bench.report.compare.findings import Doubtful, Touching, doubtful, serious, touching
from bench.report.compare.forest import WIDTH, Axis, Mark, axis
from bench.report.compare.heat import heat_maps, overviews
from bench.report.compare.order import called_first
from bench.report.compare.recorded import in_words
from bench.report.compare.sentences import adjustment, bases, counts, heading, headline, notes, run_names, said
from bench.report.findings import MOST_LINES
from bench.report.language import chosen
from bench.report.names import Naming, name_all
from bench.report.template import environment, page_script, source_digest

_HERE = Path(__file__).resolve().parent
_STYLE = Path(bench.report.__file__).resolve().parent / "page.css"

MOST_MARKS = 400
"""In one metric's chart; cells that are called come first, and compare.json holds all."""
MOST_LISTED = 400
"""Cells in a list of those that were not compared."""
MOST_NARROW = 5
"""Heads that fit the usual width of a page."""
TALL_FROM = 25
"""Rows from which on a heat map scrolls under its heads."""


@dataclass(frozen=True, slots=True)
class ForestMark:
    """One head's figure of one cell in one metric; ``head`` counts from 1."""

    head: int
    difference: Difference
    mark: Mark
    change: str
    ratio: str
    serious: bool


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One cell in one metric: a mark per head that measured it."""

    name: str
    shape: str
    marks: tuple[ForestMark, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its axis and rows."""

    metric: str
    title: str
    axis: Axis
    rows: tuple[ForestRow, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Run:
    """One of several runs: what it is, and of a head what came out.

    Args:
        number: of a head, from 1; ``None`` for the base.
        name: its id.
        facts: when it began, its processor, blocks, how many earlier runs tell its variation, compared cells.
        counts: metric -> verdicts, of a head.
    """

    number: int | None
    name: str
    facts: tuple[str, ...]
    counts: Mapping[str, Counter[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """A serious finding with the cells that it touches."""

    where: str
    finding: Finding
    cells: tuple[str, ...]


def page(side: SideBySide) -> str:
    """The page of one comparison, or of several with one base."""
    css = _STYLE.read_text(encoding="utf-8") + (_HERE / "compare.css").read_text(encoding="utf-8")
    naming = name_all(side.first.base)
    found = touching(side)
    touched = doubtful(side, found)
    script = page_script()
    return (
        environment(_HERE)
        .get_template("compare.html.jinja")
        .render(
            c=side.first,
            several=side.several,
            wide=len(side.heads) > MOST_NARROW,
            w=words,
            t=text,
            language=chosen().code,
            f=fmt,
            finding=finding_words,
            css=Markup(css),  # noqa: S704 - our own files, no data
            css_digest=source_digest(css),
            script=Markup(script),  # noqa: S704 - our own file
            script_digest=source_digest(script),
            width=WIDTH,
            marks=MARKS,
            metric_names={metric: METRICS[metric].short for metric in COMPARED},
            serious_mark=SERIOUS_MARK,
            verdicts=VERDICTS,
            title=heading(side),
            headline=headline(side),
            overline=_overline(side),
            notes=notes(side),
            counts=[]
            if side.several
            else [(metric_words.comparison_title(metric), found) for metric, found in counts(side.first).items()],
            runs=_runs(side) if side.several else [],
            metrics=[metric for metric in COMPARED if any(one.metric == metric for one in side.differences)],
            heads=[head.head_name for head in side.heads],
            said=said(side),
            basis=[*adjustment(side), *bases(side)],
            threshold=percent(side.first.threshold),
            maps=heat_maps(side, naming, touched),
            tall=TALL_FROM,
            overviews=overviews(side, naming, touched),
            families=[family for metric in COMPARED if (family := _family(metric, side, naming, touched))],
            findings=[_found(one, side, naming) for one in serious(found)],
            not_serious=_not_serious(found),
            changed=[in_words(one) for one in changed(side)],
            alone=alone(side),
            most_listed=MOST_LISTED,
            most_lines=MOST_LINES,
            facts=[] if side.several else _facts(side.first),
            plural=text.plural,
        )
    )


def _overline(side: SideBySide) -> str:
    if side.several:
        return words.OVERLINE["several"].format(count=len(side.heads) + 1)
    return words.OVERLINE["paired" if side.first.paired else "one"]


# -- the charts


def _family(metric: str, side: SideBySide, naming: Naming, touched: Doubtful) -> Family | None:
    own = [one for one in side.differences if one.metric == metric]
    if not own:
        return None
    scale = axis(own, side.first.threshold)
    rows = [row for row in side.rows if any(row.of(metric))]
    if len(own) > MOST_MARKS:
        rows = called_first(rows)[: max(1, MOST_MARKS // len(side.heads))]
    shown = tuple(_forest_row(row, metric, scale, naming, touched) for row in rows)
    count = sum(any(row.of(metric)) for row in side.rows)
    return Family(metric, metric_words.comparison_title(metric), scale, shown, count - len(shown))


def _forest_row(row: Row, metric: str, scale: Axis, naming: Naming, touched: Doubtful) -> ForestRow:
    marks = [
        ForestMark(
            head,
            one,
            scale.mark(one.contrast.ratio),
            change(one.contrast.ratio),
            ratio(one.contrast.ratio),
            row.cell.cell_key in keys,
        )
        for head, (one, keys) in enumerate(zip(row.of(metric), touched, strict=True), start=1)
        if one
    ]
    return ForestRow(naming.of(row.cell.load), shape(row.cell), tuple(marks))


# -- around them


def _runs(side: SideBySide) -> list[Run]:
    first = side.first
    found = [Run(None, first.base_name, (*_run_facts(first.base), "", ""), {})]
    for number, head in enumerate(side.heads, start=1):
        earlier = str(head.earlier) if head.earlier else ""
        facts = (*_run_facts(head.head), earlier, str(len(head.cells)))
        found.append(Run(number, head.head_name, facts, counts(head)))
    return found


def _run_facts(run: RunAnalysis) -> tuple[str, str, str]:
    begun = str(run.record.get("created_at") or "")[:16].replace("T", " ")
    return begun, _processor(run), _blocks(run) or ""


def _facts(comparison: Comparison) -> list[tuple[str, str]]:
    record = comparison.base.record
    blocks = [_blocks(run) or words.UNKNOWN_BLOCKS for run in (comparison.base, comparison.head)]
    facts: list[tuple[str, object]] = [
        ("base", comparison.base_name),
        ("head", comparison.head_name),
        ("model", (record.get("model") or {}).get("name")),
        ("machine", text.listed([*dict.fromkeys(map(_processor, (comparison.base, comparison.head)))])),
        ("blocks", text.listed([*dict.fromkeys(blocks)])),
        ("run", record.get("run_id") if comparison.paired else None),
    ]
    return [(words.FACTS[name], str(value)) for name, value in facts if value]


def _processor(run: RunAnalysis) -> str:
    return str(((run.record.get("machine") or {}).get("cpu") or {}).get("name") or "")


def _blocks(run: RunAnalysis) -> str | None:
    blocks = (run.record.get("plan") or {}).get("blocks")
    return str(blocks) if blocks else None


def _found(one: Touching, side: SideBySide, naming: Naming) -> Found:
    return Found(run_names([one.place], side), one.finding, tuple(cell_name(cell, naming) for cell in one.cells))


def _not_serious(found: Sequence[Touching]) -> str:
    count = sum(one.finding.severity == "warning" for one in found)
    return words.NOT_SERIOUS.format(count=count) if count else ""

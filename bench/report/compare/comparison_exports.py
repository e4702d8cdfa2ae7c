"""A comparison as its files and as the lines that a terminal ends with; the gate takes parts of them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.analyse.comparison import VERDICTS, Changed, Comparison, Difference, Head, compare_variants
from bench.analyse.conditions import NAMED, interruptions
from bench.analyse.quality_change import QualityChange
from bench.analyse.results import CellResult, RunAnalysis
from bench.analyse.run import analyse_run
from bench.metrics import METRICS
from bench.report.compare import (
    comparison_figures,
    comparison_page,
    comparison_quality,
    comparison_words as words,
    recorded,
)
from bench.report.compare.comparison_figures import SERIOUS_MARK, ratio, short_cell_name, values
from bench.report.compare.comparison_view import (
    BASE,
    ComparisonView,
    Figure,
    Row,
    called_first,
    comparison_view,
    largest_first,
)
from bench.report.compare.recorded import condition, value_or_blank
from bench.report.exports.fields import attributes, json_text, turn_of, with_ends
from bench.report.format import number, plain, plural
from bench.report.index import about, publish
from bench.report.language import ENGLISH, gettext as _, in_each, speaking
from bench.report.names import Naming, name_all
from bench.report.redact import Private, redacted, redacted_folder
from bench.report.sitting_words import as_values
from bench.report.template import environment, in_markdown as escape, render_markdown
from bench.store.reader import open_run

THRESHOLD = 0.03
"""Half the width of what counts as the same, unless said otherwise."""


def write_comparison(comparison: Comparison, folder: Path, private: Private | None = None) -> list[str]:
    """Write ``compare.html``, ``.md`` and ``.json``, and the index beside ``folder``; returns the lines to end with.

    The page and the Markdown are in the language that is chosen, the JSON and the lines in English always. What is
    ``private`` is taken out, and what is left of the comparison goes to a folder of its own.

    Raises:
        MachineError: they cannot be written.
    """
    if private is not None:
        comparison, folder = redacted(comparison, private), redacted_folder(folder, private)
    view = comparison_view(comparison)
    files = {
        "compare.md": markdown(view),
        "compare.json": comparison_json(view),
        "compare.html": comparison_page.page(view),
    }
    return [*lines(view), "", *publish(folder, files, "compare.html", private)]


def write_variants(run: Path, reports_dir: Path, private: Private | None = None) -> list[str]:
    """The same for the two variants of the run in the folder ``run``, beside its report.

    Raises:
        StoreError: the run cannot be read.
        MachineError: the files cannot be written.
    """
    return write_comparison(compare_variants(analyse_run(open_run(run)), THRESHOLD), reports_dir / run.name, private)


_MOST_LISTED = 20
_MOST_ROWS = 40
"""Cells in the terminal, or calls of several heads; the largest come first, and the files hold all."""


@speaking(ENGLISH.code)
def lines(view: ComparisonView) -> list[str]:
    """For a terminal of any encoding."""
    comparison = view.comparison
    if comparison.several:
        figures = calls(view)
    else:
        figures = cells(called_first(view.rows), view.names, "compare.html and compare.json")
    qualities = [
        comparison_quality.line(one.change, comparison_quality.named(one, view))
        for one in comparison_quality.changed_first(view.qualities)
    ]
    found = [
        words.heading(comparison),
        *words.caveats(view),
        "",
        *figures,
        *limited([f"quality of {line}" for line in qualities], "compare.json"),
        *limited(words.alone_lines(view), "compare.json"),
        *limited([_difference(one, several=comparison.several) for one in view.changed], "compare.json"),
        "",
        *words.summaries(view),
        *filter(None, [words.largest(view), comparison_quality.answer(view)]),
        words.rule(comparison),
        *([comparison_quality.rule(comparison.quality_tolerance)] if view.qualities else []),
        *words.adjustment(view),
        *words.bases(comparison),
    ]
    return [plain(line) for line in found]


def cells(
    rows: Sequence[Row], naming: Naming, where: str, aside: Callable[[Figure], str] = lambda _: ""
) -> Iterator[str]:
    """All figures of one head, the most important rows first, each with its ``aside``; ``where`` all of them are."""
    for row in rows[:_MOST_ROWS]:
        mark = f" {SERIOUS_MARK}" if any(figure.serious for figure in row.figures) else ""
        yield short_cell_name(row.cell, naming) + mark
        for figure in row.figures:
            one = figure.difference
            name = METRICS[one.metric].short
            line = f"  {name:<8} {values(one):>22}  {ratio(one.contrast.ratio):<24} {one.verdict}"
            yield f"{line:<76} {aside(figure)}".rstrip()
    if len(rows) > _MOST_ROWS:
        more = plural(len(rows) - _MOST_ROWS, "{count} more cell", "{count} more cells")
        yield f"and {more}: see {where}"


def calls(view: ComparisonView) -> Iterator[str]:
    """What is called in several heads: all their figures would be no answer any more."""
    found = view.calls
    for figure in found[:_MOST_ROWS]:
        one, mark = figure.difference, f" {SERIOUS_MARK}" if figure.serious else ""
        yield f"{one.verdict}: {words.called(figure, view)}: {values(one)}, {ratio(one.contrast.ratio)}{mark}"
    if len(found) > _MOST_ROWS:
        more = plural(len(found) - _MOST_ROWS, "{count} more significant change", "{count} more significant changes")
        yield f"and {more}: see compare.html and compare.json"


def _difference(one: Changed, *, several: bool) -> str:
    base, *heads = (value_or_blank(one.name, value) for value in (one.base, *one.heads))
    places = {value: [place for place, own in enumerate(heads) if own == value] for value in heads if value != base}
    differ = [
        f"{'not recorded' if value is None else value} in {words.head_names(own, several=several)}"
        for value, own in places.items()
    ]
    return f"differs: {condition(one.name)}: {base} in the base, {', '.join(differ)}"


def limited(found: Sequence[str], where: str) -> Iterator[str]:
    """The first lines of a list, and where the others stand."""
    yield from found[:_MOST_LISTED]
    if len(found) > _MOST_LISTED:
        yield f"and {len(found) - _MOST_LISTED:,} more of these: see {where}"


_ROWS = "<!-- rows -->"
"""In the place of the rows until it is known for how many there is room."""
MOST_BYTES = 65_000
"""In UTF-8; GitHub takes 65,536 characters, of which the one who posts it may want some."""

# What stands around the rows, in bytes each, so that together they leave room for rows whatever strings the runs hold.
_NOTES, _LISTS = 20_000, 7_000
_SENTENCE, _NAME = 2_500, 300


def markdown(view: ComparisonView) -> str:
    """For a pull request: as many rows as fit, the largest changes first, and a note of those that do not."""
    comparison = view.comparison

    def lines(rows: Sequence[Row]) -> list[str]:
        return figures("several", rows, view) if comparison.several else figures("one", rows, view.names)

    around = render_markdown(
        "comparison",
        view=view,
        c=comparison,
        words=words,
        quality=comparison_quality,
        figures=comparison_figures,
        recorded=recorded,
        verdicts=VERDICTS,
        cut=cut,
        sentence=lambda text: cut(text, _SENTENCE),
        within=lambda text: "\n".join(_within(text.splitlines(), _LISTS)),
        notes=_within([f"> **{cut(note, _SENTENCE)}**\n" for note in words.caveats(view)], _NOTES),
        figures_header=figures("head"),
        alone=_within([f"- {cut(line)}" for line in words.alone_lines(view)], _LISTS),
        reading=f"{words.rule(comparison)}. {' '.join([*words.adjustment(view), *words.bases(comparison)])}",
        rows=_ROWS,
    )
    before, _marked, after = around.partition(f"{_ROWS}\n")
    rows = lines(called_first(view.rows))
    room = MOST_BYTES - _bytes([before, after])
    if _bytes(rows) > room:
        ordered = lines(largest_first(view.rows))
        rows = _fitting(ordered, room - _bytes([_left_out(len(ordered)), ""]))
        rows += ["", _left_out(len(ordered) - len(rows))]
    return before + "".join(f"{row}\n" for row in rows) + after


def _left_out(count: int) -> str:
    rows = plural(count, "{count} more row", "{count} more rows")
    return _("{rows} left out, those with the largest changes are here: compare.json holds all.").format(rows=rows)


def _bytes(lines: Sequence[str]) -> int:
    return sum(len(line.encode("utf-8")) + 1 for line in lines)


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        room -= _bytes([line])
        if room < 0:
            break
        kept.append(line)
    return kept


def _within(lines: Sequence[str], room: int) -> list[str]:
    """Some of a list, and how many more there are."""
    kept = _fitting(lines[:_MOST_LISTED], room)
    if len(kept) == len(lines):
        return kept
    more = _("and {count} more of these: see compare.json").format(count=number(len(lines) - len(kept), 0))
    return [*kept, f"\n{more}\n"]


def cut(value: str, longest: int = _NAME) -> str:
    """Foreign text that stays text, and of which there is not too much."""
    # Cut before it is escaped, for half an escape would be another text.
    return escape(value if len(value) <= longest else f"{value[: longest - 1]}…")


def figures(name: str, *of: Any) -> list[str]:
    """The rows of figures of a macro of ``figures.jinja``."""
    macros: Any = environment().get_template("figures.jinja").make_module({"cut": cut, "figures": comparison_figures})
    return str(getattr(macros, name)(*of)).strip().splitlines()


COMPARISON_VERSION = 5


@speaking(ENGLISH.code)
def comparison_json(view: ComparisonView) -> str:
    """``heads`` says what each head is, ``cells`` has a row per cell, head and metric."""
    comparison = view.comparison
    naming = view.names
    value = {
        "comparison_version": COMPARISON_VERSION,
        "about": _about(view),
        "base": comparison.base_names[0],
        "base_interruptions": sittings(comparison.base),
        "paired": comparison.paired,
        "threshold": comparison.threshold,
        "quality_tolerance": comparison.quality_tolerance,
        "rule": words.rule(comparison),
        "adjustment": words.adjustment(view),
        "notes": list(words.caveats(view)),
        "heads": [
            {"head": place, **_head(head, naming), "basis": words.basis([head], paired=comparison.paired)}
            for place, head in enumerate(comparison.heads)
        ],
        "changes": [
            {
                "name": one.name,
                "base": _recorded(one.name, one.base),
                "heads": [_recorded(one.name, v) for v in one.heads],
            }
            for one in view.changed
        ],
        "findings": [
            {
                "head": None if one.place == BASE else one.place,
                **attributes(one.finding, "code", "severity", "message", "advice"),
                "cell_keys": [cell.cell_key for cell in one.cells],
            }
            for one in view.findings
        ],
        "cells": [
            {
                **identity(row.cell, naming),
                "head": one.head,
                **figure_values(one.difference),
                "stands_over_all_heads": one.called and one.together,
            }
            for row in view.rows
            for one in row.figures
        ],
        "quality": [
            {"configuration": naming.of(one.change.base), "head": one.head, **quality_values(one.change)}
            for one in view.qualities
        ],
    }
    return json_text(value)


def _about(view: ComparisonView) -> dict[str, Any]:
    runs = [view.comparison.base, *(head.run for head in view.comparison.heads)]
    newest = max((run.record for run in runs), key=lambda record: str(record.get("created_at")))
    findings = [one for run in runs for one in run.findings]
    headlines = in_each(lambda: words.answer(view))
    return about(newest, headlines, [row.cell for row in view.rows], findings, ended=all(run.end for run in runs))


def _head(head: Head, naming: Naming) -> dict[str, Any]:
    own_naming = name_all(head.run)
    ends = [
        recorded.pair(one) if one.what == "prompts" else (_recorded(one.what, one.base), _recorded(one.what, one.head))
        for one in head.mismatches
    ]
    return {
        "name": head.name,
        "interruptions": sittings(head.run),
        "earlier_runs": head.earlier,
        "mismatches": [
            {"what": one.what, "base": there, "head": here, "fatal": one.fatal}
            for one, (there, here) in zip(head.mismatches, ends, strict=True)
        ],
        "only_base": [identity(cell, naming) for cell in head.only_base],
        "only_head": [identity(cell, own_naming) for cell in head.only_head],
    }


def sittings(run: RunAnalysis) -> list[dict[str, Any]]:
    """The interruptions of a run."""
    return as_values(interruptions(run.record))


def _recorded(what: str, value: Any) -> str | None:
    """What a run records, as it stands in the file: ``None`` is a package that is not recorded."""
    if what == "machine":
        return recorded.value(what, value)
    return None if value is None and what not in NAMED else str(value)


def identity(cell: CellResult, naming: Naming) -> dict[str, Any]:
    """What a cell is."""
    return {
        "cell_key": cell.cell_key,
        "configuration": naming.of(cell.load),
        "simulated": cell.load.simulated,
        **attributes(cell, "prompt_tokens", "new_tokens", "batch_size"),
        **turn_of(cell.shape),
    }


def figure_values(one: Difference) -> dict[str, Any]:
    """What is known of one metric."""
    return {
        **attributes(one, "metric", "base_ms", "head_ms"),
        **with_ends("ratio{}", one.contrast.ratio),
        "p_value": one.contrast.p_value,
        **attributes(one, "basis", "verdict"),
    }


def quality_values(one: QualityChange) -> dict[str, Any]:
    """What is known of the quality of one load; its verdicts on either side are those of :class:`Quality`."""
    over = one.contrast.ratio if one.contrast else None
    there, here = one.base.quality, one.head.quality
    return {
        "load_key": one.head.load_key,
        **attributes(one, "base_perplexity", "head_perplexity"),
        **with_ends("ratio{}", over),
        **attributes(one.contrast, "p_value"),
        "texts": over.blocks if over else 0,
        "base_verdict": there.verdict if there else None,
        "head_verdict": here.verdict if here else None,
        "collapsed_cells": one.collapsed,
        **attributes(one, "same_artifact", "verdict", "reason"),
    }

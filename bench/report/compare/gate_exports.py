"""What the gate says, in English: lines for a terminal, Markdown for a step summary, and gate.json for a program."""

import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from bench.analyse.comparison import Caveat, Difference
from bench.analyse.failures import UNREACHED
from bench.analyse.gate_rule import CANNOT_TELL, LEAST_BASELINES, NONE_SHOWN, REGRESSION, Gate, could_hide
from bench.analyse.results import CellResult
from bench.report.compare import comparison_quality
from bench.report.compare.comparison_exports import (
    cells,
    figure_values,
    figures,
    identity,
    limited,
    quality_values,
    sittings,
)
from bench.report.compare.comparison_figures import short_cell_name
from bench.report.compare.comparison_view import Row, called_first, rows_of
from bench.report.compare.recorded import pair
from bench.report.exports.fields import json_text
from bench.report.format import percent, plain, plural
from bench.report.index import about
from bench.report.language import ENGLISH, speaking
from bench.report.names import name_all
from bench.report.sitting_words import carried_on
from bench.report.template import in_markdown as escape, render_markdown

STATUS = {NONE_SHOWN: 0, REGRESSION: 1, CANNOT_TELL: 2}
"""Outcome -> exit status."""

GATE_VERSION = 3
_FILE = "gate.json"
_MOST_ROWS = 300
_MOST_NAMED = 5
_MOST_WORDS = 300

_SENTENCES = {
    # why no figure counts
    "no-baseline": "no baseline can be compared with this run",
    "unfinished": "{run} has no end: it is still being written or was killed",
    "empty": "{run} measured nothing",
    "nothing-shared": "no cell was measured here and in a baseline",
    "nothing-shared-variants": "no cell was measured with both variants",
    # what keeps it from saying that no regression is shown
    "few-baselines": (
        "{count:runs} as baseline: what varies from run to run is not sampled by fewer than "
        f"{LEAST_BASELINES}, so that no regression is shown says little"
    ),
    "missing": "{count:cells} measured before and not now",
    "lost": "{count:cells} not measured in all blocks",
    "quality-lost": "{count:loads} scored before and not now",
    "quality-missing": "the quality of a load is to be judged and could not be compared",
    "quality-hiding": "behind the quality of {count:loads} a rise of perplexity beyond {tolerance:percent} could hide",
    # notes
    "simulated": "simulated: these latencies were played, no model ran",
    "serious": (
        "SERIOUS finding in this run, about {count:of_cells}: {finding.code}: {finding.message}. {finding.advice}"
    ),
    "serious-baselines": "SERIOUS finding in {runs:baselines}: {finding}",
    "lost-baselines": "not all blocks were measured in {runs:baselines}",
    "interrupted": (
        "{run} was carried on after {interruptions:carried_on}: its blocks are of several sittings, which may differ "
        "as two runs do"
    ),
    "interrupted-baselines": (
        "carried on after an interruption, so that their blocks are of several sittings: {runs:baselines}"
    ),
    "other-machine": "LEFT OUT baseline {run}: another machine ({base}, the head is of {head})",
    "other-hardware": (
        "LEFT OUT baseline {run}: another machine with the same id, as copied images have it ({mismatch.what}: "
        "{mismatch:base}, the head has {mismatch:head})"
    ),
    "no-machine-id": (
        "this system has no id of its machine: that the baselines are of the same one is judged by CPU, cores and "
        "memory"
    ),
    "other-threads": "LEFT OUT baseline {run}: other threads ({base}, the head has {head})",
    "unfinished-baseline": "LEFT OUT baseline {run}: it has no end: it is still being written or was killed",
    "empty-baseline": "LEFT OUT baseline {run}: it measured nothing",
    "different": "DIFFERENT {mismatch.what}: {mismatch:base} in the newest baseline, {mismatch:head} here",
    "forced": "DIFFERENT {mismatch.what}: {mismatch:base} in baseline {run}, {mismatch:head} here",
    "mixed-baselines": (
        "the baselines were measured under {count} different conditions (packages, drivers, kernel, power): "
        "what that changed counts as variation between runs, and the gate sees less"
    ),
    "few-in-cells": f"{{count}} of the cells were measured in fewer than {LEAST_BASELINES} baselines",
    "quality-base-none": "quality of {count:loads} not compared: no baseline scored it",
    "quality-head-none": "quality of {count:loads} not compared: this run did not score it",
    "quality-base-unscored": "quality of {count:loads} not compared: it could not be scored in the baseline",
    "quality-other-texts": "quality of {count:loads} not compared: no text was scored on both sides",
    # why a cell is missing
    "no-metric": "too little was measured for {metrics}",
    "failed": "{status}: {message}",
    "not-in-run": "it was not part of the run",
    "not-reached": "the run ended before",
    # what the intervals cover
    "paired": "both variants, block by block, in one run",
    "baselines": "blocks, and the variation between {count} baseline runs",
    "history": "blocks, and the variation between {count} runs of this machine",
    "nothing": "nothing: the variation from run to run is not known",
}
"""Code of a caveat -> its sentence; what stands behind a colon is a key of :data:`_SHOWN`."""


def _cells(count: int) -> str:
    return plural(count, "{count} cell", "{count} cells")


def _loads(count: int) -> str:
    return plural(count, "{count} configuration", "{count} configurations")


def _figures(count: int) -> str:
    return plural(count, "{count} figure", "{count} figures")


def _baselines(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"baseline{'s' if len(names) > 1 else ''} {', '.join(names[:_MOST_NAMED])}{more}"


_SHOWN: dict[str, Callable[[Any], str]] = {
    "cells": _cells,
    "of_cells": lambda count: f"{'one' if count == 1 else count} of the cells",
    "loads": _loads,
    "runs": lambda count: "one run" if count == 1 else f"{count} runs",
    "baselines": _baselines,
    "percent": lambda share: percent(share, None),
    "carried_on": carried_on,
    "base": lambda mismatch: pair(mismatch)[0],
    "head": lambda mismatch: pair(mismatch)[1],
}
"""What stands behind the colon of a field in :data:`_SENTENCES` -> how its value is written."""


class _Filled(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        return _SHOWN[format_spec](value) if format_spec else str(value)


def sentence(one: Caveat) -> str:
    """What a caveat says."""
    return _Filled().vformat(_SENTENCES[one.code], (), one.values)


def headline(gate: Gate) -> str:
    """The outcome in a sentence."""
    if gate.outcome == REGRESSION:
        slower = [one for one in gate.head.differences if one.verdict == "slower"]
        where = [cell for cell in gate.head.cells if any(one.verdict == "slower" for one in cell.differences)]
        found = [f"{_figures(len(slower))} of {_cells(len(where))} slower"] if slower else []
        found += [f"quality of {_loads(len(gate.worse))} worse"] if gate.worse else []
        return f"REGRESSION shown: {'; '.join(found)}"
    if gate.outcome == CANNOT_TELL:
        return f"CANNOT TELL: {reasons(gate)[0]}"
    return f"no regression shown in {_cells(len(gate.head.cells))}"


def reasons(gate: Gate) -> list[str]:
    """Why the gate cannot tell, or could not if it had not seen a regression."""
    return [hidden(gate) if one.code == "hiding" else sentence(one) for one in gate.reasons]


def heading(gate: Gate) -> str:
    """What is compared with what."""
    name, bases = gate.head.name, gate.comparison.base_names
    if len(bases) > 1:
        return f"{name} compared with {len(bases)} runs, {bases[0]} to {bases[-1]}"
    return f"{name} compared with {bases[0] if bases else 'nothing'}"


def hidden(gate: Gate) -> str:
    """Behind how many figures a slowdown beyond the threshold could hide."""
    limit = percent(gate.comparison.threshold, None)
    count = len(gate.head.differences)
    if not count:
        return "no figure could be compared"
    if not gate.hiding:
        return f"no figure could hide a slowdown beyond {limit}"
    return f"{len(gate.hiding)} of {_figures(count)} could hide a slowdown beyond {limit}"


def could_hide_text(one: Difference) -> str:
    """What slowdown a figure without a verdict could hide; empty where there is a verdict."""
    if one.verdict != "inconclusive":
        return ""
    high = one.contrast.ratio.high
    if high is None:
        return "any slowdown could hide"
    return f"a slowdown of up to {100 * (high - 1):.1f} % could hide" if high > 1 else ""


def lost_text(cell: CellResult) -> str:
    """Which blocks a cell lost, and why, e.g. ``crashed in 9 blocks: killed by signal 11``."""
    found = []
    for one in cell.lost:
        blocks = "one block" if len(one.blocks) == 1 else f"{len(one.blocks)} blocks"
        what = "nothing counts" if one.status == "invalid" else one.status
        reached = f"{what} in {blocks}: {one.message}"
        found.append(f"not reached in {blocks}" if one.status == UNREACHED else reached)
    return "; ".join(found)


@speaking(ENGLISH.code)
def gate_lines(gate: Gate) -> list[str]:
    """For a terminal of any encoding."""
    rows, naming = _urgent_first(gate), name_all(gate.head.run)
    lists = [
        line
        for name, serious, found in _lists(gate)
        for line in limited([f"{name.upper()} {one}" if serious else f"{name}: {one}" for one in found], _FILE)
    ]
    found = [
        heading(gate),
        *map(sentence, gate.notes),
        "",
        *cells(rows, naming, _FILE, lambda figure: could_hide_text(figure.difference)),
        *lists,
        "",
        headline(gate),
        *(f"  also: {line}" for line in _other_reasons(gate)),
        hidden(gate),
        _rule(gate),
    ]
    return [plain(line) for line in found]


@speaking(ENGLISH.code)
def gate_markdown(gate: Gate) -> str:
    """For a step summary (GitHub: at most 1 MiB)."""
    rows = figures("one", _urgent_first(gate), name_all(gate.head.run), lambda one: could_hide_text(one.difference))
    return render_markdown(
        "gate",
        headline=headline(gate),
        heading=heading(gate),
        notes=[*_other_reasons(gate), *map(sentence, gate.notes)],
        hidden=hidden(gate),
        rule=_rule(gate),
        rows=rows,
        most=_MOST_ROWS,
        head=figures("head"),
        lists=[
            line
            for name, serious, found in _lists(gate)
            for line in limited([f"- {f'**{name}**' if serious else name}: {escape(one)}" for one in found], _FILE)
        ],
        file=_FILE,
    )


def _lists(gate: Gate) -> Iterator[tuple[str, bool, list[str]]]:
    """The name of each list below the figures, whether it keeps the gate from telling, and its lines."""
    naming = name_all(gate.head.run)
    missing = [f"{short_cell_name(one.cell, naming)}: {sentence(one.why)[:_MOST_WORDS]}" for one in gate.missing]
    lost = [
        f"{f'variant {one.side}, ' if one.side else ''}{short_cell_name(one.cell, naming)}: "
        f"{lost_text(one.cell)[:_MOST_WORDS]}"
        for one in gate.lost
    ]
    quality = [
        comparison_quality.line(one, naming.of(one.head)) for one in gate.head.qualities if one.verdict != "worse"
    ]
    yield "quality worse", True, [comparison_quality.line(one, naming.of(one.head)) for one in gate.worse]
    yield "quality", False, quality
    yield "missing", True, missing
    yield "blocks lost", True, lost
    yield "new", False, [short_cell_name(cell, naming) for cell in gate.head.only_head]
    yield "changed", False, [f"{one.name} {' -> '.join(one.ends)}" for one in gate.head.changes]


def _other_reasons(gate: Gate) -> list[str]:
    """The reasons that the headline does not give."""
    return reasons(gate)[1:] if gate.outcome == CANNOT_TELL else reasons(gate)


def _rule(gate: Gate) -> str:
    limit, basis = percent(gate.comparison.threshold, None), sentence(gate.basis)
    found = f"threshold {limit}; intervals cover {basis}; Holm's adjustment over all cells of a metric"
    if not gate.head.qualities:
        return found
    return (
        f"{found}; perplexity: tolerance {percent(gate.comparison.quality_tolerance, None)}, intervals cover the texts"
    )


def _urgent_first(gate: Gate) -> list[Row]:
    """Slower cells first, then those that could hide a slowdown, then the others."""

    def place(row: Row) -> int:
        found = [one.difference for one in row.figures]
        if any(one.verdict == "slower" for one in found):
            return 0
        return 1 if any(could_hide(one, gate.comparison.threshold) for one in found) else 2

    return sorted(called_first(rows_of(gate.comparison)), key=place)


@speaking(ENGLISH.code)
def gate_json(gate: Gate) -> str:
    """``cells`` has a row per cell and metric."""
    comparison, head = gate.comparison, gate.head
    naming = name_all(head.run)
    threshold = comparison.threshold
    compared = [cell.cell if comparison.paired else cell.other for cell in head.cells]
    about_head = about(
        head.run.record,
        {ENGLISH.code: headline(gate)},
        [*compared, *head.only_head],
        head.run.findings,
        ended=head.run.end is not None,
    )
    value = {
        "gate_version": GATE_VERSION,
        "about": about_head,
        "outcome": gate.outcome,
        "exit_status": STATUS[gate.outcome],
        "headline": headline(gate),
        "reasons": reasons(gate),
        "head": head.name,
        "head_interruptions": sittings(head.run),
        "baselines": list(comparison.base_names),
        "baseline_interruptions": [sittings(run) for run in comparison.bases],
        "paired": comparison.paired,
        "threshold": threshold,
        "quality_tolerance": comparison.quality_tolerance,
        "strict": gate.strict,
        "basis": sentence(gate.basis),
        "could_hide_beyond_threshold": len(gate.hiding),
        "notes": [sentence(note) for note in gate.notes],
        "changes": {one.name: dict(zip(("base", "head"), one.ends, strict=True)) for one in head.changes},
        "cells": [
            {
                **identity(cell.cell if comparison.paired else cell.other, naming),
                **figure_values(one),
                "could_hide_beyond_threshold": could_hide(one, threshold),
            }
            for cell in head.cells
            for one in cell.differences
        ],
        "missing": [{**identity(one.cell, naming), "why": sentence(one.why)} for one in gate.missing],
        "lost": [
            {**identity(one.cell, naming), "side": one.side, "blocks": [asdict(lost) for lost in one.cell.lost]}
            for one in gate.lost
        ],
        "new": [identity(cell, naming) for cell in head.only_head],
        "quality": [
            {
                "configuration": naming.of(one.head),
                **quality_values(one),
                "could_hide_beyond_tolerance": one.could_hide(comparison.quality_tolerance),
            }
            for one in head.qualities
        ],
    }
    return json_text(value, indent=2)

"""summary.md: the answer and the table, sized for a GitHub step summary (at most 1 MiB)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from bench.analyse.results import CellResult
from bench.metrics import RANKED
from bench.report import agreement_words, metric_words, quality_words, run_words
from bench.report.code_words import word
from bench.report.format import clean, interval, megabytes, number
from bench.report.language import gettext as _
from bench.report.names import failed_shapes
from bench.report.run_view import RunView

_SPECIAL = re.compile(r"([\\`*_\[\]|#~$])")
_MOST_ROWS = 300
_MOST_CHARACTERS = 500
"""Of a message that a stack or the guard wrote."""


def summary_markdown(view: RunView) -> str:
    """The summary of a run, in the language that is chosen."""
    analysis = view.analysis
    lines = [f"## AIPC Bench: {escape(run_words.run_title(view))}", ""]
    lines += [f"> **{escape(banner)}**\n" for banner in run_words.banners(view)]
    lines += _findings(view)
    lines += _answers(view)
    if analysis.cells:
        lines += ["", *_table(view), ""]
        if quantiles := run_words.quantiles_note(analysis.cells):
            lines.append(escape(quantiles))
        if quality_words.columns(view):
            lines += ["", escape(quality_words.column_note()), escape(" ".join(quality_words.method(view)))]
        if agreement_words.columns(view):
            lines += ["", escape(agreement_words.note(view))]
    if analysis.failures:
        lines += ["", "### " + _("Not measured"), "", *_failures(view)]
    command, glossary = _code(str(view.record.get("command"))), "[index.html](index.html#glossary)"
    lines += ["", _("Repeat it: {command}").format(command=f"`{command}`"), ""]
    lines += [_("Definitions: {page}, in the same folder as this file.").format(page=glossary), ""]
    return "\n".join(lines)


def escape(value: str) -> str:
    """Foreign text that stays text in Markdown, also within a table."""
    plain = " ".join(clean(value).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", plain)


def _code(value: str) -> str:
    return " ".join(clean(value).replace("`", "'").split())


def _answers(view: RunView) -> list[str]:
    if not view.analysis.cells:
        return [run_words.nothing_measured()]
    lines = [f"- {escape(run_words.overview_sentence(view, overview))}" for overview in view.overviews]
    if not_measured := quality_words.not_measured(view):
        lines += ["", escape(not_measured)]
    command = "" if view.verdict else f" `{run_words.VERDICT_COMMAND}`"
    lines += ["", escape(run_words.verdict_sentence(view)) + command, "", escape(run_words.told_apart()), ""]
    for group in view.answers:
        lines += [f"**{escape(run_words.answer_title(group[0]))}**", ""]
        lines += [f"- {escape(run_words.answer_sentence(view, answer))}" for answer in group]
        lines.append("")
    return lines


def _findings(view: RunView) -> list[str]:
    lines = []
    for note in view.notes:
        more = _(" (and {count} more)").format(count=len(note.lines) - 1) if len(note.lines) > 1 else ""
        seen = f"{escape(note.lines[0][:_MOST_CHARACTERS])}{more}. {escape(note.advice)}"
        lines.append(f"- **{escape(word(note.severity))}**, {escape(note.title)}: {seen}")
    title = _("What the guard saw")
    return [f"**{title}**", "", *lines, ""] if lines else []


def _table(view: RunView) -> list[str]:
    cells = sorted(view.analysis.cells, key=lambda cell: (cell.batch_size, cell.new_tokens, cell.prompt_tokens))
    quality, agreement = quality_words.columns(view), agreement_words.columns(view)
    heads = [
        *map(metric_words.one_line, ("prompt", "configuration", "device")),
        *(metric_words.one_line(key, interval=True) for key in RANKED),
        *map(metric_words.one_line, (*quality, *agreement, "decode_tokens_per_s", "peak", "n")),
    ]
    lines = [f"| {' | '.join(heads)} |", f"|--:|:--|:--|{'--:|' * (len(heads) - 3)}"]
    lines += ["| " + " | ".join(_cells(cell, view, {*quality, *agreement})) + " |" for cell in cells[:_MOST_ROWS]]
    if len(cells) > _MOST_ROWS:
        more = _("{count} more rows are in summary.csv.")
        lines += ["", more.format(count=number(len(cells) - _MOST_ROWS, 0))]
    return lines


def _cells(cell: CellResult, view: RunView, columns: Collection[str]) -> list[str]:
    """One row of the table; ``columns`` are those of the optional ones that it has."""

    def latency(shown: str) -> str:
        return f"~~{shown}~~" if shown and cell.load.broken else shown

    def both(measured: Any) -> str:
        if measured is None:
            return ""
        ends = interval(measured.estimate)
        return latency(number(measured.estimate.value) + (f" ({ends})" if ends else ""))

    return [
        number(cell.prompt_tokens, 0) + (f" t{cell.turn}" if cell.turn else ""),
        escape(view.names.of(cell.load)),
        run_words.device_words(cell.load),
        *(both(getattr(cell, key)) for key in RANKED),
        *([quality_words.in_one_line(cell.load)] if quality_words.COLUMN in columns else []),
        *([_agreement(cell, view)] if agreement_words.COLUMN in columns else []),
        latency(number(cell.decode_tokens_per_s.estimate.value)) if cell.decode_tokens_per_s else "",
        megabytes(cell.load.peak_memory_bytes),
        f"{cell.generations}/{cell.blocks}",
    ]


def _agreement(cell: CellResult, view: RunView) -> str:
    shown = agreement_words.first_difference(view, cell)
    collapsed = _("collapsed output") if agreement_words.collapsed(view, cell) else ""
    varies = _("not deterministic") if cell.answers and cell.answers.repeats_that_differ else ""
    return ", ".join(filter(None, (shown, collapsed, varies)))


def _failures(view: RunView) -> list[str]:
    return [
        f"- {escape(view.names.of(failure.load))}, {escape(failed_shapes(failure))}: "
        f"**{word(failure.status)}**: {escape(failure.message[:_MOST_CHARACTERS])}"
        for failure in view.analysis.failures
    ]

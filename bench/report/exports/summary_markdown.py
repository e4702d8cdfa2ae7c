"""summary.md: the answer and the table, sized for a GitHub step summary (at most 1 MiB)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bench.analyse.results import CellResult, RunAnalysis
from bench.metrics import RANKED
from bench.report import metric_words, text
from bench.report.answers import answers_by_shape, memory_answers, overviews, verdict_note
from bench.report.findings import finding_notes
from bench.report.format import clean, interval, megabytes, number
from bench.report.names import Naming, failed_shapes, verdict_words

_SPECIAL = re.compile(r"([\\`*_\[\]|#~$])")
_MOST_ROWS = 300


def summary_markdown(analysis: RunAnalysis, naming: Naming, notes: Sequence[str]) -> str:
    """The summary of a run.

    Args:
        analysis: of the run.
        naming: of its loads.
        notes: what has to be said first (simulated, synthetic, unfinished).
    """
    record = analysis.record
    lines = [f"## {text.TITLE}: {_title(record)}", "", *(f"> **{escape(note)}**\n" for note in notes)]
    lines += _findings(analysis, naming)
    lines += _answers(analysis, naming)
    if analysis.cells:
        lines += ["", *_table(analysis, naming), "", *_quantiles(analysis)]
    if analysis.failures:
        lines += ["", f"### {text.FAILURES_TITLE}", "", *_failures(analysis, naming)]
    lines += ["", f"{text.REPEAT_IT}: `{_code(str(record.get('command')))}`", ""]
    lines += [f"{escape(text.GLOSSARY_TITLE)}: [index.html](index.html#glossary), {text.SAME_FOLDER}.", ""]
    return "\n".join(lines)


def escape(value: str) -> str:
    """Foreign text that stays text in Markdown, also within a table."""
    plain = " ".join(clean(value).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", plain)


def _code(value: str) -> str:
    return " ".join(clean(value).replace("`", "'").split())


def _title(record: Mapping[str, Any]) -> str:
    model = (record.get("model") or {}).get("name")
    cpu = ((record.get("machine") or {}).get("cpu") or {}).get("name")
    return escape(text.MODEL_ON_MACHINE.format(model=model, machine=cpu) if model and cpu else str(model or cpu or ""))


def _answers(analysis: RunAnalysis, naming: Naming) -> list[str]:
    if not analysis.cells:
        return [text.NOTHING_MEASURED]
    note, enough = verdict_note(analysis)
    lines = [f"- {escape(overview.sentence)}" for overview in overviews(analysis, naming)]
    lines += ["", escape(note) + ("" if enough else f" `{text.VERDICT_COMMAND}`"), "", escape(text.TOLD_APART), ""]
    for shape in answers_by_shape(analysis, naming):
        lines += [f"**{escape(shape.title)}**", ""]
        lines += [f"- {escape(answer.sentence)}" for answer in shape.answers]
        lines.append("")
    for one in memory_answers(analysis, naming):
        lines += [f"**{escape(one.title)}**", "", f"- {escape(one.sentence)}", ""]
    return lines


def _findings(analysis: RunAnalysis, naming: Naming) -> list[str]:
    lines = []
    for note in finding_notes(analysis, naming):
        more = f" {text.MORE_LINES.format(count=len(note.lines) - 1)}" if len(note.lines) > 1 else ""
        seen = f"{escape(note.lines[0][:500])}{more}. {escape(note.advice)}"
        lines.append(
            f"- **{escape(text.SEVERITY_WORDS.get(note.severity, note.severity))}**, {escape(note.title)}: {seen}"
        )
    return [f"**{text.FINDINGS_TITLE}**", "", *lines, ""] if lines else []


def _table(analysis: RunAnalysis, naming: Naming) -> list[str]:
    cells = sorted(analysis.cells, key=lambda cell: (cell.batch_size, cell.new_tokens, cell.prompt_tokens))
    heads = [
        *map(metric_words.one_line, ("prompt", "configuration", "device")),
        *(metric_words.one_line(key, interval=True) for key in RANKED),
        *map(metric_words.one_line, ("decode_tokens_per_s", "peak", "n")),
    ]
    lines = [f"| {' | '.join(heads)} |", f"|--:|:--|:--|{'--:|' * (len(heads) - 3)}"]
    lines += ["| " + " | ".join(_cells(cell, naming)) + " |" for cell in cells[:_MOST_ROWS]]
    if len(cells) > _MOST_ROWS:
        lines += ["", text.MORE_ROWS.format(count=number(len(cells) - _MOST_ROWS, 0))]
    return lines


def _cells(cell: CellResult, naming: Naming) -> list[str]:
    def both(measured: Any) -> str:
        if measured is None:
            return ""
        ends = interval(measured.estimate)
        return number(measured.estimate.value) + (f" ({ends})" if ends else "")

    return [
        number(cell.prompt_tokens, 0),
        escape(naming.of(cell.load)),
        verdict_words(cell.load),
        *(both(getattr(cell, key)) for key in RANKED),
        number(cell.decode_tokens_per_s.estimate.value) if cell.decode_tokens_per_s else "",
        megabytes(cell.load.peak_memory_bytes),
        f"{cell.generations}/{cell.blocks}",
    ]


def _quantiles(analysis: RunAnalysis) -> list[str]:
    note = text.quantiles_note(analysis.cells)
    return [escape(note)] if note else []


def _failures(analysis: RunAnalysis, naming: Naming) -> list[str]:
    return [
        f"- {escape(naming.of(failure.load))}, {escape(failed_shapes(failure))}: "
        f"**{text.STATUS_WORDS.get(failure.status, failure.status)}**: {escape(failure.message[:500])}"
        for failure in analysis.failures
    ]

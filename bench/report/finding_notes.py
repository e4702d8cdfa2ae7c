"""What the guard found, as notes: a note per kind, numbered, and the numbers beside the cells that it touches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.analyse.grouping import group_by
from bench.analyse.results import CellResult, Finding, RunAnalysis
from bench.findings import SEVERITIES
from bench.report import finding_words
from bench.report.names import Naming, cell_name

MOST_LINES = 4
"""How many lines of a note stand open; the others are folded away."""

MOST_INFO = 2
"""The same of a note that is good to know and no warning: its lines are many, and most may be chance."""


@dataclass(frozen=True, slots=True)
class Note:
    """All findings of one kind.

    Args:
        number: by which the cells refer to it.
        code: the fixed word.
        severity: of the weightiest.
        lines: what was seen, and of what.
        advice: what to do about it.
        times: how often it was found.
        keys: of the cells, and of the loads as a whole, that it is about.
        findings: what it is made of, a line each.
    """

    number: int
    code: str
    severity: str
    lines: tuple[str, ...]
    advice: str
    times: int
    keys: frozenset[str | None]
    findings: tuple[Finding, ...]

    @property
    def title(self) -> str:
        """For people, e.g. ``Other load (6 times)``."""
        return finding_words.title(self.code, self.times)

    @property
    def quoted(self) -> bool:
        """Whether its lines are in another language than the page."""
        return finding_words.quoted(self.findings[0])

    @property
    def open_lines(self) -> tuple[str, ...]:
        """The lines that are shown at once: some of those that have the severity of the note."""
        return self.lines[: self._opened]

    @property
    def folded_lines(self) -> tuple[str, ...]:
        """The lines behind them."""
        return self.lines[self._opened :]

    @property
    def _opened(self) -> int:
        weighty = sum(one.severity == self.severity for one in self.findings)
        return min(weighty, MOST_INFO if self.severity == "info" else MOST_LINES)

    def touches(self, cell: CellResult) -> bool:
        """Whether it is about ``cell``, or about what it was loaded in."""
        return not self.keys.isdisjoint((cell.cell_key, cell.load.load_key))

    def messages_about(self, cell: CellResult) -> list[str]:
        """What was seen of ``cell``, or of what it was loaded in."""
        return [
            finding_words.message(finding)
            for finding in self.findings
            if _about(finding) in (cell.cell_key, cell.load.load_key)
        ]


def finding_notes(analysis: RunAnalysis, naming: Naming) -> list[Note]:
    """The notes of a run, the weightiest kind first."""
    kinds = group_by(analysis.findings, lambda finding: finding.code)
    about = _names(analysis, naming)
    return [_note(number, found, about) for number, found in enumerate(kinds.values(), start=1)]


def serious_for_answer(analysis: RunAnalysis, notes: Sequence[Note]) -> list[Note]:
    """The serious notes about the run as a whole, or about a cell that the answer ranks: to be seen before a number."""
    ranked = [
        cell
        for ranking in analysis.rankings
        for cell in (ranking.winner, *(one.contestant for one in ranking.rivals), *ranking.not_compared)
    ]
    keys = {None, *(key for cell in ranked for key in (cell.cell_key, cell.load.load_key))}

    def counts(finding: Finding) -> bool:
        return finding.severity == "serious" and _about(finding) in keys

    return [note for note in notes if any(map(counts, note.findings))]


def _note(number: int, found: Sequence[Finding], about: dict[str, str]) -> Note:
    first = found[0]
    return Note(
        number=number,
        code=first.code,
        severity=first.severity,
        lines=tuple(_line(finding, about) for finding in found),
        advice=finding_words.advice(first),
        times=sum(finding.times for finding in found),
        keys=frozenset(map(_about, found)),
        findings=tuple(found),
    )


def _about(finding: Finding) -> str | None:
    """The key of its cell or load; one that names a cell is about no other cell of the load."""
    return finding.cell_key or finding.load_key


def _line(finding: Finding, about: dict[str, str]) -> str:
    name = about.get(_about(finding) or "")
    where = f"{name}: " if name else ""
    return f"{where}{finding_words.message(finding)}"


def _names(analysis: RunAnalysis, naming: Naming) -> dict[str, str]:
    names = {load.load_key: naming.of(load) for load in analysis.loads}
    for cell in analysis.cells:
        names[cell.cell_key] = cell_name(naming, cell)
    return names


def in_short(notes: Sequence[Note]) -> list[str]:
    """Lines for a terminal: how many findings of which weight, and the serious ones."""
    if not notes:
        return []
    by_weight = {weight: sum(note.times for note in notes if note.severity == weight) for weight in SEVERITIES}
    counted = ", ".join(f"{count} {weight}" for weight, count in by_weight.items() if count)
    kinds = ", ".join(note.code for note in notes if note.severity != "info")
    named = f": {kinds}" if kinds else ""
    serious = [f"serious: {note.lines[0]}. {note.advice}" for note in notes if note.severity == "serious"]
    return [f"guard: {counted}{named}; the report has them with advice", *serious]


def found_of(
    cell_key: str, load_key: str, findings: Mapping[str | None, Sequence[tuple[int, Finding]]]
) -> dict[str, str | None]:
    """What the guard found about a cell or its load, and about the whole run: kinds, and the weightiest severity.

    ``findings`` are those of the run, by :func:`by_subject`.
    """
    of_both = sorted((*findings.get(cell_key, ()), *findings.get(load_key, ())), key=lambda one: one[0])
    own, run = ([one for _, one in found] for found in (of_both, findings.get(None, ())))
    return {
        "findings": _kinds(own),
        "findings_severity": _weightiest(own),
        "run_findings": _kinds(run),
        "run_findings_severity": _weightiest(run),
    }


def by_subject(findings: Sequence[Finding]) -> dict[str | None, list[tuple[int, Finding]]]:
    """Key of a cell or a load, or ``None`` for the run -> the findings about it, each with its place among all."""
    return group_by(enumerate(findings), lambda one: _about(one[1]))


def _kinds(findings: Sequence[Finding]) -> str | None:
    return " ".join(dict.fromkeys(one.code for one in findings)) or None


def _weightiest(findings: Sequence[Finding]) -> str | None:
    found = {one.severity for one in findings}
    return next((weight for weight in SEVERITIES if weight in found), None)

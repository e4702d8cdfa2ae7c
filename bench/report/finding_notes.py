"""What the guard found, as notes: a note per kind, numbered, and the numbers beside the cells that it touches."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.analyse.grouping import group_by
from bench.analyse.results import Finding
from bench.findings import SEVERITIES
from bench.report import finding_words
from bench.report.names import cell_name
from bench.report.run_view import RunView

MOST_LINES = 4
"""How many lines of a note stand open; the others are folded away."""

MOST_INFO = 2
"""The same of a note that is good to know and no warning: its lines are many, and most may be chance."""


@dataclass(frozen=True, slots=True)
class Note:
    """All findings of one kind, a line each, the weightiest first; the cells refer to it by its number."""

    number: int
    code: str
    lines: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> str:
        """Of the weightiest."""
        return self.findings[0].severity

    @property
    def times(self) -> int:
        return sum(finding.times for finding in self.findings)

    @property
    def title(self) -> str:
        return finding_words.title(self.code, self.times)

    @property
    def advice(self) -> str:
        return finding_words.advice(self.findings[0])

    @property
    def quoted(self) -> bool:
        """Whether its lines are in another language than the page."""
        return finding_words.quoted(self.findings[0])

    @property
    def opened(self) -> int:
        """How many lines are shown at once: some of those that have the severity of the note."""
        weighty = sum(one.severity == self.severity for one in self.findings)
        return min(weighty, MOST_INFO if self.severity == "info" else MOST_LINES)


def finding_notes(view: RunView) -> list[Note]:
    """The notes of a run, the weightiest kind first; cells that are not shown, or failed, may have findings too."""
    analysis, naming = view.analysis, view.names
    about: dict[str | None, str] = {load.load_key: naming.of(load) for load in analysis.loads}
    about |= {cell.cell_key: cell_name(naming, cell) for cell in (*analysis.asked, *view.beyond)}

    def line(finding: Finding) -> str:
        name = about.get(finding.about)
        return f"{name}: {finding_words.message(finding)}" if name else finding_words.message(finding)

    kinds = group_by(analysis.findings, lambda one: one.code)
    return [
        Note(number, code, tuple(map(line, found)), tuple(found))
        for number, (code, found) in enumerate(kinds.items(), start=1)
    ]


def serious_for_answer(view: RunView, notes: Sequence[Note]) -> list[Note]:
    """The serious notes about the run as a whole, or about a cell that the answer ranks: to be seen before a number."""
    ranked = [cell for ranking in view.analysis.rankings for cell in ranking.contestants]
    keys = {None, *(key for cell in ranked for key in (cell.cell_key, cell.load.load_key))}
    return [note for note in notes if any(one.severity == "serious" and one.about in keys for one in note.findings)]


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

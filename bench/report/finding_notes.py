"""What the guard found, as notes: a note per kind, numbered, and the numbers beside the cells that it touches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.analyse.grouping import group_by
from bench.analyse.results import AskedCell, CellResult, Finding, RunAnalysis
from bench.findings import SEVERITIES
from bench.report import finding_words
from bench.report.names import Naming, cell_name

MOST_LINES = 4
"""How many lines of a note stand open; the others are folded away."""

MOST_INFO = 2
"""The same of a note that is good to know and no warning: its lines are many, and most may be chance."""


@dataclass(frozen=True, slots=True)
class Note:
    """All findings of one kind, a line each; the cells refer to it by its number.

    Args:
        severity: of the weightiest.
        keys: of the cells, and of the loads as a whole, that it is about; ``None`` for the run.
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
        return finding_words.title(self.code, self.times)

    @property
    def quoted(self) -> bool:
        """Whether its lines are in another language than the page."""
        return finding_words.quoted(self.findings[0])

    @property
    def opened(self) -> int:
        """How many lines are shown at once: some of those that have the severity of the note."""
        weighty = sum(one.severity == self.severity for one in self.findings)
        return min(weighty, MOST_INFO if self.severity == "info" else MOST_LINES)

    def touches(self, cell: CellResult) -> bool:
        return not self.keys.isdisjoint((cell.cell_key, cell.load.load_key))

    def messages_about(self, cell: CellResult) -> list[str]:
        return [
            finding_words.message(finding)
            for finding in self.findings
            if _about(finding) in (cell.cell_key, cell.load.load_key)
        ]


def finding_notes(analysis: RunAnalysis, naming: Naming, beyond: Sequence[CellResult] = ()) -> list[Note]:
    """The notes of a run, the weightiest kind first; ``beyond`` are cells that are not shown and may have findings."""
    cells: list[CellResult | AskedCell] = [*analysis.failed, *analysis.unreached, *beyond, *analysis.cells]
    about = {load.load_key: naming.of(load) for load in analysis.loads}
    about |= {cell.cell_key: cell_name(naming, cell) for cell in cells}

    def line(finding: Finding) -> str:
        name = about.get(_about(finding) or "")
        return f"{name}: {finding_words.message(finding)}" if name else finding_words.message(finding)

    return [
        Note(
            number=number,
            code=code,
            severity=found[0].severity,
            lines=tuple(map(line, found)),
            advice=finding_words.advice(found[0]),
            times=sum(finding.times for finding in found),
            keys=frozenset(map(_about, found)),
            findings=tuple(found),
        )
        for number, (code, found) in enumerate(group_by(analysis.findings, lambda one: one.code).items(), start=1)
    ]


def serious_for_answer(analysis: RunAnalysis, notes: Sequence[Note]) -> list[Note]:
    """The serious notes about the run as a whole, or about a cell that the answer ranks: to be seen before a number."""
    ranked = [cell for ranking in analysis.rankings for cell in ranking.contestants]
    keys = {None, *(key for cell in ranked for key in (cell.cell_key, cell.load.load_key))}

    def counts(finding: Finding) -> bool:
        return finding.severity == "serious" and _about(finding) in keys

    return [note for note in notes if any(map(counts, note.findings))]


def _about(finding: Finding) -> str | None:
    """The key of its cell or load; one that names a cell is about no other cell of the load."""
    return finding.cell_key or finding.load_key


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

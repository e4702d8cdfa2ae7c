"""The table of faults in docs/reliability.md, made from the tests that passed.

A test that injects a fault carries ``@pytest.mark.fault("name")`` with a name of :data:`FAULTS`. After
``AIPC_BENCH_UPDATE_DOCS=1 nox -s tests -- -m fault``, in which all of them ran and none failed, the table is written.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
_HEAD = ["| part | fault | outcome | where | tests |", "|---|---|---|---|---|"]


class Fault(NamedTuple):
    """What is done to which part, and what has to come of it."""

    part: str
    fault: str
    outcome: str


FAULTS = {
    "kill": Fault(
        "harness",
        "killed at any moment: load, warm-up, generation, merging, scoring, report",
        "every committed cell is readable, whole and there once; no process is left; `--resume` gives the tables of an "
        "uninterrupted run",
    ),
    "kill-resuming": Fault(
        "harness", "killed while `--resume` sets an unfinished visit aside", "the same again gives the same"
    ),
    "ctrl-c": Fault(
        "harness",
        "Ctrl-C once, twice, while texts are scored",
        "what was measured is committed and reported; exit status 130",
    ),
    "changed": Fault(
        "harness",
        "another machine, model, artifact, package, option, selection or version at `--resume`",
        "refused by name; nothing is touched",
    ),
    "kill-left": Fault(
        "harness", "killed, and its folder of temporary files left", "the next start removes it, and no other one"
    ),
    "two-writers": Fault("harness", "two processes write one run", "the second is refused"),
    "two-runs": Fault(
        "harness",
        "two runs measure on one machine; one is killed",
        "the second is told who holds the machine, waits (`--wait`) or is marked (`--shared`); a killed run holds "
        "nothing",
    ),
    "worker-dies": Fault(
        "worker",
        "killed, crashes or ends: while it loads, warms up, generates, between cells",
        "a row with status, exit code and last lines of output; the next cell gets a new process",
    ),
    "worker-hangs": Fault(
        "worker", "hangs, never comes up, cannot be ended", "stopped in time and gone, with a row that says so"
    ),
    "worker-errs": Fault(
        "worker", "raises an error, takes other steps than asked", "a row in its words; the worker is asked on"
    ),
    "worker-breaks-protocol": Fault(
        "worker",
        "sends garbage or half a message, lacks the key, is of another version, closes its channel",
        "told as what it is; the process is gone",
    ),
    "worker-prints": Fault("worker", "prints without end, also to the place of answers", "answers are not disturbed"),
    "worker-children": Fault("worker", "leaves children behind, ignores a lost harness", "all of them end"),
    "worker-memory": Fault(
        "worker",
        "takes more memory than its cap, or than the machine has left",
        "refused or stopped, it alone, with a row that says so and a remedy",
    ),
    "disk-full": Fault(
        "disk",
        "full at any write of a run",
        "one line with a remedy; every committed cell stays; the run gets its end where 4 kB are left, its report, and "
        "is carried on when there is room",
    ),
    "disk-read-only": Fault(
        "disk",
        "results, reports, cache, venvs or temporary files cannot be written, from the start or from any write on",
        "one line with a remedy; every committed cell stays",
    ),
    "removed": Fault(
        "disk",
        "the results or the cache are removed while a run goes on",
        "a line that says so; the run stops, and `--resume` makes and measures again what is gone",
    ),
    "disk-held": Fault(
        "disk", "file held by another program for a moment, or for good", "a moment is waited for; else one line"
    ),
    "disk-damaged": Fault(
        "disk",
        "a file of a stored run cut at any place, or any bit of it turned",
        "named, left out of the report, found by `nox -s verify`",
    ),
    "convert-killed": Fault(
        "preparation",
        "a conversion fails or is killed at any moment",
        "nothing half-made is used; the next start removes the rest and converts again",
    ),
    "convert-memory": Fault(
        "preparation",
        "a converter takes more memory than its cap, or than the machine has left",
        "refused or stopped, it alone, with a line that says so and a remedy",
    ),
    "convert-two": Fault(
        "preparation", "two runs want an artifact at once", "one makes it; the other waits, says so and takes that"
    ),
    "download": Fault(
        "preparation", "a download breaks or is interrupted", "gone on with where it was; each file checked"
    ),
    "artifact-damaged": Fault(
        "preparation",
        "a file of an artifact is cut, changed or gone",
        "a changed one is named and not used, a lost one made again; `nox -s verify -- --artifacts` checks all",
    ),
    "venv-two": Fault("preparation", "two sessions want a venv at once", "one makes it; the other waits and says so"),
    "venv-killed": Fault(
        "preparation",
        "an installation fails or is killed; a venv loses files",
        "never taken for whole; made again, its reason said",
    ),
    "clock": Fault(
        "machine",
        "the wall clock is set forwards or backwards during a run",
        "a finding; all durations are of clocks that nobody sets, no process ends before it began, and `--resume` goes "
        "on",
    ),
    "suspend": Fault(
        "machine", "suspended during a generation", "that generation is not counted, and says why; a finding"
    ),
}
"""Name that a marker has -> the fault, in the order of the table."""


@dataclass(eq=False, slots=True)
class FaultTable:
    """A plugin of pytest that counts marked tests: those collected, and how they ended."""

    files: set[str] = field(default_factory=set)
    collected: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    ended: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Count all tests that were collected, before options choose of them."""
        for item in items:
            file = item.path.relative_to(ROOT / "tests").as_posix()
            self.files.add(file)
            for mark in item.iter_markers("fault"):
                if mark.args[0] not in FAULTS:
                    raise pytest.UsageError(f"{item.nodeid}: tests/support/faults.py has no fault {mark.args[0]!r}")
                self.collected[mark.args[0]][file] += 1
                item.user_properties.append(("fault", mark.args[0]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count how a test ended, once."""
        if report.when == "call" or report.outcome != "passed":
            for name, fault in report.user_properties:
                if name == "fault":
                    self.ended[str(fault)][report.outcome] += 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the table, where that was asked for and all marked tests ran."""
        if not os.environ.get("AIPC_BENCH_UPDATE_DOCS") or hasattr(session.config, "workerinput"):
            return
        whole = {file for files, _ in rows().values() for file in files if (ROOT / "tests" / file).exists()}
        ran = all(self.collected[name].total() == self.ended[name].total() > 0 for name in FAULTS)
        if ran and whole <= self.files and not any(ends["failed"] for ends in self.ended.values()):
            table = [*_HEAD, *(_row(name, self.collected[name], self.ended[name]) for name in FAULTS)]
            write_between(PAGE, BEGIN, END, table)


def _row(name: str, files: Counter[str], ends: Counter[str]) -> str:
    where = ", ".join(f"`{file}`" for file in sorted(files))
    counts = f"{ends['passed']}, {ends['skipped']} skipped" if ends["skipped"] else str(ends["passed"])
    return f"| {' | '.join((*FAULTS[name], where, counts))} |"


def rows() -> dict[Fault, tuple[list[str], int]]:
    """What the page has: fault -> the files of its tests, and how many these are."""
    text = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    return {
        Fault(*row[:3]): (row[3].strip("`").split("`, `"), sum(map(int, re.findall(r"\d+", row[4])))) for row in cells
    }


def write_between(page: Path, begin: str, end: str, table: list[str]) -> None:
    """Put the lines of a ``table`` between two comments of ``page``."""
    before, _, rest = page.read_text("utf-8").partition(begin)
    text = "\n".join([f"{before}{begin}", "", *table, "", f"{end}{rest.partition(end)[2]}"])
    page.write_text(text, "utf-8", newline="\n")

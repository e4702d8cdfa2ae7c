"""The measuring suite: a collector per visit, which owns the worker, and an item per cell in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bench.errors import BenchError, WorkerError, WorkerUnsupported
from bench.measure.visit import Interrupted, Visit
from bench.plan.cells import Cell
from bench.plan.plan import Impossible, PlannedVisit
from bench.run.session import BenchSession

SESSION = pytest.StashKey[BenchSession]()


class MeasureSuite(pytest.Module):
    """All visits of the plan, in their order; what cannot be comes first, as skipped items."""

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        plan = self.config.stash[SESSION].plan
        for impossible in plan.impossible:
            yield ImpossibleItem.from_parent(self, name=impossible.cell.label, impossible=impossible)
        for planned in plan.visits:
            name = f"block{planned.block + 1}-{planned.position + 1}-{planned.load.label}"
            yield VisitCollector.from_parent(self, name=name, planned=planned)


class VisitCollector(pytest.Collector):
    """One load in one block: a fresh worker process, from its first selected cell to its last."""

    def __init__(self, *, planned: PlannedVisit, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned = planned
        self._visit: Visit | None = None

    def collect(self) -> Iterator[pytest.Item]:
        for cell in self.planned.cells:
            yield CellItem.from_parent(self, name=cell.shape, cell=cell)

    def visit(self) -> Visit:
        """The visit, begun by the first cell that asks for it."""
        if self._visit is None:
            self._visit = self.config.stash[SESSION].visit(self.planned)
        return self._visit

    def teardown(self) -> None:
        visit, self._visit = self._visit, None
        if visit is None:
            return
        try:
            visit.close()
        except BenchError as error:
            # pytest shows a traceback of whatever a teardown raises; this ends the session with one line.
            self.session.shouldfail = str(error)


class CellItem(pytest.Item):
    """One cell in one block."""

    parent: VisitCollector

    def __init__(self, *, cell: Cell, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cell = cell

    def runtest(self) -> None:
        bench = self.config.stash[SESSION]
        if bench.stopper.requested:
            self._interrupted()
        if (reason := bench.skip_reason(self.parent.planned, self.cell)) is not None:
            pytest.skip(reason)
        try:
            bench.outcome(self.parent.planned, self.cell, self.parent.visit().measure(self.cell))
        except WorkerUnsupported as error:
            bench.say(f"    {self.cell.shape:<16} unsupported: {error}")
            pytest.skip(str(error))
        except WorkerError as error:
            bench.say(f"    {self.cell.shape:<16} {error.status}: {error}")
            raise
        except BenchError as error:
            # The store or the prompts: no cell after this one would fare better.
            self.session.shouldfail = str(error)
            raise
        except Interrupted:
            self._interrupted()

    def _interrupted(self) -> NoReturn:
        self.session.shouldstop = "interrupted"
        pytest.skip("interrupted")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """One line for what the user is to be told; a traceback for a fault of ours."""
        if isinstance(excinfo.value, WorkerError):
            return f"{self.cell.label}: {excinfo.value.status}: {excinfo.value}"
        if isinstance(excinfo.value, BenchError):
            return f"{self.cell.label}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.parent.name}.{self.name}"


class ImpossibleItem(pytest.Item):
    """A cell that was asked for and cannot be."""

    def __init__(self, *, impossible: Impossible, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.impossible = impossible

    def runtest(self) -> None:
        self.config.stash[SESSION].say(f"unsupported: {self.impossible.cell.label}: {self.impossible.reason}")
        pytest.skip(self.impossible.reason)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name

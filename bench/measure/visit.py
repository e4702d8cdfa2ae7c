"""A visit: one load in one block. It drives worker processes and commits their answers, cell by cell."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench.errors import WorkerCrashed, WorkerError, WorkerFailed, WorkerTimeout
from bench.measure.attempt import Attempt, LoadPlan, RunFacts, start_worker
from bench.measure.prompt_keys import prompt_keys
from bench.measure.settling import warm_up
from bench.measure.store_rows import Row, failure_row, load_row, success_row
from bench.measure.verdict import Placement, weight_bits, why_not_as_asked
from bench.measure.worker import Generated
from bench.observe.clocks import Moment
from bench.observe.machine_conditions import Watched
from bench.observe.memory import memory_of
from bench.plan.cells import Ask, Cell, Load, Request
from bench.plan.options import Options
from bench.plan.plan import PlannedVisit
from bench.prepare.prompts import Prompt, PromptKey
from bench.store.writer import RunWriter


class Interrupted(Exception):  # noqa: N818 - an event more than an error
    """The user asked to stop, and what was under way has been committed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The times of a cell in one block: for the progress line, and for a run that ends by its own intervals.

    Args:
        ttft_ms: of each timed generation that counts.
        tpot_ms: of the same; empty if only one token was requested.
        excluded: the reason of each timed generation that does not count.
    """

    ttft_ms: tuple[float, ...]
    tpot_ms: tuple[float, ...]
    excluded: tuple[str, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Outcome:
        """That of a cell whose ``rows`` are all of generations that ran."""
        timed = [row for row in rows if not row["warmup"]]
        counted = [row for row in timed if row["invalid_reason"] is None]
        return cls(
            tuple(row["ttft_ns"] / 1e6 for row in counted),
            tuple(statistics.fmean(row["itl_ns"]) / 1e6 for row in counted if row["itl_ns"]),
            tuple(row["invalid_reason"] for row in timed if row["invalid_reason"] is not None),
        )


_Series = list[Row]
"""The rows of one cell so far, in the order of its generations."""


def _place(series: _Series, *, warmup: bool) -> int:
    """That of the next generation of ``series``; warm-ups are counted on their own."""
    return sum(row["warmup"] is warmup for row in series)


class Visit:
    """Measures the cells of a planned visit, and writes their rows."""

    def __init__(
        self,
        planned: PlannedVisit,
        load_plan: LoadPlan,
        prompts: Mapping[PromptKey, Prompt],
        options: Options,
        facts: RunFacts,
        writer: RunWriter,
        placement: Placement | None = None,
    ) -> None:
        self.planned = planned
        self.load_plan = load_plan
        self.prompts = prompts
        self.options = options
        self.facts = facts
        self.writer = writer
        self.placement = placement
        self._attempts = 0
        self._attempt: Attempt | None = None
        self._tried_again = False

    @property
    def load(self) -> Load:
        return self.planned.load

    def measure(self, cell: Cell) -> Outcome:
        """Warm one cell up, measure it, commit its rows.

        Raises:
            WorkerError: the cell has no number; the row with the reason is committed.
            Interrupted: the user asked to stop; what was measured is committed.
        """
        attempt = self._ready()
        if (error := attempt.error) is not None:
            row = failure_row(cell, self.planned.block, attempt.load_id, attempt.number, error)
            self.writer.rows("generations", [row])
            raise error
        return self._ask(cell, attempt)

    def close(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None and attempt.error is None:
            self._end(attempt)

    def _ready(self) -> Attempt:
        """The process to be asked; one that did not load has an error, which all cells get without another try."""
        if self._attempt is None:
            self._attempts += 1
            load_id = f"{self.planned.id}/a{self._attempts}"
            attempt = Attempt(load_id, self._attempts, Moment(), placement=self.placement)
            try:
                self._start(attempt)
            except WorkerError as error:
                attempt.error = error
                self._end(attempt)
                if self._tries_again(attempt, error):
                    return self._ready()
            self._attempt = attempt
        return self._attempt

    def _start(self, attempt: Attempt) -> None:
        plan, load = self.load_plan, self.load
        if (error := plan.error) is not None:
            # It is raised in every visit, and would keep what each of them held.
            raise error.with_traceback(None)
        attempt.worker = worker = start_worker(load, plan, self.facts, self._scratch(attempt))
        opened = worker.open()
        attempt.import_s, attempt.devices = opened.import_s, opened.devices
        attempt.loaded = worker.load(plan.path, load.device, load.precision, self.facts.threads, load.options)
        attempt.memory = memory_of(worker.pid)
        self._refuse_fallback(attempt)
        if reason := why_not_as_asked(
            load, weight_bits(load, plan.artifact, attempt.evidence), self.facts.embedding_share
        ):
            raise WorkerFailed(reason, error_type="OtherWeights")
        attempt.gauges = self.facts.instruments.gauges(worker.pid, load.device, worker.affinity)

    def _refuse_fallback(self, attempt: Attempt) -> None:
        if attempt.loaded is None or self.options.allow_fallback:
            return
        verdict = attempt.verdict(self.load.device)
        if verdict.name == "fallback":
            remedy = "mend the device (`nox -s doctor`), or label it with what ran by --allow-fallback"
            raise WorkerFailed(f"{self.load.label}: {verdict.evidence} {remedy}", error_type="DeviceFallback")

    def _tries_again(self, attempt: Attempt, error: WorkerError) -> bool:
        """Whether a fresh process takes the place of a worker that has crashed or hung; once in a visit.

        Raises:
            Interrupted: it would, but the user asked to stop.
        """
        gone = attempt.worker is None or not attempt.worker.alive
        if not (self.options.retry_crashed and gone and isinstance(error, WorkerCrashed | WorkerTimeout)):
            return False
        if self._tried_again or error.error_type == "OutOfMemory":
            return False
        if self.facts.stopping():
            raise Interrupted
        self._tried_again = True
        self.facts.say(f"    {error.status}: {error}; trying once more in a fresh process")
        return True

    def _ask(self, cell: Cell, attempt: Attempt) -> Outcome:
        series: _Series = []
        warm = False
        try:
            ask = partial(self._turn, cell, attempt, series, warmup=True)
            count, settled = warm_up(ask, self.options.warmups, self.options.max_warmups)
            # One warm-up or none was asked for, and shows nothing.
            if count > 1 and not settled:
                self.facts.unsettled(cell.key, attempt.load_id, self.planned.block, count)
            warm = True
            for ordinal in range(self.options.repeats):
                self._turn(cell, attempt, series, ordinal, warmup=False)
        except WorkerError as error:
            # A worker that answered with an error can go on; one that died or was stopped cannot.
            if attempt.worker is not None and not attempt.worker.alive:
                attempt.error, self._attempt = error, None
                self._end(attempt)
            # What crashed in a timed generation is not measured again. Else the row of the load alone has the reason.
            if warm or not self._tries_again(attempt, error):
                block, timed = self.planned.block, _place(series, warmup=False)
                series.append(failure_row(cell, block, attempt.load_id, attempt.number, error, timed))
                raise
        else:
            return Outcome.of(series)
        finally:
            self.writer.rows("generations", series)
        return self.measure(cell)

    def _turn(self, cell: Cell, attempt: Attempt, series: _Series, ordinal: int, *, warmup: bool) -> Generated:
        prompts = [self.prompts[key] for key in prompt_keys(self.options, cell, ordinal)]
        most = self.options.warmup_new_tokens if warmup else None
        if cell.ask == "again" and (before := cell.request.before_again) is not None:
            self._one(cell, before.shortened(most), attempt, series, prompts, ask="first", warmup=True)
        asked = cell.request.shortened(most)
        return self._one(cell, asked, attempt, series, prompts, ask=cell.ask, warmup=warmup)

    def _one(
        self,
        cell: Cell,
        asked: Request,
        attempt: Attempt,
        series: _Series,
        prompts: Sequence[Prompt],
        *,
        ask: Ask,
        warmup: bool,
    ) -> Generated:
        worker, gauges = attempt.worker, attempt.gauges
        assert worker is not None
        assert gauges is not None
        started_at = datetime.now(UTC)
        prompts = [prompt.beginning(asked.prompt_tokens) for prompt in prompts]
        ids = [prompt.ids for prompt in prompts]
        generated = worker.generate(ids, asked.new_tokens, gauges.begin, gauges.end)
        attempt.gauged = gauges.gauged
        attempt.memory = memory_of(worker.pid)
        gauges.read_device_memory()
        if attempt.first_generation_s is None:
            attempt.first_generation_s = generated.total_ns / 1e9
            attempt.first_request = (len(ids[0]), asked.new_tokens, len(ids))
        attempt.counters.add(generated.cpu_time_ns, attempt.gauged.busy, warmup=warmup)
        if not warmup:
            self._refuse_fallback(attempt)
        row = success_row(cell, asked, self.planned.block, attempt, prompts, generated, started_at)
        series.append(row | {"ask": ask, "iteration": _place(series, warmup=warmup), "warmup": warmup})
        if self.facts.stopping():
            raise Interrupted
        return generated

    def _end(self, attempt: Attempt) -> None:
        worker = attempt.worker
        tail = None
        if attempt.gauges is not None:
            before, attempt.after = attempt.gauges.before, attempt.gauges.close()
            # The CPU time of a worker that is gone is not known.
            if worker is not None and worker.alive:
                threads = attempt.evidence.get("threads")
                self.facts.watched(Watched(attempt.load_id, self.planned.block, before, attempt.after, threads))
        if worker is not None:
            worker.close()
            tail = worker.stderr_tail()
        self.writer.rows("loads", [load_row(self.facts, self.planned, self.load_plan, attempt, tail)])
        # What was traced or profiled there is kept until the end of the run.
        with suppress(OSError):
            (self._scratch(attempt) / "worker.log").unlink()
            self._scratch(attempt).rmdir()

    def _scratch(self, attempt: Attempt) -> Path:
        return self.facts.scratch / attempt.load_id.replace("/", "-")

"""Ctrl-C and kill: what was measured stays, and the run says how it ended."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psutil
import pytest

from bench.plan.flags import raw_values
from bench.plan.options import resolve_options
from bench.plan.plan import make_plan
from bench.processes import end_tree
from tests.support.sweeps import INTERRUPT, INTERRUPTING

pytestmark = pytest.mark.process

# What this fixture gives is defined in the conftest beside this file.
Sweep = Any

LIMIT_S = 300
"""For what would never come."""


class Watched:
    """A run under way, whose lines can be waited for."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line)
        self._queue.put(None)

    def until(self, text: str) -> None:
        while True:
            line = self._queue.get(timeout=LIMIT_S)
            assert line is not None, f"ended before '{text}' came:\n{''.join(self.lines)}"
            self.lines.append(line)
            if text in line:
                return

    def end(self) -> int:
        status = self.process.wait(LIMIT_S)
        while (line := self._queue.get(timeout=LIMIT_S)) is not None:
            self.lines.append(line)
        return status


@pytest.fixture
def watch(sweep: Sweep, request: pytest.FixtureRequest) -> Callable[..., Watched]:
    """Starts a run, which is gone after the test whatever happens."""

    def start(*arguments: str, **environment: str) -> Watched:
        process = sweep.start(*arguments, **environment)

        def end() -> None:
            if process.poll() is None:
                end_tree(process.pid)
            process.wait(LIMIT_S)
            assert process.stdout is not None
            process.stdout.close()

        request.addfinalizer(end)
        return Watched(process)

    return start


def hanging_in_the_second_cell(
    sweep: Sweep, watch: Callable[..., Watched], *arguments: str, **environment: str
) -> tuple[int, Watched]:
    """A run that has measured its first cell, and goes no further; with the prompt length of that cell."""
    options = resolve_options(raw_values(sweep.command()), sweep.home)
    first, second = make_plan(options).visits[0].cells
    hangs = ("simulated.hang_at=1", f"simulated.only_prompt_tokens={second.prompt_tokens}")
    run = watch(*arguments, *(part for option in hangs for part in ("--load-option", option)), **environment)
    run.until(f"p{first.prompt_tokens}-n4-b1 ")
    return first.prompt_tokens, run


@pytest.mark.fault("ctrl-c")
def test_ctrl_c_finishes_the_generation_under_way_commits_and_reports(
    sweep: Sweep, watch: Callable[..., Watched]
) -> None:
    # Hundred generations take longer than anything that keeps this test from its signal.
    run = watch("--load-option", "simulated.ttft_ms=800", "--warmups", "0", "--repeats", "50")
    run.until("visit 1 of 1")
    run.process.send_signal(INTERRUPT)
    run.until("stopping after this generation; Ctrl-C again stops at once")
    status = run.end()
    found = {(row["status"], len(row["itl_ns"])) for row in sweep.generations()}
    assert (status, found, sweep.stored.end["reason"], sweep.reported) == (130, {("ok", 3)}, "interrupted", True)


@pytest.mark.fault("ctrl-c")
def test_ctrl_c_twice_stops_at_once_and_keeps_what_was_committed(sweep: Sweep, watch: Callable[..., Watched]) -> None:
    # Of the second cell, which hangs: by then the run has passed all places where it would stop by itself.
    third = {"INTERRUPT_AT": "bench.measure.worker:WorkerProcess.generate 3"}
    first, run = hanging_in_the_second_cell(sweep, watch, *INTERRUPTING, **third)
    run.until("stopping after this generation")
    run.process.send_signal(INTERRUPT)
    status = run.end()
    found = {(row["prompt_tokens"], row["status"]) for row in sweep.generations()}
    assert (status, found, "Traceback" in "".join(run.lines)) == (130, {(first, "ok")}, False)


@pytest.mark.fault("ctrl-c")
def test_ctrl_c_while_texts_are_scored_keeps_the_run_and_reports(sweep: Sweep) -> None:
    scoring = ("--precision", "int4,int8", "--load-option", "simulated.perplexity_ratio=1.3")
    ran = sweep.run(*INTERRUPTING, *scoring, INTERRUPT_AT="bench.measure.worker:WorkerProcess.score 1")
    scored = [(row["status"], row["error_type"]) for row in sweep.stored.table("quality").to_pylist()]
    assert "quality 1 of 2: simulated CPU int4" in ran.stdout
    assert (ran.returncode, scored, sweep.stored.end["reason"]) == (130, [("failed", "Interrupted")] * 2, "finished")
    assert (sweep.reported, "Traceback" in ran.stdout + ran.stderr) == (True, False)


@pytest.mark.fault("kill")
def test_a_harness_that_is_killed_loses_one_cell_at_most(sweep: Sweep, watch: Callable[..., Watched]) -> None:
    first, run = hanging_in_the_second_cell(sweep, watch)
    run.process.kill()
    run.end()
    found = {(row["prompt_tokens"], row["warmup"], row["status"]) for row in sweep.generations()}
    assert (found, sweep.stored.end) == ({(first, True, "ok"), (first, False, "ok")}, None)


@pytest.mark.fault("worker-children")
def test_a_worker_ends_when_its_harness_was_killed(sweep: Sweep, watch: Callable[..., Watched]) -> None:
    _, run = hanging_in_the_second_cell(sweep, watch)
    workers = psutil.Process(run.process.pid).children(recursive=True)
    run.process.kill()
    _, alive = psutil.wait_procs(workers, timeout=LIMIT_S)
    # On Windows there are more: the python.exe of a venv starts the interpreter as its child.
    assert (workers != [], alive) == (True, [])


@pytest.mark.fault("kill")
def test_a_killed_run_says_when_it_began(sweep: Sweep, watch: Callable[..., Watched]) -> None:
    run = watch("--load-option", "simulated.ttft_ms=400")
    run.until("visit 1 of 1")
    run.process.kill()
    run.end()
    assert datetime.fromisoformat(sweep.stored.record["created_at"]).tzinfo is not None

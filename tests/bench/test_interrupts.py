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
from tests.support.sweeps import INTERRUPT

pytestmark = pytest.mark.process

# What this fixture gives is defined in the conftest beside this file.
Sweep = Any


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
            line = self._queue.get(timeout=60)
            assert line is not None, f"ended before '{text}' came:\n{''.join(self.lines)}"
            self.lines.append(line)
            if text in line:
                return

    def end(self) -> int:
        status = self.process.wait(60)
        while (line := self._queue.get(timeout=10)) is not None:
            self.lines.append(line)
        return status


@pytest.fixture
def watch(sweep: Sweep, request: pytest.FixtureRequest) -> Callable[..., Watched]:
    """Starts a run, which is gone after the test whatever happens."""

    def start(*arguments: str) -> Watched:
        process = sweep.start(*arguments)

        def end() -> None:
            if process.poll() is None:
                end_tree(process.pid)
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()

        request.addfinalizer(end)
        return Watched(process)

    return start


def first_cell(sweep: Sweep) -> tuple[int, int]:
    """The prompt lengths in the order in which they are measured at the sweep's seed."""
    options = resolve_options(raw_values(sweep.command()), sweep.home)
    one, other = make_plan(options).visits[0].cells
    return one.prompt_tokens, other.prompt_tokens


@pytest.mark.fault("ctrl-c")
def test_ctrl_c_finishes_the_generation_under_way_commits_and_reports(
    sweep: Sweep, watch: Callable[..., Watched]
) -> None:
    run = watch("--load-option", "simulated.ttft_ms=800", "--warmups", "0")
    run.until("visit 1 of 1")
    run.process.send_signal(INTERRUPT)
    run.until("stopping after this generation; Ctrl-C again stops at once")
    status = run.end()
    found = [(row["status"], len(row["itl_ns"])) for row in sweep.generations()]
    assert (status, found, sweep.stored.end["reason"], sweep.reported) == (130, [("ok", 3)], "interrupted", True)


@pytest.mark.fault("ctrl-c")
def test_ctrl_c_twice_stops_at_once_and_keeps_what_was_committed(sweep: Sweep, watch: Callable[..., Watched]) -> None:
    first, second = first_cell(sweep)
    run = watch("--load-option", "simulated.hang_at=1", "--load-option", f"simulated.only_prompt_tokens={second}")
    run.until(f"p{first}-n4-b1 ")
    run.process.send_signal(INTERRUPT)
    run.until("stopping after this generation")
    run.process.send_signal(INTERRUPT)
    status = run.end()
    found = {(row["prompt_tokens"], row["status"]) for row in sweep.generations()}
    assert (status, found, "Traceback" in "".join(run.lines)) == (130, {(first, "ok")}, False)


@pytest.mark.fault("ctrl-c")
def test_ctrl_c_while_texts_are_scored_keeps_the_run_and_reports(sweep: Sweep, watch: Callable[..., Watched]) -> None:
    run = watch("--precision", "int4,int8", "--load-option", "simulated.perplexity_ratio=1.3")
    run.until("quality 1 of 2: simulated CPU int4")
    run.process.send_signal(INTERRUPT)
    status = run.end()
    scored = [(row["status"], row["error_type"]) for row in sweep.stored.table("quality").to_pylist()]
    assert (status, scored[-1], sweep.stored.end["reason"]) == (130, ("failed", "Interrupted"), "finished")
    assert (sweep.reported, "Traceback" in "".join(run.lines)) == (True, False)


@pytest.mark.fault("kill")
def test_a_harness_that_is_killed_loses_one_cell_at_most(sweep: Sweep, watch: Callable[..., Watched]) -> None:
    first, _ = first_cell(sweep)
    run = watch("--load-option", "simulated.ttft_ms=400")
    run.until(f"p{first}-n4-b1 ")
    run.process.kill()
    run.end()
    found = {(row["prompt_tokens"], row["warmup"], row["status"]) for row in sweep.generations()}
    assert (found, sweep.stored.end) == ({(first, True, "ok"), (first, False, "ok")}, None)


@pytest.mark.fault("worker-children")
def test_a_worker_ends_when_its_harness_was_killed(sweep: Sweep, watch: Callable[..., Watched]) -> None:
    run = watch("--load-option", "simulated.ttft_ms=400")
    run.until("first token")
    workers = psutil.Process(run.process.pid).children(recursive=True)
    run.process.kill()
    _, alive = psutil.wait_procs(workers, timeout=20)
    # On Windows there are more: the python.exe of a venv starts the interpreter as its child.
    assert (workers != [], alive) == (True, [])


@pytest.mark.fault("kill")
def test_a_killed_run_says_when_it_began(sweep: Sweep, watch: Callable[..., Watched]) -> None:
    run = watch("--load-option", "simulated.ttft_ms=400")
    run.until("visit 1 of 1")
    run.process.kill()
    run.end()
    assert datetime.fromisoformat(sweep.stored.record["created_at"]).tzinfo is not None

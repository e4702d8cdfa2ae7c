"""Workers on the simulated backend, and on stand-ins that misbehave in ways that it does not."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench import PROJECT_ROOT
from bench.measure.attempt import LoadPlan, RunFacts
from bench.measure.child_process import Launch
from bench.measure.prompt_keys import prompts_of_visit
from bench.measure.visit import Visit
from bench.measure.worker import Timeouts, WorkerProcess
from bench.plan.options import Options
from bench.plan.plan import make_plan
from bench.plan.venvs import Venv
from bench.prepare.prompts import PromptBook
from bench.store.reader import open_run
from bench.store.writer import RunWriter

MakeOptions = Callable[..., Options]

AMPLE = Timeouts(start_s=600, open_s=600, load_s=600, generation_s=600, close_s=600)
"""No test comes near it, on a busy machine either; where a worker hangs, ``hung`` lets the time pass."""

ODD_BACKEND = """
import os, subprocess, sys
from backends.contract import Evidence, GenerationDetails, UnsupportedError

class Odd:
    def devices(self):
        return []
    def load(self, artifact, device, options):
        if device == "NPU":
            raise UnsupportedError("there is no NPU here")
        if "child" in options.extra:
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            print("child", child.pid, flush=True)
        print("threads", os.environ.get("OMP_NUM_THREADS"), flush=True)
        return self
    def generate(self, prompts, new_tokens, on_step):
        for step in range(new_tokens):
            print("a line on stdout", flush=True)
            os.write(1, b'{"kind": "generation", "stamps_ns": []}\\n')
            os.write(2, b"a line on stderr\\n")
            on_step([len(prompts[0])] * len(prompts))
        return GenerationDetails(setup_ns=5, padded_prompt_tokens=32)
    def evidence(self):
        return Evidence(device="GPU.0", device_source="read-back", note="Made up.", versions={"odd": "3"})
    def close(self):
        pass
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts workers, which are gone after the test whatever happens."""
    started: list[WorkerProcess] = []

    def start_one(target: str = "backends.simulated:Simulated", **settings: Any) -> WorkerProcess:
        timeouts = settings.pop("timeouts", AMPLE)
        scratch = tmp_path / f"worker-{len(started)}"
        started.append(WorkerProcess(sys.executable, target, scratch, timeouts=timeouts, **settings))
        return started[-1]

    yield start_one
    for one in started:
        one.kill()


@pytest.fixture
def hung(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the process id of a worker that is about to hang is written: as long as it lives, time flies.

    So a worker has as long as it needs until then, and nobody waits for one that hangs.
    """
    file = tmp_path / "hung"
    gone_by_s = 0

    def monotonic() -> float:
        nonlocal gone_by_s
        text = file.read_text("utf-8") if file.exists() else ""
        gone_by_s += 3600 if text and psutil.pid_exists(int(text)) else 0
        return time.monotonic() + gone_by_s

    clock = SimpleNamespace(monotonic=monotonic, perf_counter=time.perf_counter)
    monkeypatch.setattr("bench.measure.worker.time", clock)
    return file


@pytest.fixture
def redirected() -> Launch:
    """Starts an interpreter as the ``python.exe`` of a venv on Windows does: as its child."""
    program = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
    return Launch(prefix=(sys.executable, "-c", program))


@pytest.fixture
def loaded(start: Callable[..., WorkerProcess]) -> Callable[..., WorkerProcess]:
    """Starts a worker and loads the simulated backend with options."""

    def load(**extra: Any) -> WorkerProcess:
        worker = start()
        worker.open()
        worker.load(None, "CPU", "int4", None, {"ttft_ms": 1, "itl_ms": 1} | extra)
        return worker

    return load


@pytest.fixture
def other_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose ``backends`` a test may change; workers start from it."""
    root = tmp_path / "other project"
    shutil.copytree(PROJECT_ROOT / "backends", root / "backends", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "backends" / "odd.py").write_text(ODD_BACKEND, encoding="utf-8")
    monkeypatch.setattr("bench.processes.PROJECT_ROOT", root)
    return root


class Kit:
    """One visit and what it left in the store."""

    def __init__(self, writer: RunWriter, visit: Visit) -> None:
        self.writer = writer
        self.visit = visit
        self.cells = {cell.prompt_tokens: cell for cell in visit.planned.cells}

    def measure(self, *prompt_tokens: int) -> list[str]:
        """Measure cells as the suite does; ``ok`` or the error of each."""
        said = []
        for length in prompt_tokens:
            try:
                self.visit.measure(self.cells[length])
                said.append("ok")
            except Exception as error:  # noqa: BLE001 - the tests look at what it was
                said.append(type(error).__name__)
        return said

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What was committed."""
        return list(open_run(self.writer.path).table(table).to_pylist())


@pytest.fixture
def kit(tmp_path: Path, make_options: MakeOptions) -> Iterator[Callable[..., Kit]]:
    """Makes a visit of the simulated backend, int4 on the CPU, prompt lengths 8 and 16, 4 new tokens."""
    made: list[Kit] = []

    def make(
        *load_options: str,
        arguments: tuple[str, ...] = (),
        load_plan: LoadPlan | None = None,
        stopping: Callable[[], bool] = lambda: False,
        threads: int | None = None,
        memory_cap_bytes: int | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> Kit:
        quick = ("ttft_ms=1", "itl_ms=1", *load_options)
        options = make_options(
            *("--backend", "simulated", "--precision", "int4", "--prompt-tokens", "8,16", "--new-tokens", "4"),
            *("--warmups", "1", "--repeats", "2", "--blocks", "1", "--seed", "1", *arguments),
            *(part for option in quick for part in ("--load-option", f"simulated.{option}")),
        )
        planned = make_plan(options).visits[0]
        if "--max-warmups" not in arguments:
            options = replace(options, max_warmups=options.warmups)
        facts = RunFacts(
            machine_id="0" * 16,
            model="none (simulated)",
            model_digest=None,
            threads=threads,
            timeouts=AMPLE,
            scratch=tmp_path / "scratch",
            stopping=stopping,
            memory_cap_bytes=memory_cap_bytes,
            say=say,
        )
        writer = RunWriter(tmp_path / "results", "run-1")
        writer.begin({})
        prompts = PromptBook.made_up().prompts_for_visit(planned.block, *prompts_of_visit(options, planned.cells))
        plan = load_plan or LoadPlan(Venv(sys.executable))
        made.append(Kit(writer, Visit(planned, plan, prompts, options, facts, writer)))
        return made[-1]

    yield make
    for one in made:
        one.visit.close()

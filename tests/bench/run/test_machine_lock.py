"""One run at a time on a machine: who is refused, who waits, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench import PROJECT_ROOT
from bench.errors import MachineError
from bench.findings import Code
from bench.plan.cells import Load
from bench.run import machine_lock as module
from bench.run.machine_lock import MachineLock, hold_machine

# What this fixture gives is defined in the conftest above this folder.
Sweep = Any

HOLDER = """
import sys
from bench.errors import MachineError
from bench.run.machine_lock import MachineLock
lock = MachineLock(sys.argv[1], "nox -s bench -- --backend ort-genai", print)
sys.stdin.readline()
try:
    lock.take(shared=False, wait_s=0)
except MachineError as error:
    print("refused", error, flush=True)
else:
    print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Locks of this test alone, in this process and in those that it starts."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def lock(said: list[str]) -> Iterator[Any]:
    """Makes the lock of a run, released at the end."""
    made = []

    def make(run_id: str, command: str = "nox -s bench") -> MachineLock:
        made.append(MachineLock(run_id, command, said.append))
        return made[-1]

    yield make
    for one in made:
        one.release()


@pytest.mark.fault("two-runs")
def test_the_second_run_is_refused_and_told_who_holds_the_machine(lock: Any) -> None:
    lock("first", "nox -s bench -- --model m").take(shared=False, wait_s=0)
    with pytest.raises(MachineError) as refused:
        lock("second").take(shared=False, wait_s=0)
    assert re.fullmatch(
        rf"another run measures on this machine: run first \(process {os.getpid()}, since \d{{4}}-\d\d-\d\d "
        r"\d\d:\d\d:\d\d, `nox -s bench -- --model m`\); have this one wait by --wait 2h, or measure beside it by "
        r"--shared, which is a finding about every number",
        str(refused.value),
    )


@pytest.mark.fault("two-runs")
def test_a_run_that_has_ended_leaves_the_machine_and_no_file(lock: Any, own_folder: Path) -> None:
    first = lock("first")
    first.take(shared=False, wait_s=0)
    first.release()
    assert lock("second").take(shared=False, wait_s=0) == []
    assert {file.name for file in own_folder.glob("aipc-bench-run-*")} == {
        f"aipc-bench-run-second-{os.getpid()}.{end}" for end in ("lock", "json")
    }


@pytest.mark.fault("two-runs")
def test_a_shared_run_measures_beside_others_and_is_marked(lock: Any) -> None:
    lock("first").take(shared=False, wait_s=0)
    (found,) = lock("second").take(shared=True, wait_s=0)
    assert (found.code, found.weight, found.message) == (
        Code.SHARED,
        "serious",
        "other runs measured on this machine when this one began: first",
    )
    with pytest.raises(MachineError, match=r"run first .*, run second "):
        lock("third").take(shared=False, wait_s=0)


def test_a_shared_run_is_marked_even_where_it_was_alone_so_far(lock: Any) -> None:
    (found,) = lock("first").take(shared=True, wait_s=0)
    assert (found.code, found.weight) == (Code.SHARED, "warning")


@pytest.mark.fault("two-runs")
def test_a_run_that_waits_takes_the_machine_when_it_is_free(
    lock: Any, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lock("first")
    first.take(shared=False, wait_s=0)
    monkeypatch.setattr(module, "_POLL_S", 0.01)
    waiting = threading.Thread(target=lock("second").take, kwargs={"shared": False, "wait_s": 600})
    waiting.start()
    while not said:
        waiting.join(0.01)
    first.release()
    waiting.join(300)
    assert not waiting.is_alive()
    assert len(said) == 1
    assert said[0].startswith("waiting for run first (process ")
    with pytest.raises(MachineError, match="run second"):
        lock("third").take(shared=False, wait_s=0)


@pytest.mark.fault("two-runs")
def test_a_wait_that_was_too_short_is_said(lock: Any) -> None:
    lock("first").take(shared=False, wait_s=0)
    with pytest.raises(MachineError, match=r"another run measures on this machine and did not end within 0\.01 s"):
        lock("second").take(shared=False, wait_s=0.01)


@pytest.mark.parametrize("told", ["", "{}", "[1]", '{"run_id": 1, "pid": "x", "since": "y", "command": ""}', "\xff"])
@pytest.mark.fault("two-runs")
def test_a_holder_that_cannot_be_read_still_holds(lock: Any, own_folder: Path, told: str) -> None:
    lock("first").take(shared=False, wait_s=0)
    (description,) = own_folder.glob("*.json")
    description.write_text(told, "latin-1")
    with pytest.raises(MachineError, match="a run that does not say what it is"):
        lock("second").take(shared=False, wait_s=0)


def test_what_a_holder_tells_reaches_the_terminal_without_its_control_characters(lock: Any, own_folder: Path) -> None:
    lock("first").take(shared=False, wait_s=0)
    (description,) = own_folder.glob("*.json")
    told = json.loads(description.read_text("utf-8"))
    description.write_text(json.dumps({**told, "command": "a\x1b[31m\nb"}), "utf-8")
    with pytest.raises(MachineError, match=r"`a\[31mb`"):
        lock("second").take(shared=False, wait_s=0)


def test_a_secret_of_the_command_line_is_not_shown_to_others(lock: Any, own_folder: Path) -> None:
    lock("first", "nox -s ab -- --a 'x @ https://me:token@host/x.whl?key=1'").take(shared=False, wait_s=0)
    (description,) = own_folder.glob("*.json")
    assert json.loads(description.read_text("utf-8"))["command"] == "nox -s ab -- --a 'x @ https://host/x.whl'"


@pytest.mark.fault("disk-read-only")
def test_a_folder_that_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(MachineError, match=r"file cannot be used .*: unlock it, or set TMPDIR"):
        MachineLock("first", "", print).take(shared=False, wait_s=0)


@pytest.mark.parametrize(
    ("backends", "needs"), [(("simulated",), False), (("simulated", "ort-genai"), True), ((), False)]
)
def test_runs_that_are_played_alone_hold_nothing(
    make_options: Any, lock: Any, backends: tuple[str, ...], needs: bool
) -> None:
    lock("first").take(shared=False, wait_s=0)
    loads = [Load(backend, "CPU", "int4") for backend in backends]
    with pytest.raises(MachineError) if needs else nullcontext():
        assert hold_machine(loads, "second", "", make_options(), print) == []


# -- with processes of their own


def start(run_id: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, run_id],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


def answer(process: subprocess.Popen[str]) -> str:
    """Have it take the machine now; the first word of what came of it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().partition(" ")[0].strip()


@pytest.mark.process
@pytest.mark.fault("two-runs")
def test_a_killed_run_holds_nothing(lock: Any, own_folder: Path) -> None:
    with start("killed") as process:
        assert answer(process) == "held"
        # In a venv of Windows the interpreter is a child of the program that was started.
        holders = [process.pid, *(child.pid for child in psutil.Process(process.pid).children())]
        held = rf"run killed \(process ({'|'.join(map(str, holders))}), .*`nox -s bench -- --backend ort"
        with pytest.raises(MachineError, match=held):
            lock("second").take(shared=False, wait_s=0)
        process.kill()
    assert lock("second").take(shared=False, wait_s=0) == []
    assert not list(own_folder.glob("*killed*"))


@pytest.mark.process
@pytest.mark.fault("two-runs")
def test_of_runs_that_begin_at_once_one_has_the_machine() -> None:
    processes = [start(f"run{number}") for number in range(4)]
    try:
        threads_answers: list[str] = []
        threads = [
            threading.Thread(target=lambda process=process: threads_answers.append(answer(process)))
            for process in processes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(threads_answers) == ["held", "refused", "refused", "refused"]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.fault("two-runs")
def test_bench_is_refused_beside_another_run_and_nothing_is_written(sweep: Sweep, lock: Any, own_folder: Path) -> None:
    lock("first").take(shared=False, wait_s=0)
    done = sweep.run("--backend", "ort-genai")
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("error")]
    assert line.startswith(f"error: another run measures on this machine: run first (process {os.getpid()}, since ")
    assert sweep.runs == 0

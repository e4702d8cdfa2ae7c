"""What ends a worker, injected for real: the cell has its row with the last lines printed, the next one is measured.

``Faulty`` is told by load options where to fail and how. Of two cells the first, with 8 prompt tokens, meets the fault.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.measure import child_process
from bench.measure.child_process import PipeOfWindows, limited
from bench.observe.gauges import Instruments
from bench.observe.isolation import network_kept
from bench.observe.memory import memory_of
from bench.plan.backends import BACKENDS
from bench.processes import signed_exit_code

pytestmark = pytest.mark.process

MakeKit = Callable[..., Any]

FAULTY_BACKEND = '''
import ctypes, faulthandler, os, pathlib, signal, socket, struct, subprocess, sys, time
from backends.contract import Evidence, GenerationDetails

FOLDER, HUNG = pathlib.Path({folder!r}), pathlib.Path({hung!r})
TOLD = FOLDER.joinpath("told").read_text().split()
PLACE, FAULT = TOLD[:2]

def meet(place):
    once = FOLDER / "met"
    if place != PLACE or once.exists():
        return
    once.write_text("")
    print("about to", FAULT, flush=True)
    globals()[FAULT]()

def kill():
    os.kill(os.getpid(), signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    time.sleep(600)

def abort():
    os.abort()

def segfault():
    # On Windows ctypes makes an exception of it.
    faulthandler._read_null()

def hang():
    HUNG.write_text(str(os.getpid()))
    # Native code that does not let go of the interpreter.
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(600_000)
    ctypes.PyDLL(None).sleep(600)

def leave():
    os._exit(0)

def exhaust():
    bytearray(400_000_000)

def die_exhausted():
    # As a library does that looks at no answer of the system.
    try:
        bytearray(400_000_000)
    except MemoryError:
        print("terminate called after throwing an instance of 'std::bad_alloc'", flush=True)
        os.abort()

def raw(data):
    import gc
    from multiprocessing.connection import Connection
    (line,) = (one for one in gc.get_objects() if isinstance(one, Connection))
    os.write(line.fileno(), data)

def half():
    raw(struct.pack("!i", 1000) + b"half of")

def half_and_die():
    half()
    os._exit(0)

def half_and_stay():
    half()
    time.sleep(600)

def garbage():
    raw(struct.pack("!i", 4) + b"PAR1")
    time.sleep(600)

def leave_a_child():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    FOLDER.joinpath("child").write_text(str(child.pid))
    os._exit(0)

class Faulty:
    def devices(self):
        return []

    def load(self, artifact, device, options):
        meet("load")
        return self

    def evidence(self):
        meet("answer-load")
        return Evidence(device="CPU", device_source="simulated", note="Made up.", versions={{"faulty": "1"}})

    def generate(self, prompts, new_tokens, on_step):
        warm = len(list(FOLDER.glob("asked-*")))
        FOLDER.joinpath(f"asked-{{warm}}").write_text("")
        meet("warm-up" if not warm else "generation")
        for step in range(new_tokens):
            on_step([step] * len(prompts))
        return Details(setup_ns=5)

    def close(self):
        pass

class Details(GenerationDetails):
    """Meets a fault as it is written into the answer."""

    def __getattribute__(self, name):
        if name == "setup_ns":
            meet("answer")
        return super().__getattribute__(name)
'''


@pytest.fixture
def faulty(other_root: Path, tmp_path: Path, hung: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts the backend that fails in the place of the simulated one."""
    folder = tmp_path / "faults"
    folder.mkdir()
    text = FAULTY_BACKEND.format(folder=str(folder), hung=str(hung))
    (other_root / "backends" / "faulty.py").write_text(text, encoding="utf-8")

    def tell(place: str, fault: str) -> Path:
        (folder / "told").write_text(f"{place} {fault}", encoding="utf-8")
        return folder

    monkeypatch.setitem(BACKENDS, "simulated", replace(BACKENDS["simulated"], target="backends.faulty:Faulty"))
    return tell


def met(one: Any) -> tuple[list[str], list[dict[str, Any]], dict[str, Any]]:
    """How two cells ended, the row of the first one's fault, and the row of its process."""
    said = one.measure(8, 16)
    one.visit.close()
    rows = [row for row in one.rows("generations") if row["status"] != "ok"]
    return said, rows, one.rows("loads")[0]


ENDS = ["kill", "abort", "segfault", "leave", "leave_a_child"]
if sys.platform != "win32":
    # Pipes of Windows pass on whole messages alone.
    ENDS.append("half_and_die")
PLACES = ["warm-up", "generation", "answer"]

EXITS = {"kill": -9, "abort": -6, "segfault": -11}
WINDOWS_EXITS = {"kill": 15, "abort": 3, "segfault": 0xC0000005}


@pytest.mark.fault("worker-dies")
@pytest.mark.parametrize("fault", ENDS)
@pytest.mark.parametrize("place", PLACES)
def test_a_worker_that_dies_costs_its_cell(kit: MakeKit, faulty: Callable[..., Path], place: str, fault: str) -> None:
    folder = faulty(place, fault)
    one = kit()
    said, rows, load = met(one)
    assert said == ["WorkerCrashed", "ok"]
    assert [(row["prompt_tokens"], row["status"], row["error_type"]) for row in rows] == [
        (8, "crashed", "WorkerCrashed")
    ]
    exits = WINDOWS_EXITS if sys.platform == "win32" else EXITS
    assert (load["status"], load["exit_code"]) == ("crashed", signed_exit_code(exits.get(fault, 0)))
    assert load["stderr_tail"].startswith(f"about to {fault}")
    assert one.rows("loads")[1]["status"] == "ok"
    if fault == "leave_a_child":
        child = int((folder / "child").read_text("utf-8"))
        assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


@pytest.mark.fault("worker-dies")
@pytest.mark.parametrize("fault", ENDS)
@pytest.mark.parametrize("place", ["load", "answer-load"])
def test_a_worker_that_dies_as_it_loads_costs_the_cells_of_its_visit(
    kit: MakeKit, faulty: Callable[..., Path], place: str, fault: str
) -> None:
    faulty(place, fault)
    said, rows, load = met(kit())
    assert said == ["WorkerCrashed", "WorkerCrashed"]
    assert [(row["prompt_tokens"], row["status"]) for row in rows] == [(8, "crashed"), (16, "crashed")]
    assert (load["status"], load["stderr_tail"].splitlines()[0]) == ("crashed", f"about to {fault}")


@pytest.mark.fault("worker-hangs")
@pytest.mark.parametrize("place", ["warm-up", "generation"])
def test_native_code_that_holds_the_interpreter_is_stopped_in_time(
    kit: MakeKit, faulty: Callable[..., Path], place: str
) -> None:
    faulty(place, "hang")
    said, rows, load = met(kit())
    assert said == ["WorkerTimeout", "ok"]
    assert [(row["prompt_tokens"], row["status"]) for row in rows] == [(8, "timeout")]
    assert (load["status"], load["stderr_tail"]) == ("timeout", "about to hang")


@pytest.mark.fault("worker-breaks-protocol")
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("garbage", "the worker broke the protocol: what came is no JSON"),
        ("half_and_stay", "the worker broke the protocol: a message came in part, and the rest of it did not follow"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="pipes of Windows pass on whole messages alone")
def test_a_worker_that_says_half_of_something_is_stopped(
    kit: MakeKit, faulty: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, fault: str, message: str
) -> None:
    monkeypatch.setattr(child_process, "MESSAGE_S", 1)
    faulty("generation", fault)
    said, rows, load = met(kit())
    assert said == ["WorkerFailed", "ok"]
    assert [(row["prompt_tokens"], row["status"], row["error_message"]) for row in rows] == [(8, "failed", message)]
    assert (load["status"], load["stderr_tail"]) == ("failed", f"about to {fault}")


@pytest.mark.fault("worker-hangs")
def test_a_worker_that_takes_no_request_is_stopped(
    other_root: Path, start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "MESSAGE_S", 1)
    worker = start()
    worker.open()
    psutil.Process(worker.pid).suspend()
    with pytest.raises(Exception, match="did not take the request 'generate' within"):
        worker.generate([list(range(1_000_000))], 1)
    assert not worker.alive


CAP = 200_000_000


@pytest.mark.fault("worker-memory")
@pytest.mark.parametrize(
    ("fault", "status", "started"),
    [("exhaust", "failed", 1), ("die_exhausted", "crashed", 2)],
)
@pytest.mark.parametrize("place", PLACES)
def test_a_worker_that_takes_more_than_its_cap_costs_its_cell_and_says_so(
    kit: MakeKit, faulty: Callable[..., Path], place: str, fault: str, status: str, started: int
) -> None:
    faulty(place, fault)
    one = kit(memory_cap_bytes=CAP)
    said, rows, load = met(one)
    assert said[1] == "ok"
    assert [(row["prompt_tokens"], row["status"], row["error_type"]) for row in rows] == [(8, status, "OutOfMemory")]
    assert "memory cap: it may take 0.2 GB" in rows[0]["error_message"]
    assert "or use a smaller model" in rows[0]["error_message"]
    assert len(one.rows("loads")) == started
    assert load["status"] == ("ok" if status == "failed" else status)


@pytest.mark.fault("worker-memory")
def test_what_the_cap_refused_is_not_tried_again(kit: MakeKit, faulty: Callable[..., Path]) -> None:
    faulty("load", "die_exhausted")
    one = kit(memory_cap_bytes=CAP, arguments=("--retry-crashed",))
    assert met(one)[0] == ["WorkerCrashed", "WorkerCrashed"]
    assert len(one.rows("loads")) == 1


def test_without_a_cap_as_much_is_granted(kit: MakeKit, faulty: Callable[..., Path]) -> None:
    faulty("generation", "exhaust")
    assert met(kit())[0] == ["ok", "ok"]


@pytest.mark.fault("worker-memory")
def test_a_load_beyond_the_cap_says_so(kit: MakeKit, faulty: Callable[..., Path]) -> None:
    faulty("load", "exhaust")
    _, rows, load = met(kit(memory_cap_bytes=CAP))
    assert {row["error_type"] for row in rows} == {load["error_type"]} == {"OutOfMemory"}


def test_all_that_is_read_of_a_worker_is_read_of_one_without_a_network(loaded: Callable[..., Any]) -> None:
    if (kept := network_kept()) is not None:
        pytest.skip(f"workers keep the network here: {kept}")
    worker = loaded()
    process = psutil.Process(worker.pid)
    own, theirs = (Path(f"/proc/{pid}/ns/net").readlink() for pid in ("self", worker.pid))
    assert own != theirs
    memory = memory_of(worker.pid)
    assert memory.peak_bytes is not None
    assert memory.private_bytes is not None
    assert process.cpu_times().user > 0
    assert [file.read_text("utf-8") for file in Path(f"/proc/{worker.pid}/fdinfo").iterdir()]
    gauges = Instruments().gauges(worker.pid, "CPU", worker.affinity)
    gauges.begin()
    worker.generate([[1, 2, 3]], 2)
    gauges.end()
    gauges.close()


def test_a_worker_reaches_nobody_on_this_machine(other_root: Path, start: Callable[..., Any]) -> None:
    if (kept := network_kept()) is not None:
        pytest.skip(f"workers keep the network here: {kept}")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = listening.getsockname()
        text = f"import socket\nsocket.create_connection({address!r}, 5)\n"
        (other_root / "backends" / "caller.py").write_text(text, encoding="utf-8")
        with pytest.raises(Exception, match="Connection refused"):
            start("backends.caller:Caller").open()


def test_a_line_that_is_limited_stays_as_it_was_otherwise() -> None:
    from multiprocessing import Pipe  # noqa: PLC0415

    here, there = Pipe()
    with here, there:
        line = limited(here)
        there.send_bytes(b"whole")
        assert line.recv_bytes() == b"whole"
        line.send_bytes(b"back")
        assert there.recv_bytes() == b"back"


def test_on_windows_too_a_message_that_nobody_takes_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    from multiprocessing import Pipe  # noqa: PLC0415

    here, there = Pipe()
    line = PipeOfWindows(here)
    with here:
        with there:
            line.send_bytes(b"go")
            assert there.recv_bytes() == b"go"
            monkeypatch.setattr(child_process, "MESSAGE_S", 0.2)
            before = {*threading.enumerate()}
            with pytest.raises(BlockingIOError):
                line.send_bytes(bytes(10_000_000))
            (waiting,) = {*threading.enumerate()} - before
        waiting.join(300)
        with pytest.raises(OSError, match=r"\[(Errno|WinError) \d+\]"):
            line.send_bytes(b"go")

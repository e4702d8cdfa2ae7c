"""A worker's own process: what it does to have no network, to be looked at nevertheless, and to take no more memory."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.process import ExtendedLimit, enter_job
from bench.observe.isolation import network_kept

ROOT = Path(__file__).resolve().parents[2]

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has namespaces and counters below /proc")
root = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="root alone may become somebody else")


def told(program: str, *arguments: str) -> Any:
    """What a process of its own prints, as JSON."""
    command = [sys.executable, "-c", program, *arguments]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=300)
    return json.loads(shown.stdout)


@pytest.fixture
def isolated() -> None:
    if (kept := network_kept()) is not None:
        pytest.skip(f"workers keep the network here: {kept}")


@pytest.fixture
def server() -> Iterator[str]:
    """The port of somebody who listens on this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield str(listening.getsockname()[1])


REACH = """
import json, socket, sys
from backends.process import leave_network
def reached(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", int(port))) == 0
found = {"before": reached(sys.argv[1]), "kept": leave_network(), "after": reached(sys.argv[1])}
with socket.socket() as own:
    own.bind(("127.0.0.1", 0))
    own.listen()
    found["own"] = reached(own.getsockname()[1])
print(json.dumps(found))
"""


@linux
@pytest.mark.process
def test_nobody_is_reached_but_the_process_itself(isolated: None, server: str) -> None:
    assert told(REACH, server) == {"before": True, "kept": None, "after": False, "own": True}


THREADS = """
import json, threading
from backends.process import leave_network
threading.Thread(target=threading.Event().wait, daemon=True).start()
print(json.dumps(leave_network()))
"""


@linux
@pytest.mark.process
def test_a_process_with_threads_keeps_the_network_and_says_so() -> None:
    assert told(THREADS) == "it has threads already"


SOMEBODY = """
import json, os, pathlib, socket, sys
import psutil
from backends.process import leave_network
folder = pathlib.Path(sys.argv[1])
# Modules that are imported later cannot be read any more.
psutil.Process().memory_full_info()
os.setgroups([44])
os.setresgid(4711, 4711, 4711)
os.setresuid(4711, 4711, 4711)
namespaces = ("user", "net")
def own():
    return [os.readlink(f"/proc/self/ns/{name}") for name in namespaces]
"""

OBSERVED = f"""{SOMEBODY}
ready, told = os.pipe()
waiting, done = os.pipe()
worker = os.fork()
if not worker:
    os.close(done)
    before = own()
    kept = leave_network()
    (folder / "mine").write_text("")
    device = os.open(folder / "device", os.O_RDWR)
    changed = [one != other for one, other in zip(before, own())]
    os.write(told, json.dumps([kept, os.getuid(), os.getgid(), changed]).encode())
    os.read(waiting, 1)
    os._exit(0)
said = json.loads(os.read(ready, 4096))
process = psutil.Process(worker)
fdinfo = pathlib.Path(f"/proc/{{worker}}/fdinfo")
files = [file.read_text() for file in fdinfo.iterdir()]
found = {{
    "said": said,
    "private": process.memory_full_info().uss > 0,
    "written": process.io_counters().write_count > 0,
    "cpu": process.cpu_times().user >= 0,
    "files": len(files) > 3,
    "owner": (folder / "mine").stat().st_uid,
}}
os.write(done, b"x")
os.waitpid(worker, 0)
print(json.dumps(found))
"""


@linux
@root
@pytest.mark.process
def test_without_root_others_of_the_user_look_at_it_and_it_reaches_its_devices(isolated: None, tmp_path: Path) -> None:
    # Its folder is everybody's, also where pytest's is not.
    folder = Path("/tmp") / f"aipc-test-{os.getpid()}"
    folder.mkdir()
    try:
        folder.chmod(0o777)
        device = folder / "device"
        if sys.platform != "win32":
            os.mknod(device, stat.S_IFCHR, os.makedev(1, 3))
            os.chown(device, 0, 44)
        device.chmod(0o660)
        found = told(OBSERVED, str(folder))
    finally:
        subprocess.run(["rm", "-r", str(folder)], check=True)
    assert found == {
        "said": [None, 4711, 4711, [True, True]],
        **dict.fromkeys(("private", "written", "cpu", "files"), True),
        "owner": 4711,
    }


HALF = f"""{SOMEBODY}
def refused(*_):
    raise PermissionError(13, "Permission denied")
pathlib.Path.write_text = refused
before = own()
print(json.dumps([leave_network(), own() == before]))
"""


@linux
@root
@pytest.mark.process
def test_where_a_user_namespace_allows_nothing_the_process_stays_where_it_is(isolated: None, tmp_path: Path) -> None:
    assert told(HALF, str(tmp_path)) == ["Permission denied", True]


CAPPED = """
import json, mmap
from backends.process import cap_memory
held = bytearray(50_000_000)
cap_memory(100_000_000)
def granted(count):
    try:
        return len(bytearray(count)) == count
    except MemoryError:
        return False
reserved = mmap.mmap(-1, 10**9, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)
print(json.dumps([granted(80_000_000), granted(120_000_000), granted(80_000_000)]))
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts what a whole job commits")
@pytest.mark.fault("worker-memory")
def test_memory_beyond_the_cap_is_refused_and_the_process_goes_on() -> None:
    assert told(CAPPED) == [True, False, True]


FIRST = """
import json, pathlib
from backends.process import first_to_end
first_to_end()
print(json.dumps(int(pathlib.Path("/proc/self/oom_score_adj").read_text())))
"""


@linux
@pytest.mark.process
@pytest.mark.fault("worker-memory")
def test_the_system_ends_it_before_all_others_when_memory_runs_out() -> None:
    assert told(FIRST) == 1000


class Kernel32:
    """Windows, as far as jobs go."""

    def __init__(self, *, assigns: int = 1) -> None:
        self.assigns = assigns
        self.limit = ExtendedLimit()
        self.asked: list[Any] = []

    def CreateJobObjectW(self, *_: object) -> int:  # noqa: N802
        return 77

    def GetCurrentProcess(self) -> int:  # noqa: N802
        return -1

    def SetInformationJobObject(self, job: Any, kind: int, limit: Any, size: int) -> int:  # noqa: N802
        ctypes.memmove(ctypes.byref(self.limit), limit, size)
        self.asked.append((job.value, kind))
        return 1

    def AssignProcessToJobObject(self, job: Any, process: Any) -> int:  # noqa: N802
        self.asked.append((job.value, process.value))
        return self.assigns


@pytest.mark.parametrize(("cap", "flags"), [(5_000_000_000, 0x2000 | 0x200), (None, 0x2000)])
def test_on_windows_a_job_has_the_cap_and_ends_what_is_left_in_it(cap: int | None, flags: int) -> None:
    kernel32 = Kernel32()
    assert enter_job(kernel32, cap)
    # JobObjectExtendedLimitInformation, and the pseudo handle of this process
    assert kernel32.asked == [(77, 9), (77, ctypes.c_void_p(-1).value)]
    assert (kernel32.limit.flags, kernel32.limit.job_memory) == (flags, cap or 0)


def test_a_job_that_windows_refuses_is_told() -> None:
    assert not enter_job(Kernel32(assigns=0), 1)

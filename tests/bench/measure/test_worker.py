from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from backends import channel
from bench.errors import WorkerCrashed, WorkerFailed, WorkerTimeout, WorkerUnsupported
from bench.measure import child_process, worker as worker_module
from bench.measure.child_process import Launch, worker_variables
from bench.measure.worker import Timeouts, WorkerProcess

pytestmark = pytest.mark.process

Start = Callable[..., WorkerProcess]
PROMPT = [[1, 2, 3]]
CONNECT = """
import json, sys, time
from multiprocessing.connection import Client
from backends.channel import send, receive
greeting = json.loads(sys.stdin.readline())
connection = Client(greeting["address"], authkey=bytes.fromhex(greeting["key"]))
def hello(**more):
    send(connection, "hello", **({"protocol": 1, "pid": 0, "python": "3", "affinity": None} | more))
"""


def gone(worker: WorkerProcess) -> bool:
    return not psutil.pid_exists(worker.pid) or psutil.Process(worker.pid).status() == psutil.STATUS_ZOMBIE


def stand_in(root: Path, text: str) -> None:
    """Put a worker of the test's own in the place of the real one."""
    (root / "backends" / "worker.py").write_text(CONNECT + text, encoding="utf-8")


def test_a_generation_has_a_stamp_and_ids_per_step(loaded: Start) -> None:
    generated = loaded().generate(PROMPT, 4)
    assert (len(generated.stamps_ns), len(generated.itl_ns), [len(row) for row in generated.token_ids]) == (
        4,
        3,
        [1, 1, 1, 1],
    )


def test_a_batch_has_an_id_per_sequence(loaded: Start) -> None:
    assert [len(row) for row in loaded().generate([[1, 2], [3, 4]], 2).token_ids] == [2, 2]


def test_latencies_are_at_least_those_that_were_played(loaded: Start) -> None:
    generated = loaded(series_ms="6;2;4").generate(PROMPT, 3)
    assert [generated.ttft_ns >= 6e6, *(latency > 0 for latency in generated.itl_ns)] == [True, True, True]


def test_the_times_add_up(loaded: Start) -> None:
    generated = loaded().generate(PROMPT, 4)
    assert generated.ttft_ns + sum(generated.itl_ns) == generated.total_ns


def test_one_token_has_no_inter_token_latency(loaded: Start) -> None:
    assert loaded().generate(PROMPT, 1).itl_ns == []


def test_the_region_is_entered_once_and_left_once(loaded: Start) -> None:
    seen: list[str] = []
    loaded().generate(PROMPT, 2, lambda: seen.append("begin"), lambda: seen.append("end"))
    assert seen == ["begin", "end"]


def test_the_worker_tells_the_variables_that_it_really_got(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("KMP_BLOCKTIME", "0"), ("LD_LIBRARY_PATH", "/home/ada/lib"), ("SECRET_OF_ADA", "x")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    told = start().environment
    assert told is not None
    assert told == worker_variables(None)
    assert {"KMP_BLOCKTIME": "0", "LD_LIBRARY_PATH": "lib", "OMP_NUM_THREADS": "7"}.items() <= told.items()
    assert "SECRET_OF_ADA" not in told


def test_the_threads_of_the_run_take_the_place_of_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert worker_variables(2)["OMP_NUM_THREADS"] == "2"


def test_opening_tells_how_long_the_import_took_and_which_devices_there_are(start: Start) -> None:
    opened = start().open()
    assert (opened.import_s > 0, [device["name"] for device in opened.devices]) == (True, ["CPU", "GPU", "NPU"])


def test_loading_tells_how_long_it_took(start: Start) -> None:
    worker = start()
    worker.open()
    assert worker.load(None, "CPU", "int4", None, {"load_ms": 20}).load_s >= 0.02


def test_a_deep_folder_of_temporary_files_is_no_fault(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("folder" * 20)
    deep.mkdir()
    monkeypatch.setattr("multiprocessing.util.get_temp_dir", lambda: str(deep))
    assert start().open().devices


def test_the_process_start_is_timed(start: Start) -> None:
    assert start().process_start_s > 0


def test_the_worker_is_gone_after_its_context(start: Start) -> None:
    with start() as worker:
        pass
    assert gone(worker)


def test_a_worker_that_is_said_goodbye_ends_by_itself(start: Start) -> None:
    worker = start()
    worker.close()
    assert worker.process.returncode == 0


def test_closing_twice_is_no_fault(start: Start) -> None:
    worker = start()
    worker.close()
    worker.close()
    assert gone(worker)


@pytest.mark.fault("worker-dies")
def test_a_crash_is_told_with_its_exit_code(loaded: Start) -> None:
    with pytest.raises(WorkerCrashed, match=r"the worker died \(exit code 70\)") as caught:
        loaded(crash_at=1).generate(PROMPT, 4)
    assert (caught.value.exit_code, caught.value.status) == (70, "crashed")


@pytest.mark.fault("worker-dies")
def test_a_process_that_crashed_is_gone(loaded: Start) -> None:
    worker = loaded(crash_at=0)
    with pytest.raises(WorkerCrashed):
        worker.generate(PROMPT, 1)
    assert not worker.alive


@pytest.mark.fault("worker-dies")
def test_a_worker_that_died_while_idle_is_a_crash_too(loaded: Start) -> None:
    worker = loaded()
    psutil.Process(worker.pid).kill()
    worker.process.wait()
    with pytest.raises(WorkerCrashed, match="the worker died"):
        worker.generate(PROMPT, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that kill")
@pytest.mark.fault("worker-dies")
def test_a_kill_is_told_as_what_it_mostly_is(loaded: Start) -> None:
    worker = loaded()
    psutil.Process(worker.pid).kill()
    with pytest.raises(WorkerCrashed, match="killed by signal 9, as the system does when memory runs out"):
        worker.generate(PROMPT, 1)


@pytest.mark.fault("worker-hangs")
def test_a_hang_is_stopped_in_time(loaded: Start, hung: Path) -> None:
    worker = loaded(hang_at=0)
    with pytest.raises(WorkerTimeout, match="did not answer with 'finished' within 600 s and was stopped"):
        worker.generate(PROMPT, 2, lambda: hung.write_text(str(worker.pid), "utf-8"))


@pytest.mark.fault("worker-hangs")
def test_a_process_that_hung_is_gone(loaded: Start, hung: Path) -> None:
    worker = loaded(hang_at=0)
    with pytest.raises(WorkerTimeout):
        worker.generate(PROMPT, 2, lambda: hung.write_text(str(worker.pid), "utf-8"))
    assert gone(worker)


@pytest.mark.fault("worker-hangs")
def test_a_busy_worker_is_not_waited_for_when_it_is_closed(loaded: Start) -> None:
    worker = loaded(hang_at=0)
    ready = threading.Event()

    def generate() -> None:
        with pytest.raises(WorkerCrashed):
            worker.generate(PROMPT, 2, ready.set)

    asking = threading.Thread(target=generate)
    asking.start()
    ready.wait()
    while not worker._owes_answer:
        time.sleep(0.01)
    before = time.monotonic()
    worker.close()
    took = time.monotonic() - before
    asking.join()
    assert took < worker.timeouts.close_s / 2


@pytest.mark.fault("worker-errs")
def test_an_error_of_the_backend_is_told_in_its_words(loaded: Start) -> None:
    with pytest.raises(WorkerFailed, match="the simulated backend was told to fail at step 1") as caught:
        loaded(fail_at=1).generate(PROMPT, 4)
    assert caught.value.error_type == "BackendError"


@pytest.mark.fault("worker-errs")
def test_a_worker_that_refused_can_be_asked_again(loaded: Start) -> None:
    worker = loaded(fail_at=1, only_prompt_tokens=3)
    with pytest.raises(WorkerFailed):
        worker.generate(PROMPT, 4)
    assert len(worker.generate([[1, 2]], 4).stamps_ns) == 4


@pytest.mark.parametrize("more", [1, -1])
@pytest.mark.fault("worker-errs")
def test_more_or_fewer_steps_than_asked_are_an_error(loaded: Start, more: int) -> None:
    with pytest.raises(WorkerFailed, match=f"asked for 4 steps, the stack answered with {4 + more}") as caught:
        loaded(extra_tokens=more).generate(PROMPT, 4)
    assert caught.value.error_type == "StepCountError"


@pytest.mark.fault("worker-errs")
def test_a_load_that_fails_is_told_in_its_words(start: Start) -> None:
    worker = start()
    worker.open()
    with pytest.raises(WorkerFailed, match="no such model"):
        worker.load(None, "CPU", "int4", None, {"fail_load": "no such model"})


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("backends.nowhere:Nowhere", "cannot import backends.nowhere with .*--worker"),
        ("backends.simulated:Nowhere", "has no attribute 'Nowhere'"),
    ],
)
def test_a_target_that_is_not_there_is_told(start: Start, target: str, message: str) -> None:
    with pytest.raises(WorkerFailed, match=message):
        start(target).open()


def test_what_cannot_be_imported_is_told_with_the_remedy_of_its_environment(start: Start) -> None:
    with pytest.raises(WorkerFailed, match=r"cannot import backends\.nowhere .*; name another by --a") as caught:
        start("backends.nowhere:Nowhere", remedy="name another by --a").open()
    assert "nox -s bench" not in str(caught.value)


def test_a_dll_that_is_missing_is_told_with_where_to_get_it(other_root: Path, start: Start) -> None:
    text = "raise OSError('[WinError 126] The specified module could not be found. Error loading c10.dll')"
    (other_root / "backends" / "lacking.py").write_text(text, encoding="utf-8")
    with pytest.raises(WorkerFailed, match=r"WinError 126.*; install Microsoft's Visual C\+\+ Redistributable"):
        start("backends.lacking:Lacking").open()


def test_an_interpreter_that_is_not_there_is_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match=r"cannot start .*nowhere.*; run `nox -s bench` .* or name .* by --worker"):
        WorkerProcess(str(tmp_path / "nowhere"), "backends.simulated:Simulated", tmp_path / "w")


@pytest.mark.fault("worker-dies")
def test_an_interpreter_without_the_worker_is_told_by_its_last_words(other_root: Path, start: Start) -> None:
    (other_root / "backends" / "worker.py").unlink()
    with pytest.raises(WorkerCrashed, match=r"exit code 1\); its last words: .*No module named backends\.worker"):
        start()


@pytest.mark.fault("worker-hangs")
def test_a_worker_that_never_comes_up_is_stopped(other_root: Path, start: Start) -> None:
    (other_root / "backends" / "worker.py").write_text("import time\ntime.sleep(600)\n", encoding="utf-8")
    with pytest.raises(WorkerTimeout, match=r"did not come up within 0\.5 s"):
        start(timeouts=Timeouts(start_s=0.5))


@pytest.mark.fault("worker-hangs")
def test_a_worker_that_never_came_up_is_gone(other_root: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    spawn = child_process._spawn
    spawned: list[subprocess.Popen[bytes]] = []

    def remembered(*given: Any) -> subprocess.Popen[bytes]:
        spawned.append(spawn(*given))
        return spawned[-1]

    monkeypatch.setattr(child_process, "_spawn", remembered)
    (other_root / "backends" / "worker.py").write_text("import time\ntime.sleep(600)\n", encoding="utf-8")
    with pytest.raises(WorkerTimeout):
        start(timeouts=Timeouts(start_s=0.3))
    assert [process.poll() is not None for process in spawned] == [True]


@pytest.mark.fault("worker-breaks-protocol")
def test_a_worker_that_does_not_know_the_key_is_refused(other_root: Path, start: Start) -> None:
    stranger = CONNECT.replace('bytes.fromhex(greeting["key"])', 'b"guess"')
    (other_root / "backends" / "worker.py").write_text(stranger, encoding="utf-8")
    with pytest.raises(WorkerCrashed, match="digest sent was rejected"):
        start()


@pytest.mark.fault("worker-breaks-protocol")
def test_a_worker_of_another_version_is_refused(other_root: Path, start: Start) -> None:
    stand_in(other_root, "hello(protocol=99)\ntime.sleep(600)")
    with pytest.raises(WorkerFailed, match="the worker speaks protocol 99, the harness 1"):
        start()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("connection.send_bytes(b'PAR1')", "the worker broke the protocol: what came is no JSON"),
        ("connection.send_bytes(b'[]')", "the worker broke the protocol: what came is no message"),
        ("connection.send_bytes(b'x' * 5000)", "the worker broke the protocol: a message over the limit of 1000 bytes"),
        ("send(connection, 'loaded')", "the worker answered 'loaded' where 'opened' was due"),
    ],
)
@pytest.mark.fault("worker-breaks-protocol")
def test_a_breach_of_the_protocol_is_told(
    other_root: Path, start: Start, monkeypatch: pytest.MonkeyPatch, answer: str, message: str
) -> None:
    monkeypatch.setattr(channel, "MAX_MESSAGE_BYTES", 1000)
    stand_in(other_root, f"hello()\nreceive(connection)\n{answer}\ntime.sleep(600)")
    worker = start()
    with pytest.raises(WorkerFailed, match=message):
        worker.open()
    assert gone(worker)


@pytest.mark.fault("worker-breaks-protocol")
def test_a_worker_that_closes_its_channel_and_stays_is_stopped(
    other_root: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "_LAST_WORDS_S", 0.2)
    stand_in(other_root, "hello()\nreceive(connection)\nconnection.close()\ntime.sleep(600)")
    worker = start()
    with pytest.raises(WorkerCrashed, match="closed its channel without ending and was stopped"):
        worker.open()
    assert gone(worker)


def test_a_request_that_is_too_long_is_refused_before_it_is_sent(
    loaded: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = loaded()
    monkeypatch.setattr(channel, "MAX_MESSAGE_BYTES", 1000)
    with pytest.raises(WorkerFailed, match="over the limit of 1000"):
        worker.generate([list(range(5000))], 1)
    assert worker.alive


@pytest.mark.fault("worker-prints")
def test_what_a_stack_prints_does_not_disturb(other_root: Path, start: Start) -> None:
    worker = start("backends.odd:Odd")
    worker.open()
    worker.load(None, "CPU", "int4", None, {})
    assert worker.generate(PROMPT, 3).token_ids == [[3], [3], [3]]


@pytest.mark.fault("worker-prints")
def test_what_a_stack_prints_is_kept(other_root: Path, start: Start) -> None:
    worker = start("backends.odd:Odd")
    worker.open()
    worker.load(None, "CPU", "int4", None, {})
    worker.generate(PROMPT, 1)
    lines = (worker.stderr_tail() or "").splitlines()
    assert {"a line on stdout", "a line on stderr"} <= set(lines)


def test_a_worker_that_printed_nothing_has_no_tail(start: Start) -> None:
    assert start().stderr_tail() is None


def test_what_cannot_be_is_unsupported(other_root: Path, start: Start) -> None:
    worker = start("backends.odd:Odd")
    worker.open()
    with pytest.raises(WorkerUnsupported, match="there is no NPU here"):
        worker.load(None, "NPU", "int4", None, {})


@pytest.mark.parametrize(("threads", "said"), [(3, "threads 3"), (None, "threads None")])
def test_numeric_libraries_are_told_the_threads(
    other_root: Path, start: Start, monkeypatch: pytest.MonkeyPatch, threads: int | None, said: str
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    worker = start("backends.odd:Odd", threads=threads)
    worker.open()
    worker.load(None, "CPU", "int4", None, {})
    assert worker.stderr_tail() == said


@pytest.mark.fault("worker-children")
def test_what_a_worker_started_goes_with_it(other_root: Path, start: Start) -> None:
    worker = start("backends.odd:Odd")
    worker.open()
    worker.load(None, "CPU", "int4", None, {"child": True})
    child = psutil.Process(int((worker.stderr_tail() or "").split()[1]))
    worker.kill()
    assert psutil.wait_procs([child], timeout=300)[1] == []


@pytest.mark.fault("worker-memory")
def test_a_worker_is_stopped_before_the_machine_runs_out_of_memory(
    loaded: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = loaded(hang_at=0)
    monkeypatch.setattr(worker_module, "starving", lambda: "1 MB of 8192 MB left")
    with pytest.raises(WorkerFailed, match="stopped before the machine ran out of memory: 1 MB") as caught:
        worker.generate(PROMPT, 1)
    assert (caught.value.error_type, gone(worker)) == ("OutOfMemory", True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups that can be asked for")
def test_the_consoles_ctrl_c_does_not_reach_a_worker(start: Start) -> None:
    worker = start()
    if sys.platform != "win32":
        assert os.getpgid(worker.pid) != os.getpgid(0)


@pytest.mark.fault("worker-hangs")
def test_a_process_that_cannot_be_ended_is_told_and_left(
    loaded: Start, hung: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = loaded()
    monkeypatch.setattr(child_process, "end_tree", lambda pid: None)
    monkeypatch.setattr(child_process, "_GONE_S", 0.1)
    # It does not see either that its input ends.
    process = psutil.Process(worker.pid)
    process.suspend()
    hung.write_text(str(worker.pid), "utf-8")
    with pytest.raises(WorkerTimeout, match="cannot be ended, as where a driver hangs: restart the machine"):
        worker.generate(PROMPT, 1)
    process.kill()


def test_an_interpreter_that_was_started_by_another_process_is_the_one_that_is_looked_at(
    start: Start, redirected: Launch
) -> None:
    worker = start(launch=redirected)
    ancestors = [process.pid for process in psutil.Process(worker.pid).parents()]
    assert worker.process.pid in ancestors


def test_an_interpreter_that_was_started_by_another_process_ends_with_it(start: Start, redirected: Launch) -> None:
    worker = start(launch=redirected)
    worker.kill()
    assert (gone(worker), worker.alive) == (True, False)


def test_a_process_that_is_no_child_of_ours_is_not_looked_at(other_root: Path, start: Start) -> None:
    stand_in(other_root, "import os\nhello(pid=os.getppid())\ntime.sleep(600)")
    worker = start()
    assert worker.pid == worker.process.pid


def test_the_key_stands_on_no_command_line(start: Start) -> None:
    assert psutil.Process(start().pid).cmdline()[1:] == ["-m", "backends.worker"]


def test_a_worker_has_a_folder_of_its_own(start: Start) -> None:
    worker = start()
    assert Path(psutil.Process(worker.pid).cwd()).samefile(worker.scratch)


def test_workers_leave_no_open_files_behind(start: Start) -> None:
    start().close()
    before = len(psutil.Process().open_files())
    for _ in range(3):
        start().close()
    assert len(psutil.Process().open_files()) == before

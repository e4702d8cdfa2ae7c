"""Runs in surroundings that slow a stack down: each says what it is, in its findings and its record."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from backends.process import usable_cpus
from bench.cli import command_line
from bench.observe.limits import limits
from bench.store.schema import TABLES

pytestmark = [pytest.mark.process, pytest.mark.slow]

# What this fixture gives is defined in the conftest beside this file.
Sweep = Any

SLOWING = {
    "ATEN_CPU_CAPABILITY": "default",
    "GGML_CUDA_DISABLE_GRAPHS": "1",
    "GOMP_CPU_AFFINITY": "0",
    "GOMP_SPINCOUNT": "0",
    "KMP_AFFINITY": "granularity=fine,compact,1,0",
    "KMP_BLOCKTIME": "0",
    "KMP_LIBRARY": "serial",
    "MKL_CBWR": "COMPATIBLE",
    "MKL_NUM_THREADS": "63",
    "MKL_THREADING_LAYER": "SEQUENTIAL",
    "MALLOC_PERTURB_": "7",
    "OMP_DYNAMIC": "true",
    "OMP_PLACES": "{0}",
    "OMP_PROC_BIND": "close",
    "OMP_WAIT_POLICY": "PASSIVE",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "0",
    "OPENBLAS_CORETYPE": "Prescott",
    "OPENBLAS_NUM_THREADS": "63",
    "PYTHONMALLOC": "debug",
}
HARMLESS = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "63", "MALLOC_ARENA_MAX": "2"}


def said(sweep: Sweep, code: str) -> list[str]:
    return [row["message"] for row in sweep.findings() if row["code"] == code]


def test_each_variable_that_slows_a_stack_is_named_and_stored_with_every_load(sweep: Sweep) -> None:
    done = sweep.run(**SLOWING, **HARMLESS)
    assert done.returncode == 0, done.stdout
    assert sorted(one.partition("=")[0] for one in said(sweep, "environment")) == sorted(SLOWING)
    assert all(name in done.stdout for name in SLOWING)
    # Libraries take the run's threads, whatever the caller's variable says.
    threads = sweep.stored.record["plan"]["threads"]
    expected = {**SLOWING, **HARMLESS, "OMP_NUM_THREADS": str(threads)}
    for load in sweep.loads():
        stored = dict(load["environment"])
        assert {name: stored.get(name) for name in expected} == expected


def test_where_stacks_choose_their_threads_the_callers_number_of_them_is_named(sweep: Sweep) -> None:
    sweep.run("--threads", "stack", OMP_NUM_THREADS="1")
    assert said(sweep, "environment") == ["OMP_NUM_THREADS=1 sets a number of threads that is not the run's"]
    assert sweep.stored.record["plan"]["threads"] is None


def test_a_strict_run_fails_by_a_variable_that_slows_a_stack(sweep: Sweep) -> None:
    done = sweep.run("--strict", ONEDNN_MAX_CPU_ISA="SSE41")
    assert (done.returncode, "error: --strict:" in done.stdout) == (1, True)


def started_by(sweep: Sweep, *command: str) -> dict[str, Any]:
    """The record of a run that ``command`` starts."""
    if sys.platform == "win32" or shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} here")
    done = sweep.run(started_by=command)
    if "not permitted" in done.stderr:
        pytest.skip(f"{command[0]} may not do that here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    record: dict[str, Any] = sweep.stored.record
    return record


def test_a_run_on_one_cpu_computes_with_one_thread_and_says_so(sweep: Sweep) -> None:
    cpus = usable_cpus() or []
    if len(cpus) < 2:
        pytest.skip("there is one CPU only")
    record = started_by(sweep, "taskset", "-c", str(cpus[-1]))
    (message,) = [one for one in said(sweep, "limited") if "affinity" in one]
    assert message == f"CPU affinity allows only 1 of {limits().machine.logical} CPUs: {cpus[-1]}"
    assert (record["plan"]["threads"], record["machine"]["usable"]["cpus"]) == (1, str(cpus[-1]))
    assert [load["affinity"] for load in sweep.loads()] == [[cpus[-1]]]
    assert [dict(load["environment"])["OMP_NUM_THREADS"] for load in sweep.loads()] == ["1"]


# No lower, or beside other tests they get next to nothing of the CPU.
NICENESS = min(19, psutil.Process().nice() + 1)


@pytest.mark.parametrize(
    ("command", "message", "severity"),
    [
        (("nice", "-n", "1"), f"niceness {NICENESS}: other programs get the CPU first", "info"),
        (("chrt", "--batch", "0"), "the scheduling policy is SCHED_BATCH: other programs get the CPU first", "info"),
        (
            ("strace", "-f", "-e", "trace=none", "-o", os.devnull),
            "strace traces the process and stops it at its system calls or signals",
            "serious",
        ),
    ],
    ids=["nice", "chrt", "strace"],
)
def test_a_run_that_is_held_back_from_outside_says_by_what(
    sweep: Sweep, command: tuple[str, ...], message: str, severity: str
) -> None:
    started_by(sweep, *command)
    found = {row["message"]: row["severity"] for row in sweep.findings() if row["code"] == "held-back"}
    assert found[message] == severity


def test_a_limit_on_address_space_is_named_and_recorded(sweep: Sweep) -> None:
    record = started_by(sweep, "prlimit", f"--as={64 * 10**9}")
    named = "a limit on address space (ulimit -v) allows each process only 64.0 GB"
    assert named in said(sweep, "limited")
    assert record["machine"]["usable"]["address_space_bytes"] == 64 * 10**9


@pytest.fixture
def half_a_cpu() -> Iterator[list[str]]:
    """A command that starts another one in a control group with the time of half a CPU, as a container has it."""
    v1, v2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
    first = (v1 / "cpu.cfs_quota_us").exists()
    group = (v1 if first else v2) / f"aipc-bench-test-{os.getpid()}"
    try:
        group.mkdir()
        if first:
            (group / "cpu.cfs_period_us").write_text("100000", encoding="ascii")
            (group / "cpu.cfs_quota_us").write_text("50000", encoding="ascii")
        else:
            (group / "cpu.max").write_text("50000 100000", encoding="ascii")
    except OSError as error:
        pytest.skip(f"this process may make no control group: {error}")
    yield ["sh", "-c", f'echo $$ > "{group}/cgroup.procs" && exec "$@"', "sh"]
    group.rmdir()


def test_a_run_with_a_cpu_quota_computes_with_the_threads_that_it_has_time_for(
    sweep: Sweep, half_a_cpu: list[str]
) -> None:
    done: subprocess.CompletedProcess[str] = sweep.run(started_by=half_a_cpu)
    assert done.returncode == 0, done.stdout + done.stderr
    record, logical = sweep.stored.record, limits().machine.logical
    assert f"a CPU quota allows only the time of 0.5 of {logical} CPUs" in said(sweep, "limited")
    assert (record["plan"]["threads"], record["machine"]["usable"]["cpu_quota"]) == (1, 0.5)


def test_no_secret_is_in_anything_that_is_written(sweep: Sweep) -> None:
    secret = "hf_QWERTYUIOPASDFGHJKLZ"
    told = {
        "HF_TOKEN": secret,
        "AWS_SECRET_ACCESS_KEY": secret,
        "OMP_AUTH_TOKEN": secret,
        "PIP_INDEX_URL": f"https://me:{secret}@example.org/simple",
    }
    by = f"p8 and not {secret}"
    ended = sweep.run("--load-option", "simulated.crash_at=2", "-k", by, **told)
    assert sweep.stored.record["selection"]["by"] == command_line(("-k", "p8 and not ***"))
    written = [path.read_bytes() for path in sweep.home.rglob("*") if path.is_file()]
    rows = [str(sweep.stored.table(table).to_pylist()) for table in TABLES]
    assert not [one for one in written if secret.encode() in one]
    assert not [one for one in (*rows, ended.stdout) if secret in one]
    assert "crashed" in rows[0]

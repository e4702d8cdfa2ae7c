from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from backends.speed_variables import speed_variables
from bench.findings import Code
from bench.observe.cpu import Cores
from bench.observe.energy_meter import FoundMeter
from bench.observe.gauges import Instruments
from bench.observe.hindrance import Hindrances
from bench.observe.limits import Limits
from bench.observe.machine_conditions import Conditions, others_share
from bench.observe.power import PowerState
from bench.run.guard.before import (
    check_machine,
    judge_before,
    judge_changed_limits,
    judge_environment,
    judge_hindrances,
    judge_limits,
    judge_machine,
    judge_threads,
)
from bench.run.guard.found import Found

MakeConditions = Callable[..., Conditions]


def codes(found: Iterable[Found]) -> list[Code]:
    return [one.code for one in found]


def test_a_quiet_machine_on_mains_is_fit(moment: MakeConditions) -> None:
    assert codes(judge_before(moment(), moment(1, busy=0.01, power=PowerState("mains", "balanced")))) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"power": PowerState("battery")}, Code.ON_BATTERY),
        ({"power": PowerState("mains", "quiet", ("platform-profile", "quiet"))}, Code.SAVING_POWER),
        ({"busy": 0.06}, Code.BUSY_BEFORE),
        ({"available_bytes": 10**9}, Code.LITTLE_MEMORY),
        ({"swap_used_bytes": 10**9}, Code.SWAP_IN_USE),
    ],
)
def test_what_may_spoil_a_run_is_found(moment: MakeConditions, changed: dict[str, Any], code: Code) -> None:
    assert codes(judge_before(moment(), moment(1, **changed))) == [code]


@pytest.mark.parametrize(("busy", "severity"), [(0.1, "warning"), (0.5, "serious")])
def test_much_other_load_weighs_more(moment: MakeConditions, busy: float, severity: str) -> None:
    assert [one.weight for one in judge_before(moment(), moment(1, busy=busy))] == [severity]


@pytest.mark.parametrize(
    ("cpus", "taken", "severities"), [(22, 0.2, []), (22, 0.3, ["warning"]), (22, 1.001, ["serious"])]
)
def test_what_others_use_is_counted_in_cpus(
    moment: MakeConditions, cpus: int, taken: float, severities: list[str]
) -> None:
    found = list(judge_before(moment(), moment(1, cpus=cpus, busy=taken / cpus)))
    assert [one.weight for one in found] == severities
    assert all(
        one.message == f"other programs used {taken:.2f} CPUs out of {cpus} before the run began" for one in found
    )


def test_our_own_work_is_no_other_load(moment: MakeConditions) -> None:
    assert others_share(moment(), moment(1, busy=0.5, own=0.5)) == 0.0


def test_a_time_too_short_tells_no_share(moment: MakeConditions) -> None:
    assert others_share(moment(), moment(0.2, busy=0.5)) is None


def test_two_readings_at_once_are_no_division_by_zero(moment: MakeConditions) -> None:
    assert others_share(moment(), moment()) is None


@pytest.mark.parametrize(
    "setting", ["platform-profile", "energy-preference", "governor", "battery-saver", "power-mode", "power-plan"]
)
def test_every_setting_that_saves_power_has_its_message(moment: MakeConditions, setting: str) -> None:
    (found,) = judge_before(moment(), moment(1, power=PowerState("mains", None, (setting, "some"))))
    assert found.message


def test_a_virtual_machine_is_noted() -> None:
    (found,) = judge_machine("KVM", FoundMeter(None))
    assert (found.code, found.weight) == (Code.VIRTUAL_MACHINE, "info")


def test_energy_that_is_locked_says_how_to_allow_it() -> None:
    (found,) = judge_machine(None, FoundMeter(None, "rapl", "sudo chmod"))
    assert found.code is Code.ENERGY_LOCKED
    assert found.message == "RAPL is there, but only root may read it (`sudo chmod` allows it)"


@pytest.mark.slow
def test_this_machine_can_be_looked_at() -> None:
    assert all(one.row()["subject"] == "run" for one in check_machine(Instruments()))


GB = 10**9
WHOLE = Cores(4, 8, None, None)
FREE = Limits(WHOLE, WHOLE, tuple(range(8)), None, 16 * GB, 16 * GB)


def test_a_machine_that_may_be_used_whole_has_no_findings() -> None:
    assert list(judge_limits(FREE)) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cpus": (0,)}, "CPU affinity allows only 1 of 8 CPUs: 0"),
        ({"cpus": (0, 1, 2, 5)}, "CPU affinity allows only 4 of 8 CPUs: 0-2,5"),
        ({"cpu_quota": 1.5}, "a CPU quota allows only the time of 1.5 of 8 CPUs"),
        ({"memory_bytes": 2 * GB}, "a memory limit allows only 2.0 GB of 16.0 GB"),
        (
            {"address_space_bytes": 3 * GB},
            "a limit on address space (ulimit -v) allows each process only 3.0 GB",
        ),
    ],
)
def test_each_limit_is_found(changed: dict[str, object], message: str) -> None:
    (found,) = judge_limits(dataclasses.replace(FREE, **changed))  # type: ignore[arg-type]
    assert (found.code, found.weight, found.message) == (Code.LIMITED, "info", message)


@pytest.mark.parametrize(("threads", "expected"), [(None, 0), (2, 0), (8, 0), (9, 1)])
def test_more_threads_than_usable_cpus_are_found(threads: int | None, expected: int) -> None:
    assert len(list(judge_threads(threads, FREE))) == expected


def test_more_threads_than_a_quota_has_time_for_are_found() -> None:
    (found,) = judge_threads(4, dataclasses.replace(FREE, cpu_quota=2.5))
    assert (found.code, found.message) == (Code.TOO_MANY_THREADS, "4 threads compute, and at most 2 can run")


def test_limits_that_stay_are_no_finding() -> None:
    assert list(judge_changed_limits(FREE, dataclasses.replace(FREE))) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cpus": (0, 1, 5)}, "the run may use the CPUs 0-1,5, and 0-7 when it began"),
        ({"cpu_quota": 1.5}, "the run may use the time of 1.5 CPUs, and of 8 when it began"),
        ({"memory_bytes": 2 * GB}, "the run may use 2.0 GB of memory, and 16.0 GB when it began"),
    ],
)
def test_a_limit_that_came_while_the_run_went_on_is_serious(changed: dict[str, object], message: str) -> None:
    (found,) = judge_changed_limits(FREE, dataclasses.replace(FREE, **changed))  # type: ignore[arg-type]
    assert (found.code, found.weight, found.message) == (Code.LIMITED, "serious", message)


def test_a_process_that_nothing_holds_back_has_no_findings() -> None:
    assert list(judge_hindrances(Hindrances())) == []


@pytest.mark.parametrize(
    ("now", "message", "weight"),
    [
        (Hindrances(niceness=10), "niceness 10: other programs get the CPU first", "info"),
        (
            Hindrances(priority_class="below normal"),
            "the priority class is below normal: other programs get the CPU first",
            "info",
        ),
        (
            Hindrances(policy="SCHED_BATCH"),
            "the scheduling policy is SCHED_BATCH: other programs get the CPU first",
            "info",
        ),
        (
            Hindrances(weight=2 / 1024),
            "the control group's CPU weight is 0.195 % of the usual one: other programs get the CPU first",
            "info",
        ),
        (
            Hindrances(tracer="gdb"),
            "gdb traces the process and stops it at its system calls or signals",
            "serious",
        ),
        (
            Hindrances(emulated="AMD64"),
            "this Python is built for AMD64, and the system translates it for the CPU that is here",
            "warning",
        ),
    ],
)
def test_what_holds_every_process_back_is_found(now: Hindrances, message: str, weight: str) -> None:
    (found,) = judge_hindrances(now)
    assert (found.code, found.message, found.weight) == (Code.HELD_BACK, message, weight)


def messages(environment: dict[str, str], threads: int | None = 2) -> list[str]:
    found = list(judge_environment(environment, threads))
    assert {one.code for one in found} <= {Code.ENVIRONMENT}
    return [one.message for one in found]


def test_what_made_a_load_many_times_slower_is_named() -> None:
    environment = {"ONEDNN_MAX_CPU_ISA": "SSE41", "KMP_BLOCKTIME": "0", "GOMP_CPU_AFFINITY": "0"}
    assert messages(environment) == [
        "GOMP_CPU_AFFINITY=0 decides which CPUs the threads run on",
        "KMP_BLOCKTIME=0 has idle threads sleep, and wakes them for every operation",
        "ONEDNN_MAX_CPU_ISA=SSE41 keeps the stack from instructions that the CPU has",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KMP_AFFINITY", "granularity=fine,compact,1,0"),
        ("OMP_PROC_BIND", "close"),
        ("GOMP_CPU_AFFINITY", "0,,1"),
        ("DNNL_MAX_CPU_ISA", "AVX2"),
        ("ATEN_CPU_CAPABILITY", "default"),
        ("OMP_WAIT_POLICY", "PASSIVE"),
        ("KMP_LIBRARY", "serial"),
        ("OMP_DYNAMIC", "true"),
        ("MKL_NUM_THREADS", "1"),
        ("OMP_NUM_THREADS", "4,2"),
        ("OMP_THREAD_LIMIT", "1"),
        ("ONEDNN_VERBOSE", "1"),
        ("CUDA_LAUNCH_BLOCKING", "1"),
        ("GGML_CUDA_DISABLE_GRAPHS", "1"),
        ("GLIBC_TUNABLES", "glibc.malloc.check=0:glibc.cpu.hwcaps=-AVX2_Usable,-ERMS"),
        ("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=0"),
        ("MALLOC_TRIM_THRESHOLD_", "0"),
        ("GOMP_SPINCOUNT", "0"),
        ("MKL_THREADING_LAYER", "SEQUENTIAL"),
        ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "0"),
        ("ONEDNN_DEFAULT_FPMATH_MODE", "BF16"),
        ("NVIDIA_TF32_OVERRIDE", "1"),
        ("PYTHONMALLOC", "pymalloc_debug"),
        ("VK_INSTANCE_LAYERS", "VK_LAYER_KHRONOS_validation"),
        ("LLAMA_GRAPH_REUSE_DISABLE", "1"),
        ("CUDA_CACHE_DISABLE", "1"),
        ("COVERAGE_PROCESS_START", "setup.cfg"),
    ],
)
def test_what_pins_or_holds_back_is_found(name: str, value: str) -> None:
    assert len(messages({name: value})) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KMP_AFFINITY", "verbose,none"),
        ("OMP_PROC_BIND", "false"),
        ("ONEDNN_MAX_CPU_ISA", "ALL"),
        ("KMP_BLOCKTIME", "200"),
        ("OMP_WAIT_POLICY", "active"),
        ("KMP_LIBRARY", "throughput"),
        ("OMP_NUM_THREADS", "2"),
        ("OMP_THREAD_LIMIT", "8"),
        ("ONEDNN_VERBOSE", "0"),
        ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
        ("MALLOC_ARENA_MAX", "2"),
        ("OPENVINO_LOG_LEVEL", "3"),
        ("CUDA_VISIBLE_DEVICES", "0"),
        ("GGML_NO_BACKTRACE", "1"),
        ("MKL_THREADING_LAYER", "INTEL"),
        ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "1024"),
        ("PYTHONMALLOC", "malloc"),
        ("VK_INSTANCE_LAYERS", "VK_LAYER_MESA_overlay"),
    ],
)
def test_what_does_neither_is_recorded_without_a_finding(name: str, value: str) -> None:
    assert speed_variables({name: value}) == {name: value}
    assert messages({name: value}) == []


def test_where_stacks_choose_their_threads_no_variable_ought_to() -> None:
    assert messages({"OMP_NUM_THREADS": "2"}, None) == [
        "OMP_NUM_THREADS=2 sets a number of threads that is not the run's"
    ]


def test_another_library_in_the_worker_is_good_to_know() -> None:
    (found,) = judge_environment({"LD_PRELOAD": "libjemalloc.so.2"}, 2)
    assert found.weight == "info"

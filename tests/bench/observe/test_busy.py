from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench.observe.busy import Busy, EngineTime, Reading
from bench.observe.busy_counters import busy_counters
from bench.observe.busy_linux import LinuxCounters, gpu_adapters, gpu_engines
from bench.observe.busy_windows import WindowsCounters, npu_luids_of, npus_among, reading_of
from tests.bench.observe.pdh_stand_in import Pdh

I915 = """pos:	0
drm-driver:	i915
drm-client-id:	7
drm-pdev:	0000:00:02.0
drm-engine-render:	9288864723 ns
drm-engine-capacity-render:	1
drm-engine-compute:	1000 ns
"""
XE = """drm-driver:	xe
drm-client-id:	3
drm-pdev:	0000:00:02.0
drm-cycles-ccs:	250
drm-total-cycles-ccs:	4000
"""
NPU_CLIENT = "drm-driver:\tintel_vpu\ndrm-client-id:\t1\ndrm-engine-npu:\t5 ns\n"
FILE = "pos:\t0\nflags:\t02\nmnt_id:\t15\n"


# -- between two readings


def test_nanoseconds_are_the_difference() -> None:
    before = Reading(0, {"0/render": EngineTime(100)}, {"1": EngineTime(10)})
    now = Reading(1000, {"0/render": EngineTime(350)}, {"1": EngineTime(60)})
    assert now.since(before) == Busy(250, 50, 1000, {"0": 250}, {"1": 50})


def test_cycles_are_a_share_of_the_time_between() -> None:
    before, now = Reading(0, {"ccs": EngineTime(250, 4000)}), Reading(8000, {"ccs": EngineTime(1250, 8000)})
    assert now.since(before).gpu_ns == 2000


def test_an_engine_that_was_not_there_began_from_nothing() -> None:
    before, now = Reading(0, {"copy": EngineTime(1)}), Reading(9, {"copy": EngineTime(1), "render": EngineTime(40)})
    assert now.since(before).gpu_ns == 40


@pytest.mark.parametrize("earlier", [Reading(0), Reading(0, None, None)])
def test_what_was_not_counted_before_is_not_known(earlier: Reading) -> None:
    assert Reading(9, {"render": EngineTime(40)}, {"npu": EngineTime(5)}).since(earlier) == Busy(elapsed_ns=9)


def test_a_clock_that_stood_still_is_no_division_by_zero() -> None:
    before, now = Reading(0, {"ccs": EngineTime(1, 5)}), Reading(9, {"ccs": EngineTime(2, 5)})
    assert now.since(before).gpu_ns == 0


@pytest.mark.parametrize("ran", [-1, 21_000])
def test_a_counter_that_does_what_time_cannot_is_not_believed(ran: int) -> None:
    before = Reading(0, {"0/neural": EngineTime(5_000), "0/copy": EngineTime(0)}, {"1": EngineTime(5_000)})
    now = Reading(1_000, {"0/neural": EngineTime(5_000 + ran), "0/copy": EngineTime(9)}, {"1": EngineTime(5_000 + ran)})
    assert now.since(before) == Busy(None, None, 1_000, {"0": None}, {"1": None})


def test_each_adapter_has_its_own_time_and_the_sum_is_that_of_all() -> None:
    before = Reading(0, {"0/render": EngineTime(0), "1/render": EngineTime(5), "1/copy": EngineTime(0)})
    now = Reading(100, {"0/render": EngineTime(0), "1/render": EngineTime(45), "1/copy": EngineTime(10)})
    assert (now.since(before).gpus, now.since(before).gpu_ns) == ({"0": 0, "1": 50}, 50)


def test_an_adapter_that_is_not_believed_leaves_the_other_its_time_and_no_sum() -> None:
    before = Reading(0, {"0/neural": EngineTime(9), "1/render": EngineTime(0)})
    now = Reading(100, {"0/neural": EngineTime(0), "1/render": EngineTime(40)})
    assert (now.since(before).gpus, now.since(before).gpu_ns) == ({"0": None, "1": 40}, None)


def test_an_adapter_without_a_counter_is_there_all_the_same() -> None:
    before = Reading(0, {"0/render": EngineTime(0)})
    now = Reading(100, {"0/render": EngineTime(40)}, gpus=frozenset({"0", "1"}))
    assert (now.since(before).gpus, now.since(before).gpu_ns) == ({"0": 40, "1": None}, 40)


def test_accounting_that_comes_late_is_believed() -> None:
    before, now = Reading(0, {"render": EngineTime(0)}), Reading(1_000, {"render": EngineTime(14_000)})
    assert now.since(before).gpu_ns == 14_000


# -- Linux


def test_engines_are_read_with_their_units() -> None:
    assert gpu_engines([FILE, I915, XE]) == {
        "0000:00:02.0/7/render": EngineTime(9288864723),
        "0000:00:02.0/7/compute": EngineTime(1000),
        "0000:00:02.0/3/ccs": EngineTime(250, 4000),
    }


def test_a_client_with_several_files_counts_once() -> None:
    assert gpu_engines([I915, I915]) == gpu_engines([I915])


@pytest.mark.parametrize("texts", [[], [FILE], [NPU_CLIENT]])
def test_a_process_without_a_gpu_has_no_counter(texts: list[str]) -> None:
    assert gpu_engines(texts) is None


def test_the_npus_counter_is_in_microseconds(tmp_path: Path) -> None:
    device = tmp_path / "npu" / "0000.00.0b.0"
    device.mkdir(parents=True)
    (device / "npu_busy_time_us").write_text("1234\n", encoding="ascii")
    (tmp_path / "proc" / "42" / "fdinfo").mkdir(parents=True)
    (tmp_path / "proc" / "42" / "fdinfo" / "9").write_text(I915, encoding="ascii")
    reading = LinuxCounters(42, tmp_path / "proc", tmp_path / "npu").read()
    assert (reading.npu, reading.gpu) == ({"0000.00.0b.0": EngineTime(1_234_000)}, gpu_engines([I915]))


@pytest.mark.skipif(sys.platform == "win32", reason="PCI addresses hold a colon, which no file of Windows may")
def test_a_gpu_is_an_adapter_if_it_can_compute(tmp_path: Path) -> None:
    for node, address in (("renderD128", "0000:00:02.0"), ("renderD129", "0000:03:00.0"), ("card2", "0000:04:00.0")):
        device = tmp_path / "devices" / address
        device.mkdir(parents=True)
        (device / "vendor").write_text("0x8086\n", encoding="ascii")
        (device / "device").write_text("0x7d55\n", encoding="ascii")
        (tmp_path / "drm" / node).mkdir(parents=True)
        (tmp_path / "drm" / node / "device").symlink_to(device)
    (tmp_path / "drm" / "renderD130").mkdir()
    assert gpu_adapters(tmp_path / "drm") == {"0000:00:02.0", "0000:03:00.0"}


def test_a_process_that_is_gone_has_no_counters(tmp_path: Path) -> None:
    reading = LinuxCounters(42, tmp_path / "proc", tmp_path / "npu").read()
    assert (reading.npu, reading.gpu) == (None, None)


def test_this_system_can_be_asked() -> None:
    counters = busy_counters(os.getpid())
    before = counters.read()
    busy = counters.read().since(before)
    counters.close()
    assert busy.npu_ns is None or busy.npu_ns >= 0


# -- Windows

MINE = "pid_42_luid_0x00000000_0x0000D1C2_phys_0_eng_0_engtype_Compute"
OTHERS = "pid_43_luid_0x00000000_0x0000D1C2_phys_0_eng_0_engtype_3D"
NPU = "pid_42_luid_0x00000001_0x0000BEEF_phys_0_eng_0_engtype_Compute"
GPU_LUID = 0xD1C2
NPU_LUID = 0x1_0000BEEF


def test_only_the_process_itself_is_counted() -> None:
    reading = reading_of({MINE: 7, OTHERS: 100, "_total": 1000}, 42, {NPU_LUID}, 5)
    assert reading.gpu == {"d1c2/phys_0_eng_0_engtype_Compute": EngineTime(700)}


def test_every_adapter_that_some_process_uses_is_one_but_for_software() -> None:
    software = OTHERS.replace("D1C2", "AAAA")
    reading = reading_of({MINE: 7, OTHERS: 1, software: 1, NPU.replace("42", "9"): 1}, 42, {NPU_LUID}, 5, {0xAAAA})
    assert (sorted(reading.gpus), sorted(reading.npus)) == (["d1c2"], ["10000beef"])


def test_an_npu_is_told_from_a_gpu_by_its_adapter() -> None:
    reading = reading_of({MINE: 7, NPU: 9}, 42, {NPU_LUID}, 5)
    ran = [[counter.ran for counter in (engines or {}).values()] for engines in (reading.npu, reading.gpu)]
    assert ran == [[900], [700]]


def test_a_process_without_an_instance_has_no_counter() -> None:
    assert reading_of({OTHERS: 100}, 42, {NPU_LUID}, 5) == Reading(5, gpus=frozenset({"d1c2"}))


def test_an_engine_may_have_a_name_of_several_words() -> None:
    name = MINE.replace("Compute", "High Priority Compute")
    assert reading_of({name: 7}, 42, (), 5).gpu == {"d1c2/phys_0_eng_0_engtype_High Priority Compute": EngineTime(700)}


def test_a_counter_that_has_no_value_yet_is_not_read_as_0() -> None:
    counters = WindowsCounters(42, Pdh({RUNNING_TIME: {MINE: -1}}))
    assert counters.read().gpu is None


def test_an_adapter_is_an_npu_by_its_name() -> None:
    adapters = {1: "Intel(R) Arc(TM) Graphics", NPU_LUID: "Intel(R) AI Boost"}
    assert npu_luids_of(adapters, {"Intel(R) AI Boost"}) == {NPU_LUID}


RUNNING_TIME = r"\GPU Engine(*)\Running Time"


def test_pdhs_array_is_read() -> None:
    pdh = Pdh({RUNNING_TIME: {MINE: 7, OTHERS: 100}})
    counters = WindowsCounters(42, pdh)
    gpu = counters.read().gpu
    counters.close()
    assert (gpu, pdh.closed) == ({"d1c2/phys_0_eng_0_engtype_Compute": EngineTime(700)}, True)


def test_a_windows_without_the_counter_set_reads_nothing() -> None:
    assert WindowsCounters(42, Pdh({})).read().gpu is None


@pytest.mark.parametrize(
    ("instances", "named", "expected", "found"),
    [
        ((OTHERS, NPU), {NPU_LUID}, True, {NPU_LUID}),
        ((OTHERS, NPU), set(), True, {NPU_LUID}),
        ((OTHERS, NPU), {GPU_LUID}, True, {NPU_LUID}),
        ((OTHERS, MINE), {GPU_LUID}, True, {GPU_LUID}),
        ((OTHERS, NPU), set(), False, set()),
        ((OTHERS, MINE), {NPU_LUID}, True, set()),
        (("_total", ""), {NPU_LUID}, True, set()),
    ],
    ids=["named", "unnamed", "of an earlier start", "named alone", "none listed", "not in use", "no instances"],
)
def test_an_npu_is_told_by_its_name_and_by_what_it_cannot_draw(
    instances: tuple[str, ...], named: set[int], expected: bool, found: set[int]
) -> None:
    assert npus_among(instances, named, expected=expected) == found

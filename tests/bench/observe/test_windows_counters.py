from __future__ import annotations

import pytest

from bench.observe.busy import EngineTime, Reading
from bench.observe.windows_counters import WindowsCounters, npu_luids_of, npus_among, reading_of
from tests.bench.observe.pdh_stand_in import Pdh

RUNNING_TIME = r"\GPU Engine(*)\Running Time"
DEDICATED = r"\GPU Process Memory(*)\Dedicated Usage"
SHARED = r"\GPU Process Memory(*)\Shared Usage"
PERFORMANCE = r"\Processor Information(_Total)\% Processor Performance"
MINE_ON_GPU = "pid_42_luid_0x00000000_0x0000D1C2_phys_0"
OTHERS_ON_GPU = "pid_43_luid_0x00000000_0x0000D1C2_phys_0"
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
    assert counters.busy().gpu is None


def test_an_adapter_is_an_npu_by_its_name() -> None:
    adapters = {1: "Intel(R) Arc(TM) Graphics", NPU_LUID: "Intel(R) AI Boost"}
    assert npu_luids_of(adapters, {"Intel(R) AI Boost"}) == {NPU_LUID}


def test_pdhs_array_is_read() -> None:
    pdh = Pdh({RUNNING_TIME: {MINE: 7, OTHERS: 100}})
    counters = WindowsCounters(42, pdh)
    gpu = counters.busy().gpu
    counters.close()
    assert (gpu, pdh.closed) == ({"d1c2/phys_0_eng_0_engtype_Compute": EngineTime(700)}, True)


def test_a_windows_without_the_counter_set_reads_nothing() -> None:
    assert WindowsCounters(42, Pdh({})).busy().gpu is None


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


# -- memory


def test_windows_adds_what_is_dedicated_and_shared_of_the_process_alone() -> None:
    pdh = Pdh({DEDICATED: {MINE_ON_GPU: 100, OTHERS_ON_GPU: 1000}, SHARED: {MINE_ON_GPU: 20}})
    assert WindowsCounters(42, pdh).device_memory_bytes() == 120


@pytest.mark.parametrize("pdh", [Pdh({}), Pdh({DEDICATED: {OTHERS_ON_GPU: 5}, SHARED: {}})])
def test_windows_without_an_instance_measures_nothing(pdh: Pdh) -> None:
    assert WindowsCounters(42, pdh).device_memory_bytes() is None


def test_the_queries_are_closed() -> None:
    pdh = Pdh({SHARED: {}})
    WindowsCounters(42, pdh).close()
    assert pdh.closed


# -- the clock


def test_windows_tells_a_share_of_the_base_clock() -> None:
    one = WindowsCounters(42, Pdh({PERFORMANCE: {"_Total": 150.0}}), 2000.0)
    one.begin_clock()
    assert one.clock_mhz() == 3000.0


def test_a_share_that_windows_has_not_yet_is_not_measured() -> None:
    one = WindowsCounters(42, Pdh({PERFORMANCE: {"_Total": -1.0}}), 2000.0)
    one.begin_clock()
    assert one.clock_mhz() is None


def test_a_windows_without_the_counter_has_no_clock() -> None:
    one = WindowsCounters(42, Pdh({}), 2000.0)
    one.begin_clock()
    assert (one.clock_mhz(), one.clock_source) == (None, None)

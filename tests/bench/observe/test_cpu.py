from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from bench.observe.cpu import (
    Cores,
    cores,
    count_kinds,
    cpu_list,
    kept_to,
    linux_kinds,
    parse_cpu_list,
    parse_cpu_sets,
)

HYBRID = dict(enumerate([(0, 1), (0, 1), (2, 1), (2, 1), (4, 0), (5, 0), (6, 0), (7, 0)]))
"""Two performance cores with two threads each and four efficiency cores: physical core and class per logical CPU."""


def cpu_set(number: int, core: int, efficiency_class: int, *, size: int = 32, kind: int = 0, group: int = 0) -> bytes:
    head = struct.pack("<IIIHBBBBB", size, kind, 256 + number, group, number, core, 0, 0, efficiency_class)
    return head.ljust(size, b"\0")


def sysfs(folder: Path, fast: str | None) -> tuple[Path, Path]:
    """The parts of /sys/devices that tell the cores of :data:`HYBRID` apart."""
    cpus, types = folder / "system" / "cpu", folder
    for number, (core, _) in HYBRID.items():
        topology = cpus / f"cpu{number}" / "topology"
        topology.mkdir(parents=True)
        (topology / "physical_package_id").write_text("0\n", encoding="ascii")
        (topology / "core_id").write_text(f"{core}\n", encoding="ascii")
    (cpus / "cpufreq").mkdir()
    (cpus / "cpuidle").mkdir()
    if fast is not None:
        (types / "cpu_core").mkdir()
        (types / "cpu_core" / "cpus").write_text(f"{fast}\n", encoding="ascii")
    return cpus, types


def test_performance_cores_are_counted_and_not_their_threads() -> None:
    assert count_kinds(HYBRID, 6, 8) == Cores(physical=6, logical=8, performance=2, efficiency=4)


def test_the_default_threads_are_the_physical_performance_cores() -> None:
    assert count_kinds(HYBRID, 6, 8).default_threads == 2


def test_on_one_type_of_core_the_default_threads_are_the_physical_cores() -> None:
    assert count_kinds(dict(enumerate([(0, 0), (0, 0), (1, 0), (1, 0)])), 2, 4).default_threads == 2


def test_one_type_of_core_is_not_called_performance() -> None:
    assert count_kinds({0: (0, 0), 1: (1, 0)}, 2, 2) == Cores(2, 2, None, None)


def test_without_knowledge_the_default_threads_are_all() -> None:
    assert count_kinds({}, None, 8).default_threads == 8


def test_three_types_of_core_have_one_fastest() -> None:
    assert count_kinds(dict(enumerate([(0, 2), (1, 1), (2, 1), (3, 0)])), 4, 4) == Cores(4, 4, 1, 3)


@pytest.mark.parametrize(("text", "expected"), [("0-3,8\n", [0, 1, 2, 3, 8]), ("5", [5]), ("0-0,2-3", [0, 2, 3])])
def test_lists_of_cpus(text: str, expected: list[int]) -> None:
    assert parse_cpu_list(text) == expected


@given(st.lists(st.integers(0, 1000), min_size=1, unique=True))
def test_every_list_of_cpus_comes_back(numbers: list[int]) -> None:
    assert parse_cpu_list(",".join(map(str, numbers))) == numbers


@given(st.lists(st.integers(0, 200), min_size=1, unique=True))
def test_a_list_of_cpus_is_written_as_it_is_read(numbers: list[int]) -> None:
    assert parse_cpu_list(cpu_list(numbers)) == sorted(numbers)


def test_neighbours_are_written_as_a_range() -> None:
    assert cpu_list([8, 0, 1, 2, 3]) == "0-3,8"


@pytest.mark.parametrize(
    ("cpus", "threads"),
    [
        ([0], 1),  # one thread of a performance core
        ([0, 1], 1),  # both threads of one performance core
        ([0, 2], 2),  # two performance cores
        ([1, 2, 4, 5], 2),  # two performance cores and two efficiency cores
        ([4, 5, 6], 3),  # efficiency cores alone
        (list(HYBRID), 2),
    ],
)
def test_the_default_threads_are_the_fastest_cores_that_may_be_used(cpus: list[int], threads: int) -> None:
    assert kept_to(cpus, count_kinds(HYBRID, 6, 8), HYBRID).default_threads == threads


def test_where_cores_are_not_told_apart_there_are_at_most_as_many_threads_as_usable_cpus() -> None:
    whole = Cores(physical=2, logical=4, performance=None, efficiency=None)
    assert [kept_to(range(count), whole, {}).default_threads for count in (1, 2, 3, 4)] == [1, 2, 2, 2]


def test_cpu_sets_of_a_hybrid_machine() -> None:
    data = b"".join(cpu_set(number, core, kind) for number, (core, kind) in HYBRID.items())
    assert parse_cpu_sets(data) == HYBRID


def test_cpu_sets_of_a_later_windows_may_be_longer() -> None:
    data = b"".join(cpu_set(number, core, kind, size=48) for number, (core, kind) in HYBRID.items())
    assert parse_cpu_sets(data) == HYBRID


def test_records_of_another_type_are_passed_over() -> None:
    assert parse_cpu_sets(cpu_set(0, 0, 1, kind=7) + cpu_set(1, 2, 0)) == {1: (2, 0)}


def test_the_same_core_index_in_two_groups_is_two_cores() -> None:
    kinds = parse_cpu_sets(cpu_set(0, 3, 1) + cpu_set(0, 3, 1, group=1))
    assert len({core for core, _ in kinds.values()}) == 2


@pytest.mark.parametrize("data", [b"", b"\0" * 40, cpu_set(0, 0, 1)[:12]])
def test_what_is_no_record_ends_the_list(data: bytes) -> None:
    assert parse_cpu_sets(data) == {}


def test_linux_tells_fast_cpus_apart(tmp_path: Path) -> None:
    assert linux_kinds(*sysfs(tmp_path, "0-3")) == HYBRID


@pytest.mark.parametrize("fast", [None, ""])
def test_without_a_list_of_fast_cpus_all_cores_are_of_one_type(tmp_path: Path, fast: str | None) -> None:
    assert linux_kinds(*sysfs(tmp_path, fast)) == {cpu: (core, 0) for cpu, (core, _) in HYBRID.items()}


def test_a_cpu_that_is_offline_has_no_topology_and_is_passed_over(tmp_path: Path) -> None:
    cpus, types = sysfs(tmp_path, "0-3")
    (cpus / "cpu7" / "topology" / "core_id").unlink()
    assert linux_kinds(cpus, types) == {cpu: kind for cpu, kind in HYBRID.items() if cpu != 7}


def test_this_machine_has_cores() -> None:
    assert 1 <= cores().default_threads <= cores().logical

from __future__ import annotations

from pathlib import Path

import pytest

from bench.observe.cgroup import Groups, Throttling, own_groups, read_groups

GB = 10**9


def written(folder: Path, **files: str) -> Path:
    """A group with files; two underscores in a name stand for its dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="ascii")
    return folder


def process(folder: Path, memberships: str, mounts: str) -> Path:
    return written(folder / "self", cgroup=memberships, mountinfo=mounts)


def unified(folder: Path, path: str, root: str = "/") -> Groups:
    """The groups of a process in ``path`` of a hierarchy of version 2 that is mounted at ``folder``."""
    mount = f"30 23 0:26 {root} {folder} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
    return read_groups(process(folder / "proc", f"0::{path}\n", mount))


def test_the_quota_of_a_container_is_that_of_its_own_group(tmp_path: Path) -> None:
    written(tmp_path, cpu__max="150000 100000\n")
    assert unified(tmp_path, "/").cpu_quota() == 1.5


def test_the_smallest_quota_on_the_path_holds(tmp_path: Path) -> None:
    written(tmp_path / "a/b", cpu__max="max 100000")
    written(tmp_path / "a", cpu__max="50000 100000")
    written(tmp_path / "a/b/c", cpu__max="400000 100000")
    written(tmp_path / "other", cpu__max="10000 100000")
    assert unified(tmp_path, "/a/b/c").cpu_quota() == 0.5


@pytest.mark.parametrize("text", ["max 100000", "", "100000", "0 100000", "1000 0", "many 100000"])
def test_what_is_no_quota_limits_nothing(tmp_path: Path, text: str) -> None:
    written(tmp_path, cpu__max=text)
    assert unified(tmp_path, "/").cpu_quota() is None


@pytest.mark.parametrize(
    ("files", "weight"),
    [
        ({}, None),
        ({"cpu__weight": "100"}, 1.0),
        ({"cpu__weight": "20"}, 0.2),
        ({"cpu__shares": "512"}, 0.5),
        ({"cpu__weight": "100", "cpu__idle": "1"}, 0.0),
        ({"cpu__weight": "many"}, None),
    ],
)
def test_the_weight_against_neighbours_is_told_of_either_version(
    tmp_path: Path, files: dict[str, str], weight: float | None
) -> None:
    written(tmp_path, **files)
    assert unified(tmp_path, "/").cpu_weight() == weight


def test_the_smallest_limit_of_memory_on_the_path_holds(tmp_path: Path) -> None:
    written(tmp_path / "a", memory__max=f"{8 * GB}\n", memory__high="max\n")
    written(tmp_path / "a/b", memory__max="max\n", memory__high=f"{2 * GB}\n")
    assert unified(tmp_path, "/a/b").memory_limit() == 2 * GB


def test_files_that_can_be_dropped_are_still_available(tmp_path: Path) -> None:
    stat = f"anon {GB}\nfile {2 * GB}\ninactive_file {GB}\nactive_file {GB // 2}\n"
    written(tmp_path, memory__max=str(4 * GB), memory__current=str(3 * GB), memory__stat=stat)
    assert unified(tmp_path, "/").memory_available() == 4 * GB - 3 * GB + GB + GB // 2


def test_a_group_that_is_fuller_than_the_one_below_has_the_least_left(tmp_path: Path) -> None:
    written(tmp_path / "a", memory__max=str(8 * GB), memory__current=str(7 * GB))
    written(tmp_path / "a/b", memory__max=str(4 * GB), memory__current=str(GB))
    assert unified(tmp_path, "/a/b").memory_available() == GB


def test_a_full_group_has_nothing_left_and_not_less(tmp_path: Path) -> None:
    written(tmp_path, memory__max=str(GB), memory__current=str(2 * GB))
    assert unified(tmp_path, "/").memory_available() == 0


def test_how_often_a_quota_stopped_the_groups_is_added_up(tmp_path: Path) -> None:
    written(tmp_path / "a", cpu__stat="usage_usec 9\nnr_periods 20\nnr_throttled 3\nthrottled_usec 250000\n")
    written(tmp_path / "a/b", cpu__stat="nr_throttled 4\nthrottled_usec 500000\n")
    assert unified(tmp_path, "/a/b").throttling() == Throttling(7, 0.75)


def test_throttling_is_the_difference() -> None:
    assert Throttling(7, 0.75).since(Throttling(3, 0.25)) == Throttling(4, 0.5)


def test_a_system_without_groups_has_no_limits(tmp_path: Path) -> None:
    groups = read_groups(tmp_path)
    assert groups == Groups()
    assert (groups.cpu_quota(), groups.memory_limit(), groups.memory_available(), groups.throttling()) == (None,) * 4


def test_a_group_outside_of_what_is_mounted_is_not_looked_for(tmp_path: Path) -> None:
    written(tmp_path, cpu__max="200000 100000")
    written(tmp_path.parent / "else", cpu__max="1000 100000")
    assert unified(tmp_path, "/../else").cpu_quota() == 2.0


def test_the_root_of_the_mount_is_cut_from_the_path(tmp_path: Path) -> None:
    written(tmp_path / "inner", cpu__max="300000 100000")
    assert unified(tmp_path, "/docker/1f/inner", root="/docker/1f").cpu_quota() == 3.0


def test_another_container_whose_name_begins_alike_is_not_this_one(tmp_path: Path) -> None:
    written(tmp_path, cpu__max="300000 100000")
    assert unified(tmp_path, "/docker/1f2", root="/docker/1f").cpu == (tmp_path,)


def test_version_1_has_a_hierarchy_per_controller(tmp_path: Path) -> None:
    """As Docker sets ``--cpus 1.5 --memory 2g`` on a host with version 1, seen from within the container."""
    stat = "nr_periods 100\nnr_throttled 12\nthrottled_time 1500000000\n"
    written(tmp_path / "cpu,cpuacct", cpu__cfs_quota_us="150000", cpu__cfs_period_us="100000", cpu__stat=stat)
    held = f"inactive_file 1\ntotal_inactive_file {GB // 2}\ntotal_active_file 0\n"
    written(tmp_path / "memory", memory__limit_in_bytes=str(2 * GB), memory__usage_in_bytes=str(GB), memory__stat=held)
    written(tmp_path / "unified")
    mounts = "".join(
        f"4{number} 40 0:3{number} {root} {tmp_path / name} ro - {kind} cgroup rw,{name}\n"
        for number, (root, name, kind) in enumerate(
            [("/docker/1f", "cpu,cpuacct", "cgroup"), ("/docker/1f", "memory", "cgroup"), ("/", "unified", "cgroup2")]
        )
    )
    memberships = "5:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n1:name=systemd:/docker/1f\n0::/\n"
    groups = read_groups(process(tmp_path / "proc", memberships, mounts))
    assert groups.cpu_quota() == 1.5
    assert groups.throttling() == Throttling(12, 1.5)
    assert (groups.memory_limit(), groups.memory_available()) == (2 * GB, GB + GB // 2)


def test_version_1_without_a_quota_says_minus_one(tmp_path: Path) -> None:
    written(tmp_path / "cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    mount = f"32 31 0:29 / {tmp_path / 'cpu'} rw - cgroup cgroup rw,cpu\n"
    assert read_groups(process(tmp_path / "proc", "1:cpu:/\n", mount)).cpu_quota() is None


def test_a_controller_of_version_1_counts_where_both_are_mounted(tmp_path: Path) -> None:
    written(tmp_path / "cpu/job", cpu__cfs_quota_us="200000", cpu__cfs_period_us="100000")
    written(tmp_path / "unified", cpu__max="100000 100000")
    mounts = (
        f"41 31 0:38 / {tmp_path / 'unified'} rw - cgroup2 cgroup2 rw\n"
        f"32 31 0:29 / {tmp_path / 'cpu'} rw - cgroup cgroup rw,cpu\n"
    )
    assert read_groups(process(tmp_path / "proc", "1:cpu:/job\n0::/\n", mounts)).cpu_quota() == 2.0


def test_a_blank_in_the_place_of_a_mount_is_written_as_a_number(tmp_path: Path) -> None:
    written(tmp_path / "a b", cpu__max="100000 100000")
    mount = f"30 23 0:26 / {tmp_path}/a\\040b rw - cgroup2 cgroup2 rw\n"
    assert read_groups(process(tmp_path / "proc", "0::/\n", mount)).cpu_quota() == 1.0


def test_the_groups_of_this_process_can_be_read() -> None:
    quota, left, limit = own_groups().cpu_quota(), own_groups().memory_available(), own_groups().memory_limit()
    assert quota is None or quota > 0
    assert left is None or (limit is not None and 0 <= left <= limit)

"""Limits of Linux's control groups on this process: CPU quota, memory, and how often the quota stopped it.

Groups are nested, and the smallest limit on the path holds. Version 1 has a hierarchy per controller, version 2 one for
all; a machine may have both. See https://docs.kernel.org/admin-guide/cgroup-v2.html, and for version 1
https://docs.kernel.org/scheduler/sched-bwc.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from bench.observe.sysfs import count_of, text_of

_OWN = Path("/proc/self")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Throttling:
    """How often a CPU quota stopped the process's groups: in how many periods, and for how many CPU seconds."""

    periods: int
    seconds: float

    def since(self, earlier: Throttling) -> Throttling:
        """What was added since ``earlier``."""
        return Throttling(self.periods - earlier.periods, self.seconds - earlier.seconds)


@dataclass(frozen=True, slots=True)
class Groups:
    """The folders of a process's groups by controller, from its own up to the highest that it sees."""

    cpu: tuple[Path, ...] = ()
    memory: tuple[Path, ...] = ()

    def cpu_quota(self) -> float | None:
        """In CPUs; ``None`` without a quota."""
        return min(_known(map(_quota, self.cpu)), default=None)

    def cpu_weight(self) -> float | None:
        """The smallest weight against neighbouring groups, as a share of the usual one; ``None`` where none is told."""
        return min(_known(map(_weight, self.cpu)), default=None)

    def throttling(self) -> Throttling | None:
        """How often a quota stopped them; ``None`` without a counter."""
        counted = _known(map(_throttling, self.cpu))
        if not counted:
            return None
        return Throttling(sum(one.periods for one in counted), sum(one.seconds for one in counted))

    def memory_limit(self) -> int | None:
        """In bytes; ``None`` without a limit."""
        return min(_known(map(_memory_limit, self.memory)), default=None)

    def memory_available(self) -> int | None:
        """The rest of the limit in bytes, with the page cache that can be dropped; ``None`` without a limit."""
        return min(_known(map(_memory_available, self.memory)), default=None)


@cache
def own_groups() -> Groups:
    """The groups of this process, in which its workers are too."""
    return read_groups(_OWN)


def read_groups(process: Path) -> Groups:
    """The groups of the process that has the folder ``process`` below ``/proc``."""
    memberships, mounts = text_of(process / "cgroup"), text_of(process / "mountinfo")
    return Groups(*(tuple(_folders(controller, memberships, mounts)) for controller in ("cpu", "memory")))


def _folders(controller: str, memberships: str, mounts: str) -> Iterator[Path]:
    place = _mount(controller, mounts)
    if place is None:
        return
    root, folder, version = place
    path = _path(controller if version == 1 else "", memberships)
    if path is None:
        return
    # Groups above the root of the mount are not visible; if the path is not below it, only the mount itself is.
    inside = path.removeprefix(root.rstrip("/")) if f"{path}/".startswith(f"{root.rstrip('/')}/") else ""
    parts = [part for part in inside.split("/") if part]
    if ".." in parts:
        parts = []
    for depth in range(len(parts), -1, -1):
        group = folder.joinpath(*parts[:depth])
        if group.is_dir():
            yield group


def _mount(controller: str, mounts: str) -> tuple[str, Path, int] | None:
    """Root within the hierarchy, mount point and version: 1 if it has the controller, else 2."""
    second = None
    for line in mounts.splitlines():
        place, _, kind = line.partition(" - ")
        fields, (system, *more) = place.split(), kind.split() or [""]
        if len(fields) < 5:
            continue
        root, folder = (re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), one) for one in fields[3:5])
        if system == "cgroup" and more and controller in more[-1].split(","):
            return root, Path(folder), 1
        if system == "cgroup2" and second is None:
            second = root, Path(folder), 2
    return second


def _path(controller: str, memberships: str) -> str | None:
    """The group of a controller; of version 2 for the empty one."""
    for line in memberships.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            return path
    return None


def _known(values: Iterable[_T | None]) -> list[_T]:
    return [value for value in values if value is not None]


def _quota(group: Path) -> float | None:
    quota, _, period = text_of(group / "cpu.max").partition(" ")
    if not quota:
        quota, period = (text_of(group / f"cpu.cfs_{what}_us") for what in ("quota", "period"))
    if quota.isdigit() and period.isdigit() and int(quota) > 0 and int(period) > 0:
        return int(quota) / int(period)
    return None


def _weight(group: Path) -> float | None:
    if text_of(group / "cpu.idle") == "1":
        return 0.0
    for name, usual in (("cpu.weight", 100), ("cpu.shares", 1024)):
        if (weight := count_of(group / name)) is not None:
            return weight / usual
    return None


def _throttling(group: Path) -> Throttling | None:
    counts = _counts(group / "cpu.stat")
    if "nr_throttled" not in counts:
        return None
    seconds = counts.get("throttled_usec", 0) / 1e6 + counts.get("throttled_time", 0) / 1e9
    return Throttling(counts["nr_throttled"], seconds)


def _memory_limit(group: Path) -> int | None:
    # Above memory.high the system slows the group down, long before memory.max ends it.
    files = ("memory.max", "memory.high", "memory.limit_in_bytes")
    limits = [int(text) for name in files if (text := text_of(group / name)).isdigit()]
    return min(limits, default=None)


def _memory_available(group: Path) -> int | None:
    limit = _memory_limit(group)
    used = [text for name in ("current", "usage_in_bytes") if (text := text_of(group / f"memory.{name}"))]
    if limit is None or not used or not used[0].isdigit():
        return None
    counts = _counts(group / "memory.stat")
    names = ("inactive_file", "active_file")
    # In version 1 those without "total" leave out the groups below.
    droppable = sum(counts.get(f"total_{name}", counts.get(name, 0)) for name in names)
    return max(0, min(limit, limit - int(used[0]) + droppable))


def _counts(file: Path) -> dict[str, int]:
    pairs = (line.split() for line in text_of(file).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}

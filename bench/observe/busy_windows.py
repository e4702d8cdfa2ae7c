"""Busy time on Windows: the performance counter set ``GPU Engine``, which Task Manager draws GPU and NPU from.

Written from Microsoft's documentation of PDH; never run on a device. Instances are named
``pid_1234_luid_0x00000000_0x0000D1C2_phys_0_eng_0_engtype_Compute``; ``Running Time`` counts 100 ns.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bench.observe.accelerators import npus
from bench.observe.busy import EngineTime, Reading
from bench.observe.pdh import PdhQuery
from bench.observe.windows import registry_keys, registry_value

_COUNTER = r"\GPU Engine(*)\Running Time"
_INSTANCE = re.compile(r"pid_(\d+)_luid_0x([0-9a-f]+)_0x([0-9a-f]+)_(.*)", re.IGNORECASE)
_TICK_NS = 100
_DIRECTX = r"SOFTWARE\Microsoft\DirectX"
_SOFTWARE = "Microsoft Basic"
"""How the names of Windows' software adapters begin."""


def reading_of(
    instances: Mapping[str, int], pid: int, npu_luids: Collection[int], at_ns: int, software: Collection[int] = ()
) -> Reading:
    """The reading of one process.

    Args:
        instances: name -> running time in units of 100 ns, of all processes.
        pid: the process.
        npu_luids: the locally unique ids of NPUs; all other adapters are GPUs.
        at_ns: the moment.
        software: the ids of software adapters.
    """
    gpu: dict[str, EngineTime] = {}
    npu: dict[str, EngineTime] = {}
    gpus: set[str] = set()
    npus: set[str] = set()
    for name, value in instances.items():
        match = _INSTANCE.fullmatch(name)
        if match is None:
            continue
        luid = _luid(match)
        engines, adapters = (npu, npus) if luid in npu_luids else (gpu, gpus)
        if luid not in software:
            adapters.add(f"{luid:x}")
        if int(match[1]) == pid:
            engines[f"{luid:x}/{match[4]}"] = EngineTime(value * _TICK_NS)
    return Reading(at_ns, gpu or None, npu or None, frozenset(gpus), frozenset(npus))


def npus_among(instances: Iterable[str], named: Collection[int], *, expected: bool) -> frozenset[int]:
    """The ids of NPUs among the adapters of the counter's instances.

    Every GPU has an engine for 3D, and no NPU has one. So a stale name in the registry, for an id that a GPU has now,
    does not count where another adapter computes alone.

    Args:
        instances: of all processes.
        named: ids of adapters that have the name of an NPU.
        expected: whether the system lists an NPU.
    """
    seen, drawing = set(), set()
    for match in filter(None, map(_INSTANCE.fullmatch, instances)):
        luid = _luid(match)
        seen.add(luid)
        if match[4].lower().endswith("3d"):
            drawing.add(luid)
    known = seen.intersection(named)
    return frozenset(known - drawing or (seen - drawing if expected else ()) or known)


def _luid(match: re.Match[str]) -> int:
    return int(match[2], 16) << 32 | int(match[3], 16)


def npu_luids_of(adapters: Mapping[int, str], npu_names: Collection[str]) -> frozenset[int]:
    """The ids of the adapters that have the name of an NPU."""
    return frozenset(luid for luid, name in adapters.items() if name in npu_names)


class WindowsCounters(PdhQuery):
    """The counters of a process; without the counter set every reading is empty."""

    def __init__(self, pid: int, pdh: Any = None) -> None:
        super().__init__(_COUNTER, pdh=pdh)
        self._pid = pid
        names = {str(npu["name"]) for npu in npus()}
        self._has_npu = bool(names)
        adapters = _adapters()
        self._named = npu_luids_of(adapters, names)
        self._software = frozenset(luid for luid, name in adapters.items() if name.startswith(_SOFTWARE))

    def read(self) -> Reading:
        """Collect the counter set and pick this process's instances."""
        at_ns = time.perf_counter_ns()
        if not self.collect():
            return Reading(at_ns)
        instances = self.raw(_COUNTER)
        found = npus_among(instances, self._named, expected=self._has_npu)
        return reading_of(instances, self._pid, found, at_ns, self._software)


def _adapters() -> dict[int, str]:
    """Locally unique id -> description of each adapter that DirectX has in the registry."""
    values = (
        (registry_value(key, "AdapterLuid"), registry_value(key, "Description")) for key in registry_keys(_DIRECTX)
    )
    return {luid: name for luid, name in values if luid is not None and name is not None}

"""Busy time on Windows: the performance counter set ``GPU Engine``, which Task Manager draws GPU and NPU from.

Written from Microsoft's documentation of PDH; never run on a device. Instances are named
``pid_1234_luid_0x00000000_0x0000D1C2_phys_0_eng_0_engtype_Compute``; ``Running Time`` counts 100 ns.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bench.observe.accelerators import npus
from bench.observe.busy import EngineTime, Reading
from bench.observe.pdh import PdhQuery

_COUNTER = r"\GPU Engine(*)\Running Time"
_INSTANCE = re.compile(r"pid_(\d+)_luid_0x([0-9a-f]+)_0x([0-9a-f]+)_(.*)", re.IGNORECASE)
_TICK_NS = 100
_SOFTWARE = "Microsoft Basic"
"""How the names of Windows's own adapters begin, which draw on the CPU."""


def reading_of(
    instances: Mapping[str, int], pid: int, npu_luids: Collection[int], at_ns: int, software: Collection[int] = ()
) -> Reading:
    """What the instances of the counter say of one process.

    Args:
        instances: name -> running time in units of 100 ns.
        pid: the process.
        npu_luids: the locally unique ids of adapters that are NPUs; all others are GPUs.
        at_ns: the moment.
        software: the ids of adapters that are no hardware.
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

    An NPU has no engine for 3D, and every GPU has one. So a name that the registry kept from an earlier start of the
    system, for an id that a GPU has now, is not believed where another adapter computes alone.

    Args:
        instances: of all processes.
        named: ids of adapters that go by the name of an NPU.
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


def npu_luids_of(adapters: Iterable[tuple[str, int]], npu_names: Collection[str]) -> frozenset[int]:
    """The ids of adapters that go by the name of an NPU.

    Args:
        adapters: description and locally unique id of each, as DirectX keeps them in the registry.
        npu_names: the names of the system's NPUs.
    """
    return frozenset(luid for name, luid in adapters if name in npu_names)


class WindowsCounters:
    """The counters of a process, through PDH; without the counter set every reading is empty.

    Args:
        pid: the process.
        pdh: the library, or what answers like it.
    """

    def __init__(self, pid: int, pdh: Any = None) -> None:
        self._pid = pid
        self._query = PdhQuery({"engines": _COUNTER}, pdh)
        names = {str(npu["name"]) for npu in npus()}
        self._has_npu = bool(names)
        adapters = _adapters()
        self._named = npu_luids_of(adapters, names)
        self._software = frozenset(luid for name, luid in adapters if name.startswith(_SOFTWARE))

    def read(self) -> Reading:
        """Collect the counter set and pick this process's instances."""
        at_ns = time.perf_counter_ns()
        if not self._query.collect():
            return Reading(at_ns)
        instances = self._query.raw("engines")
        found = npus_among(instances, self._named, expected=self._has_npu)
        return reading_of(instances, self._pid, found, at_ns, self._software)

    def close(self) -> None:
        """Close the query."""
        self._query.close()


def _adapters() -> list[tuple[str, int]]:
    if sys.platform != "win32":
        return []
    import winreg  # noqa: PLC0415 - exists on Windows only

    found = []
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\DirectX") as root:
            for number in range(winreg.QueryInfoKey(root)[0]):
                with winreg.OpenKey(root, winreg.EnumKey(root, number)) as adapter:
                    found.append(_adapter(winreg, adapter))
    except OSError:
        pass
    return [one for one in found if one is not None]


def _adapter(winreg: Any, key: Any) -> tuple[str, int] | None:
    try:
        return str(winreg.QueryValueEx(key, "Description")[0]), int(winreg.QueryValueEx(key, "AdapterLuid")[0])
    except OSError:
        return None

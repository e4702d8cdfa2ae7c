"""What Windows counts of one worker (PDH): busy time of GPU and NPU, memory on them, and the clock of the CPUs.

Written from Microsoft's documentation of PDH; never run on a device. Instances are named
``pid_1234_luid_0x00000000_0x0000D1C2_phys_0_eng_0_engtype_Compute``; ``Running Time`` counts 100 ns.
"""

import ctypes
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import psutil

from bench.observe.accelerators import npus
from bench.observe.busy import EngineTime, Reading
from bench.observe.windows import library, registry_keys, registry_value

_MORE_DATA = 0x800007D2
_DOUBLE = 0x200
_VALID = (0, 1)
"""Status of valid data, and of new data."""


class RawCounter(ctypes.Structure):
    """PDH_RAW_COUNTER."""

    _fields_ = (
        ("status", ctypes.c_uint32),
        ("stamp", ctypes.c_uint32 * 2),
        ("first", ctypes.c_int64),
        ("second", ctypes.c_int64),
        ("multi", ctypes.c_uint32),
    )


class RawItem(ctypes.Structure):
    """PDH_RAW_COUNTER_ITEM_W."""

    _fields_ = (("name", ctypes.c_wchar_p), ("counter", RawCounter))


class FormattedItem(ctypes.Structure):
    """PDH_FMT_COUNTERVALUE_ITEM_W, with its union taken for a double."""

    _fields_ = (("name", ctypes.c_wchar_p), ("status", ctypes.c_uint32), ("value", ctypes.c_double))


class PdhQuery:
    r"""Counters that are collected together; a counter that the system lacks has no instances.

    ``paths``: in English, e.g. ``\GPU Engine(*)\Running Time``.
    """

    def __init__(self, *paths: str, pdh: Any = None) -> None:
        self._pdh = pdh or library("pdh")
        self._query = ctypes.c_void_p()
        self._counters: dict[str, ctypes.c_void_p] = {}
        self._open = self._pdh is not None and not self._pdh.PdhOpenQueryW(None, 0, ctypes.byref(self._query))
        for path in paths if self._open else ():
            counter = ctypes.c_void_p()
            if not self._pdh.PdhAddEnglishCounterW(self._query, path, 0, ctypes.byref(counter)):
                self._counters[path] = counter

    @property
    def has_counters(self) -> bool:
        """Whether the system has any of the counters."""
        return self._open and bool(self._counters)

    def collect(self) -> bool:
        """Read all counters now; whether that succeeded."""
        return self.has_counters and not self._pdh.PdhCollectQueryData(self._query)

    def raw(self, path: str) -> dict[str, int]:
        """Instance -> the counter as of the last collection."""
        items = self._items(path, RawItem, "PdhGetRawCounterArrayW")
        return {item.name: item.counter.first for item in items if item.counter.status in _VALID}

    def formatted(self, path: str) -> dict[str, float]:
        """Instance -> the counter's value over the time between the last two collections."""
        items = self._items(path, FormattedItem, "PdhGetFormattedCounterArrayW", _DOUBLE)
        return {item.name: item.value for item in items if item.status in _VALID}

    def _items(self, path: str, kind: type[Any], function: str, *options: int) -> Iterator[Any]:
        """The instances of a counter. Their names lie in a buffer that lives until the iteration ends."""
        if path not in self._counters:
            return
        size, count = ctypes.c_uint32(0), ctypes.c_uint32(0)
        ask = partial(
            getattr(self._pdh, function), self._counters[path], *options, ctypes.byref(size), ctypes.byref(count)
        )
        if ask(None) & 0xFFFFFFFF != _MORE_DATA:
            return
        buffer = ctypes.create_string_buffer(size.value)
        if ask(buffer):
            return
        items = ctypes.cast(buffer, ctypes.POINTER(kind))
        for number in range(count.value):
            yield items[number]

    def close(self) -> None:
        if self._open:
            self._pdh.PdhCloseQuery(self._query)
            self._open = False


_ENGINES = r"\GPU Engine(*)\Running Time"
_MEMORY = (r"\GPU Process Memory(*)\Dedicated Usage", r"\GPU Process Memory(*)\Shared Usage")
_PERFORMANCE = r"\Processor Information(_Total)\% Processor Performance"
_INSTANCE = re.compile(r"pid_(\d+)_luid_0x([0-9a-f]+)_0x([0-9a-f]+)_(.*)", re.IGNORECASE)
_TICK_NS = 100
_DIRECTX = r"SOFTWARE\Microsoft\DirectX"
_SOFTWARE = "Microsoft Basic"
"""How the names of Windows' software adapters begin."""


def reading_of(
    instances: Mapping[str, int], pid: int, npu_luids: Collection[int], at_ns: int, software: Collection[int] = ()
) -> Reading:
    """The reading of one process, from the running time in units of 100 ns of the instances of all processes.

    ``npu_luids`` and ``software`` are the locally unique ids of NPUs and software adapters; all others are GPUs.
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
    """The ids of NPUs among the adapters of the instances of all processes.

    ``named`` are ids of adapters that have the name of an NPU; ``expected`` says whether the system lists an NPU. Every
    GPU has an engine for 3D, and no NPU has one. So a stale name in the registry, for an id that a GPU has now, is
    ignored where another adapter computes alone.
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


class WindowsCounters:
    """The counters of the process ``pid``; those that this Windows lacks are ``None``.

    Device memory is dedicated and shared bytes, on GPUs and NPUs alike, as Task Manager adds them. ``Local Usage`` is
    not added: on an integrated GPU it is the shared memory once more.
    """

    def __init__(self, pid: int, pdh: Any = None, base_mhz: float | None = None) -> None:
        self._pid = pid
        self._engines = PdhQuery(_ENGINES, pdh=pdh)
        self._memory = PdhQuery(*_MEMORY, pdh=pdh)
        self._clock = PdhQuery(_PERFORMANCE, pdh=pdh)
        self._base_mhz = base_mhz if base_mhz is not None else _base_mhz()
        known = self._clock.has_counters and self._base_mhz is not None
        self.gpu_source = "GPU Engine, Running Time" if self._engines.has_counters else None
        self.memory_source = "GPU Process Memory" if self._memory.has_counters else None
        self.clock_source = "% Processor Performance x base clock, mean of all CPUs in the region" if known else None
        names = {str(npu["name"]) for npu in npus()}
        self._has_npu = bool(names)
        self.npu_source = self.gpu_source if names else None
        adapters = _adapters()
        self._named = npu_luids_of(adapters, names)
        self._software = frozenset(luid for luid, name in adapters.items() if name.startswith(_SOFTWARE))

    def busy(self) -> Reading:
        """Collect the engines' counters and pick this process's instances."""
        at_ns = time.perf_counter_ns()
        if not self._engines.collect():
            return Reading(at_ns)
        instances = self._engines.raw(_ENGINES)
        found = npus_among(instances, self._named, expected=self._has_npu)
        return reading_of(instances, self._pid, found, at_ns, self._software)

    def begin_clock(self) -> None:
        """Collect just before a timed region: the counter is a mean since the collection before."""
        self._clock.collect()

    def clock_mhz(self) -> float | None:
        """Collect just after: the CPUs' mean speed in the region, relative to their base clock, times that."""
        if self._base_mhz is None or not self._clock.collect():
            return None
        percent = list(self._clock.formatted(_PERFORMANCE).values())
        return percent[0] / 100 * self._base_mhz if percent else None

    def device_memory_bytes(self) -> int | None:
        """Memory of the process on GPUs and NPUs."""
        if not self._memory.collect():
            return None
        instances = (item for path in _MEMORY for item in self._memory.raw(path).items())
        held = [value for name, value in instances if name.lower().startswith(f"pid_{self._pid}_luid_")]
        return sum(held) if held else None

    def close(self) -> None:
        for query in (self._engines, self._memory, self._clock):
            query.close()


def _adapters() -> dict[int, str]:
    """Locally unique id -> description of each adapter that DirectX has in the registry."""
    found = {registry_value(key, "AdapterLuid"): registry_value(key, "Description") for key in registry_keys(_DIRECTX)}
    return {luid: name for luid, name in found.items() if luid is not None and name is not None}


def _base_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, RuntimeError):
        return None
    return frequency.max or None if frequency else None

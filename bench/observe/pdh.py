"""Windows' performance counters (PDH). Written from Microsoft's documentation; never run on hardware."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import partial
from typing import Any

from bench.observe.windows import library

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

    Args:
        paths: in English, e.g. ``\GPU Engine(*)\Running Time``.
        pdh: the library, or a test's stand-in.
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
        """Close the query."""
        if self._open:
            self._pdh.PdhCloseQuery(self._query)
            self._open = False

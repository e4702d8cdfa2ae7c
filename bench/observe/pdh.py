"""Performance counters of Windows, through PDH. Written from Microsoft's documentation; never run on hardware."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping
from typing import Any

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
    """Counters that are collected together; what the system does not have stays empty.

    Args:
        paths: name of ours -> counter path in English, e.g. that of ``Running Time`` in the set ``GPU Engine``.
        pdh: the library, or what answers like it.
    """

    def __init__(self, paths: Mapping[str, str], pdh: Any = None) -> None:
        self._pdh = pdh if pdh is not None else _library()
        self._query = ctypes.c_void_p()
        self._counters: dict[str, ctypes.c_void_p] = {}
        self._open = self._pdh is not None and not self._pdh.PdhOpenQueryW(None, 0, ctypes.byref(self._query))
        for name, path in paths.items() if self._open else ():
            counter = ctypes.c_void_p()
            if not self._pdh.PdhAddEnglishCounterW(self._query, path, 0, ctypes.byref(counter)):
                self._counters[name] = counter

    @property
    def has_counters(self) -> bool:
        """Whether the system knows any of the counters."""
        return self._open and bool(self._counters)

    def collect(self) -> bool:
        """Read all counters now; whether that went well."""
        return self.has_counters and not self._pdh.PdhCollectQueryData(self._query)

    def raw(self, name: str) -> dict[str, int]:
        """Instance -> the counter as it stood at the last collection."""

        def ask(counter: ctypes.c_void_p, *place: Any) -> int:
            return int(self._pdh.PdhGetRawCounterArrayW(counter, *place))

        found = self._items(
            name, RawItem, ask, lambda item: item.counter.first if item.counter.status in _VALID else None
        )
        return {instance: int(value) for instance, value in found if value is not None}

    def formatted(self, name: str) -> dict[str, float]:
        """Instance -> the counter's value over the time between the last two collections."""

        def ask(counter: ctypes.c_void_p, *place: Any) -> int:
            return int(self._pdh.PdhGetFormattedCounterArrayW(counter, _DOUBLE, *place))

        found = self._items(name, FormattedItem, ask, lambda item: item.value if item.status in _VALID else None)
        return {instance: float(value) for instance, value in found if value is not None}

    def _items(
        self, name: str, kind: type[Any], ask: Callable[..., int], value_of: Callable[[Any], Any]
    ) -> list[tuple[str, Any]]:
        counter = self._counters.get(name)
        if counter is None:
            return []
        size, count = ctypes.c_uint32(0), ctypes.c_uint32(0)
        sizes = ctypes.byref(size), ctypes.byref(count)
        if ask(counter, *sizes, None) & 0xFFFFFFFF != _MORE_DATA:
            return []
        room = ctypes.create_string_buffer(size.value)
        if ask(counter, *sizes, room):
            return []
        items = ctypes.cast(room, ctypes.POINTER(kind))
        # Names lie in the room, which is gone when this returns: all is read out here.
        return [(str(items[number].name), value_of(items[number])) for number in range(count.value)]

    def close(self) -> None:
        """Close the query."""
        if self._open:
            self._pdh.PdhCloseQuery(self._query)
            self._open = False


def _library() -> Any:
    if sys.platform == "win32":
        return ctypes.WinDLL("pdh")
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return None

"""Answers as PDH does: first how much room it needs, then the array, with names behind the items."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

from bench.observe.windows_counters import FormattedItem, RawItem

_MORE_DATA = 0x800007D2 - 2**32
_NO_SUCH_COUNTER = -1073738824


def _status(value: float) -> int:
    """A counter that has no value yet has a status of its own."""
    return 0 if value >= 0 else 0xC0000BC6


class Pdh:
    """A PDH whose counters hold what a test gives them.

    Args:
        counters: counter path -> instance -> value; paths that are not here do not exist.
    """

    def __init__(self, counters: Mapping[str, Mapping[str, float]]) -> None:
        self.counters = counters
        self.closed = False
        self._added: list[str] = []

    def PdhOpenQueryW(self, *given: Any) -> int:  # noqa: N802 - PDH's own names
        return 0

    def PdhAddEnglishCounterW(self, query: Any, path: str, data: int, counter: Any) -> int:  # noqa: N802
        if path not in self.counters:
            return _NO_SUCH_COUNTER
        self._added.append(path)
        counter._obj.value = len(self._added)
        return 0

    def PdhCollectQueryData(self, query: Any) -> int:  # noqa: N802
        return 0

    def PdhCloseQuery(self, query: Any) -> int:  # noqa: N802
        self.closed = True
        return 0

    def PdhGetRawCounterArrayW(self, counter: Any, size: Any, count: Any, room: Any) -> int:  # noqa: N802
        instances = self._instances(counter)
        if not self._room(RawItem, instances, size, count, room):
            return _MORE_DATA
        items = ctypes.cast(room, ctypes.POINTER(RawItem))
        for number, (name, value) in enumerate(instances.items()):
            items[number].name = name
            items[number].counter.status = _status(value)
            items[number].counter.first = int(value)
        return 0

    def PdhGetFormattedCounterArrayW(self, counter: Any, kind: int, size: Any, count: Any, room: Any) -> int:  # noqa: N802
        instances = self._instances(counter)
        if not self._room(FormattedItem, instances, size, count, room):
            return _MORE_DATA
        items = ctypes.cast(room, ctypes.POINTER(FormattedItem))
        for number, (name, value) in enumerate(instances.items()):
            items[number].name = name
            items[number].status = _status(value)
            items[number].value = value
        return 0

    def _instances(self, counter: Any) -> Mapping[str, float]:
        return self.counters[self._added[counter.value - 1]]

    @staticmethod
    def _room(kind: Any, instances: Mapping[str, float], size: Any, count: Any, room: Any) -> bool:
        size._obj.value = ctypes.sizeof(kind) * len(instances)
        count._obj.value = len(instances)
        return room is not None

"""What was read beside the times on this machine, and what a reading cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def observer_facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of a line each: the counters that were read, and those that the machine does not have."""
    observers = record.get("observers") or {}
    read = [
        f"{_plain(name)}: {one.get('source')}, {_cost(one.get('cost_us'))}" for name, one in observers.items() if one
    ]
    missing = [_plain(name) for name, one in observers.items() if not one]
    return [("Read beside the times", "; ".join(read)), ("No counter for", ", ".join(missing))]


def _cost(microseconds: Any) -> str:
    if microseconds is None:
        return "cost not measured"
    return f"{microseconds / 1000:.1f} ms a reading" if microseconds >= 1000 else f"{microseconds:.0f} µs a reading"


def _plain(name: str) -> str:
    return str(name).replace("_", " ")

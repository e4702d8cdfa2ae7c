"""What was read beside the times on this machine, and what a reading cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from bench.report import text
from bench.report.format import clean, number
from bench.report.template import recorded


def observer_facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value: the counters that were read, a line each, and those that the machine does not have."""
    observers = record.get("observers") or {}
    read = [
        Markup("{}: {}, {}").format(_name(name), recorded(one.get("source")), _cost(one.get("cost_us")))
        for name, one in observers.items()
        if one
    ]
    missing = [_name(name) for name, one in observers.items() if not one]
    return [(text.MACHINE["read"], Markup("\n").join(read)), (text.MACHINE["unread"], ", ".join(missing))]


def _cost(microseconds: Any) -> str:
    if microseconds is None:
        return text.OBSERVER_COST[None]
    if microseconds < 1:
        return text.OBSERVER_COST["less"]
    if microseconds >= 1000:
        return text.OBSERVER_COST["ms"].format(cost=number(microseconds / 1000, 1))
    return text.OBSERVER_COST["us"].format(cost=number(microseconds, 0))


def _name(name: str) -> str:
    return text.OBSERVER_NAMES.get(name) or clean(str(name).replace("_", " "))

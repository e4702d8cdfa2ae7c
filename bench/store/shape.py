"""Whether the JSON files of a stored run hold what their readers take for granted.

A shape is a type, a list with the shape of its entries, an object with the shapes of the names that are read, or
:class:`Each`, an object with any names. A name with ``!`` at its end has to be there; ``null`` may stand for others.
Names that no shape has are left alone: later versions may add some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Each:
    """An object with any names, whose values all have this shape."""

    shape: Any


class Number:
    """Any number, of those that 64 bits hold."""


class Count:
    """A whole number of things that are gone through."""


_MOST = 10**6
_LONGEST_TEXT = 100_000
_SHOWN = 60

_CELL = {
    "cell_key!": str,
    "load_key!": str,
    "label": str,
    "prompt_tokens!": Count,
    "new_tokens!": Count,
    "batch_size!": Count,
    "ask": str,
    "turn": Count,
}
_LOAD = {
    "load_key!": str,
    **dict.fromkeys(("label", "variant", "backend", "device", "precision"), str),
    "options": Each(object),
}
_COUNTS = ("blocks", "max_blocks", "repeats", "warmups", "max_warmups", "warmup_new_tokens", "threads")
_CORES = ("physical_cores", "logical_cores", "performance_cores", "efficiency_cores")
_DEVICES = [Each(object)]
_SITTING = {
    "began_at!": str,
    **dict.fromkeys(("ended_at", "reason"), str),
    **dict.fromkeys(("block", "position"), Count),
    "changed": Each([object]),
}

RUN: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("run_id", "created_at", "command", "machine_id"), str),
    "seed": int,
    "options": {
        **dict.fromkeys(("model", "reference", "profile"), str),
        **dict.fromkeys(_COUNTS, Count),
        # A number of them, or "stack".
        "threads": object,
        **dict.fromkeys(("interval_target", "cooldown_s", "cooldown_c", "cooldown_max_s"), Number),
        "load_options": Each(Each(object)),
        "quality_limits": {"degraded": Number, "broken": Number},
    },
    "project": Each(str),
    "model": {
        **dict.fromkeys(("name", "kind", "digest", "revision", "note"), str),
        **dict.fromkeys(("context_tokens", "vocab_size", "parameters", "embedding_parameters"), int),
        "kv_cache_values_per_token": Number,
    },
    "plan": {
        "profile": str,
        **dict.fromkeys(_COUNTS, Count),
        "interval_target": Number,
        "max_time_s": Number,
        "variants": Each({"spec!": str, "kind": str, "backend": str}),
        "loads": [_LOAD],
        "cells": [_CELL],
    },
    "machine": {
        "cpu": {"name": str, "architecture": str, **dict.fromkeys(_CORES, int)},
        "memory_bytes": int,
        "memory_read_bytes_per_s": Number,
        "usable": {"memory_bytes": int, "logical_cores": int, "cpu_quota": Number},
        **dict.fromkeys(("os", "kernel", "power_source", "power_mode", "governor"), str),
        "settings": Each(object),
        "gpus": _DEVICES,
        "npus": _DEVICES,
    },
    "venvs": Each(
        {"python": str, "interpreter": str, "packages": Each(str), "failed": [str], "unsupported": str},
    ),
    "observers": Each({"source": str, "cost_us": Number}),
    "selection": {"by": str, "selected": int, "planned": int},
    "sittings": [_SITTING],
}
"""Of run.json."""

_ADAPTIVE = {
    **dict.fromkeys(("blocks", "reached", "cells"), Count),
    "target": Number,
    "ended_by": str,
    "not_reached": [str],
}
BESIDE: Final[Mapping[str, Any]] = {
    "end.json": {"reason!": str, "ended_at": str, "detail": {"adaptive": _ADAPTIVE}},
    "answers.json": {"reference!": str, "answers!": Each([int])},
    "pieces.json": Each(str),
    "digests.json": Each(str),
}
"""File beside run.json, without which a run is still read -> its shape."""

_NAMES: Mapping[Any, str] = {
    str: f"no text of at most {_LONGEST_TEXT:,} characters",
    int: "no whole number",
    Count: f"no whole number from 0 to {_MOST:,}",
    Number: "no number",
}


def flaw(value: Any, shape: Any, where: str = "") -> str | None:
    """What is wrong with ``value``, in words that begin with its place; ``None`` where nothing is."""
    if shape is object:
        return None
    if isinstance(shape, list):
        return _flaw_of_list(value, shape[0], where)
    if isinstance(shape, Mapping | Each):
        return _flaw_of_object(value, shape, where)
    return None if _fits(value, shape) else f"{where} is {_NAMES[shape]}"


def _fits(value: Any, shape: Any) -> bool:
    if shape is str:
        return isinstance(value, str) and len(value) <= _LONGEST_TEXT
    if isinstance(value, bool):
        return False
    if shape is Number:
        return isinstance(value, int | float) and abs(value) < 2.0**63
    return isinstance(value, int) and (0 <= value <= _MOST if shape is Count else abs(value) < 2**63)


def _flaw_of_list(value: Any, shape: Any, where: str) -> str | None:
    if not isinstance(value, list):
        return f"{where} is no list"
    found = (flaw(one, shape, f"{where}[{place}]") for place, one in enumerate(value))
    return next(filter(None, found), None)


def _flaw_of_object(value: Any, shape: Mapping[str, Any] | Each, where: str) -> str | None:
    if not isinstance(value, dict):
        return f"{where or 'it'} is no object"
    parts = dict.fromkeys(value, shape.shape) if isinstance(shape, Each) else shape
    for name, part in parts.items():
        key = name if isinstance(shape, Each) else name.removesuffix("!")
        place = f"{where}.{key[:_SHOWN]}" if where else key[:_SHOWN]
        if key != name and value.get(key) is None:
            return f"{place} is missing"
        if value.get(key) is not None and (found := flaw(value[key], part, place)) is not None:
            return found
    return None

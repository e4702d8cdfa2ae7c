"""Load options as they are typed: ``BACKEND.KEY=VALUE``, several by comma or by repeating the flag."""

from __future__ import annotations

import re
from typing import Any

from bench.errors import UsageError
from bench.plan import values as v
from bench.plan.backends import BACKENDS


def listed(value: Any) -> list[str]:
    """Entries that begin with a backend's name; a comma within a path or a setting begins no new one."""
    begin = re.compile(f",(?=(?:{'|'.join(BACKENDS)})[.=])")
    return [piece for part in (value if isinstance(value, list) else [value]) for piece in begin.split(str(part))]


def load_options(value: Any, where: str) -> dict[str, dict[str, Any]]:
    """Backend -> option -> value, typed by the table of backends.

    Raises:
        UsageError: there is no such backend or option, or the value is none for it.
    """
    options: dict[str, dict[str, Any]] = {}
    # A sweep file says of each entry where it stands.
    located = value if isinstance(value, dict) else {entry: f"{where} {entry}" for entry in listed(value)}
    for entry, place in located.items():
        target, equals, setting = entry.partition("=")
        backend, dot, key = target.partition(".")
        if not (equals and dot) or backend not in BACKENDS:
            raise UsageError(
                f"{place}: expected BACKEND.KEY=VALUE with a backend of {', '.join(BACKENDS)}, got {entry!r}"
            )
        known = BACKENDS[backend].options
        if key not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise UsageError(f"{place}: {backend} has no load option {key!r}; {has}")
        options.setdefault(backend, {})[key] = v.like(known[key].default, setting, place)
    return options

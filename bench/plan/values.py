"""Raw values from a command line or a sweep file, made into what they mean, or refused in one line."""

import math
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.plan.backends import BACKENDS

MOST = 2**31 - 1
"""The largest count that the store's columns hold."""

_UNITS = {"s": 1, "m": 60, "h": 3600}
_WHOLE = re.compile(r"\s*[+-]?\d{1,20}\s*")


def words(value: Any, where: str) -> tuple[str, ...]:
    """A list of names: a comma list, a repeated flag, or an array of strings; duplicates are dropped."""
    parts = _parts(value)
    if not all(isinstance(part, str) for part in parts):
        raise UsageError(f"{where}: expected names, got {value!r}")
    names = [name.strip() for name in parts]
    if not names or not all(names):
        raise UsageError(f"{where}: expected one or more names, got {value!r}")
    return tuple(dict.fromkeys(names))


def counts(value: Any, where: str) -> tuple[int, ...]:
    """A list of whole numbers of at least 1: a comma list, a repeated flag, or an array."""
    parts = _parts(value)
    if not parts:
        raise UsageError(f"{where}: expected one or more whole numbers, got none")
    return tuple(dict.fromkeys(count(part, where) for part in parts))


def _parts(value: Any) -> list[Any]:
    given = value if isinstance(value, list | tuple) else [value]
    return [part for one in given for part in (one.split(",") if isinstance(one, str) else [one])]


def count(value: Any, where: str, least: int = 1) -> int:
    """A whole number from ``least`` to :data:`MOST`."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{where}: expected a whole number, got {value!r}")
    if value < least:
        raise UsageError(f"{where}: expected at least {least}, got {value}")
    if value > MOST:
        raise UsageError(f"{where}: expected at most {MOST}, got {value}")
    return value


def seconds(value: Any, where: str, *, zero: bool = False) -> float:
    """A number of seconds, above 0 or, with ``zero``, 0 too."""
    number = _number(value)
    if number is None:
        raise UsageError(f"{where}: expected a number of seconds, got {value!r}")
    if not (number > 0 or (zero and number == 0)) or math.isinf(number):
        raise UsageError(f"{where}: expected a number of seconds {'of at least' if zero else 'above'} 0, got {value!r}")
    return number


def degrees(value: Any, where: str) -> float:
    """A difference of temperatures above 0, in degrees Celsius."""
    number = _number(value)
    if number is None or not 0 < number < math.inf:
        raise UsageError(f"{where}: expected a number of degrees above 0, such as 3, got {value!r}")
    return number


def share(value: Any, where: str) -> float:
    """``5%`` or ``0.05`` as 0.05; above 0 and below 1."""
    wanted = part_of_one(value)
    if wanted is None or not 0 < wanted < 1:
        raise UsageError(f"{where}: expected a share such as 5% or 0.05, got {value!r}")
    return wanted


def part_of_one(value: Any) -> float | None:
    """``5%`` or ``0.05`` as 0.05, of any size; ``None`` of what is no number."""
    text = str(value).strip()
    number = None if isinstance(value, bool) else _number(text.removesuffix("%"))
    return None if number is None else number / 100 if text.endswith("%") else number


def duration(value: Any, where: str) -> float:
    """``90m``, ``2h``, ``1800s`` or a bare number of seconds, in seconds; above 0."""
    text = str(value).strip()
    unit = _UNITS.get(text[-1:])
    number = None if isinstance(value, bool) else _number(text if unit is None else text[:-1])
    if number is None or not 0 < number < math.inf:
        raise UsageError(f"{where}: expected a time such as 90m, 2h or 1800s, got {value!r}")
    return number * (unit or 1)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def one_of(value: Any, where: str, choices: Collection[str], what: str = "such choice") -> str:
    """One of ``choices``; ``what`` these are is told in the refusal."""
    if value not in choices:
        raise UsageError(f"{where}: no {what} {value!r}; there are {', '.join(choices)}")
    return str(value)


def path(value: Any, where: str) -> Path:
    """A path, absolute from here on."""
    if not isinstance(value, str | Path) or not str(value):
        raise UsageError(f"{where}: expected a path, got {value!r}")
    try:
        found = Path(value).expanduser().absolute()
        # What a file's name cannot have comes from a run.json, not from a command line.
        if b"\0" not in os.fsencode(found):
            return found
    except RuntimeError as error:
        raise UsageError(f"{where}: no home folder for {value}") from error
    except ValueError:
        pass
    raise UsageError(f"{where}: {value!r} is no path")


def is_file(path: Path) -> bool:
    """Whether ``path`` is a file; one that is too long for a name is none."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file() raises there


def switch(value: Any, where: str) -> bool:
    """On or off: a flag that was given, or a truth value in a sweep file."""
    if not isinstance(value, bool):
        raise UsageError(f"{where}: expected true or false, got {value!r}")
    return value


def text(value: Any, where: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: expected a text, got {value!r}")
    return value.strip()


def like(default: str | int | float | bool | None, value: str, where: str) -> Any:
    """``value`` as the type of ``default``; with no default, as a number where it is one."""
    if isinstance(default, bool):
        return one_of(value.lower(), where, ("true", "false")) == "true"
    if isinstance(default, str):
        return value
    number = _number(value)
    if number is None and default is None:
        return value
    if _WHOLE.fullmatch(value):
        return int(value)
    # What is not finite has no JSON, and so no key.
    if number is None or not math.isfinite(number) or isinstance(default, int):
        raise UsageError(f"{where}: expected a {'whole ' if isinstance(default, int) else ''}number, got {value!r}")
    return number


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
                f"{place}: expected BACKEND.KEY=VALUE with a backend of {', '.join(BACKENDS)}, got '{entry}'"
            )
        known = BACKENDS[backend].options
        if key not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise UsageError(f"{place}: {backend} has no load option {key!r}; {has}")
        choices = known[key].choices
        value = one_of(setting, place, choices) if choices else like(known[key].default, setting, place)
        options.setdefault(backend, {})[key] = value
    return options

"""A sweep in a TOML file, which CI keeps beside its workflow: the axes and counts, no programs or packages."""

import re
import tomllib
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.plan.flags import BY_NAME, FLAGS

_OPTIONS_TABLE = "load_options"
_LARGEST_BYTES = 1024 * 1024
_LONGEST_LINE = 4096


def read_sweep_file(path: Path) -> dict[str, tuple[Any, str]]:
    """Name of the flag -> its raw value in the sweep file at ``path``, and where it stands, for messages.

    Raises:
        UsageError: there is no such file, it is no TOML, or it has a key that is not for it.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_BYTES + 1)
        # Windows' own editors put a byte order mark before UTF-8.
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--config: cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    # The reader of TOML keeps each beginning of a name with dots: one of 64 KB takes gigabytes.
    if len(data) > _LARGEST_BYTES or max(map(len, text.split("\n"))) > _LONGEST_LINE:
        raise UsageError(
            f"{path}: no sweep file has more than {_LARGEST_BYTES} bytes, or {_LONGEST_LINE} characters in a line"
        )
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: not a TOML file: {error}") from error
    found: dict[str, tuple[Any, str]] = {}
    for key, value in document.items():
        line = _line_of(text, key)
        flag = BY_NAME.get(key)
        if key == _OPTIONS_TABLE:
            found["load_option"] = _load_options(path, text, value), f"{path}, line {line}, {key}"
        elif flag is None:
            allowed = ", ".join(flag.name for flag in FLAGS if flag.in_file and flag.name != "load_option")
            raise UsageError(
                f"{path}, line {line}: unknown key {key!r}; a sweep file takes {allowed}, and a table "
                f"[{_OPTIONS_TABLE}.<backend>]"
            )
        elif not flag.in_file:
            raise UsageError(f"{path}, line {line}: {key} is for the command line only")
        else:
            found[key] = value, f"{path}, line {line}, {key}"
    return found


def _load_options(path: Path, text: str, table: Any) -> dict[str, str]:
    """Each option as the command line would have it -> where it stands."""
    line = _line_of(text, _OPTIONS_TABLE)
    if not isinstance(table, dict) or not all(isinstance(options, dict) for options in table.values()):
        raise UsageError(
            f"{path}, line {line}: {_OPTIONS_TABLE} holds one table per backend: [{_OPTIONS_TABLE}.<backend>]"
        )
    located: dict[str, str] = {}
    for backend, options in table.items():
        header = _line_of(text, backend, line, inside=True)
        for key, value in options.items():
            setting = str(value).lower() if isinstance(value, bool) else value
            line = _line_of(text, key, header, inside=True)
            located[f"{backend}.{key}={setting}"] = f"{path}, line {line}, {key}"
    return located


def _line_of(text: str, key: str, first: int = 1, *, inside: bool = False) -> int:
    """The line of ``key`` from line ``first`` on, ``inside`` a table also as part of a dotted key."""
    parents = r"""(?:[\w"'-]+\s*\.\s*)*""" if inside else ""
    pattern = re.compile(rf"""\s*\[*\s*{parents}["']?{re.escape(key)}["']?\s*[=.\]]""")
    for number, line in enumerate(text.splitlines()[first - 1 :], start=first):
        if pattern.match(line):
            return number
    return first

"""JSON of unknown origin: of a bounded size and depth, and each name once in an object."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

LARGEST_BYTES = 16 * 1024 * 1024
"""More than any configuration; a vocabulary is larger, and no business of this module."""


def read_json(file: Path, largest: int = LARGEST_BYTES, *, finite: bool = False) -> Any:
    """What the JSON file ``file`` holds.

    Args:
        largest: its bytes at most.
        finite: whether infinity and NaN are refused, which some configurations hold though JSON has neither.

    Raises:
        ValueError: it holds no such JSON; the message does not name the file.
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        data = stream.read(largest + 1)
    return parse_json(data, largest, finite=finite)


def parse_json(data: bytes, largest: int = LARGEST_BYTES, *, finite: bool = False) -> Any:
    """What the JSON ``data`` holds; takes and raises what :func:`read_json` does."""
    if len(data) > largest:
        raise ValueError(f"more than {largest} bytes of JSON")
    number = _finite if finite else float
    try:
        return json.loads(data, object_pairs_hook=_object, parse_float=number, parse_constant=number)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deep") from error


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:80]}, which is none of JSON")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of a name that stands twice, one reader takes the first value and another the last.
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the name {twice[:80]!r} twice in one object")
    return found

"""What all files of JSON, and the rows of tables, are written by."""

import json
from collections.abc import Mapping
from typing import Any

from bench.analyse.interval import Estimate
from bench.plan.cells import Request
from bench.report.format import clean


def attributes(of: object, *names: str) -> dict[str, Any]:
    """Some attributes by their names; each is ``None`` where there is no such object."""
    return {name: None if of is None else getattr(of, name) for name in names}


def turn_of(shape: Request) -> dict[str, int]:
    """The turn of a chat, a field that only chats have."""
    return {"turn": shape.turn} if shape.turn else {}


def with_ends(names: str, estimate: Estimate | None) -> dict[str, float | None]:
    """A value and the ends of its interval; ``ratio{}`` names them ``ratio``, ``ratio_low`` and ``ratio_high``."""
    found = attributes(estimate, "value", "low", "high")
    return {names.format("" if end == "value" else f"_{end}"): value for end, value in found.items()}


def json_text(value: Any, indent: int = 1) -> str:
    """A file of JSON, whose texts have no control characters."""
    return json.dumps(_cleaned(value), indent=indent, ensure_ascii=False, allow_nan=False) + "\n"


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): _cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return value

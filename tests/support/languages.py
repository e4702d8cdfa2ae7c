"""The words of each language beside their English."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

from bench.cli import LANGUAGES
from bench.report import text

WORDS = {"report": text}
"""What speaks languages."""
OTHERS = {
    f"{name}, {code}": (words.en, getattr(words, code))
    for name, words in WORDS.items()
    for code in LANGUAGES
    if code != "en"
}
"""Each set of words in each other language, beside its English."""


def defined(module: ModuleType, english: ModuleType) -> dict[str, Any]:
    """The public names that a module assigns, or takes over from the English one."""
    names = set()
    for node in ast.parse(inspect.getsource(module)).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        names |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ImportFrom) and node.module == english.__name__:
            names |= {alias.name for alias in node.names}
    return {name: getattr(module, name) for name in names if not name.startswith("_")}


def pairs(english: Any, other: Any, where: str) -> Iterator[tuple[str, str, str]]:
    """Every string of a value beside its translation; the two have the same form and keys."""
    assert type(english) is type(other), where
    if isinstance(english, str):
        yield where, english, other
    elif isinstance(english, dict):
        assert list(english) == list(other), where
        for key in english:
            yield from pairs(english[key], other[key], f"{where}[{key!r}]")
    elif isinstance(english, tuple):
        assert len(english) == len(other), where
        for place, (one, its) in enumerate(zip(english, other, strict=True)):
            yield from pairs(one, its, f"{where}[{place}]")
    else:
        assert english == other, where


def all_pairs(english: ModuleType, module: ModuleType) -> list[tuple[str, str, str]]:
    ours, other = defined(english, english), defined(module, english)
    values = [name for name, value in ours.items() if not isinstance(value, FunctionType)]
    return [pair for name in values for pair in pairs(ours[name], other[name], name)]

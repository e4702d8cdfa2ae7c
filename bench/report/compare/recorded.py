"""What runs record of their conditions, packages and drivers, in words: the analysis tells it as it was recorded."""

from __future__ import annotations

from dataclasses import replace

from bench.analyse.conditions import Mismatch
from bench.analyse.side_by_side import Changed
from bench.report import text
from bench.report.compare import words

_DRIVER_OF = "driver of "


def condition(what: str) -> str:
    """What a condition of runs is called; a package by its own name."""
    if what.startswith(_DRIVER_OF):
        return words.DRIVER_OF.format(device=what.removeprefix(_DRIVER_OF))
    return words.CONDITIONS.get(what, what)


def value(what: str, recorded: str) -> str:
    """What a run records of a condition, a package or a driver."""
    if what == "threads" and recorded == "None":
        return words.THREADS_LEFT
    if what == "power source":
        recorded = text.POWER_SOURCES.get(recorded, recorded)
    # A machine that is called like another one has its id behind its name.
    name, *more = recorded.partition(" (")
    return words.VALUES.get(name, name) + "".join(more)


def pair(one: Mismatch) -> tuple[str, str]:
    """What two runs differ in, there and here."""
    if one.what == "prompts":
        # Counts, each with an English word or two behind it.
        there, here = (told.partition(" ")[0] for told in (one.base, one.head))
        return words.PROMPTS[0].format(count=there), words.PROMPTS[1].format(count=here)
    return value(one.what, one.base), value(one.what, one.head)


def in_words(one: Changed) -> Changed:
    """What differs between a base and its heads; what a head does not record stays ``None``."""
    heads = tuple(None if told is None else value(one.name, told) for told in one.heads)
    return replace(one, name=condition(one.name), base=value(one.name, one.base), heads=heads)

"""What runs record of their conditions, packages and drivers, in the language that is chosen."""

from typing import Any

from bench.analyse.conditions import DRIVER_OF, NAMED, Mismatch
from bench.report.code_words import word
from bench.report.format import gibibytes, number, plural
from bench.report.language import gettext as _, mark

_NAMES = {
    "memory limit": mark("memory limit, bytes"),
    "cores": mark("cores of the CPU"),
    "setting huge_pages": mark("transparent huge pages"),
    "setting smt": mark("SMT"),
    "setting turbo": mark("turbo"),
    "setting energy_preference": mark("energy preference of the CPU"),
    "setting numa_nodes": mark("NUMA nodes"),
    "setting kernel_options": mark("options of the kernel"),
    "repeats": mark("generations per visit"),
    "warmups": mark("warm-ups, at least"),
    "max_warmups": mark("warm-ups, at most"),
    "warmup_new_tokens": mark("new tokens of a warm-up"),
}
"""A condition as the analysis calls it -> what it is called, where that is not the same."""
_SAME = {
    *(mark("model"), mark("model digest"), mark("machine"), mark("threads"), mark("schema"), mark("prompts")),
    *(mark("power source"), mark("power mode"), mark("governor"), mark("usable CPUs"), mark("CPU quota")),
    *(mark("memory"), mark("kernel"), mark("system"), mark("CPU"), mark("cool-down, s")),
    mark("cool-down, °C"),
}
_STATES = {"mains", "battery", "none", "all"}


def condition(what: str) -> str:
    """What a condition of runs is called; a package by its own name."""
    if what.startswith(DRIVER_OF):
        return _("driver of {device}").format(device=what.removeprefix(DRIVER_OF))
    return _(_NAMES.get(what, what)) if what in _NAMES or what in _SAME else what


def value(what: str, recorded: Any) -> str:
    """What a run records of a condition, a package or a driver."""
    if what == "machine":
        name, machine_id = recorded if isinstance(recorded, tuple) else (recorded, None)
        name = name or _("unknown processor")
        return f"{name} ({machine_id})" if machine_id else str(name)
    if what == "memory":
        return gibibytes(recorded)
    if what == "threads" and recorded in (None, "None"):
        return _("left to each stack")
    if recorded in (None, "None"):
        return _("not recorded")
    return word(recorded) if recorded in _STATES else str(recorded)


def pair(one: Mismatch) -> tuple[str, str]:
    """What two runs differ in, there and here."""
    if one.what == "prompts":
        others = _("{count} of them with other ids").format(count=number(one.head, 0))
        return plural(one.base, "{count} prompt", "{count} prompts"), others
    return value(one.what, one.base), value(one.what, one.head)


def value_or_blank(what: str, recorded: Any) -> str | None:
    """The same of what is not the same in all runs: ``None`` for a package that a run does not record."""
    return None if recorded is None and what not in NAMED else value(what, recorded)

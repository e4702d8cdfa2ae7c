"""What a run records of the software and the settings that it was measured with, and what differs between two sides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.analyse.conditions import NAMED, WHOLE, limits_of, packages, recorded_at, settings_of, system_versions
from bench.analyse.results import LoadResult, RunAnalysis


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """What something is known of.

    Args:
        what: a package or a variable of the environment, or e.g. ``kernel`` or ``driver of Intel Arc 140V``.
        backend: in whose venv a package lies, or whose workers have the variable; empty for what the whole run has in
            common.
    """

    what: str
    backend: str = ""
    variable: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two runs.

    Args:
        before: ``None`` for a package that was not there, or a variable that was not set.
        after: ``None`` for one that is gone.
        backends: whose venvs it lies in; empty for what the whole run has in common.
    """

    what: str
    before: str | None
    after: str | None
    backends: tuple[str, ...]


def surroundings(run: RunAnalysis) -> dict[Fact, str]:
    """What a latency may hang on, as far as a run records it: versions, system, power, variables, and how it asked."""
    found = (*_of_run(run.record), *_of_venvs(run.record), *_of_loads(run.loads))
    return {fact: str(value) for fact, value in found if str(value) != "None"}


def changes(before: Mapping[Fact, str], after: Mapping[Fact, str]) -> tuple[Change, ...]:
    """What differs, the whole run's first; a package that changed alike in several venvs is one change.

    A fact that only one run records is no change, but for a package of a venv that both have, and a variable where both
    record variables.
    """
    kinds = [{(fact.backend, fact.variable) for fact in facts if fact.backend} for facts in (before, after)]
    shared = kinds[0] & kinds[1]
    found: dict[tuple[str, str | None, str | None], list[str]] = {}
    for fact in sorted({**before, **after}, key=lambda one: (bool(one.backend), one)):
        there, here = before.get(fact), after.get(fact)
        comparable = (fact.backend, fact.variable) in shared or (there is not None and here is not None)
        if comparable and there != here:
            found.setdefault((fact.what, there, here), []).append(fact.backend)
    return tuple(Change(*key, tuple(filter(None, backends))) for key, backends in found.items())


def run_changes(base: RunAnalysis, head: RunAnalysis) -> dict[str, tuple[str, str]]:
    """What differs between two runs by name, there and here, but for what :func:`mismatches` names of them."""
    found = changes(surroundings(base), surroundings(head))
    return _by_name(change for change in found if change.what not in NAMED)


def variant_changes(run: RunAnalysis) -> dict[str, tuple[str, str]]:
    """What differs between the venvs of the variants ``a`` and ``b`` of one run by name, there and here."""
    facts = surroundings(run)
    return _by_name(changes(*(_of_variant(facts, name) for name in "ab")))


def _of_variant(facts: Mapping[Fact, str], name: str) -> dict[Fact, str]:
    """The facts of a variant's venvs, named as if they were the backend's own: ``ort-genai (a, DML)`` and all."""
    venvs = {fact.backend: re.fullmatch(rf"(.+) \({name}(, .+)?\)", fact.backend) for fact in facts}
    return {
        Fact(fact.what, venv[1] + (venv[2] or ""), fact.variable): value
        for fact, value in facts.items()
        if (venv := venvs[fact.backend]) is not None
    }


def recorded(run: RunAnalysis, name: str) -> str | None:
    """What a run records of something that :func:`run_changes` names; ``None`` where it records nothing of it."""
    named = {
        value
        for fact, value in surroundings(run).items()
        if name == fact.what
        or (name.startswith(f"{fact.what} (") and fact.backend in name[len(fact.what) + 2 : -1].split(", "))
    }
    return " and ".join(sorted(named)) or None


def _by_name(found: Iterable[Change]) -> dict[str, tuple[str, str]]:
    """Name -> there and here; ``none`` where a package is not there."""
    return {
        f"{one.what} ({', '.join(one.backends)})" if one.backends else one.what: (
            one.before or "none",
            one.after or "none",
        )
        for one in found
    }


_OF_MACHINE = {"system": "os", "power source": "power_source", "power mode": "power_mode", "governor": "governor"}
_OF_PLAN = ("repeats", "warmups", "max_warmups")


def _of_run(record: Mapping[str, Any]) -> Iterator[tuple[Fact, Any]]:
    yield Fact("AIPC Bench"), recorded_at(record, "project", "git_commit")
    yield Fact("schema"), record.get("schema_version")
    told = (*system_versions(record), *limits_of(record).items(), *settings_of(record))
    yield from ((Fact(what), value) for what, value in told)
    yield Fact("CPU"), recorded_at(record, "machine", "cpu", "name")
    yield from ((Fact(what), recorded_at(record, "machine", name)) for what, name in _OF_MACHINE.items())
    yield from ((Fact(name), recorded_at(record, "plan", name)) for name in _OF_PLAN)
    if "warmups" in (record.get("plan") or {}):
        yield Fact("warmup_new_tokens"), recorded_at(record, "plan", "warmup_new_tokens") or WHOLE
    yield Fact("cool-down, s"), recorded_at(record, "options", "cooldown_s")
    yield Fact("cool-down, °C"), recorded_at(record, "options", "cooldown_c")


def _of_loads(loads: Iterable[LoadResult]) -> Iterator[tuple[Fact, str]]:
    """The variables of the workers, and one without a name that says that they were recorded, though none be set."""
    for load in loads:
        whose = f"{load.backend} ({load.variant})" if load.variant else load.backend
        if load.environment is not None:
            yield Fact("", whose, variable=True), "recorded"
            yield from ((Fact(name, whose, variable=True), value) for name, value in load.environment.items())


def _of_venvs(record: Mapping[str, Any]) -> Iterator[tuple[Fact, Any]]:
    for backend, venv in (record.get("venvs") or {}).items():
        yield Fact("Python", str(backend)), (venv or {}).get("python")
        yield from ((Fact(package, str(backend)), version) for package, version in packages(record, backend))

"""What a run records of the software and the settings that it was measured with, and what differs between two sides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.analyse.conditions import NAMED, packages, system_versions


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """What something is known of.

    Args:
        what: a package, or e.g. ``kernel`` or ``driver of Intel Arc 140V``.
        backend: in whose venv a package lies; empty for what the whole run has in common.
    """

    what: str
    backend: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two runs.

    Args:
        what: see :class:`Fact`.
        before: ``None`` for a package that was not there.
        after: ``None`` for a package that is gone.
        backends: whose venvs it lies in; empty for what the whole run has in common.
    """

    what: str
    before: str | None
    after: str | None
    backends: tuple[str, ...]


def surroundings(record: Mapping[str, Any]) -> dict[Fact, str]:
    """What a latency may hang on, as far as a run records it: versions, system, power, and how the run asked."""
    return {fact: str(value) for fact, value in (*_of_run(record), *_of_venvs(record)) if str(value) != "None"}


def changes(before: Mapping[Fact, str], after: Mapping[Fact, str]) -> tuple[Change, ...]:
    """What differs, the whole run's first; a package that changed alike in several venvs is one change.

    A fact that only one run records is no change, but for a package of a venv that both have.
    """
    shared = {fact.backend for fact in before} & {fact.backend for fact in after} - {""}
    found: dict[tuple[str, str | None, str | None], list[str]] = {}
    for fact in sorted({**before, **after}, key=lambda one: (bool(one.backend), one)):
        there, here = before.get(fact), after.get(fact)
        comparable = fact.backend in shared or (there is not None and here is not None)
        if comparable and there != here:
            found.setdefault((fact.what, there, here), []).append(fact.backend)
    return tuple(Change(*key, tuple(filter(None, backends))) for key, backends in found.items())


def run_changes(base: Mapping[str, Any], head: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """What differs between two runs by name, there and here, but for what :func:`mismatches` names of them."""
    found = changes(surroundings(base), surroundings(head))
    return _by_name(change for change in found if change.what not in NAMED)


def variant_changes(record: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """What differs between the venvs of the variants ``a`` and ``b`` of one run by name, there and here."""
    facts = surroundings(record)
    return _by_name(changes(*(_of_variant(facts, name) for name in "ab")))


def _of_variant(facts: Mapping[Fact, str], name: str) -> dict[Fact, str]:
    """The facts of a variant's venvs, named as if they were the backend's own: ``ort-genai (a, DML)`` and all."""
    venvs = {fact.backend: re.fullmatch(rf"(.+) \({name}(, .+)?\)", fact.backend) for fact in facts}
    return {
        Fact(fact.what, venv[1] + (venv[2] or "")): value
        for fact, value in facts.items()
        if (venv := venvs[fact.backend]) is not None
    }


def recorded(record: Mapping[str, Any], name: str) -> str | None:
    """What a run records of something that :func:`run_changes` names; ``None`` where it records nothing of it."""
    named = {
        value
        for fact, value in surroundings(record).items()
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
    machine, plan = record.get("machine") or {}, record.get("plan") or {}
    yield Fact("AIPC Bench"), (record.get("project") or {}).get("git_commit")
    yield Fact("schema"), record.get("schema_version")
    yield from ((Fact(what), version) for what, version in system_versions(record))
    yield Fact("CPU"), (machine.get("cpu") or {}).get("name")
    yield from ((Fact(what), machine.get(name)) for what, name in _OF_MACHINE.items())
    yield from ((Fact(name), plan.get(name)) for name in _OF_PLAN)
    yield Fact("cool-down, s"), (record.get("options") or {}).get("cooldown_s")


def _of_venvs(record: Mapping[str, Any]) -> Iterator[tuple[Fact, Any]]:
    for backend, venv in (record.get("venvs") or {}).items():
        yield Fact("Python", str(backend)), (venv or {}).get("python")
        yield from ((Fact(package, str(backend)), version) for package, version in packages(record, backend))

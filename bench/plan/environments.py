"""What each worker's venv is made from: the pins of a dependency group, or a variant's, in which some are replaced."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

# It comes with pytest, which cannot do without it.
from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bench import PROJECT_ROOT
from bench.plan.backends import BACKENDS
from bench.plan.cells import digest


@dataclass(frozen=True, slots=True)
class Environment:
    """What a venv is made from.

    Args:
        name: of the venv.
        group: the dependency group that it is made from, or is a variant of.
        pins: its requirements.
        beside: requirements that go into it afterwards, without what they depend on.
    """

    name: str
    group: str
    pins: tuple[str, ...]
    beside: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """The names of what it pins."""
        return tuple(name for pin in (*self.pins, *self.beside) if (name := package_name(pin)) is not None)

    def pins_any(self, requirements: Iterable[str]) -> bool:
        """Whether it pins a package of ``requirements``."""
        return not {package_name(requirement) for requirement in requirements}.isdisjoint(self.packages)

    def replacing(self, requirements: Iterable[str]) -> Environment:
        """The same with the pins of some packages replaced, and others added; itself if that changes nothing."""
        wanted = [Requirement(requirement) for requirement in requirements]
        beside = _replaced(self.beside, wanted)
        known = self.packages
        added = tuple(str(one) for one in wanted if canonicalize_name(one.name) not in known)
        changed = replace(self, pins=(*_replaced(self.pins, wanted), *added), beside=beside)
        if changed == self:
            return self
        made_from = {"group": self.group, "pins": changed.pins, "beside": changed.beside}
        return replace(changed, name=f"ab-{digest(made_from, length=8)}")


def environment(group: str) -> Environment:
    """The environment of a dependency group, or of a third party's worker."""
    asked = {spec.group_for(""): spec.requirements for spec in BACKENDS.values() if spec.requirements}
    if group in asked:
        return Environment(group, group, asked[group])
    extra = _project()["tool"]["aipc-bench"]["without-dependencies"].get(group)
    return Environment(group, group, _pins(group), _pins(extra) if extra else ())


def package_name(requirement: str) -> str | None:
    """The normalized name of the package that is required; ``None`` where nothing tells it, as of a path."""
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return None


def _replaced(pins: Iterable[str], wanted: Iterable[Requirement]) -> tuple[str, ...]:
    by_name: dict[str, list[Requirement]] = {}
    for one in wanted:
        by_name.setdefault(canonicalize_name(one.name), []).append(one)
    return tuple(new for pin in pins for new in _in_place_of(pin, by_name.get(package_name(pin) or "", [])))


def _in_place_of(pin: str, wanted: Iterable[Requirement]) -> list[str]:
    """``pin``, or what is wanted in its place, which keeps the pin's extras if it has none of its own."""
    news = []
    for one in wanted:
        new = Requirement(str(one))
        new.extras = new.extras or Requirement(pin).extras
        news.append(pin if new == Requirement(pin) else str(new))
    return news or [pin]


def _pins(group: str) -> tuple[str, ...]:
    return resolve_dependency_groups(_project()["dependency-groups"], group)


@lru_cache(maxsize=1)
def _project() -> dict[str, Any]:
    return tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))

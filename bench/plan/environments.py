"""What each venv is made from, read from ``pyproject.toml`` and the table of backends.

The pins of a venv are its dependency group; everything else is in ``[tool.aipc-bench.venvs.<group>]``: :class:`Facts`.
The noxfile imports this on nox's own Python, so beside the standard library only ``packaging`` may be imported here.
"""

from __future__ import annotations

import os
import platform
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

# It comes with pytest and with nox, which cannot do without it.
from packaging.dependency_groups import resolve_dependency_groups
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from backends.spec import BackendSpec
from backends.table import BACKENDS
from bench import PROJECT_ROOT
from bench.plan.cells import digest

HARNESS = "harness"
TESTS = "tests"
FLEET = "fleet"
"""The harness and what many machines need."""
CONVERSION = "conversion"
PLUGINS = "AIPC_BENCH_PLUGINS"
"""Names packages that bring backends of their own, as pip requirements separated by semicolons."""
EXTRAS = "AIPC_BENCH_EXTRAS"
"""Names groups of packages that the harness can do without, separated by commas: ``energy``,
``object-stores``."""


class Here(NamedTuple):
    """What decides whether a package exists for this machine."""

    platform: str
    machine: str
    python: tuple[int, int]


def this_machine() -> Here:
    """The machine that this runs on."""
    return Here(sys.platform, platform.machine(), sys.version_info[:2])


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a group's venv beside its pins; the defaults are taken for a group that states nothing.

    Args:
        gigabytes: what it takes on disk.
        minutes: what its installation takes, on a machine of two cores near its package index.
        without_dependencies: a second group, installed into the same venv without what it depends on.
        build: variables for packages that are compiled; empty where wheels are installed.
        missing: environment marker -> why a package is not published where the marker is true.
    """

    gigabytes: float = 1.0
    minutes: float = 2.0
    without_dependencies: str | None = None
    build: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def unsupported(self, here: Here) -> str | None:
        """Why the packages do not exist for a machine; ``None`` where they do."""
        # Windows does not write the name of its architecture in one way everywhere.
        machine = here.machine.upper() if here.platform == "win32" else here.machine
        version = ".".join(map(str, here.python))
        variables = {"sys_platform": here.platform, "platform_machine": machine, "python_version": version}
        return next((why for marker, why in self.missing.items() if Marker(marker).evaluate(variables)), None)


@dataclass(frozen=True, slots=True)
class Environment:
    """What a venv is made from.

    Args:
        group: the dependency group that it is made from, or is a variant of.
        beside: requirements that go into it afterwards, without what they depend on.
    """

    name: str
    group: str
    pins: tuple[str, ...]
    beside: tuple[str, ...] = ()

    @property
    def facts(self) -> Facts:
        """What is known of the venv; a variant's is like its group's."""
        table = _project()["tool"]["aipc-bench"]["venvs"].get(self.group, {})
        return Facts(**{key.replace("-", "_"): value for key, value in table.items()})

    @property
    def packages(self) -> tuple[str, ...]:
        return tuple(name for pin in (*self.pins, *self.beside) if (name := package_name(pin)) is not None)

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
    """The environment of a dependency group, with what the user adds to that of the harness."""
    pinned = tuple(pin for one in sources(group) for pin in pins(one))
    own = Environment(group, group, (*pinned, *plugins(group)))
    extra = own.facts.without_dependencies
    return replace(own, beside=pins(extra) if extra else ())


def sources(group: str) -> tuple[str, ...]:
    """The dependency groups that a venv's pins are from: its own, and to the harness those that the user adds."""
    if group not in (HARNESS, FLEET, TESTS):
        return (group,)
    known = extra_groups()
    asked = [name.strip() for name in os.environ.get(EXTRAS, "").split(",") if name.strip()]
    if unknown := [name for name in asked if name not in known]:
        raise SystemExit(f"{EXTRAS}: no group {unknown[0]!r}; there is {', '.join(known)}")
    return (group, *asked)


def plugins(group: str) -> tuple[str, ...]:
    """What the user adds to the harness by :data:`PLUGINS`."""
    names = os.environ.get(PLUGINS, "").split(";") if group in (HARNESS, FLEET, TESTS) else ()
    return tuple(name.strip() for name in names if name.strip())


def environment_for(spec: BackendSpec, device: str) -> Environment | None:
    """The environment of a backend's worker on ``device``; ``None`` where that is the harness's own."""
    group = spec.group_for(device)
    if group is None:
        return None
    return Environment(group, group, spec.requirements) if spec.requirements else environment(group)


def to_json(one: Environment) -> str | dict[str, Any]:
    """An environment in a message from the harness to the noxfile.

    A dependency group is named alone, and the noxfile reads its pins itself: another version of ``packaging`` in the
    harness may write them in another way, and the venv would be made anew for that.
    """
    return one.name if one.name in known_groups() else asdict(one)


def from_json(message: str | dict[str, Any]) -> Environment:
    """The environment that :func:`to_json` wrote."""
    if isinstance(message, str):
        return environment(message)
    return Environment(message["name"], message["group"], tuple(message["pins"]), tuple(message["beside"]))


def all_groups(backends: Mapping[str, BackendSpec] = BACKENDS) -> tuple[str, ...]:
    """The group that converts models, and that of every worker."""
    return _groups((spec, device) for spec in backends.values() for device in ("", *spec.groups))


def default_groups(backends: Mapping[str, BackendSpec] = BACKENDS) -> tuple[str, ...]:
    """What a sweep of the CPU needs that names no backend."""
    return _groups((spec, "CPU") for spec in backends.values() if spec.by_default)


def contract_groups(backends: Mapping[str, BackendSpec] = BACKENDS) -> tuple[str, ...]:
    """What the tests need, first of all the contract suite."""
    return _groups((spec, device) for spec in backends.values() for device in spec.tested_on)


def _groups(asked: Iterable[tuple[BackendSpec, str]]) -> tuple[str, ...]:
    found = [group for spec, device in asked if (group := spec.group_for(device)) is not None]
    return tuple(dict.fromkeys([CONVERSION, *found]))


def package_name(requirement: str) -> str | None:
    """The normalized name of the package that is required; ``None`` where nothing tells it, as of a path."""
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return None


def _replaced(pins: Iterable[str], wanted: Sequence[Requirement]) -> tuple[str, ...]:
    """``pins``, or what is wanted in their place, which keeps a pin's extras if it has none of its own."""
    result = []
    for pin in pins:
        news = [Requirement(str(one)) for one in wanted if canonicalize_name(one.name) == package_name(pin)]
        for new in news:
            new.extras = new.extras or Requirement(pin).extras
            result.append(pin if new == Requirement(pin) else str(new))
        result += [] if news else [pin]
    return tuple(result)


def known_groups() -> tuple[str, ...]:
    """The dependency groups of the project."""
    return tuple(_project()["dependency-groups"])


def extra_groups() -> tuple[str, ...]:
    """The groups that the user can add to the harness."""
    return tuple(_project()["tool"]["aipc-bench"]["extras"])


def pins(group: str) -> tuple[str, ...]:
    """The requirements of a dependency group, those of the groups that it includes among them."""
    return resolve_dependency_groups(_project()["dependency-groups"], group)


def _project() -> dict[str, Any]:
    return read_project(PROJECT_ROOT / "pyproject.toml")


@lru_cache(maxsize=1)
def read_project(file: Path) -> dict[str, Any]:
    """A ``pyproject.toml``, read once: an edit during a run does not rename the venvs that it was handed."""
    return tomllib.loads(file.read_text(encoding="utf-8"))

"""The lock files: every package of a venv, those that others need included, and the hashes of their files.

``locks/<group>.txt`` is of one dependency group and in pip's format. ``nox -s lock`` makes it (see
:mod:`bench.prepare.resolve`), and a venv is installed from it with hashes checked. This is read on nox's own Python, so
beside the standard library it imports only ``packaging``.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from backends.held_files import replace_file
from bench import PROJECT_ROOT
from bench.plan.environments import Environment, known_groups, pins, plugins, sources

VARIABLE = "AIPC_BENCH_LOCK"
"""``off``: install the pins by name, without a lock."""
REMEDY = (
    f"if you trust this index although its files are others than those of the public one, set {VARIABLE}=off to "
    "install without the lock, which run.json will say"
)
LACKING = f"the index lacks that version, which the lock has: {VARIABLE}=off takes another one, which run.json will say"
_HEAD = "# Made by `nox -s lock` from the pins of the group; do not edit.\n"
_PIN = "# pin: "


@dataclass(frozen=True, slots=True)
class Row:
    """A package of a lock.

    Args:
        requirement: its name and version, and the marker of where it is needed.
        hashes: of the files that may be installed, as ``sha256:…``.
        via: the names of the packages that need it.
    """

    requirement: str
    hashes: tuple[str, ...]
    via: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return canonicalize_name(Requirement(self.requirement).name)

    def __str__(self) -> str:
        lines = [self.requirement, *(f"    --hash={one}" for one in self.hashes)]
        via = f"\n    # via {', '.join(self.via)}" if self.via else ""
        return " \\\n".join(lines) + via + "\n"


@dataclass(frozen=True, slots=True)
class Lock:
    """What of a venv is installed by hash.

    Args:
        rows: the packages that come with the pins; empty where the venv has no lock.
        beside: those that are installed afterwards, without what they depend on.
        by_name: requirements that no lock holds, of packages that the user adds.
        missing: why the venv has no lock; ``None`` where it has.
    """

    rows: tuple[Row, ...] = ()
    beside: tuple[Row, ...] = ()
    by_name: tuple[str, ...] = ()
    missing: str | None = None


def lock_file(group: str) -> Path:
    """Where the lock of a dependency group lies."""
    return PROJECT_ROOT / "locks" / f"{group}.txt"


def parse(text: str) -> tuple[Row, ...]:
    """The rows of a lock, or of what uv's resolver prints."""
    rows: list[Row] = []
    for line in text.replace("\\\n", " ").splitlines():
        code, _, comment = line.partition("# via ")
        requirement, *hashes = re.split(r"\s+--hash=", code.strip())
        if requirement and not requirement.startswith("#"):
            rows.append(Row(requirement.strip(), tuple(one.strip() for one in hashes)))
        if comment and rows:
            # Of uv's the names of files of constraints are there too.
            via = tuple(one for one in comment.split(", ") if not one.startswith("-"))
            rows[-1] = Row(rows[-1].requirement, rows[-1].hashes, via)
    return tuple(rows)


def write(group: str, rows: Iterable[Row]) -> None:
    """Write the lock of a group, whole or not at all."""
    file = lock_file(group)
    head = _HEAD + "".join(f"{_PIN}{pin}\n" for pin in pins(group))
    beside = file.with_suffix(".new")
    beside.write_text(head + "".join(map(str, rows)), encoding="utf-8", newline="\n")
    replace_file(beside, file)


def problem(group: str) -> str | None:
    """Why the lock of a group is none for its pins; ``None`` where it is. Nothing is asked of an index."""
    file = lock_file(group)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return f"locks/{file.name} is not there: `nox -s lock` makes it"
    # Versions of packaging write a requirement in several ways.
    try:
        recorded = {Requirement(line.removeprefix(_PIN)) for line in text.splitlines() if line.startswith(_PIN)}
        rows = [(row.name, Requirement(row.requirement).specifier, row.hashes) for row in parse(text)]
    except InvalidRequirement as error:
        # As where git left both sides of a merge.
        line = str(error).splitlines()[0]
        return (
            f"locks/{file.name} holds what is no requirement ({line}): take it from git again, or make it anew with "
            "`nox -s lock -- --upgrade`"
        )
    if recorded != set(map(Requirement, pins(group))):
        return f"locks/{file.name} was made from other pins than pyproject.toml has: `nox -s lock` renews it"
    for pin in map(Requirement, pins(group)):
        if not any(name == canonicalize_name(pin.name) and held == pin.specifier for name, held, _ in rows):
            return f"locks/{file.name} does not hold {pin}: `nox -s lock` renews it"
    bare = [name for name, _, hashes in rows if not hashes]
    return f"locks/{file.name} has no hash of {bare[0]}: `nox -s lock` renews it" if bare else None


def lock_of(one: Environment) -> Lock:
    """What of a venv is installed by hash, and of what is not why."""
    if os.environ.get(VARIABLE, "").strip().lower() == "off":
        return Lock(missing=f"{VARIABLE}=off")
    if one.name not in known_groups():
        changed = one.group in known_groups()
        return Lock(
            missing="its pins were replaced for `nox -s ab`" if changed else f"{one.group} is no group of this project"
        )
    beside = one.facts.without_dependencies
    groups = (*sources(one.group), *([beside] if beside else []))
    if (why := next(filter(None, map(problem, groups)), None)) is not None:
        return Lock(missing=why)
    rows = tuple(dict.fromkeys(row for group in sources(one.group) for row in _rows(group)))
    return Lock(rows, _rows(beside) if beside else (), plugins(one.group))


def _rows(group: str) -> tuple[Row, ...]:
    return parse(lock_file(group).read_text(encoding="utf-8"))


def without(rows: Sequence[Row], roots: Iterable[str], package: str, needs: Iterable[str]) -> tuple[Row, ...]:
    """``rows`` less ``package``, of which another build is installed, and less what that build does not need.

    Args:
        roots: the requirements that the lock was made from.
        needs: the requirements of that build.
    """
    wanted = {str(canonicalize_name(Requirement(one).name)) for one in (*roots, *needs)} - {package}
    while more := {row.name for row in rows if not wanted.isdisjoint(row.via)} - wanted - {package}:
        wanted |= more
    return tuple(row for row in rows if row.name in wanted)


def unlocked(rows: Iterable[Row], installed: Mapping[str, str]) -> tuple[str, ...]:
    """The installed packages that are not of the lock, with their versions."""
    held = {(row.name, version) for row in rows for version in re.findall(r"==([^\s;]+)", row.requirement)[:1]}
    found = ((name, version) for name, version in installed.items() if (canonicalize_name(name), version) not in held)
    return tuple(f"{name} {version}" for name, version in sorted(found))

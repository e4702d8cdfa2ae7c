"""Makes the lock files by uv's resolver, which answers for systems and Pythons that are not here."""

import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from bench import PROJECT_ROOT
from bench.errors import PrepareError
from bench.plan.environments import (
    FLEET,
    HARNESS,
    TESTS,
    Environment,
    Here,
    all_groups,
    environment,
    extra_groups,
    known_groups,
    pins,
)
from bench.prepare import locks
from bench.prepare.locks import Row

SYSTEMS = {"windows": "win32", "linux": "linux"}
"""uv's name of a platform -> Python's."""
_OLDEST_LINUX = "x86_64-manylinux_2_31"
"""The Linux that every venv can be installed on, by its C library: that of Ubuntu 20.04 and Debian 11."""
_PLATFORM = re.compile(r"any|win_amd64|win_arm64|(many|musl)?linux\w*_(x86_64|aarch64)")
"""The platforms of files that a lock has."""
_CPYTHON = " and platform_python_implementation == 'CPython'"
"""Said to the resolver, and left out of the locks."""


# -- locks ------------------------------------------------------------------------------------------------------------


def renew(python: str, minors: Iterable[int], *, upgrade: bool) -> Iterator[str]:
    """Write the lock of every dependency group, one after the other, and say what is in it.

    Args:
        minors: of the Pythons 3 that count.
        upgrade: whether packages that are not pinned become the newest; else they stay as they are in the lock.

    Raises:
        PrepareError: a group has no solution, or no wheels, for one of the systems and Pythons.
    """
    locks.lock_file(TESTS).parent.mkdir(exist_ok=True)
    # The harness and the tests run the same code, so they have the same versions of what both hold.
    for group in sorted(known_groups(), key=lambda group: group != TESTS):
        rows = _rows(python, group, list(minors), upgrade=upgrade)
        locks.write(group, rows)
        yield f"{group:<26} {len(rows):>3} packages, {sum(len(row.hashes) for row in rows):>4} files"


def _rows(python: str, group: str, minors: Sequence[int], *, upgrade: bool) -> list[Row]:
    facts = Environment(group, group, ()).facts
    systems = [
        f"sys_platform == '{system}' and python_version == '3.{minor}'{_CPYTHON}"
        for system, minor in product(SYSTEMS.values(), minors)
        if facts.unsupported(Here(system, "x86_64", (3, minor))) is None
    ]
    options = ["--universal", "--python-version", f"3.{min(minors)}"]
    beside = {Environment(one, one, ()).facts.without_dependencies for one in known_groups()}
    options += ["--no-deps"] if group in beside else []
    options += [] if facts.build else ["--only-binary", ":all:"]
    options += ["-c", str(locks.lock_file(TESTS))] if group in (HARNESS, FLEET, *extra_groups()) else []
    with tempfile.TemporaryDirectory(prefix="aipc-bench-lock-") as folder:
        # uv reads from the settings of a project for which systems it answers.
        settings = Path(folder, "pyproject.toml")
        settings.write_text(f"[tool.uv]\nenvironments = {systems}\n", encoding="utf-8")
        plain, full = Path(folder, "lock.txt"), Path(folder, "pylock.toml")
        if not upgrade and locks.lock_file(group).exists():
            plain.write_bytes(locks.lock_file(group).read_bytes())
        hashes = ("--generate-hashes", "--annotation-style", "line", "-o", str(plain))
        _compile(python, group, pins(group), [*options, *hashes])
        found = locks.parse(plain.read_text(encoding="utf-8"))
        # The other format names the file of each hash.
        again = ("--universal", "--python-version", f"3.{min(minors)}", "--no-deps", "--format", "pylock.toml")
        _compile(python, group, [row.requirement for row in found], [*again, "-o", str(full)])
        packages = tomllib.loads(full.read_text(encoding="utf-8"))["packages"]
    return _plain(_trimmed(found, packages, minors), pins(group))


def _compile(python: str, group: str, requirements: Iterable[str], options: Sequence[str]) -> None:
    if (why := _problem(python, requirements, options, Path(options[-1]).parent)) is not None:
        raise PrepareError(f"the packages of {group} cannot be resolved: {why}")


def _trimmed(rows: Sequence[Row], packages: Iterable[Mapping[str, Any]], minors: Sequence[int]) -> list[Row]:
    """``rows`` with the hashes of files that can be installed alone.

    ``packages``: the same in the format of ``pylock.toml``.
    """
    accepted: set[str] = set()
    for package in packages:
        wheels = [wheel for wheel in package.get("wheels", ()) if _can_be_installed(wheel, minors)]
        # What has no wheel is compiled.
        for file in wheels or [package["sdist"]]:
            accepted.add(f"sha256:{file['hashes']['sha256']}")
    return [Row(row.requirement, tuple(one for one in row.hashes if one in accepted), row.via) for row in rows]


def _plain(rows: Sequence[Row], pinned: Iterable[str]) -> list[Row]:
    """``rows`` without the marker that stands for all systems of the group, which its pins have too."""
    roots = {canonicalize_name(pin.name) for pin in map(Requirement, pinned) if pin.marker is None}
    everywhere = {marker for row in rows if row.name in roots and (marker := row.requirement.partition(" ; ")[2])}
    shortest = f" ; {min(everywhere, key=len)}" if everywhere else ""
    plain = [row.requirement.removesuffix(shortest).replace(_CPYTHON, "") for row in rows]
    return [Row(requirement, row.hashes, row.via) for requirement, row in zip(plain, rows, strict=True)]


def _can_be_installed(wheel: Mapping[str, Any], minors: Sequence[int]) -> bool:
    try:
        tags = parse_wheel_filename(wheel.get("name") or str(wheel["url"]).rpartition("/")[2])[3]
    except InvalidWheelFilename:
        return False
    for tag in tags:
        known = re.fullmatch(r"(?:cp|py)3(\d*)", tag.interpreter)
        minor = int(known[1] or 0) if known else max(minors) + 1
        for_all = tag.abi in ("none", "abi3") and minor <= max(minors)
        if _PLATFORM.fullmatch(tag.platform) and (minor in minors if tag.abi == tag.interpreter else for_all):
            return True
    return False


# -- proof ------------------------------------------------------------------------------------------------------------


def resolve_all(python: str, minors: Iterable[int]) -> Iterator[tuple[str, str, str, str]]:
    """Every worker's venv, for every system and each Python 3 of ``minors``; ``python`` has uv.

    Yields: its group, uv's name of the system, the Python, and what :func:`resolved` says.
    """
    for group, (system, platform), minor in product(all_groups(), SYSTEMS.items(), minors):
        here = Here(platform, "x86_64", (3, minor))
        yield group, system, f"3.{minor}", resolved(python, environment(group), here, system)


def resolved(python: str, one: Environment, here: Here, system: str) -> str:
    """What uv's resolver makes of an environment: ``ok``, why it is not published, or ``FAILED`` and why."""
    if why := one.facts.unsupported(here):
        return f"not published: {why}"
    options = [] if one.facts.build else ["--only-binary", ":all:"]
    platform = _OLDEST_LINUX if system == "linux" else system
    options += ["--python-platform", platform, "--python-version", ".".join(map(str, here.python))]
    groups: list[tuple[str | None, tuple[str, ...], list[str]]]
    groups = [(one.group, one.pins, []), (one.facts.without_dependencies, one.beside, ["--no-deps"])]
    for group, requirements, without in groups:
        lock = ["-c", str(locks.lock_file(str(group)))]
        if requirements and (problem := _problem(python, requirements, [*options, *lock, *without], PROJECT_ROOT)):
            return f"FAILED {problem}"
    return "ok"


def _problem(python: str, requirements: Iterable[str], options: Iterable[str], folder: Path) -> str | None:
    command = [python, "-m", "uv", "pip", "compile", "--quiet", "--no-header", *options, "-"]
    lines = "\n".join(requirements)
    done = subprocess.run(command, cwd=folder, input=lines, capture_output=True, encoding="utf-8", check=False)
    return " ".join(done.stderr.split())[-3000:] or "without a word" if done.returncode else None

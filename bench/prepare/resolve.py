"""Asks uv's resolver whether the packages of each venv exist together, for systems and Pythons that are not here."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from bench import PROJECT_ROOT
from bench.plan.environments import Environment, Here, all_groups, environment

SYSTEMS = {"windows": "win32", "linux": "linux"}
"""uv's name of a platform -> Python's."""


class Answer(NamedTuple):
    """What the resolver made of a venv for a system and a Python."""

    group: str
    system: str
    python: str
    outcome: str


def resolve_all(python: str, minors: Iterable[int]) -> Iterator[Answer]:
    """Every worker's venv, for every system and each Python 3 of ``minors``; ``python`` has uv."""
    for group, (system, platform), minor in product(all_groups(), SYSTEMS.items(), minors):
        here = Here(platform, "x86_64", (3, minor))
        yield Answer(group, system, f"3.{minor}", resolved(python, environment(group), here, system))


def resolved(python: str, one: Environment, here: Here, system: str) -> str:
    """What uv's resolver makes of an environment: ``ok``, why it is not published, or ``FAILED`` and why."""
    if why := one.facts.unsupported(here):
        return f"not published: {why}"
    options = [] if one.facts.build else ["--only-binary", ":all:"]
    options += ["--python-platform", system, "--python-version", ".".join(map(str, here.python))]
    for requirements, without in ((one.pins, []), (one.beside, ["--no-deps"])):
        if requirements and (problem := _problem(python, requirements, [*options, *without])):
            return f"FAILED {problem}"
    return "ok"


def _problem(python: str, requirements: Iterable[str], options: Iterable[str]) -> str | None:
    command = [python, "-m", "uv", "pip", "compile", "--quiet", "--no-header", *options, "-"]
    lines = "\n".join(requirements)
    done = subprocess.run(command, cwd=PROJECT_ROOT, input=lines, capture_output=True, encoding="utf-8", check=False)
    return " ".join(done.stderr.split())[-300:] or "without a word" if done.returncode else None

"""``machines.toml`` beside stored runs: what people call their machines, and what they group them by.

::

    [aa906e78d5fa0abb]
    name = "nuc-3"
    labels = ["lunar-lake", "32 GB", "driver-beta"]
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import UsageError, cause

MACHINES = "machines.toml"


@dataclass(frozen=True, slots=True)
class MachineName:
    """What a machine is called."""

    name: str
    labels: tuple[str, ...] = ()


def machine_names(folder: Path) -> dict[str, MachineName]:
    """The machines that ``machines.toml`` in ``folder`` names, by their ids; empty where there is no such file.

    Raises:
        UsageError: it is not as it should be.
    """
    file = folder / MACHINES
    try:
        found = tomllib.loads(file.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read {file}: {cause(error, file)}") from error
    names = {machine: _named(file, machine, one) for machine, one in found.items()}
    known: dict[str, str] = {}
    for machine, one in names.items():
        if (other := known.setdefault(one.name, machine)) != machine:
            raise UsageError(f"{file}: {other} and {machine} are both named {one.name!r}: give each a name of its own")
    return names


def _named(file: Path, machine: str, found: Any) -> MachineName:
    if not isinstance(found, Mapping):
        raise UsageError(f'{file}: {machine} is no machine: write [{machine}], and name = "…" below it')
    if unknown := sorted(set(found) - {"name", "labels"}):
        raise UsageError(f"{file}: {machine} has {unknown[0]!r}; it takes name and labels")
    name, labels = found.get("name", machine), found.get("labels", [])
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f'{file}: the name of {machine} is empty or no text: write name = "…" or leave it out')
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UsageError(f'{file}: the labels of {machine} are a list of texts, such as ["lunar-lake", "32 GB"]')
    if not all(label.strip() for label in labels):
        raise UsageError(f"{file}: {machine} has an empty label: take it out")
    return MachineName(name, tuple(labels))

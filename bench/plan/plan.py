"""Options in; the cells to measure, what cannot be, and the order of visits out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backends.table import BACKENDS, BackendSpec
from bench.errors import UsageError
from bench.plan.cells import Cell, Load
from bench.plan.options import Options


@dataclass(frozen=True, slots=True)
class Impossible:
    """A cell that was asked for and cannot be, with the reason."""

    cell: Cell
    reason: str


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One load in one block: a fresh worker process that measures ``cells`` in this order.

    Args:
        block: counted from 0.
        position: place within the block, counted from 0.
    """

    block: int
    position: int
    load: Load
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run will do.

    Args:
        cells: what can be measured, in the order of the options.
        impossible: what was asked for and cannot be.
        visits: in the order in which they are made.
    """

    cells: tuple[Cell, ...]
    impossible: tuple[Impossible, ...]
    visits: tuple[PlannedVisit, ...]

    @property
    def loads(self) -> tuple[Load, ...]:
        """The loads of :attr:`cells`, each once."""
        return tuple({cell.load.key: cell.load for cell in self.cells}.values())


def make_plan(options: Options) -> Plan:
    """Cross the axes, set apart what cannot be, and draw the order of visits from the seed.

    Raises:
        UsageError: nothing remains to be measured.
    """
    cells: list[Cell] = []
    impossible: list[Impossible] = []
    for cell in _crossed(options):
        reason = why_not(cell)
        if reason is None:
            cells.append(cell)
        else:
            impossible.append(Impossible(cell, reason))
    if not cells:
        reasons = "; ".join(dict.fromkeys(entry.reason for entry in impossible))
        raise UsageError(f"nothing remains to be measured: {reasons}")
    return Plan(tuple(cells), tuple(impossible), tuple(_visits(cells, options.blocks, options.seed)))


def why_not(cell: Cell) -> str | None:
    """Why ``cell`` cannot be measured by its backend on any machine; ``None`` if it may be."""
    load = cell.load
    spec = BACKENDS[load.backend]
    precisions = spec.precisions(load.device)
    if load.device in spec.not_yet:
        return f"{load.backend} is not measured on {load.device} yet: {spec.not_yet[load.device]}"
    if precisions is None:
        return f"{load.backend} has no device {load.device}, only {', '.join(spec.devices)}"
    if load.precision not in precisions:
        return f"{load.backend} takes no {load.precision} on {load.device}, only {', '.join(precisions)}"
    if cell.batch_size > 1 and not spec.batches:
        return f"{load.backend} streams only batches of one, not of {cell.batch_size}"
    return None


def _crossed(options: Options) -> Iterator[Cell]:
    for backend in options.backends:
        spec = BACKENDS[backend]
        for device in options.devices:
            for precision in options.precisions or spec.default_precisions:
                load = Load(backend, device, precision, _load_options(spec, options))
                for prompt_tokens in options.prompt_tokens:
                    for new_tokens in options.new_tokens:
                        for batch_size in options.batch_sizes:
                            yield Cell(load, prompt_tokens, new_tokens, batch_size)


def _load_options(spec: BackendSpec, options: Options) -> dict[str, Any]:
    defaults = {name: option.default for name, option in spec.options.items() if not spec.simulated}
    return {**defaults, **options.load_options.get(spec.name, {})}


def _visits(cells: list[Cell], blocks: int, seed: int) -> Iterator[PlannedVisit]:
    by_load: dict[str, list[Cell]] = {}
    for cell in cells:
        by_load.setdefault(cell.load.key, []).append(cell)
    for block in range(blocks):
        order = random.Random(f"{seed}/{block}")
        keys = list(by_load)
        order.shuffle(keys)
        for position, key in enumerate(keys):
            mine = list(by_load[key])
            order.shuffle(mine)
            yield PlannedVisit(block, position, mine[0].load, tuple(mine))

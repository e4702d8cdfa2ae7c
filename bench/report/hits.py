"""First ask and prefix-cache hit side by side: what a stack that remembers a prompt saves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.analyse.interval import Estimate, ratio
from bench.analyse.results import CellResult, RunAnalysis
from bench.report.names import Naming, shape_name


@dataclass(frozen=True, slots=True)
class Hit:
    """One configuration at one shape, asked a first time and again.

    Args:
        name: of the configuration that was asked first.
        shape: in words.
        first: prompts that the process has not seen.
        again: prompts that it was asked just before.
        share: time to first token of ``again`` over that of ``first``, paired by block where blocks can be paired.
    """

    name: str
    shape: str
    first: CellResult
    again: CellResult
    share: Estimate


def hits(analysis: RunAnalysis, naming: Naming) -> list[Hit]:
    """Every cell that was asked both ways, in the order of the plan."""
    return list(_hits(analysis, naming))


def _hits(analysis: RunAnalysis, naming: Naming) -> Iterator[Hit]:
    again = {_what(cell): cell for cell in analysis.cells if cell.ask == "again"}
    for cell in analysis.cells:
        other = again.get(_what(cell))
        if cell.ask == "again" or other is None:
            continue
        share = ratio(other.ttft_ms.by_block, cell.ttft_ms.by_block)
        if share is not None:
            shape = shape_name(cell.prompt_tokens, cell.new_tokens, cell.batch_size)
            yield Hit(naming.of(cell.load), shape, cell, other, share)


def _what(cell: CellResult) -> tuple[object, ...]:
    load = cell.load
    what = (load.variant, load.backend, load.device_requested, load.precision)
    return (*what, cell.prompt_tokens, cell.new_tokens, cell.batch_size)

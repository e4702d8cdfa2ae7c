"""First ask and prefix-cache hit side by side: what a stack that remembers a prompt saves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.analyse.interval import Estimate, paired
from bench.analyse.results import CellResult, Measured, RunAnalysis
from bench.report.names import Naming, shape_name


@dataclass(frozen=True, slots=True)
class Hit:
    """One configuration at one shape, asked a first time and again.

    Args:
        name: of the configuration that was asked first.
        shape: in words.
        cell: the one that was asked again.
        first_ms: time to first token of prompts that the process has not seen, over the blocks that both asks have.
        again_ms: that of prompts that it was asked just before, over the same blocks.
        share: ``again_ms`` over ``first_ms``, paired by block.
    """

    name: str
    shape: str
    cell: CellResult
    first_ms: Measured
    again_ms: Measured
    share: Estimate


def hits(analysis: RunAnalysis, naming: Naming) -> list[Hit]:
    """Every cell that was asked both ways in at least one block, in the order of the plan."""
    return list(_hits(analysis, naming))


def _hits(analysis: RunAnalysis, naming: Naming) -> Iterator[Hit]:
    again = {_what(cell): cell for cell in analysis.cells if cell.ask == "again"}
    for cell in analysis.cells:
        other = again.get(_what(cell))
        if cell.ask == "again" or other is None:
            continue
        first, hit = cell.ttft_ms.within(other.ttft_ms.by_block), other.ttft_ms.within(cell.ttft_ms.by_block)
        contrast = paired(other.ttft_ms.by_block, cell.ttft_ms.by_block)
        if first and hit and contrast:
            shape = shape_name(cell.prompt_tokens, cell.new_tokens, cell.batch_size)
            yield Hit(naming.of(cell.load), shape, other, first, hit, contrast.ratio)


def _what(cell: CellResult) -> tuple[object, ...]:
    load = cell.load
    what = (load.variant, load.backend, load.device_requested, load.precision)
    return (*what, cell.prompt_tokens, cell.new_tokens, cell.batch_size)

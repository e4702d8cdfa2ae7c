"""Which prompts the generations of a cell take."""

import itertools
from collections.abc import Iterable, Sequence

from bench.plan.cells import Cell
from bench.plan.options import Options
from bench.prepare.prompts import PromptKey

Shapes = tuple[tuple[int, int, int], ...]
"""Turn, new tokens and batch size of the cells of a sweep, the same for every stack; turn 0 is no chat."""

_ORDINALS_PER_SHAPE = 1000


def shapes_of(new_tokens: Iterable[int], batch_sizes: Iterable[int], turns: Iterable[int] | None = None) -> Shapes:
    """The shapes of a sweep over these axes."""
    return tuple(sorted(itertools.product(turns or (0,), new_tokens, batch_sizes)))


def prompt_key(shapes: Shapes, cell: Cell, ordinal: int, row: int) -> PromptKey:
    """The prompt of row ``row`` of the batch in generation ``ordinal``, which is negative for warm-ups.

    Cells of the same prompt length share a worker, but no prompt: each of ``shapes`` after the first has its own
    ordinals. So no process gets a prompt twice, and all stacks get the same.
    """
    shape = (cell.turn, cell.new_tokens, cell.batch_size)
    offset = _ORDINALS_PER_SHAPE * shapes.index(shape) if shape in shapes else 0
    return PromptKey(cell.prompt_tokens, ordinal + offset if ordinal >= 0 else ordinal - offset, row)


def prompt_keys(options: Options, cell: Cell, ordinal: int) -> list[PromptKey]:
    """The prompts of generation ``ordinal`` of a cell, one for each row of its batch."""
    shapes = shapes_of(options.new_tokens, options.batch_sizes, options.turns)
    return [prompt_key(shapes, cell, ordinal, row) for row in range(cell.batch_size)]


def prompts_of_visit(options: Options, cells: Sequence[Cell]) -> tuple[set[PromptKey], set[PromptKey]]:
    """The prompts that a process which measures ``cells`` is asked, and those of warm-ups that it may need beside."""
    warmups = warmup_ordinals(options.warmups, options.max_warmups)
    asked = (*warmups[: options.warmups], *range(options.repeats))
    wanted, spare = (
        {key for cell in cells for ordinal in ordinals for key in prompt_keys(options, cell, ordinal)}
        for ordinals in (asked, warmups[options.warmups :])
    )
    return wanted, spare


def warmup_ordinals(warmups: int, max_warmups: int) -> list[int]:
    """The ordinals of a cell's warm-ups in their order: -2, -1, and, if more than ``warmups`` are needed, -3, -4, …."""
    return [*range(-warmups, 0), *range(-warmups - 1, -max_warmups - 1, -1)]

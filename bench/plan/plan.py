"""Options in; the cells to measure, what cannot be, and the order of visits out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product

from backends.spec import ORIGINAL, BackendSpec, caching_options, family
from bench.errors import UsageError
from bench.plan.backends import BACKENDS
from bench.plan.cells import Cell, Load, conversation_tokens
from bench.plan.options import Options

Twins = tuple[Cell, ...]
"""One cell in each of the run's variants, in their order; alone in a run without."""


@dataclass(frozen=True, slots=True)
class Impossible:
    """A cell that was asked for and cannot be, with the reason."""

    cell: Cell
    reason: str


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One load in one block: a fresh worker process that measures ``cells`` in this order.

    The smallest request comes first, so that the first generation of every process of a run is the same request, as far
    as the load has it; the others follow in random order.
    Blocks and positions within them are counted from 0.
    """

    block: int
    position: int
    load: Load
    cells: tuple[Cell, ...]

    @property
    def id(self) -> str:
        """What the ids of its processes begin with."""
        return f"b{self.block}/{self.position}/{self.load.key}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run will do.

    Args:
        cells: what can be measured, in the order of the options.
        visits: in the order in which they are made.
    """

    cells: tuple[Cell, ...]
    impossible: tuple[Impossible, ...]
    visits: tuple[PlannedVisit, ...]

    @property
    def loads(self) -> tuple[Load, ...]:
        """The loads of :attr:`cells`, each once."""
        return tuple({cell.load.key: cell.load for cell in self.cells}.values())

    @property
    def twins(self) -> tuple[Twins, ...]:
        """:attr:`cells` in groups that differ in the variant alone: of one cell each in a run without variants."""
        groups: dict[tuple[object, ...], list[Cell]] = {}
        for cell in self.cells:
            load = cell.load
            groups.setdefault((load.backend, load.device, load.precision, cell.request, cell.ask), []).append(cell)
        return tuple(tuple(group) for group in groups.values())

    def without(self, reasons: Mapping[str, str]) -> Plan:
        """The plan with some of its cells among the impossible ones: cell key -> why it cannot be measured."""
        visits = (
            replace(one, cells=tuple(cell for cell in one.cells if cell.key not in reasons)) for one in self.visits
        )
        refused = (Impossible(cell, reasons[cell.key]) for cell in self.cells if cell.key in reasons)
        return Plan(
            tuple(cell for cell in self.cells if cell.key not in reasons),
            (*self.impossible, *refused),
            tuple(one for one in visits if one.cells),
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan depends on beside the options.

    Args:
        hardware: what the system lists of accelerators, see :data:`backends.spec.Hardware`.
        ready_made: the artifact format of a model that is one already, which only its own stacks can load.
        has_original: whether the model's own weights lie in a GGUF.
        quantized: the way in which the weights of a Hugging Face folder are quantized already.
    """

    hardware: frozenset[str] = frozenset()
    ready_made: str | None = None
    has_original: bool = True
    quantized: str | None = None


def make_plan(options: Options, surroundings: Surroundings | None = None) -> Plan:
    """Cross the axes, set apart what cannot be, and draw the order of visits from the seed.

    Raises:
        UsageError: nothing remains to be measured.
    """
    around = surroundings or Surroundings()
    twins: list[Twins] = []
    impossible: list[Impossible] = []
    for cells in _crossed(options, around):
        # Where one of its variants is none, measuring the other alone would compare nothing.
        no_variant = (
            options.variants[load.variant].why_not(load.device, load.precision)
            for load in (cell.load for cell in cells)
            if load.variant
        )
        reason = next(filter(None, chain((why_not(cell, around) for cell in cells), no_variant)), None)
        if reason is None:
            twins.append(cells)
        else:
            impossible += [Impossible(cell, reason) for cell in cells]
    if not twins:
        reasons = "; ".join(dict.fromkeys(entry.reason for entry in impossible))
        raise UsageError(f"nothing remains to be measured: {reasons}")
    visits = tuple(_visits(twins, options.most_blocks, options.seed))
    plan = Plan(tuple(cell for cells in twins for cell in cells), tuple(impossible), visits)
    reference_load(options.reference, plan.loads)
    return plan


def reference_load(asked: str, loads: Sequence[Load]) -> Load | None:
    """The load of a run that ``--reference`` names; ``None`` where it names none.

    Raises:
        UsageError: there is no such load.
    """
    if asked in ("auto", "none"):
        return None
    labels = {load.label: load for load in reversed(loads)}
    if asked not in labels:
        there = ", ".join(sorted(labels))
        raise UsageError(f"--reference: no load {asked!r} in this run; there are {there}, and auto and none")
    return labels[asked]


def why_not(cell: Cell, around: Surroundings) -> str | None:
    """Why ``cell`` cannot be measured by its backend on any machine; ``None`` if it may be."""
    load = cell.load
    spec = BACKENDS[load.backend]
    precisions = spec.precisions(load.device)
    if precisions is None:
        return f"{load.backend} has no device {load.device}, only {', '.join(spec.devices)}"
    if (refused := spec.refuses.get(family(load.device))) is not None:
        return refused
    if spec.artifact_format != "none" and (reason := _not_of_this_model(load, spec, around)):
        return reason
    if load.precision not in precisions and load.precision != ORIGINAL:
        return f"{load.backend} takes no {load.precision} on {load.device}, only {', '.join(precisions)}"
    if cell.batch_size > 1 and not spec.batches:
        return f"{load.backend} streams only batches of one, not of {cell.batch_size}"
    return _nothing_to_hit(cell, spec) if cell.ask == "again" else None


def _nothing_to_hit(cell: Cell, spec: BackendSpec) -> str | None:
    load, cache, where = cell.load, spec.prefix_cache, ""
    if cache is not None:
        given = {name: load.options.get(name) for name in cache.needs}
        wrong = [f"{name}={value}" for name, value in given.items() if value != cache.needs[name]]
        if family(load.device) not in cache.devices:
            where = f" on {load.device}"
        elif wrong:
            where = f" with {', '.join(wrong)}"
        else:
            return None
    return f"{load.backend} has no prefix cache{where} that a repeat could hit"


def _not_of_this_model(load: Load, spec: BackendSpec, around: Surroundings) -> str | None:
    """Why the weights of the sweep's model are none for ``load``."""
    if around.quantized is not None and around.quantized not in spec.reads_quantized:
        return quantized_already(around.quantized)
    if around.quantized is None and around.ready_made not in (None, spec.artifact_format):
        loads = [name for name, other in BACKENDS.items() if other.artifact_format == around.ready_made]
        return f"{load.backend} cannot load this model, which is made for {' and '.join(loads)} ({around.ready_made})"
    if around.quantized is not None or around.ready_made is not None:
        what = "a ready-made artifact" if around.quantized is None else "a quantized model"
        refusal = f"{what} has the weights that it has, not {load.precision}: leave --precision out"
        return None if load.precision == ORIGINAL else refusal
    if load.precision != ORIGINAL:
        return None
    if spec.artifact_format != "gguf":
        return f"{load.backend} takes no {ORIGINAL} weights of this model, which is converted for it first"
    return None if around.has_original else f"{load.backend}: this model has no GGUF of its own to take as it is"


def quantized_already(how: str) -> str:
    """Why a model that is quantized, in the way ``how``, is not converted, and what to give instead."""
    return (
        f"this model is quantized already ({how}), and its codes are not made into another format: give the model that "
        "it was made from, in 16 or 32 bits, or a GGUF, OpenVINO IR or ONNX Runtime GenAI model of it"
    )


def _crossed(options: Options, around: Surroundings) -> Iterator[Twins]:
    variants = {name: variant.options for name, variant in options.variants.items()} or {"": {}}
    for backend in options.backends:
        spec = BACKENDS[backend]
        given = options.load_options.get(backend, {})
        for device in _devices(spec, options, around):
            for precision in options.precisions or _default_precisions(spec, device, around):
                for ask, turn, message_tokens, new_tokens in product(
                    options.asks, options.turns or (0,), options.prompt_tokens, options.new_tokens
                ):
                    prompt_tokens = conversation_tokens(message_tokens, new_tokens, turn) if turn else message_tokens
                    shape = {"prompt_tokens": prompt_tokens, "new_tokens": new_tokens}
                    loads = []
                    for name, of_variant in variants.items():
                        own = spec.load_options(device, precision, shape, {**given, **of_variant})
                        # Where there is no cache, the cell is refused under the options that it would have without one.
                        caching = caching_options(spec, device, own) if ask == "again" else None
                        loads.append(Load(backend, device, precision, caching or own, name))
                    for batch_size in options.batch_sizes:
                        yield tuple(Cell(load, prompt_tokens, new_tokens, batch_size, ask, turn) for load in loads)


def _devices(spec: BackendSpec, options: Options, around: Surroundings) -> tuple[str, ...]:
    """What to ask a backend for.

    Of several devices, one that only other backends of the sweep know is theirs alone, and no hole in this one. By
    default: the CPU and what the system lists; a backend with neither is asked for its first device, and says why not.
    """
    if options.devices is not None:
        known = tuple(device for device in options.devices if spec.precisions(device) is not None)
        others = [BACKENDS[name] for name in options.backends if name != spec.name]
        theirs = {device for device in options.devices if any(other.precisions(device) for other in others)}
        return tuple(device for device in options.devices if device in known or device not in theirs or not known)
    listed = tuple(dict.fromkeys(one for hardware, one in spec.default_on.items() if hardware in around.hardware))
    return (("CPU",) if "CPU" in spec.devices else ()) + listed or tuple(spec.devices)[:1]


def _default_precisions(spec: BackendSpec, device: str, around: Surroundings) -> tuple[str, ...]:
    if (around.ready_made is not None and spec.artifact_format != "none") or around.quantized in spec.reads_quantized:
        return (ORIGINAL,)
    taken = spec.precisions(device) or spec.default_precisions
    left_out = () if around.has_original else (ORIGINAL,)
    return tuple(one for one in spec.default_precisions if one in taken and one not in left_out) or taken


def _visits(twins: Sequence[Twins], blocks: int, seed: int) -> Iterator[PlannedVisit]:
    by_loads: dict[tuple[str, ...], list[Twins]] = {}
    for cells in twins:
        by_loads.setdefault(tuple(cell.load.key for cell in cells), []).append(cells)
    for block in range(blocks):
        order = random.Random(f"{seed}/{block}")
        keys = list(by_loads)
        order.shuffle(keys)
        position = 0
        for key in keys:
            first, *others = sorted(by_loads[key], key=lambda cells: cells[0].request)
            order.shuffle(others)
            mine = [first, *others]
            for index in _turns(key, block, seed):
                yield PlannedVisit(block, position, mine[0][index].load, tuple(cells[index] for cells in mine))
                position += 1


def _turns(loads: tuple[str, ...], block: int, seed: int) -> tuple[int, ...]:
    """Which of a load's variants is visited first, which second.

    Drawn for every other block, and the other way round in the block after: so each of the two is first equally often,
    the odd block aside, wherever a run ends.
    """
    if len(loads) == 1:
        return (0,)
    first = random.Random(f"{seed}/{block // 2}/{'/'.join(loads)}").randrange(2) ^ (block % 2)
    return (first, 1 - first)

"""What things are called, and which cells make one line of a chart.

A line is a backend-device-precision. Load options that depend on the prompt (an NPU's padded length) split loads, but
not lines; options that stand side by side at the same shape, as two attention backends do, split both.
Loads whose prompts are asked again, of the prefix cache, have lines and names of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backends.spec import family
from bench.analyse.grouping import group_by
from bench.analyse.results import AskedCell, CellResult, Failure, LoadResult, LoadTimes, RunAnalysis
from bench.plan.cells import Ask, Request
from bench.report.format import clean, listed, number
from bench.report.language import gettext as _

_LONGEST_SPEC = 40
_FLOATS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}
"""Weight format -> the type that computes in it."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart, and one name in the text, of the first of its loads; without cells nothing was measured.

    ``differing`` are the options that tell it from another line, empty for the default ones, ``None`` where none has
    to; ``ask`` is ``again`` where its prompts are asked again alone.
    """

    load: LoadResult
    ask: Ask
    differing: str | None
    simulated: bool
    cells: tuple[CellResult, ...]
    chat: bool = False

    @property
    def key(self) -> str:
        return self.load.load_key

    @property
    def family(self) -> tuple[object, ...]:
        """What shares a colour: the stack, its variant, its way to the device and its options."""
        load = self.load
        # A stack's way to a device, where it has several to the same one.
        way = family(load.device_requested)
        way = "" if way in ("CPU", "GPU", "NPU", "AUTO") else way
        return load.variant, load.backend, way, self.ask, self.differing

    @property
    def name(self) -> str:
        """For people, e.g. ``openvino-genai CPU int4``, or ``… fp32 (in bf16)`` where it computes in another type."""
        name = _base_name(self.load) + (", " + again_name(chat=self.chat) if self.ask == "again" else "")
        if self.differing is not None:
            options = self.differing or _("default options")
            name += f" [{options}]"
        return clean(name)


@dataclass(frozen=True, slots=True)
class Naming:
    """Names of loads and lines of one run, each in the language that is chosen when it is asked for."""

    series: tuple[Series, ...]
    _by_load: Mapping[str, Series]

    def of(self, load: LoadResult) -> str:
        series = self._by_load.get(load.load_key)
        return series.name if series else _base_name(load)

    def marked(self, load: LoadResult) -> str:
        """The name of ``load`` for where nothing else tells that it is simulated or a fallback."""
        name, mark = self.of(load), mark_of(load)
        return name if mark in name else name + mark

    def series_of(self, load: LoadResult) -> Series | None:
        return self._by_load.get(load.load_key)


def name_all(analysis: RunAnalysis, beyond: Sequence[CellResult] = ()) -> Naming:
    """Name every load of a run; ``beyond`` are cells that have a part in the names and none in the lines."""
    asked = group_by((*analysis.asked, *beyond), lambda cell: cell.load.load_key)
    shapes = {key: {cell.shape for cell in own} for key, own in asked.items()}
    # Loads that were asked nothing but prompts again.
    hits = {key for key, own in asked.items() if all(cell.ask == "again" for cell in own)}
    groups: dict[tuple[str, str, str, str, Ask], list[LoadResult]] = {}
    for load in analysis.loads:
        ask: Ask = "again" if load.load_key in hits else "first"
        groups.setdefault((load.variant, load.backend, load.device_requested, load.precision, ask), []).append(load)
    by_load: dict[str, Series] = {}
    for (*_others, ask), loads in groups.items():
        asked_of = [shapes.get(load.load_key, set()) for load in loads]
        # One line holds loads that were asked at different shapes.
        apart = len(set().union(*asked_of)) == sum(map(len, asked_of))
        parts = [loads] if apart else [[load] for load in loads]
        common = {
            key for key, value in loads[0].options.items() if all(load.options.get(key, ...) == value for load in loads)
        }
        for part in parts:
            own = [f"{key}={value}" for key, value in sorted(part[0].options.items()) if key not in common]
            series = _series(part, ask, ", ".join(own) if len(parts) > 1 else None, analysis.cells)
            by_load.update({load.load_key: series for load in part})
    return Naming(tuple({series.key: series for series in by_load.values()}.values()), by_load)


def _series(loads: Sequence[LoadResult], ask: Ask, differing: str | None, cells: Sequence[CellResult]) -> Series:
    keys = {load.load_key for load in loads}
    own = [cell for cell in cells if cell.load.load_key in keys]
    own.sort(key=lambda cell: (cell.batch_size, cell.new_tokens, cell.prompt_tokens))
    chat = any(cell.turn for cell in own)
    return Series(loads[0], ask, differing, any(load.simulated for load in loads), tuple(own), chat)


def _base_name(load: LoadResult) -> str:
    device = load.ran_on
    if device != load.device_requested:
        device += _(" (asked for {device})").format(device=load.device_requested)
    # Weights that are kept in one floating-point type and computed in another must not be taken for the former.
    stored, computed = _FLOATS.get(load.precision), load.inference_precision
    other_type = _(" (in {type})").format(type=computed) if stored and computed and computed != stored else ""
    mark = _(" (simulated)") if load.simulated and "simulated" not in load.backend else ""
    return clean(f"{_variant(load)}{load.backend} {device} {load.precision}{other_type}{mark}")


def _variant(load: LoadResult) -> str:
    """Which variant it is, and in few words of what: a version is enough where the package is named as the stack."""
    if not load.variant:
        return ""
    if not load.variant_spec:
        return f"{load.variant}: "
    own = load.variant_spec.replace(f"{load.backend}==", "").replace(f"{load.backend}.", "")
    short = own if len(own) <= _LONGEST_SPEC else f"…{own[1 - _LONGEST_SPEC :]}"
    return f"{load.variant} ({short}): "


def again_name(*, chat: bool) -> str:
    """What is told of prompts that are asked again, so that they are never taken for first asks.

    The first turn of a chat finds nothing in the cache, so it is no hit.
    """
    return _("prefix cache on") if chat else _("prefix-cache hit")


def _batch(size: str) -> str:
    return "" if size == "1" else ", " + _("batch of {size}").format(size=size)


def _turn(turns: str) -> str:
    return "" if turns == "0" else ", " + _("turn {turn} of a chat").format(turn=turns)


def turn_name(cell: AskedCell) -> str:
    """What follows the name of a cell that is a turn of a chat."""
    return _turn(str(cell.turn))


def shape_name(shape: Request) -> str:
    """E.g. ``128 prompt tokens, 64 new``; a batch is named where there is one, and so is the turn of a chat."""
    return requests_name([shape], "first")


def requests_name(shapes: Sequence[Request], ask: str) -> str:
    """One or several shapes in few words, e.g. ``32, 128 and 512 prompt tokens, 64 new``."""
    prompts, new, batches, turns = (
        listed([number(n, 0) for n in sorted(set(values))]) for values in zip(*shapes, strict=True)
    )
    shape = _("{prompt} prompt tokens, {new} new").format(prompt=prompts, new=new)
    cache = ", " + again_name(chat=turns != "0") if ask == "again" else ""
    return f"{shape}{_turn(turns)}{_batch(batches)}{cache}"


def first_request(times: LoadTimes) -> str:
    """The request of a load's first generation, and how many of its processes began with it, if not all."""
    if times.first_request is None:
        return ""
    request = shape_name(times.first_request)
    if times.first_processes == times.processes:
        return request
    return _("{request} ({count} of {processes} processes)").format(
        request=request, count=times.first_processes, processes=times.processes
    )


def cell_name(naming: Naming, cell: AskedCell) -> str:
    """Its configuration and shape, e.g. ``ort-genai CPU int4, prompt 128, 64 new``; a batch where there is one."""
    name = _("{name}, prompt {prompt}, {new} new").format(
        name=naming.of(cell.load), prompt=number(cell.prompt_tokens, 0), new=number(cell.new_tokens, 0)
    )
    return name + turn_name(cell) + _batch(str(cell.batch_size))


def failed_shapes(failure: Failure) -> str:
    """The shapes of a failure in few words, e.g. ``prompt 32, 128, 512``."""
    if failure.tried_again:
        return _("before a timed generation, so tried once more")
    if not failure.cells:
        return _("every cell")
    lengths = ", ".join(number(n, 0) for n in sorted({cell.prompt_tokens for cell in failure.cells}))
    if all(cell.ask == "again" for cell in failure.cells):
        return _("prompt {lengths}, asked again").format(lengths=lengths)
    return _("prompt {lengths}").format(lengths=lengths)


def mark_of(load: LoadResult) -> str:
    """What has to stand behind a name that leaves the report: simulated, on another device, or of broken output."""
    found = _(" (simulated)") if load.simulated else ""
    if load.device_verdict == "fallback":
        found = _(" (fallback to {device})").format(device=clean(load.ran_on))
    return found + (_(" (broken)") if load.broken else "")

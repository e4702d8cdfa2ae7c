"""What the page of a run tells beside its figures: of its machine, of each cell, and what measures a part again."""

# ruff: noqa: RUF001, RUF002 - typographic quotes, en dashes and signs of multiplication are meant

import dataclasses
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from markupsafe import Markup

from backends.spec import BackendSpec
from bench.analyse.grouping import group_by
from bench.analyse.results import AskedCell, CellResult, Generation, LoadResult, LoadTimes, Use
from bench.cli import command_line
from bench.metrics import BY_GENERATION
from bench.plan.backends import BACKENDS
from bench.plan.resume import asked_again
from bench.report import metric_words
from bench.report.code_words import word
from bench.report.drawing.series_chart import SeriesChart, of_many, series_chart
from bench.report.format import capital, clean, listed, number, shares
from bench.report.language import gettext as _, mark, ngettext
from bench.report.run_view import RunView
from bench.report.template import recorded

MOST_UNFOLDED = 24
"""With more cells than this, those of one shape are folded away together."""
_MOST_LEFT_OUT = 12
"""So many generations that do not count are told one by one."""


def failed(view: RunView) -> dict[str, list[str]]:
    """Cell key -> what failed of it in some blocks. A generation that is not counted is told by itself."""
    found: dict[str, list[str]] = {}
    for failure in view.analysis.failures:
        if failure.status != "invalid":
            sentence = ngettext(
                "Block {blocks}: {status}, {message}", "Blocks {blocks}: {status}, {message}", len(failure.blocks)
            ).format(
                blocks=listed([number(block + 1, 0) for block in failure.blocks]),
                status=word(failure.status),
                message=failure.message,
            )
            for cell in failure.cells:
                found.setdefault(cell.cell_key, []).append(sentence)
    return found


def known(cell: CellResult) -> list[str]:
    """The metrics of :data:`bench.metrics.BY_GENERATION` that it has."""
    return [metric for metric in BY_GENERATION if getattr(cell, metric)]


def plot(cell: CellResult, metric: str) -> tuple[str, SeriesChart]:
    """A drawing of one metric, and its title."""
    chart = series_chart(cell.series, metric, getattr(cell, metric))
    title = _("{metric} by block, {unit} (logarithmic)") if chart.logarithmic else _("{metric} by block, {unit}")
    return capital(title.format(metric=metric_words.name(metric), unit=metric_words.unit(metric))), chart


def blocks(cell: CellResult) -> Iterator[tuple[int, list[str]]]:
    """The number of a block, and for each metric the generations that count, their median, and the warm-ups."""
    for block, own in sorted(group_by(cell.series, lambda one: one.block).items()):
        figures = []
        for metric in known(cell):
            median = number(getattr(cell, metric).by_block.get(block))
            figures += [_times(own, metric, "timed"), median, _times(own, metric, "warm-up")]
        yield block + 1, figures


def _times(own: Sequence[Generation], metric: str, use: Use) -> str:
    values = [value for one in own if one.use == use and (value := getattr(one, metric)) is not None]
    shown = [number(values[place]) for place in of_many(values)]
    if len(shown) == len(values):
        return " ".join(shown)
    return _("{ends} (of {count})").format(ends="–".join(shown), count=number(len(values), 0))


def left_out(series: Sequence[Generation]) -> Iterator[str]:
    """Each generation that was to be timed and does not count, and why; of many the first ones."""
    excluded = 0
    ordinals: dict[int, int] = {}
    for one in series:
        if one.use == "warm-up":
            continue
        ordinals[one.block] = ordinals.get(one.block, 0) + 1
        if one.use == "excluded":
            excluded += 1
            if excluded <= _MOST_LEFT_OUT:
                times = [(metric, getattr(one, metric)) for metric in BY_GENERATION]
                told = ", ".join(metric_words.figure(key, value) for key, value in times if value is not None)
                yield _("Block {block}, generation {ordinal} ({times}): {reason}.").format(
                    block=one.block + 1,
                    ordinal=ordinals[one.block],
                    times=told or _("no times"),
                    reason=one.reason or _("its record lacks a time or a step"),
                )
    if excluded > _MOST_LEFT_OUT:
        yield _("And {count} more generations.").format(count=number(excluded - _MOST_LEFT_OUT, 0))


def pairs(values: Mapping[str, object] | None) -> str:
    """Options as they are typed."""
    return ", ".join(f"{key}={value}" for key, value in sorted((values or {}).items()))


def weights(load: LoadResult) -> str:
    """What it keeps them in, e.g. ``int4, 4.9 bits per weight, 79 % int4, 21 % int8``."""
    bits = _("{bits} bits per weight").format(bits=number(load.bits_per_weight, 1)) if load.bits_per_weight else ""
    return ", ".join(filter(None, (load.precision, bits, shares(load.weight_bits))))


def cache_state(times: LoadTimes) -> str:
    """A state of the compile cache and how many processes found it so, e.g. ``hit × 9``."""
    state = _("not told") if times.compile_cache == "unknown" else word(times.compile_cache)
    return f"{state} × {number(times.processes, 0)}"


TIMED_HEADS = {
    "setup": mark("request set-up"),
    "prompt_logits": mark("logits of the prompt"),
    "loop": mark("from step to step"),
    "kv_cache": mark("KV cache by default"),
}
_TIMED_VALUES = {
    "setup": {
        "scheduler": mark("the request is queued, KV-cache blocks are taken as needed"),
        "generator": mark("a generator is made, with the KV cache of the whole answer"),
        "generate": mark("settings are copied and checked, the model’s state is reset"),
        "clear": mark("the KV cache is marked empty"),
        "new cache": mark("an empty KV cache is made, which each step enlarges"),
    },
    "prompt_logits": {
        "last": mark("last position"),
        "all": mark("every position"),
        "artifact": mark("as exported; last position where this project made the model"),
    },
    "loop": {
        "native": mark("the stack’s compiled loop"),
        "generate": mark("the stack’s own generate, in Python"),
        "steps": mark("a Python loop over the stack’s steps, as its users write it"),
        "bare": mark("a Python loop over the stack’s steps, in place of its own generate"),
    },
    "kv_cache": {
        "f16": "f16",
        "model": mark("as exported; f32 on a CPU"),
        "weights": mark("the type that the weights are loaded in"),
    },
}
"""What a code of :class:`backends.spec.TimedRegion` means."""


def timed_facts(spec: BackendSpec | None) -> Mapping[str, str]:
    """Field of :class:`backends.spec.TimedRegion` -> its value in words; empty for a stack that is not described."""
    if spec is None or spec.timed is None:
        return {}
    return {name: _(_TIMED_VALUES[name][code]) for name, code in dataclasses.asdict(spec.timed).items()}


def timed_region(backend: str) -> str:
    """The same, a line each with the name of the field; empty for a stack that is not known or not described."""
    facts = timed_facts(BACKENDS.get(backend))
    return "\n".join(f"{_(TIMED_HEADS[name])}: {words}" for name, words in facts.items())


def observer_facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The counters that were read beside the times, a line each, and those that the machine does not have."""
    observers = record.get("observers") or {}
    read = [
        Markup("{}: {}, {}").format(clean(word(name)), recorded(one.get("source")), _cost(one.get("cost_us")))
        for name, one in observers.items()
        if one
    ]
    missing = [clean(word(name)) for name, one in observers.items() if not one]
    return [(_("Read beside the times"), Markup("\n").join(read)), (_("No counter for"), ", ".join(missing))]


def _cost(microseconds: Any) -> str:
    if microseconds is None:
        return _("cost not measured")
    if microseconds < 1:
        return _("under 1 µs a reading")
    if microseconds >= 1000:
        return _("{cost} ms a reading").format(cost=number(microseconds / 1000, 1))
    return _("{cost} µs a reading").format(cost=number(microseconds, 0))


def packages(record: Mapping[str, Any]) -> str:
    """Whether the packages of the venvs were installed by the hashes of their locks; empty where no run says so."""
    venvs = {**(record.get("tools") or {}), **(record.get("venvs") or {})}
    told = {name: venv for name, venv in venvs.items() if "locked" in (venv or {})}
    names: dict[str, list[str]] = {}
    for name, venv in told.items():
        if not venv["locked"]:
            names.setdefault(clean(str(venv.get("unlocked_reason"))), []).append(name)
    if not told or not names:
        return _("all installed by the hashes of the lock files") if told else ""
    reasons = "; ".join(f"{', '.join(those)}: {reason}" for reason, those in names.items())
    return _("not all installed by the hashes of the lock files: {reasons}").format(reasons=reasons)


def alone(load: LoadResult, cells: Sequence[AskedCell], record: Mapping[str, Any]) -> str:
    """The command that measures these cells of ``load`` and nothing else; of an A/B run, in both of its variants.

    Without cells it is all that a run measures by default. What the record does not tell, such as a worker of one's
    own, is left out.
    """
    variants = (record.get("plan") or {}).get("variants") or {}
    parts = ["nox", "-s", "ab" if variants else "bench", "--"]
    for name, variant in variants.items():
        parts += [f"--{name}", str(variant["spec"])]
    parts += ["--backend", load.backend, "--device", load.device_requested, "--precision", load.precision]
    if cells:
        asked = [cell.shape for cell in cells]
        prompts, news = {one.message_tokens or one.prompt_tokens for one in asked}, {one.new_tokens for one in asked}
        batches, turns = {one.batch_size for one in asked}, {one.turn for one in asked}
        parts += ["--prompt-tokens", _listed(prompts), "--new-tokens", _listed(news)]
        parts += ["--batch-size", _listed(batches)] if batches != {1} else []
        parts += ["--turns", _listed(turns)] if turns != {0} else []
    parts += ["--ask", "again"] if any(cell.ask == "again" for cell in cells) else []
    parts += asked_again(record.get("options") or {}, load.backend, "standard" if variants else "quick")
    windows = str((record.get("machine") or {}).get("os") or "").startswith("Windows")
    return command_line(parts, windows=windows)


def _listed(numbers: Set[int]) -> str:
    return ",".join(map(str, sorted(numbers)))

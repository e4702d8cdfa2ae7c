"""How cells and figures of a comparison are written, in the language that is chosen."""

import math
from collections.abc import Callable, Sequence

from bench.analyse.comparison import CALLED, Difference
from bench.analyse.grouping import group_by
from bench.analyse.interval import Estimate
from bench.analyse.results import CellResult, LoadResult
from bench.report.code_words import word
from bench.report.format import clean, localized, number
from bench.report.language import chosen, gettext as _
from bench.report.names import Naming

MARKS = {"slower": "▲", "faster": "▼", "same": "=", "inconclusive": "?", "worse": "▲", "better": "▼", "unknown": "-"}
"""Verdict -> the sign that stands beside its colour."""

SERIOUS_MARK = "!"
"""What stands beside a figure that a serious finding touches."""
_STEPS = (1.1, 1.3)
"""Ratios from which on a call has a deeper colour."""


def short_cell_name(cell: CellResult, naming: Naming) -> str:
    """E.g. ``ort-genai CPU int4, 128+64``."""
    return f"{naming.of(cell.load)}, {shape(cell)}"


def shape(cell: CellResult) -> str:
    """Prompt tokens + new tokens, and a batch and the turn of a chat where there is one."""
    batch = f" x{cell.batch_size}" if cell.batch_size > 1 else ""
    turn = f" t{cell.turn}" if cell.turn else ""
    return f"{cell.prompt_tokens}+{cell.new_tokens}{batch}{turn}"


def differing_options(names: Sequence[str], loads: Sequence[LoadResult]) -> list[str | None]:
    """By which options loads differ that have the same of ``names``; ``None`` where no other load has the name.

    Of one run none has: it names the options of loads that it measured side by side, and not those of other runs.
    """
    found: list[str | None] = [None] * len(names)
    for places in group_by(range(len(names)), lambda place: names[place]).values():
        alike = [loads[place].options for place in places]
        common = {key for key, value in alike[0].items() if all(one.get(key, ...) == value for one in alike)}
        told = [", ".join(f"{key}={own[key]}" for key in sorted(own) if key not in common) for own in alike]
        if len({*told}) > 1:
            for place, options in zip(places, told, strict=True):
                found[place] = options
    return found


def with_options(name: str, options: str | None) -> str:
    """``name`` with what :func:`differing_options` tells of it."""
    if options is None:
        return name
    shown = clean(options) or _("default options")
    return f"{name} [{shown}]"


def verdict_name(verdict: str) -> str:
    """What a verdict is called."""
    return _("not compared") if verdict == "unknown" else word(verdict)


def tint(one: Difference) -> str:
    """The classes that colour a figure: its verdict, and of calls how deep."""
    size = abs(math.log(one.contrast.ratio.value))
    depth = 1 + sum(size > math.log(step) for step in _STEPS)
    return f"{one.verdict} d{depth}" if one.verdict in CALLED else one.verdict


def values(one: Difference) -> str:
    """From what to what."""
    return f"{number(one.base_ms)} -> {number(one.head_ms)} ms"


def ratio(estimate: Estimate) -> str:
    """A ratio with its interval; without one, that too is said."""
    return _with_ends(estimate, lambda end: localized(f"{end:.3f}"))


def change(estimate: Estimate) -> str:
    """A ratio as a change, e.g. ``+12.0 % (+8.1 % to +16.0 %)``."""
    return _with_ends(estimate, signed)


def _with_ends(one: Estimate, written: Callable[[float], str]) -> str:
    ends = _("no interval")
    if one.low is not None and one.high is not None:
        ends = between(written(one.low), written(one.high))
    return f"{written(one.value)} ({ends})"


def between(low: str, high: str) -> str:
    """From one end of an interval to the other."""
    return _("{low} to {high}").format(low=low, high=high)


def span(estimate: Estimate) -> str:
    """An interval as changes, as short as it can be said, e.g. ``+8.1 to +16.0 %``; blank without one."""
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = signed(estimate.low), signed(estimate.high)
    # One percent sign is enough where it stands behind the numbers.
    return between(low.removesuffix(" %") if high.endswith(" %") else low, high)


def signed(value: float) -> str:
    """A ratio as a change, which is in percent unless it is too large for that."""
    if value >= 3:
        return _("{ratio} times").format(ratio=localized(f"{value:.3g}"))
    return signed_percent(f"{100 * (value - 1):+.1f}")


def signed_percent(value: str) -> str:
    """A number of percent as Python writes it, with its sign, e.g. ``+12.0`` as ``+12.0 %``."""
    return value[0] + chosen().percent.format(localized(value[1:]))

"""What a metric is called in the language that is chosen, from its one entry in ``METRIC_WORDS``."""

from __future__ import annotations

from bench.metrics import METRICS
from bench.report import text
from bench.report.format import capital, number, percent


def name(key: str) -> str:
    """As a sentence has it, e.g. ``time to first token``."""
    return text.METRIC_WORDS[key][0]


def short(key: str) -> str:
    """As narrow places have it, e.g. ``TTFT``."""
    return text.METRIC_WORDS[key][2] or METRICS[key].short


def unit(key: str) -> str:
    """In which it is shown."""
    return text.UNITS.get(METRICS[key].unit, METRICS[key].unit)


def figure(key: str, value: float) -> str:
    """E.g. ``TTFT 223 ms``."""
    return f"{short(key)} {number(value)} {unit(key)}"


def chart_title(key: str) -> str:
    """E.g. ``Time to first token, ms``."""
    return f"{capital(name(key))}, {unit(key)}"


def answer_title(key: str) -> str:
    """With what it tells to who does not know its name, e.g. ``Responsiveness: time to first token``."""
    sense = text.METRIC_WORDS[key][1]
    return capital(f"{sense}: {name(key)}" if sense else name(key))


def weight_name(key: str) -> str:
    """Where a reader chooses what matters, e.g. ``responsiveness (TTFT)``."""
    sense = text.METRIC_WORDS[key][1]
    return f"{sense} ({short(key)})" if sense else short(key)


def comparison_title(key: str) -> str:
    """E.g. ``TTFT: time to first token``."""
    return f"{short(key)}: {name(key)}"


def column(of: str) -> tuple[str, str]:
    """The head of a column and the unit below it.

    Args:
        of: a metric, or another key of :data:`bench.report.text.HEADS`.
    """
    return (short(of), unit(of)) if of in METRICS else text.HEADS[of]


def one_line(of: str, *, interval: bool = False) -> str:
    """The same in one line, e.g. ``TTFT ms (95 %)``."""
    return " ".join(filter(None, (*column(of), f"({percent(0.95)})" if interval else "")))

"""What a metric is called in the language that is chosen, from its one entry in :data:`METRIC_WORDS`."""

from bench.metrics import METRICS, RANKED
from bench.report.format import capital, number, percent
from bench.report.language import gettext as _, mark

ITL_NAMES = {
    "p50": mark("median inter-token latency"),
    "p95": mark("95th percentile of inter-token latency"),
    "p99": mark("99th percentile of inter-token latency"),
}
"""Quantile of a cell's inter-token latencies that a reader can choose -> its name."""

METRIC_WORDS = {
    "ttft_ms": (mark("time to first token"), mark("responsiveness"), ""),
    "tpot_ms": (mark("time per output token"), mark("speed"), ""),
    "response_ms": (mark("time for the whole answer"), "", mark("whole answer")),
    "itl_p95_ms": (ITL_NAMES["p95"], "", ""),
    "prefill_tokens_per_s": (mark("prefill rate"), "", mark("prefill")),
    "decode_tokens_per_s": (mark("decode rate"), "", mark("decode")),
    "setup_ms": (mark("request set-up, within TTFT"), "", mark("set-up")),
}
"""Metric -> its name in a sentence, a plain word for it, and its head where it has no abbreviation."""

_UNITS = {"tokens/s": mark("tokens/s"), "tokens": mark("tokens")}

HEADS = {
    "configuration": (mark("configuration"), ""),
    "device": (mark("device"), ""),
    "prompt": (mark("prompt tokens"), ""),
    "perplexity_ratio": (mark("perplexity ratio"), ""),
    "first_difference": (mark("first difference"), "tokens"),
    "itl": ("ITL", "ms"),
    "peak": (mark("peak memory"), "MB"),
    "n": ("n", ""),
    "guard": (mark("what the guard saw"), ""),
}
"""Heads of columns that several tables have and that are no metric: what, and its unit."""


def name(key: str) -> str:
    """As a sentence has it, e.g. ``time to first token``; of ``memory`` too."""
    return _("peak memory") if key == "memory" else _(METRIC_WORDS[key][0])


def short(key: str) -> str:
    """As narrow places have it, e.g. ``TTFT``."""
    own = METRIC_WORDS[key][2]
    return _(own) if own else METRICS[key].short


def unit(key: str) -> str:
    """In which it is shown."""
    return _unit(METRICS[key].unit)


def _unit(unit: str) -> str:
    return _(_UNITS[unit]) if unit in _UNITS else unit


def figure(key: str, value: float) -> str:
    """E.g. ``TTFT 223 ms``."""
    return f"{short(key)} {number(value)} {unit(key)}"


def chart_title(key: str) -> str:
    """E.g. ``Time to first token, ms``."""
    return f"{capital(name(key))}, {unit(key)}"


def answer_title(key: str) -> str:
    """With a plain word before it, e.g. ``Responsiveness: time to first token``."""
    if key == "memory":
        return _("Memory: peak of the worker process")
    plain = METRIC_WORDS[key][1]
    return capital(f"{_(plain)}: {name(key)}" if plain else name(key))


def weight_name(key: str) -> str:
    """Where a reader chooses what matters, e.g. ``responsiveness (TTFT)``."""
    if key == "memory":
        return _("memory")
    plain = METRIC_WORDS[key][1]
    return f"{_(plain)} ({short(key)})" if plain else short(key)


def comparison_title(key: str) -> str:
    """E.g. ``TTFT: time to first token``."""
    return f"{short(key)}: {name(key)}"


def column(of: str) -> tuple[str, str]:
    """The head of a column and the unit below it, of a metric or of a key of :data:`HEADS`."""
    if of in METRICS:
        return short(of), unit(of)
    head, its_unit = HEADS[of]
    return _(head), _unit(its_unit)


def one_line(of: str) -> str:
    """The same in one line, e.g. ``TTFT ms (95 %)``: of what is ranked, intervals stand beside the values."""
    return " ".join(filter(None, (*column(of), f"({percent(0.95)})" if of in RANKED else "")))

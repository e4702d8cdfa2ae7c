"""The report in English. Another language is a module like this one, with the same names and functions."""

# ruff: noqa: RUF001 - typography of the page: en dashes and multiplication signs are meant

from __future__ import annotations

from collections.abc import Sequence

from bench.report.format import number

RATIO_NAME = "time to first token over the lowest"
ITL_NAMES = {
    "p50": "median inter-token latency",
    "p95": "95th percentile of inter-token latency",
    "p99": "99th percentile of inter-token latency",
}
KIND = "{new} new tokens"
BATCH = "batch of {size}"
AT_PROMPT = "{name}, prompt {prompt}"
PROMPTS = "prompt {lengths}"
SIMULATED_MARK = " (simulated)"
MORE = "{count} more"
NO_INTERVAL = "no interval"
SECTIONS_LABEL = "Sections"
RATIO_TITLE = "Time to first token, times the lowest at that length"
POINT_TIP = "{at}: {metric} {value} ms ({interval}), n = {n}"
LINES_LABEL = "{metric}, by prompt length, one line per configuration, as in the table"
CHART_NOTE = (
    "Lower is better. Bars are 95 % intervals{missing}. Points of one prompt length are moved a little sideways where "
    "that shows what lies behind them. Hover over a point, or go to it with Tab and the arrow keys, for its figures. "
    "Milliseconds start at zero where a chart is not called logarithmic; the ratio is shown around 1."
)
CHART_NOTE_MISSING = " (none here: one block gives no interval)"
PROMPT_AXIS = "prompt tokens"
ALONG_AXIS = "token of the answer"
ALONG_TIP = "prompt {prompt}: median of {n} generations"
ALONG_LABEL = "latency of each token along the answer, median and band from the 10th to 90th percentile"
SPREAD_AXIS = "inter-token latency, ms"
SPREAD_LABEL = "distribution of inter-token latency, one ridge per prompt length"
LATENCY_AXIS = "ms per token"
TOO_MANY_PANELS = "Shown are the first {shown} of {count} configurations; the others are in the data."
LOAD_PARTS = (
    ("process_start_s", "process start"),
    ("import_s", "imports"),
    ("load_s", "read and compile"),
    ("first_generation_s", "first generation"),
)

TOO_MANY_SHAPES = "Drawn are {shown} of {count} request shapes, from the smallest to the largest; the table has all."
ARRIVAL_AXIS = "ms since the request"
ARRIVAL_AXIS_LOG = "ms since the request (logarithmic)"
ARRIVAL_LABEL = "time from the request to each token, one line per configuration, as in the table"
ARRIVAL_TIP = "{name}: first token after {first} ms, token {n} after {last} ms"
TRADEOFF_X_AXIS = "peak memory, MB"
TRADEOFF_Y_AXIS = "ms per output token"
TRADEOFF_Y_AXIS_LOG = "ms per output token (logarithmic)"
TRADEOFF_LABEL = "time per output token over peak memory, one point per configuration, as in the table"
TRADEOFF_TIP = "{name}: {tpot} ms per token, {peak} MB{best}"
TRADEOFF_TIP_BEST = "; no other needs less of both"
ROOFLINE_NOTE = (
    "Every decode step reads the weights and the KV cache from memory, so memory allows at most bandwidth ÷ these "
    "bytes steps a second: the solid line. The dashed ones are half and a quarter of it. The bandwidth is {rate} GB/s, "
    "as this machine’s CPU read it with the run’s threads before the run. A step gives one token per sequence."
)
ROOFLINE_CAVEATS = (
    "How to read it: weights count as wide as they are stored, or as they are computed where that is narrower, because "
    "a stack may keep them so. An embedding table of which a token reads one row is left out, unless the "
    "output layer shares it. A mixture of experts reads less than is said here. Weights that partly stay in the "
    "processor’s caches can pass 100 %. {cache}"
)
ROOFLINE_KV_ALL = "The KV cache is counted as it is in the middle of the answer."
ROOFLINE_KV_SOME = (
    "The KV cache is counted as it is in the middle of the answer where its shape and type are known; where its column "
    "is blank they are not, and the limit is that of the weights alone, which is too high."
)
ROOFLINE_NO_BANDWIDTH = "This run did not measure the machine’s memory bandwidth, so there is nothing to compare with."
ROOFLINE_LEFT_OUT = "Without a point: {reasons}."
ROOFLINE_REASONS = {
    "not on the CPU": "{cells} that ran on another device than the CPU, whose way to memory was not measured",
    "no weights": "{cells} of which the size of the weights is not known",
    "one token": "{cells} with answers of one token, which have no decode step",
}
ROOFLINE_X_AXIS = "MB read per step"
ROOFLINE_Y_AXIS = "decode steps per second"
ROOFLINE_LABEL = "decode steps per second over bytes read per step, below the limit of memory, as in the table"
ROOFLINE_TIP = "{name}, prompt {prompt}: {rate} of at most {limit} steps per second, {share}, {size} MB per step"
POWER_SOURCES = {"mains": "mains", "battery": "battery"}


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 block``, ``3 blocks``."""
    return f"{number(count, 0)} {one if count == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

"""The report in English. Another language is a module like this one, with the same names and functions."""

# ruff: noqa: RUF001 - typography of the page: en dashes and multiplication signs are meant
# ruff: noqa: ISC004 - a term and its definition, which takes some lines

from __future__ import annotations

from collections.abc import Sequence

from bench.analyse.results import (
    QUANTILES,
    VERDICT_BLOCKS,
    CellResult,
    Failure,
    MemoryRanking,
    MemoryRival,
    Ranking,
    Rival,
)
from bench.report.format import factor, interval, number, with_interval

PHI3_COMMAND = "nox -s bench -- --model microsoft/Phi-3-mini-4k-instruct"
PHI3_PARAMETERS = 3_821_079_552

RATIO_NAME = "time to first token over the lowest"
ITL_NAMES = {
    "p50": "median inter-token latency",
    "p95": "95th percentile of inter-token latency",
    "p99": "99th percentile of inter-token latency",
}
METRIC_WORDS = {
    "ttft_ms": ("time to first token", "responsiveness", ""),
    "tpot_ms": ("time per output token", "speed", ""),
    "response_ms": ("time for the whole answer", "", "whole answer"),
    "itl_p95_ms": (ITL_NAMES["p95"], "", ""),
    "prefill_tokens_per_s": ("prefill rate", "", "prefill"),
    "decode_tokens_per_s": ("decode rate", "", "decode"),
    "setup_ms": ("request set-up, within TTFT", "", "set-up"),
}
"""Metric -> its name in a sentence, what it tells to who does not know that, and its head where it has no abbreviation.

For :mod:`bench.report.metric_words`, which makes titles and heads from them.
"""
UNITS = {"tokens/s": "tokens/s"}
"""Unit of a metric -> what it is called."""

HIT = "prefix-cache hit"
"""What a repeat of the prompt just asked is called, so that it is never taken for a first ask."""
SHAPE = "{prompt} prompt tokens, {new} new"
KIND = "{new} new tokens"
BATCH = "batch of {size}"
AT_PROMPT = "{name}, prompt {prompt}"
CELL = "{name}, prompt {prompt}, {new} new"
PROMPTS = "prompt {lengths}"
EVERY_CELL = "every cell"
ASKED_AGAIN = "asked again"
ASKED_FOR = "asked for {device}"
COMPUTED = "in {type}"
DEFAULT_OPTIONS = "default options"
SIMULATED_MARK = " (simulated)"
FALLBACK_MARK = " (fallback to {device})"
MORE = "{count} more"
NO_INTERVAL = "no interval"

TITLE = "AIPC Bench"
ON_MACHINE = "on {machine}"
MODEL_ON_MACHINE = "{model} on {machine}"
UNKNOWN_MODEL = "unknown model"
UNKNOWN_MACHINE = "unknown machine"
SECTIONS_LABEL = "Sections"

SUBTITLE = "Which inference stack answers fastest on this machine"
NAV = (
    ("answer", "Answer"),
    ("charts", "Charts"),
    ("results", "All results"),
    ("notes", "Notes"),
    ("arrival", "Time to each token"),
    ("along", "Token by token"),
    ("spread", "Spread"),
    ("costs", "Load and memory"),
    ("tradeoff", "Latency and memory"),
    ("roofline", "Memory bandwidth"),
    ("energy", "Energy and busy time"),
    ("cells", "Each cell"),
    ("failures", "Not measured"),
    ("meaning", "What it tells"),
    ("setup", "Machine and repeat"),
    ("glossary", "Definitions"),
)

BANNER_SIMULATED = (
    "Simulated. These latencies were played from a schedule to try the tool out. "
    "No model ran and no device was used; the numbers say nothing about this machine."
)
BANNER_PARTLY_SIMULATED = (
    "Some configurations are simulated. They are marked wherever they are shown and never ranked with measured ones."
)
BANNER_SYNTHETIC = (
    "Synthetic model. It has the architecture and size of the real one but random weights: "
    "its latency is that of a real model of this shape, its text is noise."
)
BANNER_ENDED = {
    None: "This run has no end: it is still going on, or it was killed. What had been measured by then is shown.",
    "interrupted": "This run was interrupted. What had been measured by then is shown.",
    "stopped": "This run was stopped before its end. What had been measured by then is shown.",
    "crashed": "The harness crashed during this run. What had been measured by then is shown.",
}
BANNER_UNREACHED = "{count} planned cells were not reached."

ADAPTIVE = (
    "Blocks were added until half the 95 % interval of time to first token and of time per output token is within "
    "{target}: {blocks} in all."
)
ADAPTIVE_ENDED = {
    "target": "No cell needed another block.",
    "max-time": "The time that was given (--max-time) ended it.",
    "max-blocks": "The number of blocks that was given (--max-blocks) ended it.",
    None: "The run ended before it was done.",
}
ADAPTIVE_ALL = "Every cell reached the target."
ADAPTIVE_SOME = "{reached} of {cells} cells reached the target; these did not:"
ADAPTIVE_CELL = "{name} at {shape}"
ADAPTIVE_WITHOUT = "{cells} without any number"

ANSWER_TITLE = "The answer"
NOTHING_MEASURED = "No cell could be measured. The reasons stand under “Not measured”."
NO_VERDICT = (
    "A first look at {blocks}: no verdict is claimed, this says what was measured lowest. "
    "For a verdict, measure at least " + str(VERDICT_BLOCKS) + " blocks:"
)
VERDICT_COMMAND = "nox -s bench -- --profile standard"
VERDICT_OPTION = "--profile standard"
WITH_VERDICT = (
    "“Fastest” means: every other one takes longer, block by block over at least {blocks}, after Holm’s adjustment "
    "over all pairs of the ranking. Where others cannot be told apart from the lowest, they are named beside it, and "
    "none is called fastest."
)
TOLD_APART = (
    "The others are compared with the lowest over the blocks that both have. “Take longer” and “need more” are "
    "significant after Holm’s adjustment for all pairs of the ranking: of rankings of equal configurations, at most "
    "one in twenty calls any. Each interval is of one ratio, without adjustment, so it can exclude 1 where the two "
    "cannot be told apart."
)

RANKS_NOTE = (
    "Each dot is the ratio to the lowest, with its 95 % interval, on a logarithmic axis; the vertical line is 1×."
)
RANKS_LOWER = "Lower over the blocks that both have"
RANKS_TIED = "Cannot be told apart from it"
RANKS_LONGER = "Take longer"
RANKS_MORE = "Need more"
RANKS_LEFT_OUT = "{count} others stand among all results."
RANKS_UNTOLD = "One block gives no interval, so no other can be told apart from it."

MEMORY_ANSWER = "Memory: peak of the worker process"
MEMORY_ANSWER_NOTE = (
    "Memory is one value per configuration: the most that its process held from start to end, without what a device "
    "keeps for itself; of each block the largest, and the geometric mean of these. The tables below give the median "
    "over processes."
)
# As much as a rival needs, and who needs most.
MEMORY_BESIDE = ("as much", "Most")
LATENCY_BESIDE = ("as long", "Longest")

CHARTS_TITLE = "Latency over prompt length"
RATIO_TITLE = "Time to first token, times the lowest at that length"
POINT_TIP = "{at}: {metric} {value} ms ({interval}), n = {n}"
LINES_LABEL = "{metric}, by prompt length, one line per configuration, as in the table"
CHART_NOTE = (
    "Lower is better. Bars are 95 % intervals{missing}. Points of one prompt length are moved a little sideways where "
    "that shows what lies behind them. Hover over a point, or go to it with Tab and the arrow keys, for its figures. "
    "Milliseconds start at zero where a chart is not called logarithmic; the ratio is shown around 1."
)
CHART_NOTE_MISSING = " (none here: one block gives no interval)"
LOGARITHMIC = "(logarithmic)"
PROMPT_AXIS = "prompt tokens"
LEGEND_NOTE = (
    "Colour is the stack, marker and dash the weight format; a filled marker is the CPU, an empty one a GPU, a "
    "half-filled one an NPU."
)

FACT_MEASURED = "{cells} measured"
FACT_PARAMETERS = "{count} parameters"
FACT_PROFILE = "profile {profile}: {blocks} × {repeats}"
FACT_BLOCKS = "{least} to {most} blocks"
FACT_THREADS_LEFT = "threads left to each stack"
FACT_RUN = "run {run}"

HEADS = {
    "configuration": ("configuration", ""),
    "device": ("device", ""),
    "request": ("request", ""),
    "prompt": ("prompt tokens", ""),
    "new": ("new tokens", ""),
    "batch": ("batch size", ""),
    "itl": ("ITL", "ms"),
    "itl_count": ("ITL", ""),
    "peak": ("peak memory", "MB"),
    "n": ("n", ""),
    "guard": ("what the guard saw", ""),
    "ttft_first": ("TTFT, first ask", "ms"),
    "ttft_again": ("TTFT, prefix-cache hit", "ms"),
    "hit_share": ("hit ÷ first", ""),
    "last_token": ("last token", ""),
    "after": ("after", "ms"),
    "weights": ("weights", "MB"),
    "kv_cache": ("KV cache", "MB per step"),
    "limit": ("limit", "steps/s"),
    "measured": ("measured", "steps/s"),
    "of_limit": ("of the limit", "%"),
    "of_shape": ("of its shape", ""),
    "bits": ("bits per weight", ""),
    "computes_in": ("computes in", ""),
    "kv_type": ("KV cache", ""),
    "attention": ("attention", ""),
    "compile_cache": ("compile cache", ""),
    "first_request": ("first request", ""),
    "median_peak": ("peak MB", ""),
    "largest_peak": ("largest peak MB", ""),
    "private": ("private MB", ""),
    "device_memory": ("device MB", ""),
    "on_disk": ("on disk MB", ""),
    "processes": ("processes", ""),
}
"""Heads of columns that are no metric: what, and in which unit where that stands below."""
NTH_HEAD = "token {n}"
LOW = "low"
BITS_PER_WEIGHT = "{bits} bits/weight"
COMPUTES_IN = "computes in {type}"
PADDED_TO = "padded to {tokens}"
NOTE_MARK = "note {number}"
RAN_ON = "ran on {device}"
BUSY = "busy {share}"
BUSY_HELP = (
    "How much of the measured time the device was busy, by its own counter; of a CPU, the CPU time of the process. "
    "Several threads, or engines of a GPU, add up to more than 100 %."
)
NOT_COUNTED = "{count} not counted"
BLOCKS_LOST = "{count} lost"

VIEW_TITLE = "Choose what is shown"
VIEW_AXES = {
    "backend": "Stack",
    "device": "Device",
    "precision": "Weights",
    "prompt": "Prompt tokens",
    "ask": "Request",
}
VIEW_ASKS = {"first": "first ask", "again": "prefix-cache hit"}
VIEW_WEIGHT = "What matters to you"
VIEW_EVERYTHING = "everything"
VIEW_MEMORY = "memory"
VIEW_QUANTILE = "Inter-token latency"
VIEW_SCALE = "Milliseconds in charts"
VIEW_SCALES = {"suited": "as suits each chart", "zero": "from zero", "log": "logarithmic"}
VIEW_SCALE_NOTE = "The charts of this run are many, so only the first two can be drawn both ways."
VIEW_ALL = "Show everything"
VIEW_SHOWN = "{shown} of {all} results shown"
VIEW_NOTE = (
    "Charts over prompt length keep all lengths, and the answer ranks all configurations; what matters to you chooses "
    "among its metrics. Heads of columns sort. The page’s address holds this view."
)

RESULTS_TITLE = "All results"
RESULTS_NOTE = (
    "Sorted by the time for the whole answer. Below each value stands its 95 % interval. “low” marks the lowest of a "
    "column among rows of the same kind at that prompt length, over the blocks that they share. n is timed "
    "generations over blocks; warm-ups are not counted. In a lost block the cell failed or was not reached. A name "
    "leads to all that is known of its cell, and says what its stack does inside the timed region."
)
TIMED_TITLE = "Inside the timed region:\n{facts}"
TIMED_HEADS = {
    "setup": "request set-up",
    "prompt_logits": "logits of the prompt",
    "loop": "from step to step",
    "kv_cache": "KV cache by default",
}
TIMED_VALUES = {
    "setup": {
        "scheduler": "the request is queued, KV-cache blocks are taken as needed",
        "generator": "a generator is made, with the KV cache of the whole answer",
        "generate": "settings are copied and checked, the model’s state is reset",
        "clear": "the KV cache is marked empty",
        "new cache": "an empty KV cache is made, which each step enlarges",
    },
    "prompt_logits": {
        "last": "last position",
        "all": "every position",
        "artifact": "as exported; last position where this project made the model",
    },
    "loop": {
        "native": "the stack’s compiled loop",
        "generate": "the stack’s own generate, in Python",
        "steps": "a Python loop over the stack’s steps, as its users write it",
        "bare": "a Python loop over the stack’s steps, in place of its own generate",
    },
    "kv_cache": {
        "f16": "f16",
        "model": "as exported; f32 on a CPU",
        "weights": "the type that the weights are loaded in",
    },
}
"""What a code of :class:`backends.spec.TimedRegion` means."""
HITS_TITLE = "First ask and prefix-cache hit"
HITS_NOTE = (
    "A hit is the time to first token of a prompt that the same process was asked just before, with the stack’s "
    "prefix cache on. It is no first ask, and is ranked with other hits alone. Both times cover the blocks that have "
    "both."
)
ALONG_TITLE = "Token by token"
ALONG_NOTE = (
    "Latency of each token along the answer: the median over generations, and the band from the 10th to the 90th "
    "percentile. Every panel has the same axes; peaks of a band beyond them are cut. The first token is not shown: "
    "it is the time to first token."
)
ALONG_AXIS = "token of the answer"
ALONG_PROMPTS = {"weak": "shortest prompt", "middle": "in between", "strong": "longest prompt"}
ALONG_TIP = "prompt {prompt}: median of {n} generations"
ALONG_LABEL = "latency of each token along the answer, median and band from the 10th to 90th percentile"
SPREAD_TITLE = "Spread"
SPREAD_NOTE = (
    "How inter-token latencies spread, all generations of a cell together. The tick is the median, the triangle the "
    "95th percentile where the sample can carry one. Same axis in every panel, logarithmic."
)
SPREAD_AXIS = "inter-token latency, ms"
SPREAD_LABEL = "distribution of inter-token latency, one ridge per prompt length"
SPREAD_TABLE = "Percentiles of inter-token latency as a table"
LATENCY_AXIS = "ms per token"
TOO_MANY_PANELS = "Shown are the first {shown} of {count} configurations; the others are in the data."

COSTS_TITLE = "Load and memory"
LOAD_TITLE = "From nothing to ready, seconds"
LOAD_NOTE = (
    "Medians over worker processes, each of them fresh. Loads that compiled and loads that a compile cache served are "
    "apart. The first generation is part of what a user waits for after a start; the line shows where it would end if "
    "it took as long as the same request later in the same process."
)
LOAD_FIRST = "First generation: {request}."
LOAD_OTHERS = (
    "A bar that names another request began with that one: its first generation, and its sum, are not comparable with "
    "those of the other bars."
)
FIRST_OF_SOME = "{request} ({count} of {processes} processes)"
CACHE_STATES = {"cold": "compile cache cold", "hit": "from the compile cache"}
STEADY = "same request later"
LOAD_PARTS = (
    ("process_start_s", "process start"),
    ("import_s", "imports"),
    ("load_s", "read and compile"),
    ("first_generation_s", "first generation"),
)
MEMORY_TITLE = "Memory, MB"
PEAK = "peak of the process"
ON_DISK = "model on disk"
PEAK_LABEL = "peak {peak} MB"
ON_DISK_LABEL = "model on disk {size} MB"
LOADS_TABLE = "Loads as a table"
MEMORY_NOTE = (
    "Peak of the worker process as the system counted it: the bar, median over processes. The line across it is the "
    "model’s size on disk."
)

TOO_MANY_SHAPES = "Drawn are {shown} of {count} request shapes, from the smallest to the largest; the table has all."

ARRIVAL_TITLE = "Time to each token"
ARRIVAL_NOTE = (
    "What a reader of the answer waits for: the time from the request to token k, which is the time to first token and "
    "all inter-token latencies up to k. Median over generations. A line that starts lower answers sooner, a flatter "
    "one writes faster; where two lines cross, the one that began later has caught up. The marker stands at the "
    "last token."
)
ARRIVAL_AXIS = "ms since the request"
ARRIVAL_AXIS_LOG = "ms since the request (logarithmic)"
ARRIVAL_LABEL = "time from the request to each token, one line per configuration, as in the table"
ARRIVAL_TIP = "{name}: first token after {first} ms, token {n} after {last} ms"
ARRIVAL_TABLE = "Time to each token as a table"

TRADEOFF_TITLE = "Latency and memory"
TRADEOFF_NOTE = (
    "Nearer to the lower left corner is better. A ring marks a configuration that no other of the same shape beats or "
    "equals in both; whatever lies above the dashed line or on its right is beaten by one of them. By the estimates "
    "alone, over the blocks that all of them have: an interval can make two of them equal. Memory is the peak of the "
    "worker process, without what a device keeps for itself."
)
TRADEOFF_X_AXIS = "peak memory, MB"
TRADEOFF_Y_AXIS = "ms per output token"
TRADEOFF_Y_AXIS_LOG = "ms per output token (logarithmic)"
TRADEOFF_LABEL = "time per output token over peak memory, one point per configuration, as in the table"
TRADEOFF_TIP = "{name}: {tpot} ms per token, {peak} MB{best}"
TRADEOFF_TIP_BEST = "; no other needs less of both"
TRADEOFF_TABLE = "Latency and memory as a table"
TRADEOFF_BEST = "best"

ROOFLINE_TITLE = "Decode rate and memory bandwidth"
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
ROOFLINE_TABLE = "Decode rate and memory bandwidth as a table"

ENERGY_TITLE = "Energy and busy time"
ENERGY_NOTE = (
    "Counters read just before and just after each timed generation; shown is the median over generations, without an "
    "interval. Where a machine has no such counter, nothing stands here. Simulated configurations are left out: "
    "nothing ran that could have taken energy."
)
ENERGY_PREFILL = (
    "Energy is that of the whole answer, prefill and decode together: counters are not read within the timed region. "
    "So energy per new token grows with the prompt, and can be compared at one request only."
)
ENERGY_COVERS = "Energy is that of {source}. So other programs are in it, and the system’s own work."
ENERGY_CHARTS = {
    "energy_j_per_token": "Energy per new token, prefill included, mJ",
    "npu_busy_ms": "NPU busy time per generation, ms",
    "gpu_busy_ms": "GPU busy time per generation, ms",
}
ENERGY_ENGINES = "GPU engines are added up, so that they can be busy for longer than the generation took."
ENERGY_TABLE = "Energy and busy time as a table"
ENERGY_HEADS = (
    ("energy_j", "energy per answer", "J"),
    ("energy_j_per_token", "energy per new token, prefill included", "mJ"),
    ("npu_busy_ms", "NPU busy", "ms"),
    ("gpu_busy_ms", "GPU busy", "ms"),
    ("cpu_time_ms", "CPU time", "ms"),
    ("cpu_frequency_mhz", "CPU clock", "MHz"),
)
ENERGY_TOO_MANY = "Drawn are the first {shown} of {count} cells; the table has all."

CHANGED_HINT = "Changed by the device:"

CELLS_TITLE = "Each cell"
CELLS_NOTE = (
    "All generations of a cell, side by side within their blocks and in the order of measuring: a cell that drifts, "
    "jumps or was held up once shows here. Vertical axes are in ms, each of its own, and do not start at zero. "
    "The band is the 95\u00a0% interval of the estimate, as far as it lies within the axis."
)
CELLS_LEGEND = {
    "dots": "a generation that counts",
    "medians": "median of a block",
    "level": "the cell’s estimate",
    "warmups": "warm-up",
    "excluded": "not counted",
    "above": "warm-up or not counted, beyond the axis",
}
CELLS_PRINT = "On paper stand the cells that are open."
CELL_PLOT = "{metric} by block, {unit}"
CELL_PLOT_LOG = "{title} (logarithmic)"
CELL_PLOT_LABEL = "by block, as in the table below"
CELL_TABLE = "The same in figures, ms"
CELL_BLOCK = "block"
CELL_COLUMNS = ("each", "median", "warm-ups")
CELL_OF_MANY = "{ends} (of {count})"
CELL_LEFT_OUT = "Not counted"
CELL_EXCLUDED = "Block {block}, generation {ordinal} ({times}): {reason}."
CELL_NO_TIMES = "no times"
CELL_NOT_WHOLE = "its record lacks a time or a step"
CELL_MORE_EXCLUDED = "And {count} more generations."
CELL_FAILED = "{blocks}: {status}, {message}"
CELL_WARNINGS = "What the guard saw"
CELL_DEVICE = "Device"
CELL_FACTS = {
    "weights": "Weights",
    "inference_precision": "Computes in",
    "kv_cache_precision": "KV cache",
    "attention_backend": "Attention",
    "timed": "Inside the timed region",
    "padded_prompt_tokens": "Prompt padded to",
    "node_placement": "Nodes ran on",
    "options": "Load options",
    "changed_hints": "Changed by the device",
    "compile_cache": "Compile cache",
    "threads": "Threads",
    "environment": "Environment",
    "backend_version": "Version of the stack",
}
CELL_BITS = "{bits} bits per weight"
CELL_CACHE = {"none": "none", "cold": "cold", "hit": "hit", "unknown": "not told"}
CELL_COMMAND = "Measure this cell alone"
CELL_COMMAND_BOTH = "Measure this cell alone, in both variants"
LEGEND_FOLDED = "Legend: {count} configurations"

FAILURES_TITLE = "Not measured"
FAILURES_NONE = "Every planned cell was measured."
EXIT_CODE = "exit code {code}"
LAST_LINES = "The worker’s last lines"
UNREACHED = "Planned, but not reached before the run ended:"
STATUS_WORDS = {
    "failed": "failed",
    "timeout": "timed out",
    "crashed": "crashed",
    "unsupported": "unsupported",
    "invalid": "not counted",
}
REMEDIES = {
    "failed": "Run this configuration alone, to see whether it fails again:",
    "timeout": "Give it more time with --load-timeout-s or --generation-timeout-s, or ask for a shorter prompt:",
    "crashed": "The worker’s last lines stand below where there were any. Memory is the usual cause; run it alone:",
    "unsupported": "Leave it out, or run it where the reason does not hold.",
    "invalid": "These generations are stored but not counted. Measure the cell again:",
}
VENV_FAILED = "Its venv could not be made. The installer’s last lines:"
VENV_UNSUPPORTED = "Its packages do not exist for this platform or interpreter:"
FINDINGS_TITLE = "What the guard saw"
SEVERITY_WORDS = {"serious": "serious", "warning": "warning", "info": "info"}
FINDINGS_SERIOUS = "Serious findings are about what this answer rests on:"
FINDINGS_NOTE = (
    "Findings mark numbers and remove none; only a generation during which the machine slept is not counted. "
    "The numbers of these notes stand beside the cells that they are about."
)

MEANING_TITLE = "What this tells, and what it does not"
MEANING_DOES = (
    "It tells how long these stacks took on this machine, with this model, these prompt lengths and this number of "
    "threads, each in fresh processes and in random order. Every stack was given the same token ids and gave exactly "
    "as many tokens as it was asked for, so the times are comparable line by line."
)
MEANING_DOES_SIMULATED = (
    "It tells that the tool works from plan to page. It tells nothing about any stack, model or device."
)
MEANING_SMALL = (
    "It does not tell how Phi-3-mini would run here. {model} has {parameters} parameters, Phi-3-mini 3.8 billion, "
    "{times} as many. A small model spends much of each token in fixed costs of the stack, such as launching kernels "
    "and sampling; a large one spends nearly all of it in reading weights from memory. The order of the stacks can be "
    "another there, and so can the gain of a narrower weight format."
)
MEANING_OTHER = (
    "It does not tell how another model would run here: what dominates a token’s time changes with the model’s size, "
    "and the order of the stacks can change with it."
)
MEANING_NPU_NONE = (
    "It says nothing about an NPU: none was measured. An NPU is meant to take work off the CPU and to cost less "
    "energy; its prompts are padded to compiled lengths. Only a run on a machine that has one shows what that means."
)
MEANING_NPU = "NPU rows pad prompts to a compiled length: their time to first token is that of the padded length."
MEANING_PHI3 = "To measure Phi-3-mini here (downloads about 8 GB; the conversion needs memory and time):"
MEANING_QUALITY = (
    "It does not tell how good the answers are. A narrower weight format is faster because it keeps less of the model; "
    "effective bits per weight stand beside each."
)

SETUP_TITLE = "Machine and software"
MACHINE = {
    "cpu": "CPU",
    "cores": "Cores",
    "memory": "Memory",
    "limits": "The run could use",
    "environment": "Environment",
    "memory_read": "Memory read",
    "gpu": "GPU",
    "npu": "NPU",
    "system": "System",
    "kernel": "Kernel",
    "power": "Power",
    "governor": "Governor",
    "read": "Read beside the times",
    "unread": "No counter for",
    "machine_id": "Machine id",
    "model": "Model",
    "digest": "Model digest",
    "project": "AIPC Bench",
}
MODEL_NOTE = "About the model"
POWER_SOURCES = {"mains": "mains", "battery": "battery"}
CORES = "{physical} physical{split}, {logical} logical"
CORE_KINDS = {"performance_cores": "{count} performance", "efficiency_cores": "{count} efficiency"}
LIMITS = {"usable CPUs": "CPUs {value}", "CPU quota": "the time of {value} CPUs", "memory limit": "{value} of memory"}
MEMORY_READ = "{rate} GB/s, measured by the run's threads"
DRIVER = "driver {driver}"
NO_DEVICE = "none found"
OBSERVER_NAMES = {
    "memory": "memory",
    "cpu_time": "cpu time",
    "gpu_busy": "gpu busy",
    "npu_busy": "npu busy",
    "device_memory": "device memory",
    "energy": "energy",
    "cpu_frequency": "cpu frequency",
    "cpu_temperature": "cpu temperature",
    "conditions": "conditions",
}
OBSERVER_COST = {
    None: "cost not measured",
    "ms": "{cost} ms a reading",
    "us": "{cost} µs a reading",
    "less": "under 1 µs a reading",
}
REPEAT_TITLE = "Repeat this run"
REPEAT_NOTE = (
    "Seed {seed} draws the same order of visits; the interval, not the value, says how far a repeat may differ."
)
PACKAGES_TITLE = "Packages of each worker venv"
GLOSSARY_TITLE = "Definitions"
FILES_NOTE = (
    "Beside this page: summary.csv (one row per cell), summary.json, summary.md, table.html (the results alone, to be "
    "pasted into a document), pytest-benchmark.json and github-action-benchmark.json."
)
DATA_LINK = "Save the data as CSV"
DATA_NOTE = "One row per cell with all figures; it is in this page itself."

TABLE_CAPTION = "{model} on {cpu}, run {run}"
TABLE_NOTE = (
    "TTFT: time to first token. TPOT: time per output token. n: timed generations / blocks. In parentheses the 95 % "
    "interval: Student’s t over blocks."
)

REPEAT_IT = "Repeat it"
SAME_FOLDER = "in the same folder as this file"
MORE_LINES = "(and {count} more)"
MORE_ROWS = "{count} more rows are in summary.csv."

VERDICT_WORDS = {
    "verified": "verified",
    "reported": "reported",
    "fallback": "fallback",
    "simulated": "simulated",
    "unknown": "unknown",
}

VERDICT_HELP = {
    "verified": "The stack named the device that ran, and its own counter showed it busy for at least 5 % of the "
    "measured time (50 % where the stack may hand work to the CPU without a word), or, without a counter, the stack’s "
    "own profile places work there.",
    "reported": "The stack said so; no counter of that very device confirmed it.",
    "fallback": "Another device ran than was asked for, and the figures are under the name of what ran.",
    "simulated": "Latencies were played. No device ran.",
    "unknown": "The stack does not tell which device ran or may hand work to another without a word, or the record of "
    "its process is missing.",
}
BADGE_MARKS = {"verified": "✓", "reported": "○", "fallback": "!", "simulated": "≈", "unknown": "?"}

GLOSSARY = (
    (
        "Time to first token (TTFT)",
        "From just before the request, with its token ids already in memory, to the moment the first new token is on "
        "the host. It holds what every request must repeat: request set-up, the whole prefill, the first sampling. No "
        "tokenization, no load.",
    ),
    (
        "Inter-token latency (ITL)",
        "The time between two neighbouring tokens of an answer. n tokens have n − 1 of them.",
    ),
    (
        "Time per output token (TPOT)",
        "From the first token to the last, divided by n − 1: one value per generation.",
    ),
    ("Whole answer", "TTFT plus all inter-token latencies: from the request to the last token."),
    (
        "Prefill rate",
        "Batch size × prompt tokens ÷ TTFT, in tokens per second; blank for a prefix-cache hit, which computes next to "
        "none of them.",
    ),
    ("Time to token k", "TTFT plus the inter-token latencies up to token k: when a reader can read it."),
    (
        "Limit of memory (roofline)",
        "The machine’s measured memory bandwidth ÷ the bytes that a decode step reads: weights as stored, and the KV "
        "cache.",
    ),
    ("Decode rate", "Batch size ÷ TPOT, in tokens per second over the whole batch."),
    (
        "Block, estimate, interval",
        "A run is a number of blocks. In each, every configuration gets a fresh process, in random order. The value "
        "of a cell is the geometric mean of its block medians; the 95 % interval is Student’s t on their logarithms, "
        "wider where neighbouring blocks look alike. Where these are correlated by 0.5, about nine of ten such "
        "intervals hold the true value, and fewer where they are more alike. Tokens of one process are correlated, so "
        "they are not counted as independent.",
    ),
    (
        "Cannot be told apart",
        "The difference to the lowest, paired by block over the blocks that both have, is not significant after Holm’s "
        "adjustment for all pairs of the ranking. With few blocks and many configurations, even a large difference "
        "may not be.",
    ),
    (
        "Percentile of ITL",
        "Over all inter-token latencies of a cell together, as a description; p50 is the median. Given where five "
        "values at least lie beyond it: p99 needs 500 of them, p95 100, p90 50, p50 10.",
    ),
    (
        "Precision, bits per weight, “computes in”",
        "Precision is the weight format as asked for. “int4” is a mixture in every stack: the effective bits per "
        "weight say how much is stored. What the stack multiplies in (f32, bf16, …) stands beside it.",
    ),
    ("Device: verified", VERDICT_HELP["verified"]),
    ("Device: reported", VERDICT_HELP["reported"]),
    ("Device: fallback", VERDICT_HELP["fallback"]),
    ("Device: simulated", VERDICT_HELP["simulated"]),
    ("Device: unknown", VERDICT_HELP["unknown"]),
    (
        "Load",
        "Process start: until the interpreter runs. Imports: the stack’s own modules. Read and compile: until the "
        "model can be asked. First generation: the first answer of the process, which each process of a run is asked "
        "for with the same request where its load has it: the smallest. Each apart, as far as the stack allows.",
    ),
    (
        "Peak memory",
        "The worker process’s own highest resident memory, from the system’s counter, over its whole life: load and "
        "all prompt lengths.",
    ),
    (
        "Prefix-cache hit",
        "The same prompt asked again at once, by a load whose prefix cache is on: what a user waits for whose prompt "
        "begins like one before. Everywhere else that cache is off and no two prompts of a process begin alike.",
    ),
    (
        "Warm-up",
        "Generations at the start of each visit, until they get no faster. They are stored, and not counted.",
    ),
)


def quantile(cell: CellResult, name: str) -> str:
    """A percentile of inter-token latency in ms, or how many latencies it needs; blank for answers of one token."""
    value: float | None = getattr(cell.itl_ms, name)
    if value is not None or cell.new_tokens == 1:
        return number(value)
    return f"needs {QUANTILES[name][1]}"


def quantiles_missing(cell: CellResult) -> str:
    """The percentiles that a cell has too few latencies for, e.g. ``p99 needs 500 latencies``; blank if none."""
    missing = [name for name in QUANTILES if cell.new_tokens > 1 and getattr(cell.itl_ms, name) is None]
    return ", ".join(f"{name} needs {QUANTILES[name][1]} latencies" for name in missing)


def quantiles_note(cells: Sequence[CellResult]) -> str:
    """Which percentiles of inter-token latency some cells have too few latencies for; blank if none."""
    several = [cell for cell in cells if cell.new_tokens > 1]
    said = []
    for name, (_, needed) in QUANTILES.items():
        short = [cell for cell in several if getattr(cell.itl_ms, name) is None]
        if short:
            who = f"{len(short)} of {plural(len(several), 'cell')}" if len(short) < len(several) else "every cell"
            said.append(f"{name} of inter-token latency needs {needed} of them, and {who} has fewer.")
    return " ".join(said)


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 block``, ``3 blocks``."""
    return f"{number(count, 0)} {one if count == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def answer(ranking: Ranking, winner: str, rivals: Sequence[tuple[Rival, str]], apart: str) -> str:
    """One ranking as a few sentences that stand by themselves.

    Args:
        ranking: of one shape and metric.
        winner: name of the lowest.
        rivals: the others with their names, nearest first.
        apart: see :func:`apart`.
    """
    metric = METRIC_WORDS[ranking.metric][0]
    value = with_interval(ranking.lowest, "ms") + in_part(ranking)
    kind = "simulated" if ranking.simulated else "measured"
    if ranking.alone:
        head = f"Only {winner} was {kind} here: {metric} {value}."
    elif ranking.claimed:
        among = " of the simulated" if ranking.simulated else ""
        head = f"{winner} is fastest{among} by {metric}: {value}."
    else:
        head = f"{winner} had the lowest {metric} {kind}: {value}."
    return " ".join(filter(None, (head, beside(ranking, rivals, LATENCY_BESIDE), apart)))


def claim(ranking: Ranking) -> str:
    """What may be said of the lowest, in a word or two."""
    if ranking.alone:
        return "the only one simulated" if ranking.simulated else "the only one measured"
    if ranking.claimed:
        return "fastest of the simulated" if ranking.simulated else "fastest"
    return "lowest simulated" if ranking.simulated else "lowest measured"


def memory_claim(ranking: MemoryRanking) -> str:
    """What may be said of the lowest in memory, in a word or two."""
    if ranking.alone:
        return "the only one simulated" if ranking.simulated else "the only one measured"
    if ranking.claimed:
        return "least of the simulated" if ranking.simulated else "least"
    return "lowest simulated" if ranking.simulated else "lowest measured"


def memory_answer(ranking: MemoryRanking, winner: str, rivals: Sequence[tuple[MemoryRival, str]], apart: str) -> str:
    """The ranking by memory as a few sentences that stand by themselves; arguments as of :func:`answer`."""
    value = with_interval(ranking.lowest.times(1e-6), "MB") + in_part(ranking)
    kind = "simulated" if ranking.simulated else "measured"
    if ranking.alone:
        head = f"Only {winner} was {kind} here: peak memory {value}."
    elif ranking.claimed:
        among = " of the simulated" if ranking.simulated else ""
        head = f"{winner} needs least memory{among}: {value}."
    else:
        head = f"{winner} had the lowest peak memory {kind}: {value}."
    return " ".join(filter(None, (head, beside(ranking, rivals, MEMORY_BESIDE), apart)))


def memory_overview(ranking: MemoryRanking, winner: str, requests: str) -> str:
    """The ranking by memory in one sentence; ``requests`` are its own, blank where all answered the same."""
    claim = "Least" if ranking.claimed else "Lowest"
    kind = SIMULATED_MARK if ranking.simulated else ""
    ties = " (others cannot be told apart from it)" if ranking.open else ""
    at = f" at {requests}" if requests else ""
    return f"{claim} peak memory{kind}{at}: {winner}{ties}."


def beside(
    ranking: Ranking | MemoryRanking, rivals: Sequence[tuple[Rival | MemoryRival, str]], words: tuple[str, str]
) -> str:
    """Who cannot be told apart from the lowest, who comes next, and who last; ``words`` name more of the metric."""
    if rivals and all(rival.distinguishable is None for rival, _ in rivals):
        return RANKS_UNTOLD

    def told(rival: Rival | MemoryRival, name: str, more: str = "") -> str:
        over = sides(rival, ranking)
        return f"{name}, {factor(rival.ratio.value)}{more}{f', {over}' if over else ''}"

    tied = [name for rival, name in rivals if not rival.distinguishable]
    rest = [(rival, name) for rival, name in rivals if rival.higher]
    said = [f"{RANKS_LOWER}: {told(rival, name)}." for rival, name in rivals if rival.lower]
    said += [f"Cannot be told apart from it: {listed(tied)}."] if tied else []
    if rest:
        rival, name = rest[0]
        said.append(f"Next: {told(rival, name, f' {words[0]} ({interval(rival.ratio)})')}.")
    if len(rest) > 1:
        said.append(f"{words[1]}: {told(*rest[-1])}.")
    return " ".join(said)


def in_part(ranking: Ranking | MemoryRanking) -> str:
    """Over how many blocks the figure of the lowest is, where it leaves some out; blank where not."""
    return f" over {plural(ranking.lowest.blocks, 'shared block')}" if ranking.partial else ""


def sides(rival: Rival | MemoryRival, ranking: Ranking | MemoryRanking) -> str:
    """What a ratio is of, where it rests on fewer blocks than the figure of the lowest; blank where not."""
    if rival.ratio.blocks >= ranking.lowest.blocks:
        return ""
    scale, unit = (1.0, "ms") if isinstance(rival, Rival) else (1e-6, "MB")
    figures = f"{number(rival.value * scale)} against {number(rival.lowest * scale)} {unit}"
    return f"{figures} over {plural(rival.ratio.blocks, 'shared block')}"


def apart(names: Sequence[str]) -> str:
    """Who was measured in no block that the lowest was measured in; blank if nobody."""
    return f"Measured in other blocks alone, so not compared with it: {listed(names)}." if names else ""


def overview(metric: str, winners: Sequence[tuple[int, str, bool]], *, claimed: bool, simulated: bool) -> str:
    """One metric over all prompt lengths, e.g. ``… at every prompt length: ort-genai CPU int4``.

    Args:
        metric: one of the ranked ones.
        winners: (prompt tokens, name of the lowest, whether others cannot be told apart from it).
        claimed: whether each of them may be called fastest.
        simulated: whether the contestants are simulated.
    """
    kind = " (simulated)" if simulated else ""
    claim = "Fastest by" if claimed else "Lowest"
    head = f"{claim} {METRIC_WORDS[metric][0]}{kind}"
    groups: dict[str, list[str]] = {}
    for prompt_tokens, name, tied in winners:
        groups.setdefault(name, []).append(f"{number(prompt_tokens, 0)}{'*' if tied else ''}")
    if len(groups) == 1:
        name, lengths = next(iter(groups.items()))
        where = "at every prompt length" if len(lengths) > 1 else f"at {number(winners[0][0], 0)} prompt tokens"
        return f"{head} {where}: {name}{_ties(winners)}."
    parts = [f"{name} at {listed(lengths)}" for name, lengths in groups.items()]
    star = " (* others cannot be told apart from it)" if any(tied for *_, tied in winners) else ""
    return f"{head}: {'; '.join(parts)} prompt tokens{star}."


def _ties(winners: Sequence[tuple[int, str, bool]]) -> str:
    tied = [number(prompt_tokens, 0) for prompt_tokens, _, is_tied in winners if is_tied]
    if not tied:
        return ""
    where = "" if len(tied) == len(winners) else f"at {listed(tied)} "
    return f" ({where}others cannot be told apart from it)"


def cell_failed(status: str, blocks: Sequence[int], message: str) -> str:
    """What failed of a cell that was measured in other blocks."""
    where = f"{'Block' if len(blocks) == 1 else 'Blocks'} {listed([number(block + 1, 0) for block in blocks])}"
    return CELL_FAILED.format(blocks=where, status=STATUS_WORDS.get(status, status), message=message)


def failure_where(failure: Failure, blocks: int) -> str:
    """In how many blocks, and whether other blocks were measured."""
    where = f"in {len(failure.blocks)} of {plural(blocks, 'block')}" if blocks else ""
    return f"{where}; other blocks were measured" if failure.measured_elsewhere else where


def parameters(count: int | None) -> str:
    """A model's size, e.g. ``135 million``; blank where unknown."""
    if not count:
        return ""
    return f"{number(count / 1e9, 1)} billion" if count >= 1e9 else f"{number(count / 1e6, 0)} million"

"""The words of a comparison's page and text in English. Another language is a module with the same names."""

# ruff: noqa: RUF001 - typography of the page is meant

from __future__ import annotations

from collections.abc import Sequence

from bench.report.text.en import listed

VERDICTS = {"slower": "slower", "faster": "faster", "same": "same", "inconclusive": "inconclusive"}
"""Verdict -> what it is called."""

CONDITIONS = {
    "model": "model",
    "model digest": "model digest",
    "machine": "machine",
    "threads": "threads",
    "schema": "schema",
    "power source": "power source",
    "power mode": "power mode",
    "governor": "governor",
    "usable CPUs": "usable CPUs",
    "CPU quota": "CPU quota",
    "memory limit": "memory limit, bytes",
    "setting huge_pages": "transparent huge pages",
    "setting smt": "SMT",
    "setting turbo": "turbo",
    "setting energy_preference": "energy preference of the CPU",
    "setting numa_nodes": "NUMA nodes",
    "setting kernel_options": "options of the kernel",
    "prompts": "prompts",
    "kernel": "kernel",
    "system": "system",
    "CPU": "CPU",
    "cool-down, s": "cool-down, s",
    "repeats": "generations per visit",
    "warmups": "warm-ups, at least",
    "max_warmups": "warm-ups, at most",
}
"""A condition as the analysis calls it -> what it is called."""
DRIVER_OF = "driver of {device}"
PROMPTS = ("{count} prompts", "{count} of them with other ids")
"""How many there were, and how many of them are others."""
THREADS_LEFT = "left to each stack"
VALUES = {"None": "not recorded", "none": "none", "all": "all", "unknown processor": "unknown processor"}
"""What the analysis says instead of a value -> how that is said; ``none`` is a package that is not there."""

# -- before any figure

MACHINES = (
    "Different machines. A ratio here is that of two whole machines as they stood: processor, memory, cooling, power, "
    "system, drivers, and what a stack chooses by them, such as its threads. It tells how long the same request took "
    "on either. It cannot tell which of these makes the difference, nor how other machines of the same kind do, for "
    "which each is a sample of one. The intervals know nothing of that."
)
SIMULATED = "simulated: these latencies were played, no model ran"
PARTLY_SIMULATED = "partly simulated: some of these latencies were played; the configurations are named so"
ONE_BLOCK = "one block gives no interval, so nothing can be told apart; measure with --profile standard"
UNFINISHED = "{run} has no end: it is still being written or was killed; compared as far as it goes"
EMPTY = "{run} measured nothing that counts: there is no figure to compare"
LOST = "BLOCKS LOST in {run}: its figures of these cells rest on the blocks that are left: {cells}"
LOST_CELL = "{cell} ({lost} lost)"
SERIOUS = "SERIOUS finding in {run}: {what} ({cells}, marked !). {advice}"
NOT_SERIOUS = "Warnings of the guard about compared cells: {count}. They stand in the reports of the runs."

DIFFERENT = "DIFFERENT {what}: {base} there, {head} here"
DIFFERENT_HEADS = "DIFFERENT {what}: {base} in the base, {heads}"
VALUE_IN = "{value} in {heads}"
OR_JOINED = " or "
THE_RUN, BASE_RUN, HEAD_RUN, THE_BASE = "the run", "the base run", "the head run", "the base"

# -- what verdicts rest on

PAIRED_BASIS = "Intervals: both variants block by block in one run, so that what slowed a block slowed both."
BLOCKS_BASIS = (
    "Intervals cover the blocks only. What varies from run to run (a reboot, heat, where memory lies) is not sampled "
    "by them: two runs of the same software can differ by more. Five or more runs of this machine would tell by how "
    "much; `nox -s ab` needs none."
)
RUNS_BASIS = (
    "Intervals cover the blocks, and the variation between {runs} earlier runs of this machine: that was the wider one "
    "for {wider} of {figures} figures."
)
RULE = "same: within {threshold}; slower and faster: after Holm's adjustment over all cells of the metric"
NO_SAME = "a threshold of 0 % leaves nothing that can be called the same; "
ADJUSTMENT = (
    "Holm's adjustment covers the cells of one metric in one head, and not the heads together, so that a verdict is "
    "the one that this head has when it is compared alone. Of heads in which nothing differs, at most one in twenty "
    "has a false call in a metric, as far as the intervals cover what varies; of pages with {heads} such heads, up to "
    "{chance} have one. "
)
TOGETHER_ALL = "Adjusted over all heads together, every call stands too."
TOGETHER_SOME = "Adjusted over all heads together, {stand} of {calls} calls stand; these do not: {fallen}."
SHARED_BASE = (
    "All heads are held against the same base: where a row is slower or faster in every head alike, look at the base "
    "first."
)

TOGETHER_MORE = "{count} more"
BASIS_OF = "{heads}: {basis}"

# -- what came out

COMPARED_WITH = "compared with {base}"
CALL = "{metric} of {cell}"
CALL_IN = "{metric} of {cell} in {head}"
NOTHING_SHARED = {
    "paired": "no cell was measured with both variants: nothing can be compared",
    "runs": "no cell was measured in both runs: nothing can be compared",
}
COUNTED = "{count} {verdict}"
LARGEST = "the largest change is {call}: {change}"
LARGEST_SEEN = "no change is called; the largest seen is {call}: {change}"
NOTHING_COMPARED = "Nothing can be compared: no cell was measured on both sides."
CELLS_AND_HEADS = "{cells} and {heads}"
NO_DIFFERENCE = "No difference is shown in {cells}"
CALLS = "Of {figures} in {cells}, slower: {slower}, faster: {faster}"
TIMES = "{ratio} times"

# -- compare.md

ROWS_LEFT_OUT = "{rows} left out, those with the largest changes are here: compare.json holds all."
LINES_LEFT_OUT = "and {count} more of these: see compare.json"
SHAPE, METRIC, RATIO, CELLS = "shape", "metric", "ratio (95 %)", "cells"
BASE_MS, HEAD_MS = "base ms", "head ms"
CHANGED = "changed: {name} {base} → {head}"
DIFFERS = "differs"
ONLY_IN_BASE = "only in the base: {name}"
ONLY_IN_HEAD = "only in the head: {name}"

# -- the page

NAV = {
    "answer": "Answer",
    "map": "Heat map",
    "overview": "Overview",
    "guard": "Findings",
    "else": "What else differs",
    "reading": "How to read it",
}
OVERLINE = {"paired": "two variants, interleaved in one run", "one": "two runs", "several": "{count} runs"}
OVERVIEW_NOTE = "Head over base, by configuration and request (prompt tokens + new tokens)."
MAP_NOTE = (
    "Each head over the base: a row is a cell (configuration, prompt tokens + new tokens), a column a head, below each "
    "change its 95 % interval. A column that stands out is about that head, a row across all columns about that cell "
    "or about the base. Blank: not measured on both sides."
)
DEPTHS = (
    "Only what is called has a colour: orange is slower, blue is faster; the deeper, the larger: up to 10 %, up to "
    "30 %, beyond."
)
MAP_CALLED = "Cells in which something is called: {count}"
MAP_OTHERS = "Cells in which nothing is called: {count}"
LEFT_OUT = "{count} left out here, those with the largest calls are shown; compare.json beside this page holds all."
GUARD_NOTE = "Serious findings that touch compared cells; each figure that one touches is marked !."
UNCHANGED = "Nothing that is recorded of conditions, packages and drivers has changed."
CHANGED_CAPTION = "Conditions, packages and drivers that are not the same in all runs"
ONLY_BASE = "Measured in the base, and not in {heads}"
ONLY_HEAD = "Measured in {heads}, and not in the base"
READING = (
    "A mark is head over base on a logarithmic axis; to the right is slower. Its line is the 95 % interval; an arrow "
    "says that it goes on. The shaded band is the threshold: {threshold} either way."
)
RUN_COLUMNS = ("run", "id", "begun", "processor", "blocks", "earlier runs", "cells")
"""Heads of the table of runs, before the metrics."""
EARLIER = "with the variation between runs"
SERIOUS_WORDS = "touched by a serious finding"
MAP_LABEL = "Changes of {metric}"
MAP_OTHERS_LABEL = "Changes of {metric}, nothing called"
RUNS_CAPTION = "The runs and how many cells have which verdict"
RUNS_ORDER = (
    "The base stands first, then the heads in the order in which they were named. The titles of columns sort the "
    "heads, and that of a metric by how many of its cells are slower."
)
CHANGED_COLUMN = "condition, package or driver"
CHANGED_NOTE = "Bold: not as in the base. Blank: not recorded in that run."
MORE_LISTED = "{count}: compare.json holds all."
TOUCHED = "Touches {count}"
CONFIGURATION, BASE, HEAD, VERDICT, CHANGE = "configuration", "base", "head", "verdict", "change (95 %)"
FACTS = {"base": "Base", "head": "Head", "model": "Model", "machine": "Machine", "blocks": "Blocks", "run": "Run"}
UNKNOWN_BLOCKS = "unknown"
AXIS_LABEL = "head over base, on a logarithmic axis"
VERDICTS_ARE = "The verdict, checked in this order:"
SAME_IS = "if the interval lies within the band;"
OR = "or"
CALLED_IS = (
    "if the difference stands after Holm’s adjustment for the number of cells of its metric and is beyond half the "
    "threshold; otherwise"
)
INCONCLUSIVE_IS = ": it can be neither claimed nor ruled out."


def head_name(place: int, *, several: bool) -> str:
    """What a head is called in a sentence; ``place`` counts from 0."""
    return f"head {place + 1}" if several else "the head"


def head_names(places: Sequence[int], *, several: bool) -> str:
    """``the head``, ``head 2``, ``heads 1 and 3``."""
    if len(places) == 1:
        return head_name(places[0], several=several)
    return f"heads {listed([str(place + 1) for place in places])}"


def between(low: str, high: str) -> str:
    """From one end of an interval to the other."""
    return f"{low} to {high}"


def between_in_short(low: str, high: str) -> str:
    """The same of two changes, with one percent sign where both have one."""
    return between(low.removesuffix(" %") if high.endswith(" %") else low, high)

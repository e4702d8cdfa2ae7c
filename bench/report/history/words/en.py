"""The words of a history's page and text in English. Another language is a module with the same names."""

# ruff: noqa: RUF001, ISC004 - paragraphs take some lines; typography of the page is meant

from __future__ import annotations

RULE = (
    "A change point is where the level of a cell's estimates differs before and after by more than what is new in each "
    "run shows in random orders, judged together for all cells and metrics at 5 %, with three runs at least on either "
    "side. Runs that follow each other are taken to be correlated by 0.4, or more where thirty runs and more show it."
)
TOO_SHORT = "Fewer than {least} runs, too few to look for a change point"
ALIKE = "What changed there may be the cause, and may not: `nox -s ab` tells, with both versions in one run."

# -- names

MODEL_NAME = "model {name}"
THREADS_LEFT = "threads left to the stack"
PROMPT_SET = "prompt set {name}"

# -- what stands before any figure

NO_RUN = "no run"
HEADING = "{runs} {span}, {cells}"
OF_DAY = "of {day}"
FROM_TO = "from {first} to {last}"
SIMULATED = "simulated: some or all of these latencies were played, no model ran"
UNFINISHED = "{runs}{more} without an end: still being written or killed; taken as far as measured"
LOST = "not all blocks were measured in {runs}{more}; these points rest on the blocks that are left"
LOST_RUN = "{run} ({cells})"
VARIANTS = "variants of {runs} are no part of a history; `nox -s compare` shows them"
NEW_PROMPTS = (
    "other prompts than before were first asked by {places}{more}: cells of those lengths have a series for each set "
    "of prompts, and no change is looked for from one set to another"
)
NEW_PROMPTS_PLACE = "{run} ({day}; {lengths} prompt tokens, {name})"
NOTHING = "nothing was measured in these runs"
AND_MORE = " and {count} more"

LEFT_OUT = "left out:"
LEFT_OUT_TWIN = "left out: {folder} is the same run as {twin}"
LEFT_OUT_OTHERS = "left out: {runs} of other machines, which --machine shows"
LEFT_OUT_UNDATED = "left out: {folder} does not say when it was measured"

# -- what came out

NO_CHANGE = "No change point in {series} over {runs}."
NOT_LOOKED = (
    "No change point was looked for in {series}: it takes {least} runs of a cell, and the longest of these has "
    "{longest}; measure again with `nox -s bench`."
)
ANY_SERIES = "any series"
SOME_SERIES = "{short} of {every} series"
TURN = "{moves} between run {before} ({before_day}) and run {after} ({after_day}). {cause}"
MOVE = "{cells} became {way} by {by}"
WAYS = {"slower": "slower", "faster": "faster"}
CELLS_OF = "{metric} of {count} of {cells}{some}"
BETWEEN = "{low} to {high} %"
SHARE = "{share} %"
ELSEWHERE = "{packages} changed in venvs that these cells do not use"
NOTHING_CHANGED = "Nothing that is recorded changed here{but}."
BUT = " but {other}"
CHANGED_THERE = "Changed there: {changes}{more}.{beside}"
BESIDE = " Beside that, {other}."
ADDED = "{what} {version} added"
REMOVED = "{what} {version} removed"
IN_VENVS = " (in {venvs})"
DRIFTED = (
    "Slowly {way} between {first} and {last}: {parts}. No single change explains a drift; look for what grows or ages "
    "(heat, dust, a filling disk, other programs)."
)
DRIFT = "{cells} by {by}"
SLOWLY = "slowly"
AT_TURN = "at {turn}"

# -- the page

TITLE = "History"
OF_MACHINE = "of {machine}"
OVERLINE = "all runs of a machine"
MACHINE_ID = "machine {id}"
NAV = {
    "answer": "Answer",
    "charts": "Charts",
    "figures": "Figures",
    "runs": "Runs",
    "reading": "How to read it",
}
AS_TABLE = "{runs} as a table"
RUN, DATE, BLOCKS, CELL, METRIC, RUNS, LEVELS = "run", "date", "blocks", "cell", "metric", "runs", "levels"
ID, MODEL, CELLS, END = "id", "model", "cells", "end"
INTERVAL = "95 %"
LEGEND = {
    "run": "a run with its 95 % interval",
    "open": "a run without an end",
    "level": "level",
    "turn": "change point, numbered as above",
}
CHARTS_NOTE = (
    "Vertical: milliseconds, logarithmic, not from zero; less is faster. Horizontal: runs in their order. An interval "
    "that is much wider than the runs lie apart is cut off."
)
GROUPS = {"changed": "Changed", "unchanged": "No change point"}
NOT_DRAWN = "Series that are not drawn: {count}; the table has all of them, and history.json every run of each."
FIGURES_LABEL = "Figures of all series"
NEWEST = "newest run"
DIFFER_BY = ("runs differ by", "standard deviation around the level")
NO_END = "none: still being written, or killed"
LEAST_CALLED = "A change of less than {threshold} is not called."
READING = (
    "A level is the geometric mean of the runs between two change points. A run’s interval covers what varies within "
    "it, not what varies from run to run; the last column of the figures says how much that is.",
    "What all cells have in common in a run, and what each differs from that by, are looked at apart, from five cells "
    "of a metric on: a slower machine is found in the one, a slower stack in the other. Either is called for those "
    "cells only whose own level changed as well.",
    "“Changed there” lists what two runs record differently: packages of each stack’s environment, drivers, kernel, "
    "system, power, this project’s commit, and how often was asked. What is not recorded (firmware, heat, other "
    "programs) can be the cause as well.",
)
CHART_LABEL = "{metric} in ms over the runs, as in the table"

# -- history.md

MARKDOWN_TITLE = "History of machine {id}"
MARKDOWN_HEADS = ("metric", "cell", "runs", "levels", "newest ms (95 %)", "runs differ by")
MORE_ROWS = "{count} more rows are in history.json."

"""The kinds of finding and the words for them, all of which are in the catalogs of the report.

The guard stores a finding as its code, the keys of its messages and their values, and the English beside them. To add
a kind: a member of :class:`Code`, its messages in :data:`MESSAGES` and its row in ``docs/metrics.md``. A message
may be reworded at any time, but its values stay: stored runs have no others. One that needs more gets another key.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum

SEVERITIES = ("serious", "warning", "info")
"""From what makes a number doubtful to what is good to know."""

Values = Mapping[str, float | str]
"""Of messages, by name, with their unit in the name; blocks and generations count from 1."""

Fill = Callable[..., str]
"""Puts named values into a message. The one of the report translates the message first, and localizes numbers."""


class Code(Enum):
    """A kind of finding: its usual severity, its title, and what to do about it. ``docs/metrics.md`` says more."""

    ON_BATTERY = ("warning", "On battery", "Plug it in.")
    SAVING_POWER = (
        "warning",
        "Saving power",
        "Choose the power mode for best performance, or compare only with runs in the same mode.",
    )
    BUSY_BEFORE = ("warning", "Busy before", "Close them, or wait until they are done.")
    LITTLE_MEMORY = ("warning", "Little memory", "Close other programs, or use a smaller model.")
    SWAP_IN_USE = ("info", "Swap in use", "If swapping is found during the run too, close other programs or restart.")
    VIRTUAL_MACHINE = (
        "info",
        "Virtual machine",
        "Trust ratios within one run more than times, and compare variants with blocks of the same run.",
    )
    ENERGY_LOCKED = ("info", "Energy locked", "Allow it, or do without.")
    LIMITED = (
        "info",
        "Limited",
        "Compare only with runs under the same limits, or lift them (taskset, cpuset, the container's or the unit's).",
    )
    ENVIRONMENT = ("warning", "Environment", "Unset it before the run, unless it is what you measure.")
    HELD_BACK = (
        "warning",
        "Held back",
        "Start the run plainly: without nice, chrt, strace or a debugger, by a Python that is built for this CPU.",
    )
    SHARED = ("warning", "Shared", "Run again alone, without --shared.")
    NOT_KEPT_AWAKE = ("info", "Not kept awake", "Switch its sleep off for the time of the run.")
    OTHER_LOAD = ("warning", "Other load", "Close them and run again, or take more blocks (--profile standard).")
    STOLEN_TIME = ("warning", "Stolen time", "Use a machine with cores of its own, or take more blocks.")
    QUOTA_REACHED = (
        "warning",
        "Quota reached",
        "Raise the quota, or take fewer threads (--threads): what ran in the rest of a period looks slow.",
    )
    TOO_MANY_THREADS = ("warning", "Too many threads", "Leave --threads to its default, or ask for fewer.")
    SWAPPING = ("warning", "Swapping", "Close other programs, or use a smaller model.")
    PAGED_FROM_DISK = (
        "info",
        "Paged from disk",
        "If it is found in one block only, that block is slower for it; more memory keeps the model in.",
    )
    HOT = ("warning", "Hot", "Let it cool between visits (--cooldown-s 30), and see to its air.")
    THROTTLED = (
        "warning",
        "Throttled",
        "Let it cool between visits (--cooldown-s 30), and see to its air and its power supply.",
    )
    POWER_CHANGED = (
        "serious",
        "Power changed",
        "Run again and leave both alone; the blocks before and after do not belong together.",
    )
    SUSPENDED = (
        "serious",
        "Suspended",
        "Run again with sleep switched off; what was measured after waking may be slower.",
    )
    CLOCK_JUMPED = (
        "info",
        "Clock jumped",
        "Latencies are read from another clock; only the times in the files are off.",
    )
    WARM_UP_UNSETTLED = (
        "warning",
        "Warm-up unsettled",
        "Its timed generations may hold some warm-up: allow more (--max-warmups 12).",
    )
    DRIFT = (
        "warning",
        "Drift",
        "Find out what changed (heat, power, other programs); compare variants within the same blocks.",
    )
    TREND = (
        "warning",
        "Trend",
        "Where it falls, take more warm-ups (--warmups 5); where it rises, look for heat, memory and other programs.",
    )
    ALIKE_BLOCKS = (
        "warning",
        "Alike blocks",
        "Intervals may be too narrow: give the blocks more time (--cooldown-s 30), and compare variants in one run.",
    )
    BIMODAL = (
        "warning",
        "Bimodal",
        "The mean of the two is the time of neither: take more blocks, and look at threads and placement.",
    )
    OUTLIER_BLOCK = (
        "warning",
        "Outlier block",
        "It is counted; see what else is found in that block, and what the cell would be without it.",
    )
    OUTLIER_GENERATION = ("info", "Outlier generation", "It is counted; medians of blocks bear single ones.")
    BROKEN = (
        "serious",
        "Broken",
        "Do not use it: take another precision, driver or version of the stack, and see the quality of the others.",
    )

    def __init__(self, severity: str, title: str, advice: str) -> None:
        self.severity = severity
        self.title = title
        self.advice = advice

    @property
    def word(self) -> str:
        """As it stands in the column ``code``."""
        return self.name.lower().replace("_", "-")


BY_WORD = {code.word: code for code in Code}

MESSAGES = {
    "in-block": "{message} in block {block}",
    "more": "{messages}; and {count} more",
    "on-battery": "the machine runs on battery",
    "platform-profile": "the platform profile is {value}",
    "energy-preference": "the CPU's energy preference is {value}",
    "governor": "the governor powersave of the driver {value} holds the clock at its lowest",
    "battery-saver": "the battery saver is on",
    "power-mode": "the power mode is best power efficiency",
    "power-plan": "the power plan is power saver",
    "busy-before": "other programs used {used:.2f} CPUs out of {cpus:.0f} before the run began",
    "little-memory": "{left_gb:.1f} GB of {total_gb:.1f} GB of memory were available",
    "swap-in-use": "{swap_gb:.1f} GB lie in the swap or page file",
    "virtual-machine": "the machine is virtual ({product})",
    "rapl": "RAPL is there, but only root may read it (`{remedy}` allows it)",
    "energy-meter": (
        "reading the Energy Meter Interface needs a package that is not here "
        "(in PowerShell, `{remedy}` and another run install it)"
    ),
    "cpu-affinity": "CPU affinity allows only {usable} of {logical} CPUs: {cpus}",
    "cpu-quota": "a CPU quota allows only the time of {quota:.3g} of {logical} CPUs",
    "memory-limit": "a memory limit allows only {most_gb:.1f} GB of {total_gb:.1f} GB",
    "address-space-limit": "a limit on address space (ulimit -v) allows each process only {most_gb:.1f} GB",
    "cpus-changed": "the run may use the CPUs {now}, and {before} when it began",
    "quota-changed": "the run may use the time of {now:.3g} CPUs, and of {before:.3g} when it began",
    "memory-limit-changed": "the run may use {now_gb:.1f} GB of memory, and {before_gb:.1f} GB when it began",
    "pins": "{name}={value} decides which CPUs the threads run on",
    "caps": "{name}={value} keeps the stack from instructions that the CPU has",
    "sleeps": "{name}={value} has idle threads sleep, and wakes them for every operation",
    "slows": "{name}={value} is for finding faults, and slows the stack down",
    "switches-off": "{name}={value} switches a fast path off",
    "sets-threads": "{name}={value} sets a number of threads that is not the run's",
    "limits-threads": "{name}={value} allows fewer threads than the run's",
    "lowers-threads": "{name}={value} lets the library use fewer threads than asked for",
    "serializes": "{name}={value} has every parallel region run on one thread",
    "recompiles": "{name}={value} has the stack prepare its kernels again and again",
    "rounds": "{name}={value} lets the library compute in fewer bits than it was asked for",
    "allocates": "{name}={value} changes how memory is allocated",
    "inserts": "{name}={value} puts a library into the worker that is not the stack's",
    "shared": "--shared allowed other runs to measure on this machine at the same time",
    "shared-with": "other runs measured on this machine when this one began: {runs}",
    "shared-quality": "its texts were scored while other runs could measure on this machine (--shared)",
    "niceness": "niceness {value}: other programs get the CPU first",
    "priority-class": "the priority class is {value}: other programs get the CPU first",
    "policy": "the scheduling policy is {value}: other programs get the CPU first",
    "weight": "the control group's CPU weight is {percent:.3g} % of the usual one: other programs get the CPU first",
    "traced": "{program} traces the process and stops it at its system calls or signals",
    "emulated": "this Python is built for {kind}, and the system translates it for the CPU that is here",
    "inhibitor-missing": "the machine may go to sleep: there is no {program}",
    "inhibitor-refused": "the machine may go to sleep: {program} was refused",
    "windows-refused": "the machine may go to sleep: Windows did not take the request",
    "other-load": "other programs used {used:.2f} CPUs out of {cpus:.0f}",
    "stolen-time": "the hypervisor gave {used:.2f} CPUs out of {cpus:.0f} to others",
    "quota-reached": (
        "the CPU quota was used up {periods:,} times, and stopped CPUs for {stopped_s:,.1f} s of {lasted_s:,.0f} s"
    ),
    "too-many-threads": "{threads} threads compute, and at most {most} can run",
    "swapping": "{swapped_mb:.0f} MB went to the swap file or came from it",
    "paged-from-disk": "the worker waited {faults:,} times for a page from disk",
    "hot": "the CPU was at {celsius:.0f} °C at the end of the visit",
    "throttled": "the CPU's cores and packages were throttled {times:,} times",
    "speed-limit": "the CPU was limited to {percent:.0f} % of its speed at the end of the visit",
    "power-source-battery": "the power source has changed to battery since the run began",
    "power-source-mains": "the power source has changed to mains since the run began",
    "power-source-unknown": "the power source has become unknown since the run began",
    "power-mode-changed": "the power mode is {now} and was {before} when the run began",
    "power-mode-known": "the power mode is {now} and was unknown when the run began",
    "power-mode-lost": "the power mode is unknown and was {before} when the run began",
    "suspended": "the machine was suspended for {seconds:,.0f} s",
    "clock-jumped": "the time of day jumped by {seconds:+,.0f} s",
    "warm-up-unsettled": "still getting faster after {warmups} warm-ups",
    "drift-rose": "{metric} rose by {percent:.0f} % from the first block to the last (p = {p:.2g})",
    "drift-fell": "{metric} fell by {percent:.0f} % from the first block to the last (p = {p:.2g})",
    "trend-rose": (
        "{metric} rose by {percent:.0f} % from the first timed generation of a process to its last (p = {p:.2g})"
    ),
    "trend-fell": (
        "{metric} fell by {percent:.0f} % from the first timed generation of a process to its last (p = {p:.2g})"
    ),
    "alike-blocks": (
        "the correlation of a block with the next is {correlation:.2f} in the mean over the cells, and "
        "{independent:.2f} where {blocks} blocks are independent (p = {p:.2g})"
    ),
    "bimodal": (
        "{metric} is {low_ms:.3g} ms in blocks {low_blocks} and {high_ms:.3g} ms in blocks {high_blocks}, "
        "{percent:.0f} % more"
    ),
    "outlier-block": "block {block} is {ratio:.2g} times the median of the blocks",
    "outlier-generation": "generation {generation} of block {block} is {ratio:.2g} times the median of its block",
    "without": "without it {metric} would be {without_ms:.3g} ms, {percent:+.0f} %",
    "without-alike": "without it {metric} would still be {without_ms:.3g} ms",
    "broken-ratio": "its perplexity is {ratio:.3g} times that of {reference}",
    "broken-device": "its perplexity is {ratio:.3g} times that of the same artifact on the CPU",
    "broken-chance": "its likeliest token is that of {reference} at only {percent:.0f} % of all positions",
    "broken-longest": "it goes wrong at the end of the longest prompt, and not on short texts",
    "broken-not-finite": "a probability that it gives is no number",
    "broken-constant": "the same token is its likeliest at every position",
    "broken-vocabulary": "it answers with tokens that the vocabulary does not have",
    "broken-collapsed": "each of its answers is one token repeated",
    "may-be-chance": "it may be chance, as one of {tests} tests in this run",
}
"""Key -> a clause of what was seen."""


def message(keys: Sequence[str], values: Values, fill: Fill = str.format) -> str:
    """What was seen, with its numbers: the clauses of those keys."""
    return "; ".join(fill(MESSAGES[key], **values) for key in keys)

"""All that the guard can find. Each kind has a fixed word, how much it weighs, and ends in advice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

SEVERITIES = ("info", "warning", "serious")
"""From what is good to know to what makes a number doubtful."""


class Code(Enum):
    """A kind of finding: how much it usually weighs, what it means, and what to do about it."""

    ON_BATTERY = (
        "warning",
        "the machine runs on battery, where its clock is lower and falls further as the battery does",
        "Plug it in.",
    )
    SAVING_POWER = (
        "warning",
        "the system is set to save power",
        "Choose the power mode for best performance, or compare only with runs in the same mode.",
    )
    BUSY_BEFORE = (
        "warning",
        "other programs used the CPU before the run began",
        "Close them, or wait until they are done.",
    )
    LITTLE_MEMORY = (
        "warning",
        "little memory is available",
        "Close other programs, or use a smaller model.",
    )
    SWAP_IN_USE = (
        "info",
        "memory lies in the swap or page file, from before the run",
        "If swapping is found during the run too, close other programs or restart.",
    )
    VIRTUAL_MACHINE = (
        "info",
        "the machine is virtual: what its neighbours do is not visible, and its clock and counters may not be real",
        "Trust ratios within one run more than times, and compare variants with blocks of the same run.",
    )
    ENERGY_LOCKED = (
        "info",
        "the machine counts energy and it cannot be read as things are, so `energy_j` is null",
        "Allow it, or do without.",
    )
    LIMITED = (
        "info",
        "the run may use less than the machine has: fewer CPUs, less of their time, or less memory",
        "Compare only with runs under the same limits, or lift them (taskset, cpuset, the container's or the unit's).",
    )
    ENVIRONMENT = (
        "warning",
        "a variable of the environment pins the threads of a stack, or holds it back",
        "Unset it before the run, unless it is what you measure.",
    )
    NOT_KEPT_AWAKE = (
        "info",
        "the system could not be asked to stay awake",
        "Switch its sleep off for the time of the run.",
    )
    OTHER_LOAD = (
        "warning",
        "other programs used the CPU while a load was measured",
        "Close them and run again, or take more blocks (--profile standard).",
    )
    STOLEN_TIME = (
        "warning",
        "the hypervisor gave CPU time of this virtual machine to others",
        "Use a machine with cores of its own, or take more blocks.",
    )
    QUOTA_REACHED = (
        "warning",
        "a CPU quota stopped the harness and the worker for a while, while a load was measured",
        "Raise the quota, or take fewer threads (--threads): what ran in the rest of a period looks slow.",
    )
    TOO_MANY_THREADS = (
        "warning",
        "a stack computes with more threads than can run at once, by affinity or quota",
        "Leave --threads to its default, or ask for fewer.",
    )
    SWAPPING = (
        "warning",
        "memory went to the swap file or came from it while a load was measured",
        "Close other programs, or use a smaller model.",
    )
    PAGED_FROM_DISK = (
        "info",
        "the worker waited for pages from disk after it had loaded",
        "If it is found in one block only, that block is slower for it; more memory keeps the model in.",
    )
    HOT = (
        "warning",
        "the CPU was near the temperature at which it slows down",
        "Let it cool between visits (--cooldown-s 30), and see to its air.",
    )
    THROTTLED = (
        "warning",
        "the CPU was slowed down, for heat or for power",
        "Let it cool between visits (--cooldown-s 30), and see to its air and its power supply.",
    )
    POWER_CHANGED = (
        "serious",
        "the power source or mode changed while the run went on",
        "Run again and leave both alone; the blocks before and after do not belong together.",
    )
    SUSPENDED = (
        "serious",
        "the machine slept while a load was measured; a generation during which it slept does not count",
        "Run again with sleep switched off; what was measured after waking may be slower.",
    )
    CLOCK_JUMPED = (
        "info",
        "the time of day was set, or the virtual machine was stopped for a while",
        "Latencies are read from another clock; only the times in the files are off.",
    )
    WARM_UP_UNSETTLED = (
        "warning",
        "a cell was still getting faster when its warm-ups were used up",
        "Its timed generations may hold some warm-up: allow more (--max-warmups 12).",
    )
    DRIFT = (
        "warning",
        "a cell became slower or faster from block to block",
        "Find out what changed (heat, power, other programs); compare variants within the same blocks.",
    )
    TREND = (
        "warning",
        "a cell still became faster or slower from one timed generation of a process to the next",
        "Where it falls, take more warm-ups (--warmups 5); where it rises, look for heat, memory and other programs.",
    )
    ALIKE_BLOCKS = (
        "warning",
        "blocks resemble the one before, so that they tell less than as many independent ones",
        "Intervals may be too narrow: give the blocks more time (--cooldown-s 30), and compare variants in one run.",
    )
    BIMODAL = (
        "warning",
        "the blocks of a cell fall into two groups, as if there were two ways of running it",
        "The mean of the two is the time of neither: take more blocks, and look at threads and placement.",
    )
    OUTLIER_BLOCK = (
        "warning",
        "a block of a cell lies far from the others",
        "It is counted; see what else is found in that block, and what the cell would be without it.",
    )
    OUTLIER_GENERATION = (
        "info",
        "a generation of a cell lies far from the others",
        "It is counted; medians of blocks bear single ones.",
    )

    def __init__(self, severity: str, meaning: str, advice: str) -> None:
        self.severity = severity
        self.meaning = meaning
        self.advice = advice

    @property
    def word(self) -> str:
        """As it stands in the column ``code``."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Found:
    """One finding.

    Args:
        code: which kind.
        message: what was seen, with its numbers.
        severity: one of :data:`SEVERITIES`; the usual one of the kind if empty.
        advice: what to do about it; the usual one of the kind if empty.
        load_id: of the process that it is about.
        cell_key: of the cell that it is about.
        block: in which block.
    """

    code: Code
    message: str
    severity: str = ""
    advice: str = ""
    load_id: str | None = None
    cell_key: str | None = None
    block: int | None = None

    @property
    def weight(self) -> str:
        """How much it weighs."""
        return self.severity or self.code.severity

    @property
    def fails_strict(self) -> bool:
        """Whether ``--strict`` turns it into failure."""
        return self.weight != "info"

    def row(self) -> dict[str, Any]:
        """As a row of the table ``findings``."""
        subject = "cell" if self.cell_key is not None else "load" if self.load_id is not None else "run"
        return {
            "code": self.code.word,
            "severity": self.weight,
            "subject": subject,
            "load_id": self.load_id,
            "cell_key": self.cell_key,
            "block": self.block,
            "message": self.message,
            "advice": self.advice or self.code.advice,
            "seen_at": datetime.now(UTC),
        }


def line(found: Found) -> str:
    """A finding in one line, for the terminal."""
    return f"{found.weight:<10} {found.message}. {found.advice or found.code.advice}"


def percent(share: float, sign: str = "") -> str:
    """A share as people read it, e.g. ``42 %``."""
    return f"{100 * share:{sign}.0f} %"

"""The report in English. Another language is a module like this one, with the same names and functions."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.format import number

ITL_NAMES = {
    "p50": "median inter-token latency",
    "p95": "95th percentile of inter-token latency",
    "p99": "99th percentile of inter-token latency",
}
KIND = "{new} new tokens"
BATCH = "batch of {size}"
PROMPTS = "prompt {lengths}"
SIMULATED_MARK = " (simulated)"
MORE = "{count} more"
NO_INTERVAL = "no interval"
SECTIONS_LABEL = "Sections"
LOAD_PARTS = (
    ("process_start_s", "process start"),
    ("import_s", "imports"),
    ("load_s", "read and compile"),
    ("first_generation_s", "first generation"),
)

POWER_SOURCES = {"mains": "mains", "battery": "battery"}


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 block``, ``3 blocks``."""
    return f"{number(count, 0)} {one if count == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

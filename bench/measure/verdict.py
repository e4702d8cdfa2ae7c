"""Which device really ran, as far as it can be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be said of the device.

    Args:
        name: ``verified``, ``reported``, ``fallback``, ``simulated`` or ``unknown``.
        evidence: why, in a sentence or two.
    """

    name: str
    evidence: str


def judge(requested: str, evidence: Mapping[str, Any], cpu_time_ns: int) -> Verdict:
    """Judge a load.

    Args:
        requested: the device that was asked for.
        evidence: a :class:`backends.contract.Evidence` as a mapping.
        cpu_time_ns: CPU time of the worker over all its timed regions; the counter that shows a CPU at work.
    """
    note = str(evidence.get("note") or "")
    device, source = evidence.get("device"), evidence.get("device_source")
    if source == "simulated":
        return Verdict("simulated", note)
    if device is None or source in (None, "none"):
        return Verdict("unknown", note or "the stack does not tell which device ran")
    if not same_device(requested, str(device)):
        return Verdict("fallback", f"{requested} was asked for, {device} ran. {note}")
    if source == "read-back" and device == "CPU" and cpu_time_ns > 0:
        return Verdict(
            "verified", f"{note} Its process used {cpu_time_ns / 1e9:.2f} s of CPU time in the timed regions."
        )
    return Verdict("reported", note)


def same_device(requested: str, executed: str) -> bool:
    """Whether ``executed`` is what was asked for; ``GPU`` is met by ``GPU.0``."""
    return requested == executed or (requested == "GPU" and executed == "GPU.0")

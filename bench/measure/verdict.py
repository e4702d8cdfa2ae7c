"""Which device really ran, as far as it can be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backends.spec import hardware_of, names_for
from bench.measure.facts import Counters, Placement


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be said of the device.

    Args:
        name: ``verified``, ``reported``, ``fallback``, ``simulated`` or ``unknown``.
        executed: the device that ran, as far as known.
        evidence: why, in a sentence or two.
    """

    name: str
    executed: str | None
    evidence: str


def judge(
    requested: str, evidence: Mapping[str, Any], counters: Counters, placement: Placement | None = None
) -> Verdict:
    """Judge a load.

    Args:
        requested: the device that was asked for.
        evidence: a :class:`backends.contract.Evidence` as a mapping.
        counters: what moved during the timed regions so far.
        placement: the stack's own profile of a separate pass, where it has one.
    """
    note = str(evidence.get("note") or "")
    device, source = evidence.get("device"), evidence.get("device_source")
    if source == "simulated":
        return Verdict("simulated", None, note)
    if device is None or source in (None, "none"):
        return Verdict("unknown", None, note or "the stack does not tell which device ran")
    executed = str(device)
    if not same_device(requested, executed):
        return Verdict("fallback", executed, f"{requested} was asked for, {executed} ran. {note}")
    if placement is not None and placement.shares and placement.share == 0:
        ran = next(iter(placement.shares))
        return Verdict(
            "fallback", ran, f"{requested} was asked for, but its profile places every node on {ran}. {note}"
        )
    hardware = hardware_of(executed)
    moved = _moved(hardware, counters)
    if moved == 0 and hardware != "CPU":
        words = f"{executed} was asked for, but its busy time did not move: something else ran. {note}"
        return Verdict("fallback", None, words)
    uncounted = f"There is no counter of the {hardware} here." if source == "unproven" and moved is None else ""
    words = " ".join(part for part in (note, _placed(placement), _counted(hardware, moved), uncounted) if part)
    profiled = placement is not None and placement.share > 0
    read_back = source == "read-back"
    # CPU time moves whatever runs, so it proves nothing without a read-back; an accelerator's counter does.
    shown = bool(moved) and (read_back or hardware != "CPU")
    name = "verified" if shown or (read_back and profiled) else "reported"
    return Verdict("unknown", None, words) if uncounted else Verdict(name, executed, words)


def same_device(requested: str, executed: str) -> bool:
    """Whether ``executed`` is what was asked for: ``GPU`` is met by ``GPU.0`` and that by a sole ``GPU``.

    ``AUTO`` is met by whatever it chose.
    """
    return requested in ("AUTO", executed) or executed in names_for(requested)


def _moved(hardware: str | None, counters: Counters) -> int | None:
    by_kind = {"CPU": counters.cpu_ns or None, "GPU": counters.gpu_ns, "NPU": counters.npu_ns}
    return by_kind.get(hardware or "")


def _placed(placement: Placement | None) -> str:
    if placement is None:
        return ""
    if placement.problem is not None:
        return f"There is no profile: {placement.problem}."
    shares = ", ".join(f"{name} {share:.0%}" for name, share in placement.shares.items())
    return f"Nodes by provider in a separate, untimed pass: {shares}."


def _counted(hardware: str | None, moved: int | None) -> str:
    if not moved:
        return ""
    if hardware == "CPU":
        return f"Its process used {moved / 1e9:.2f} s of CPU time in the timed regions."
    return f"The {hardware} was busy for {moved / 1e9:.2f} s in the timed regions."

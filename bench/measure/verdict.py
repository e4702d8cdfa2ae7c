"""Which device really ran, as far as it can be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backends.spec import hardware_of, names_for
from bench.measure.facts import AdapterWork, Attempt, Counters, Placement

PROOF = 0.05
"""The share of the timed generations' wall time that a device has to be busy for its counter to count as proof.

Also the share of the executed nodes, where a profile stands in for a counter.
"""

PROOF_WHERE_WORK_IS_HANDED_ON = 0.5
"""The same for a stack that is known to hand parts of its work to the CPU without a word: most of the time."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be said of the device.

    Args:
        name: ``verified``, ``reported``, ``fallback``, ``simulated`` or ``unknown``.
        executed: the device that ran, as far as known.
        evidence: why, in a sentence or two.
        share: how much of the timed generations' wall time that very device was busy; of the CPU, the CPU time of the
            process. Several threads, or engines of a GPU, add up to more than 1. ``None`` where no counter tells.
    """

    name: str
    executed: str | None
    evidence: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the counters show of the device.

    Args:
        work: of its adapter; ``None`` where there is no counter of it, or it is not known which adapter it is.
        still: whether nothing that it could be ever moved, though it was asked to.
        problem: why there is no ``work``.
    """

    work: AdapterWork | None
    still: bool = False
    problem: str = ""

    @property
    def share(self) -> float | None:
        """The adapter's busy time over the wall time."""
        return self.work.busy_ns / self.work.over_ns if self.work is not None and self.work.over_ns else None


def verdict_of(requested: str, attempt: Attempt) -> Verdict:
    """Judge a load by all that is known of its worker so far."""
    evidence = attempt.loaded.evidence if attempt.loaded else {}
    return judge(requested, evidence, attempt.counters, attempt.placement, attempt.devices)


def judge(
    requested: str,
    evidence: Mapping[str, Any],
    counters: Counters,
    placement: Placement | None = None,
    devices: Sequence[Mapping[str, Any]] = (),
) -> Verdict:
    """Judge a load.

    Args:
        requested: the device that was asked for.
        evidence: a :class:`backends.contract.Evidence` as a mapping.
        counters: what moved during the generations so far. That nothing moved is no fallback before one that is timed:
            a system may account for work late.
        placement: the stack's own profile of a separate pass, where it has one.
        devices: the devices that the stack lists, each a :class:`backends.contract.Device` as a mapping.
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
    shown = _shown(executed, counters, devices)
    if shown.still and counters.timed:
        words = f"{executed} was asked for, but its busy time did not move: something else ran. {note}"
        return Verdict("fallback", None, words, shown.share)
    hands_on = source == "unproven"
    bound = PROOF_WHERE_WORK_IS_HANDED_ON if hands_on else PROOF
    words = " ".join(part for part in (note, _placed(placement), _counted(executed, shown, counters, bound)) if part)
    read_back = source == "read-back"
    # CPU time moves whatever runs, so it proves nothing without a read-back; an accelerator's counter does.
    counted = shown.share is not None and shown.share >= bound and (read_back or hardware_of(executed) != "CPU")
    profiled = shown.share is None and read_back and placement is not None and placement.share >= PROOF
    name = "verified" if counted or profiled else "unknown" if hands_on else "reported"
    return Verdict(name, None if name == "unknown" else executed, words, shown.share)


def same_device(requested: str, executed: str) -> bool:
    """Whether ``executed`` is what was asked for: ``GPU`` is met by ``GPU.0`` and that by a sole ``GPU``.

    ``AUTO`` is met by whatever it chose.
    """
    return requested in ("AUTO", executed) or executed in names_for(requested)


def _shown(executed: str, counters: Counters, devices: Sequence[Mapping[str, Any]]) -> _Shown:
    hardware = hardware_of(executed)
    if hardware == "CPU":
        return _Shown(AdapterWork(counters.cpu_ns, counters.over_ns))
    adapters = {"GPU": counters.gpus, "NPU": counters.npus}.get(hardware or "", {})
    none_here = f"There is no counter of the {hardware} here." if hardware else ""
    adapter = next((one.get("adapter") for one in devices if one["name"] in names_for(executed)), None)
    if adapter is not None:
        work = adapters.get(adapter, AdapterWork())
        return _Shown(work, still=work.moved is False) if work.moved is not None else _Shown(None, problem=none_here)
    moved = [work for work in adapters.values() if work.moved is not None]
    if not moved:
        return _Shown(None, problem=none_here)
    still = not any(work.moved for work in moved)
    listed = sum(hardware_of(str(one["name"])) == hardware for one in devices)
    several = max(len(adapters), listed)
    if several > 1:
        problem = f"There are {several} {hardware}s here, and nothing tells which of them {executed} is."
        return _Shown(None, still, problem)
    return _Shown(moved[0], still)


def _placed(placement: Placement | None) -> str:
    if placement is None:
        return ""
    if placement.problem is not None:
        return f"There is no profile: {placement.problem}."
    shares = ", ".join(f"{name} {share:.0%}" for name, share in placement.shares.items())
    return f"Nodes by provider in a separate, untimed pass: {shares}."


def _counted(executed: str, shown: _Shown, counters: Counters, bound: float) -> str:
    if shown.work is None:
        return shown.problem
    if shown.share is None:
        return ""
    hardware = hardware_of(executed)
    spent, took = f"{shown.work.busy_ns / 1e9:.2f} s", f"{shown.work.over_ns / 1e9:.2f} s"
    what = f"Its process used {spent} of CPU time" if hardware == "CPU" else f"The {hardware} was busy for {spent}"
    words = f"{what} in the {took} of the timed generations ({_percent(shown.share)})."
    if shown.share < bound:
        words += f" That is less than the {bound:.0%} that count as proof."
    if bound > PROOF:
        words += f" Meanwhile its process used {counters.cpu_ns / 1e9:.2f} s of CPU time."
    return words


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"

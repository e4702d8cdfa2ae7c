"""Which device ran, and whether the weights are those asked for, as far as it can be verified."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backends.spec import ORIGINAL, hardware_of, names_for
from bench.observe.busy import Busy
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.prepare.cache import Artifact

PROOF = 0.05
"""The share of the timed generations' wall time for which a device has to be busy to be verified by its counter.

Without a counter, the share of the executed nodes in a profile.
"""

PROOF_WHERE_WORK_IS_HANDED_ON = 0.5
"""The same for a stack that may silently run parts of its work on the CPU."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a stack's own profile, of an untimed pass, places the work.

    Args:
        provider: the execution provider of the requested device.
        shares: execution provider -> share of the executed nodes; empty if the pass failed.
        problem: why there is no profile.
    """

    provider: str
    shares: Mapping[str, float]
    problem: str | None = None

    @property
    def share(self) -> float:
        """The share of the nodes that the requested provider ran."""
        return self.shares.get(self.provider, 0.0)


@dataclass(slots=True)
class AdapterWork:
    """Busy time of one GPU or NPU over the timed generations with a known counter, and how long these took.

    ``moved`` says whether the counter ever moved, warm-ups included; ``None`` while it is not known.
    """

    busy_ns: int = 0
    over_ns: int = 0
    moved: bool | None = None

    @property
    def share(self) -> float | None:
        """Busy time over wall time."""
        return self.busy_ns / self.over_ns if self.over_ns else None


@dataclass(slots=True)
class Counters:
    """What the counters gained over the timed generations of one worker; GPUs and NPUs by their adapters.

    Warm-ups are left out: a stack may spend minutes of them on the CPU, compiling.
    """

    timed: int = 0
    cpu_ns: int = 0
    over_ns: int = 0
    gpus: dict[str, AdapterWork] = field(default_factory=dict)
    npus: dict[str, AdapterWork] = field(default_factory=dict)

    def add(self, cpu_ns: int, busy: Busy, *, warmup: bool) -> None:
        """Add one generation."""
        if not warmup:
            self.timed += 1
            self.cpu_ns += cpu_ns
            self.over_ns += busy.elapsed_ns
        for work, adapters in ((self.gpus, busy.gpus), (self.npus, busy.npus)):
            for adapter, busy_ns in adapters.items():
                mine = work.setdefault(adapter, AdapterWork())
                if busy_ns is None:
                    continue
                mine.moved = bool(mine.moved or busy_ns)
                if not warmup:
                    mine.busy_ns += busy_ns
                    mine.over_ns += busy.elapsed_ns


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which device ran.

    Args:
        name: ``verified``, ``reported``, ``fallback``, ``simulated`` or ``unknown``.
        share: busy time of that device over the timed generations' wall time; for the CPU, the CPU time of the
            process. Several threads, or engines of a GPU, add up to more than 1. ``None`` without a counter.
    """

    name: str
    executed: str | None
    evidence: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the counters show of the device: the work of its adapter, or why that is not known.

    ``still`` says that no counter that may be the device's ever moved.
    """

    work: AdapterWork | None
    still: bool = False
    problem: str = ""

    @property
    def share(self) -> float | None:
        """The adapter's busy time over the wall time."""
        return self.work.share if self.work is not None else None


def judge(
    requested: str,
    evidence: Mapping[str, Any],
    counters: Counters,
    placement: Placement | None = None,
    devices: Sequence[Mapping[str, Any]] = (),
) -> Verdict:
    """Judge a load.

    Args:
        evidence: a :class:`backends.contract.Evidence` as a mapping.
        counters: of the generations so far. Counters that stand still are no fallback before a timed generation: a
            system may account for work late.
        devices: all that the stack lists, each a :class:`backends.contract.Device` as a mapping.
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
        words = f"{requested} was asked for, but its profile places every node on {ran}. {note}"
        return Verdict("fallback", ran, words)
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
    """Whether ``executed`` is what was requested: ``GPU`` matches ``GPU.0`` and a sole ``GPU``; ``AUTO`` any device."""
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
    share = "<1%" if 0 < shown.share < 0.01 else f"{shown.share:.0%}"
    words = f"{what} in the {took} of the timed generations ({share})."
    if shown.share < bound:
        words += f" That is less than the {bound:.0%} that count as proof."
    if bound > PROOF:
        words += f" Meanwhile its process used {counters.cpu_ns / 1e9:.2f} s of CPU time."
    return words


MOST = 0.5
"""The share of the weights that has to be what was asked for, the embedding and the output layer aside."""

_GGUF = re.compile(r"i?q(\d)_")


def changes_weights(load: Load, evidence: Mapping[str, Any]) -> bool:
    """Whether a stack makes other weights on load, which it has to report: what lies on disk is not what runs."""
    return bool(evidence.get("weight_bits")) or load.precision in BACKENDS[load.backend].made_on_load


def weight_bits(load: Load, artifact: Artifact | None, evidence: Mapping[str, Any]) -> Mapping[str, float] | None:
    """Weight format -> share of the parameters of a load; ``None`` for what holds no weights or does not tell."""
    if artifact is None:
        return None
    return evidence.get("weight_bits") if changes_weights(load, evidence) else artifact.weight_bits


def why_not_as_asked(load: Load, shares: Mapping[str, float] | None, embedding_share: float) -> str | None:
    """Why a load may not go by its precision; ``None`` where it may, or where nothing is known of its weights.

    Args:
        shares: see :func:`weight_bits`.
        embedding_share: of the parameters, in the embedding and the output layer. Recipes for int4 and int8 keep these
            wider, and in a small model they may be most of it.
    """
    if not shares or load.precision == ORIGINAL:
        return None
    asked = sum(share for name, share in shares.items() if _precision(name) == load.precision)
    if asked > MOST * (1 - embedding_share):
        return None
    takes = BACKENDS[load.backend].precisions(load.device) or ()
    others = [_precision(name) for name in shares if _precision(name) in takes and _precision(name) != load.precision]
    found = ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
    instead = f"ask for --precision {others[0]}, or for another stack" if others else "ask for another stack"
    return (
        f"only {asked:.0%} of the weights are {load.precision} ({found}): the stack does not make "
        f"{load.precision} of most of this model's layers; {instead}"
    )


def _precision(name: str) -> str:
    """The precision that a weight format counts as: a GGUF's ``q4_0`` is int4."""
    found = _GGUF.match(name)
    return f"int{found[1]}" if found else name

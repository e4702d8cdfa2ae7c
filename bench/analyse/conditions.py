"""Under which conditions runs were measured, how they were interrupted, and in what two runs or sides differ."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from bench.analyse.results import LoadResult, Prompts, RunAnalysis
from bench.plan.backends import BACKENDS
from bench.plan.cells import digest
from bench.store.reader import as_utc

_COMPARED: Sequence[tuple[str, Sequence[str], bool]] = (
    ("model", ("model", "name"), True),
    ("model digest", ("model", "digest"), True),
    ("threads", ("plan", "threads"), False),
    ("schema", ("schema_version",), False),
    ("power source", ("machine", "power_source"), False),
    ("power mode", ("machine", "power_mode"), False),
    ("governor", ("machine", "governor"), False),
)
_ALIKE = (("machine_id",), *(path for what, path, _ in _COMPARED if what != "schema"))

NO_ID = "unknown"
"""What a run records as the id of a machine whose system has none."""
MACHINE = ("machine", "cores", "memory")
"""What a machine is known by, as :func:`other_machine` names it: its id and processor, its cores, its memory."""
_MEMORY_ALIKE = 1.1
"""What a kernel or an integrated GPU sets aside changes the memory of one machine by less, another module by more."""

_LIMITS = ("usable CPUs", "CPU quota", "memory limit")
WHOLE, NO_LIMIT = "all", "none"
DRIVER_OF = "driver of "
"""What the name of a driver among the versions of a system begins with; that of its device follows."""

NAMED = frozenset((*(what for what, _, _ in _COMPARED), *MACHINE, *_LIMITS))
"""What :func:`mismatches` names."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that is not the same in both runs.

    Args:
        what: one of :data:`NAMED`, or ``prompts``.
        base: as it was recorded there; ``None`` where it was not. Of a machine, the name of its processor, with its id
            where both are named alike; of memory, bytes; of prompts, how many there are.
        head: the same here; of prompts, how many of them have other ids.
        fatal: whether their ratio would not tell of the software, so that they are compared by force alone.
    """

    what: str
    base: Any
    head: Any
    fatal: bool


def mismatches(base: Mapping[str, Any], head: Mapping[str, Any]) -> tuple[Mismatch, ...]:
    """In what the conditions of two runs differ, by their run.json; the fatal ones first."""
    found = []
    for what, path, fatal in _COMPARED:
        there, here = recorded_at(base, *path), recorded_at(head, *path)
        if there != here:
            found.append(Mismatch(what, there, here, fatal))
        if what == "model digest" and (other := other_machine(base, head)) is not None:
            found.append(other)
    there, here = limits_of(base), limits_of(head)
    shared = (what for what in _LIMITS if what in there and what in here)
    found += [Mismatch(what, there[what], here[what], False) for what in shared if there[what] != here[what]]
    return tuple(sorted(found, key=lambda one: not one.fatal))


def other_machine(base: Mapping[str, Any], head: Mapping[str, Any]) -> Mismatch | None:
    """In what the machines of two runs differ; ``None`` where it is one machine, as far as they record it.

    An id is not enough: images of a disk and of containers are copied with theirs. What one of the two runs does not
    record tells nothing.
    """
    there, here = (recorded_at(record, "machine", "cpu", "name") for record in (base, head))
    if base.get("machine_id") != head.get("machine_id") or (there and here and there != here):
        return Mismatch("machine", *_machines(base, head), True)
    cores = _cores(base), _cores(head)
    if None not in cores and cores[0] != cores[1]:
        return Mismatch("cores", *cores, True)
    memory = recorded_at(base, "machine", "memory_bytes"), recorded_at(head, "machine", "memory_bytes")
    if all(isinstance(one, int) and one > 0 for one in memory) and max(memory) > _MEMORY_ALIKE * min(memory):
        return Mismatch("memory", *memory, True)
    return None


def _cores(record: Mapping[str, Any]) -> int | None:
    """Cores that can be switched into two logical ones count once, where that is known."""
    found = (recorded_at(record, "machine", "cpu", name) for name in ("physical_cores", "logical_cores"))
    return next((count for count in found if isinstance(count, int)), None)


def limits_of(record: Mapping[str, Any]) -> dict[str, str]:
    """What a run could use of its machine; empty for a run that did not record it.

    Returns:
        ``usable CPUs`` (their numbers, or :data:`WHOLE`), and, where there is one and else :data:`NO_LIMIT`,
        ``CPU quota`` (in CPUs) and ``memory limit`` (in bytes).
    """
    machine = record.get("machine") or {}
    usable = machine.get("usable")
    if not usable:
        return {}
    cpus = usable.get("cpus") if usable.get("logical_cores") != recorded_at(machine, "cpu", "logical_cores") else None
    memory = usable.get("memory_bytes") if usable.get("memory_bytes") != machine.get("memory_bytes") else None
    held = (cpus or WHOLE, usable.get("cpu_quota") or NO_LIMIT, memory or NO_LIMIT)
    return {what: str(value) for what, value in zip(_LIMITS, held, strict=True)}


def limited(record: Mapping[str, Any]) -> dict[str, str]:
    """:func:`limits_of`, without those that leave the machine whole."""
    return {what: value for what, value in limits_of(record).items() if value not in (WHOLE, NO_LIMIT)}


def _machines(base: Mapping[str, Any], head: Mapping[str, Any]) -> tuple[Any, Any]:
    there, here = (recorded_at(record, "machine", "cpu", "name") for record in (base, head))
    return (there, here) if there != here else ((there, base.get("machine_id")), (here, head.get("machine_id")))


def prompts_differ(there: Prompts, here: Prompts) -> Mismatch | None:
    """Whether a prompt of the same name has other ids in two runs."""
    changed = sum(
        there.get(length, {}).get(name, ids) != ids for length, asked in here.items() for name, ids in asked.items()
    )
    count = sum(len(asked) for asked in there.values())
    return Mismatch("prompts", count, changed, True) if changed else None


def run_mismatches(base: RunAnalysis, head: RunAnalysis) -> tuple[Mismatch, ...]:
    """The :func:`mismatches` of two runs, what differs about their prompts first."""
    prompts = prompts_differ(base.prompts, head.prompts)
    return (*((prompts,) if prompts else ()), *mismatches(base.record, head.record))


def recorded_at(record: Mapping[str, Any], *path: str) -> Any:
    """A value of run.json by the names that lead to it; ``None`` where it is not recorded."""
    value: Any = record
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def system_versions(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The kernel and each driver with its version; ``None`` where it is not recorded."""
    yield "kernel", str(recorded_at(record, "machine", "kernel"))
    for kind in ("gpus", "npus"):
        for device in recorded_at(record, "machine", kind) or ():
            yield f"{DRIVER_OF}{device.get('name')}", str(device.get("driver"))


def settings_of(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The known ones of the system's settings, by the names of :func:`bench.observe.machine.settings`."""
    found = (recorded_at(record, "machine", "settings") or {}).items()
    yield from ((f"setting {name}", str(value)) for name, value in found if value is not None)


def packages(record: Mapping[str, Any], venv: str) -> Iterator[tuple[str, str]]:
    """The packages of one venv with their versions."""
    found = ((record.get("venvs") or {}).get(venv) or {}).get("packages") or {}
    yield from ((str(name), str(version)) for name, version in found.items())


def venv_of(record: Mapping[str, Any], backend: str, device: str, variant: str = "") -> str:
    """The name under which a run records the venv of loads of ``backend`` on ``device``.

    Of a stack with several venvs in one run, the first device that each is for stands in its name: ``ort-genai (DML)``.
    """
    venvs: Mapping[str, Any] = record.get("venvs") or {}
    plain = f"{backend} ({variant})" if variant else backend
    if plain in venvs:
        return plain
    begins = f"{backend} ({variant}, " if variant else f"{backend} ("
    by_device = {name[len(begins) : -1]: name for name in venvs if name.startswith(begins)}
    if device in by_device or (spec := BACKENDS.get(backend)) is None:
        return by_device.get(device, plain)
    group = spec.group_for(device)
    return next((name for one, name in by_device.items() if spec.group_for(one) == group), plain)


def stack_of(load: LoadResult) -> str:
    """What the venv of a load is called beside those of other runs, whatever else its own run has.

    The stack, with its variant, and the family of devices that a venv beside the stack's usual one is for:
    ``ort-genai``, ``ort-genai (DML)``, ``ort-genai (b, DML)``.
    """
    spec = BACKENDS.get(load.backend)
    group = spec.group_for(load.device_requested) if spec else None
    devices = next((name for name, own in spec.groups.items() if own == group), "") if spec else ""
    told_apart = ", ".join(filter(None, (load.variant, devices)))
    return f"{load.backend} ({told_apart})" if told_apart else load.backend


def alike(record: Mapping[str, Any], load: LoadResult) -> str:
    """A digest that two runs share if nothing that is recorded would make ``load`` faster in one of them.

    It holds the machine and what of it could be used, its kernel, settings and drivers, power, threads, the model, and
    the packages and the environment of the load's own stack.
    The commit of this project stays out: where it does change latencies, runs only seem to vary by more.
    """
    values = [*(str(recorded_at(record, *path)) for path in _ALIKE), *limited(record).values()]
    own = (*settings_of(record), *(load.environment or {}).items())
    venv = venv_of(record, load.backend, load.device_requested, load.variant)
    return digest([values, sorted(system_versions(record)), sorted(packages(record, venv)), *sorted(own)])


@dataclass(frozen=True, slots=True)
class Interruption:
    """The time between two sittings of a run.

    Args:
        reason: why the sitting before it ended: ``killed``, ``interrupted`` or ``stopped``.
        at: when that was; ``None`` where it is not recorded.
        pause_s: until the next sitting began, in seconds; ``None`` where either time is not recorded.
        block: in which the run was carried on, from 0; ``None`` where all blocks had been measured.
        within_block: whether visits of that block were kept, so that it is of both sittings.
        changed: what is not as it was before, such as a driver: name -> before and after.
    """

    reason: str
    at: datetime | None = None
    pause_s: float | None = None
    block: int | None = None
    within_block: bool = False
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


def interruptions(record: Mapping[str, Any]) -> tuple[Interruption, ...]:
    """Those of the run whose run.json is ``record``, in the order of time; none of a run that was measured at once."""
    found = []
    for before, after in pairwise(record.get("sittings") or ()):
        ended, began, block = as_utc(before.get("ended_at")), as_utc(after.get("began_at")), after.get("block")
        found.append(
            Interruption(
                reason=str(before.get("reason")),
                at=ended,
                # A clock that was set back meanwhile makes no negative pause.
                pause_s=max(0.0, (began - ended).total_seconds()) if began and ended else None,
                block=block,
                within_block=bool(after.get("position")) and block is not None,
                changed={what: tuple(pair) for what, pair in (after.get("changed") or {}).items() if len(pair) == 2},
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """What something is known of.

    Args:
        what: a package or a variable of the environment, or e.g. ``kernel`` or ``driver of Intel Arc 140V``.
        backend: in whose venv a package lies, or whose workers have the variable, as :func:`stack_of` calls it; empty
            for what the whole run has in common.
    """

    what: str
    backend: str = ""
    variable: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two runs.

    Args:
        before: ``None`` for a package that was not there, or a variable that was not set.
        after: ``None`` for one that is gone.
        backends: whose venvs it lies in, as of :class:`Fact`; empty for what the whole run has in common.
    """

    what: str
    before: str | None
    after: str | None
    backends: tuple[str, ...]

    @property
    def name(self) -> str:
        """With the venvs that it lies in."""
        return f"{self.what} ({', '.join(self.backends)})" if self.backends else self.what

    @property
    def ends(self) -> tuple[str, str]:
        """Before and after, ``none`` where it is not there."""
        return self.before or "none", self.after or "none"


def surroundings(run: RunAnalysis) -> dict[Fact, str]:
    """What a latency may hang on, as far as a run records it: versions, system, power, variables, and how it asked."""
    found = (*_of_run(run.record), *_of_venvs(run), *_of_loads(run.loads))
    return {fact: str(value) for fact, value in found if str(value) != "None"}


def changes(before: Mapping[Fact, str], after: Mapping[Fact, str]) -> tuple[Change, ...]:
    """What differs, the whole run's first; a package that changed alike in several venvs is one change.

    A fact that only one run records is no change, but for a package of a venv that both have, and a variable where both
    record variables.
    """
    kinds = [{(fact.backend, fact.variable) for fact in facts if fact.backend} for facts in (before, after)]
    shared = kinds[0] & kinds[1]
    found: dict[tuple[str, str | None, str | None], list[str]] = {}
    for fact in sorted({**before, **after}, key=lambda one: (bool(one.backend), one)):
        there, here = before.get(fact), after.get(fact)
        comparable = (fact.backend, fact.variable) in shared or (there is not None and here is not None)
        if comparable and there != here:
            found.setdefault((fact.what, there, here), []).append(fact.backend)
    return tuple(Change(*key, tuple(filter(None, backends))) for key, backends in found.items())


def run_changes(base: RunAnalysis, head: RunAnalysis) -> tuple[Change, ...]:
    """What differs between two runs, but for what :func:`mismatches` names of them."""
    found = changes(surroundings(base), surroundings(head))
    return tuple(change for change in found if change.what not in NAMED)


def variant_changes(run: RunAnalysis) -> tuple[Change, ...]:
    """What differs between the venvs of the variants ``a`` and ``b`` of one run."""
    sides: dict[str, dict[Fact, str]] = {"a": {}, "b": {}}
    for fact, value in surroundings(run).items():
        # Named as if they were the backend's own: `ort-genai (a, DML)` and all.
        if venv := re.fullmatch(r"(.+) \(([ab])(, .+)?\)", fact.backend):
            sides[venv[2]][Fact(fact.what, venv[1] + (venv[3] or ""), fact.variable)] = value
    return changes(sides["a"], sides["b"])


def recorded(run: RunAnalysis, what: str, backends: Sequence[str]) -> str | None:
    """What a run records of something that changed between others; ``None`` where it records nothing of it."""
    found = {
        value
        for fact, value in surroundings(run).items()
        if fact.what == what and (not backends or fact.backend in backends)
    }
    return " and ".join(sorted(found)) or None


_OF_MACHINE = {"system": "os", "power source": "power_source", "power mode": "power_mode", "governor": "governor"}
_OF_PLAN = ("repeats", "warmups", "max_warmups")


def _of_run(record: Mapping[str, Any]) -> Iterator[tuple[Fact, Any]]:
    yield Fact("AIPC Bench"), recorded_at(record, "project", "git_commit")
    yield Fact("schema"), record.get("schema_version")
    told = (*system_versions(record), *limits_of(record).items(), *settings_of(record))
    yield from ((Fact(what), value) for what, value in told)
    yield Fact("CPU"), recorded_at(record, "machine", "cpu", "name")
    yield from ((Fact(what), recorded_at(record, "machine", name)) for what, name in _OF_MACHINE.items())
    yield from ((Fact(name), recorded_at(record, "plan", name)) for name in _OF_PLAN)
    if "warmups" in (record.get("plan") or {}):
        yield Fact("warmup_new_tokens"), recorded_at(record, "plan", "warmup_new_tokens") or WHOLE
    yield Fact("cool-down, s"), recorded_at(record, "options", "cooldown_s")
    yield Fact("cool-down, °C"), recorded_at(record, "options", "cooldown_c")


def _of_loads(loads: Iterable[LoadResult]) -> Iterator[tuple[Fact, str]]:
    """The variables of the workers, and one without a name that says that they were recorded, though none be set."""
    for load in loads:
        if load.environment is not None:
            yield Fact("", stack_of(load), variable=True), "recorded"
            yield from ((Fact(name, stack_of(load), variable=True), value) for name, value in load.environment.items())


def _of_venvs(run: RunAnalysis) -> Iterator[tuple[Fact, Any]]:
    """What lies in the venvs, by the stacks that run in them; the name of one without a load is all that is known."""
    stacks: dict[str, dict[str, None]] = {}
    for load in run.loads:
        venv = venv_of(run.record, load.backend, load.device_requested, load.variant)
        stacks.setdefault(venv, {})[stack_of(load)] = None
    for name, told in (run.record.get("venvs") or {}).items():
        for stack in stacks.get(name, {str(name): None}):
            yield Fact("Python", stack), (told or {}).get("python")
            yield from ((Fact(package, stack), version) for package, version in packages(run.record, name))

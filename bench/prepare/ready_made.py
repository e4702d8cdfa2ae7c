"""A model that is an artifact already: never written to, its recipe unknown, and its maker as well.

No stack reads it where it lies. What :mod:`bench.prepare.vet` takes of it is linked into a folder of the cache.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from backends.contract import Question, Text
from bench.errors import PrepareError
from bench.plan.cells import digest as digest_of
from bench.prepare.cache import Artifact, ArtifactKey, Made, digests_of, reading
from bench.prepare.model_facts import ModelFacts
from bench.prepare.model_source import ModelSource
from bench.prepare.preparation import Job, Preparation, Wanted
from bench.prepare.recipes import Recipe
from bench.prepare.vet.files import Taken, place
from bench.prepare.vet.take import RULES, TOKENIZER, take

_TOKENIZER_MAKER = 2
"""Raised when the tokenizer that is made of a GGUF file changes."""


def own_files(source: ModelSource, taken: Taken) -> list[Path]:
    """The files of a ready-made model that its digest is of."""
    path = source.directory
    if source.kind == "gguf":
        return [path.with_name(name) for name in taken.files if name != TOKENIZER]
    return sorted(file for file in path.iterdir() if file.is_file())


class ReadyMade(Preparation):
    """Takes a model as it is; only its prompts are made."""

    def artifact(self, artifact_format: str, precision: str, device: str, int4: str = "") -> Artifact:
        """The artifact as it is."""
        del device, int4
        if artifact_format != self.source.kind:
            raise PrepareError(
                f"{self.source.label} is {self.source.kind} already and cannot be made {artifact_format}"
            )
        inspected = self._inspected
        return Artifact(
            path=self._copy.path,
            format=self.source.kind,
            precision=precision,
            digest=self._digest,
            bytes=self._copy.bytes,
            weight_bits=inspected.weight_bits,
            bits_per_weight=inspected.bits_per_weight,
            bits_read_per_weight=inspected.bits_read_per_weight,
            manifest={**inspected.manifest, "recipe": {"task": "none", "note": self.source.note}},
        )

    def reference(self, texts: Sequence[Text], questions: Sequence[Question] = ()) -> Artifact:
        """Refused: what it was made from is not known."""
        del texts, questions
        raise PrepareError(
            f"{self.source.label} is {self.source.kind} already, and the weights that it was made from are not known: "
            "name a load of the run with --reference"
        )

    @property
    def _note(self) -> str | None:
        said = self._of_gguf.manifest["facts"].get("note") if self.source.kind == "gguf" else None
        return f"{self.source.note}; {said}" if said else self.source.note

    def _tokenizer(self) -> Path:
        return self._of_gguf.path if self.source.kind == "gguf" else self._copy.path

    @property
    def _of_gguf(self) -> Artifact:
        """The tokenizer of a GGUF file."""
        return self._made(self._tokenizer_job, self._model)

    @property
    def _tokenizer_digest(self) -> str:
        return self._tokenizer_job.key.digest if self.source.kind == "gguf" else self._digest

    def _jobs(self, wanted: Sequence[Wanted]) -> Iterator[Job]:
        del wanted
        yield self._inspect_job
        if self.source.kind == "gguf":
            yield self._tokenizer_job

    @property
    def expected_facts(self) -> ModelFacts | None:
        """What is known of the model; ``None`` until it has been inspected."""
        return None if self._store.find(self._inspect_job.key) is None else self._facts

    @property
    def _path(self) -> Path:
        return self._copy.path

    @property
    def _model(self) -> str:
        """What a converter is given: a folder, or a GGUF file."""
        folder = self._copy.path
        return str(folder / self.source.directory.name if self.source.kind == "gguf" else folder)

    @cached_property
    def _taken(self) -> Taken:
        return take(self.source.kind, self.source.directory, self.source.label, self._store.artifacts)

    @cached_property
    def _beside(self) -> dict[str, str]:
        """The digest of the tokenizer that lies beside a GGUF file, which is no part of the model itself."""
        beside = self.source.directory.with_name(TOKENIZER)
        there = self.source.kind == "gguf" and beside.name in self._taken.files
        return digests_of([beside], self._store.root) if there else {}

    @cached_property
    def _copy(self) -> Artifact:
        def make(output: Path) -> Made:
            self._checked.add(key.digest)
            place(self._taken, output, self._say)
            return Made({})

        recipe = {"task": "take", "rules": RULES, **self._beside}
        key = ArtifactKey(self.source.kind, "", self.source.label, self._digest, recipe, {})
        return self._verified(self._store.get(key, make))

    @cached_property
    def _digest(self) -> str:
        # Nothing is made before the model has been taken, and all that is made has this in its key.
        with reading(self.source.directory):
            files = own_files(self.source, self._taken)
        return digest_of({"kind": self.source.kind, "files": digests_of(files, self._store.root)}, length=64)

    @property
    def _inspect_job(self) -> Job:
        recipe = Recipe("inspect", {"format": self.source.kind}, {"format": self.source.kind})
        return self._job(recipe, "inspected", "looking into")

    @property
    def _tokenizer_job(self) -> Job:
        recipe = Recipe("gguf-tokenizer", {"maker": _TOKENIZER_MAKER, **self._beside}, {})
        return self._job(recipe, "tokenizer", "the tokenizer of")

    def _job(self, recipe: Recipe, artifact_format: str, words: str) -> Job:
        return Job(self._key(artifact_format, "", self._digest, recipe), recipe, f"{words} {self.source.label}")

    @cached_property
    def _inspected(self) -> Artifact:
        return self._made(self._inspect_job, self._model)

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

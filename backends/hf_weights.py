"""Which files of a Hugging Face folder are the model's weights, and which tensors they hold; no weights are loaded.

The choice is that of transformers' ``from_pretrained``, so that what is counted, cast and converted is what every stack
on it loads: ``model.safetensors``, else the files that ``model.safetensors.index.json`` names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from backends.bounded_json import parse_json, read_json

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_model.safetensors"
SIDE_SUFFIXES = {".json", ".jinja", ".model", ".txt"}
"""What lies beside the weights: configuration, tokenizer, chat template."""
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
"""Files of which a model with a tokenizer has one."""
PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")
"""Endings of files that may run code as they are read."""

LARGEST_HEADER = 100_000_000
"""Bytes: the safetensors format's own limit, and that of the index of a model in many files."""

_POINTER = b"version https://git-lfs.github.com/spec/"
_QUANTIZATION = ("quantization_config", "compression_config")
_QUANTIZATION_FILES = {
    "quantize_config.json": "gptq",
    "quant_config.json": "awq",
    "hf_quant_config.json": "modelopt",
}
"""What older tools wrote beside the configuration -> the way of quantization."""
_CODES = (".qweight", ".weight_packed", ".weight_scale", ".weight_scale_inv", "_blocks", ".SCB", ".absmax")
"""Ends of the names of tensors that are codes, or belong to codes."""
_LARGEST_POINTER = 1024
_LARGEST_NUMBER = 2**48
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
"""Type of a tensor -> bits of an element."""
_HEAD = re.compile(r"(^|\.)(lm_head|embed_out)\.weight$")
_EMBEDDING = re.compile(r"(^|\.)(embed_tokens|word_embeddings|wte|embed_in)\.weight$")
_NEVER_LEARNED = ("inv_freq", "masked_bias", "._weight_scale", "._weight_zero_point")
"""Ends of names: rotary frequencies, what stands where a mask masks, and what belongs to torchao's codes."""
_MASKS = ("attn.bias", "attention.bias")
_MASK_DIMENSIONS = 4
_CHUNK = 1 << 24


class NotWholeError(ValueError):
    """The folder does not hold one whole set of weights. The message names the file, and what to do."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as a safetensors file's header describes it; ``begin`` and ``end`` are offsets in the file."""

    file: Path
    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int


def source_files(folder: Path) -> list[Path]:
    """The files of ``folder`` that are the model: its weights and what lies beside them, without other weights.

    Raises:
        NotWholeError: see :func:`weight_files`.
    """
    beside = (file for file in folder.iterdir() if file.suffix in SIDE_SUFFIXES and file.is_file())
    return sorted([*weight_files(folder), *beside])


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights of ``folder``.

    Raises:
        NotWholeError: there are none, one is missing, or it is not clear which they are.
        OSError, ValueError: the index cannot be read.
    """
    single = folder / SINGLE
    if not (folder / INDEX).is_file():
        return [single] if single.is_file() else _refuse_names(folder)
    placed = _index(folder)
    names = sorted(set(placed.values()))
    missing = [name for name in names if not (folder / name).is_file()]
    if single.is_file() and SINGLE not in names:
        if not missing and _shapes(_tensors_of([single])) != _shapes(_tensors_of([folder / name for name in names])):
            raise NotWholeError(
                f"{SINGLE} and the files that {INDEX} names hold different weights: remove those that are not meant"
            )
        return [single]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise NotWholeError(
            f"the weight file {missing[0]}{more} is missing, of {len(names)} that {INDEX} names: "
            "download the model again"
        )
    return [folder / name for name in names]


def stored_tensors(folder: Path) -> dict[str, Tensor]:
    """Name -> tensor, of all that :func:`weight_files` hold, each where the index places it.

    Raises:
        NotWholeError: see :func:`weight_files`; a file is cut off or a Git LFS pointer, or lacks one of its tensors.
        OSError, ValueError: a file is no safetensors file.
    """
    files = weight_files(folder)
    placed = {} if files == [folder / SINGLE] else _index(folder)
    found = _tensors_of(files, placed)
    for name, file in placed.items():
        if name not in found:
            raise NotWholeError(f"{file} lacks the tensor {name} that {INDEX} places there: download the model again")
    return found


def learned_tensors(folder: Path, *, tied: bool | None) -> dict[str, Tensor]:
    """The parameters among :func:`stored_tensors`: no masks or rotary frequencies, and what is tied once.

    Raises as :func:`stored_tensors`.

    ``tied``: what its configuration says of the output layer and the embedding; ``None`` if it says nothing. Where both
    are stored, transformers ties them only if they are equal.
    """
    tensors = {name: tensor for name, tensor in stored_tensors(folder).items() if not _is_beside(name, tensor)}
    head, embedding = output_layer(tensors), embedding_of(tensors)
    if tied is not False and head and embedding and _equal(tensors[head], tensors[embedding]):
        del tensors[head]
    return tensors


def quantization_of(folder: Path) -> str | None:
    """The way in which the weights of ``folder`` are quantized already, e.g. ``fp8``; ``None`` for plain numbers.

    It is read from the configuration, or from the files or tensors that such a folder has where that says nothing.

    Raises as :func:`stored_tensors`.
    """
    config = read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise NotWholeError("config.json has no settings: download the model again")
    if (stated := stated_quantization(config)) is not None:
        return stated
    for name, method in _QUANTIZATION_FILES.items():
        if (folder / name).is_file():
            return method
    tensors = stored_tensors(folder)
    narrow = sorted({tensor.kind for tensor in tensors.values() if tensor.kind.startswith(("F8", "F4", "F6"))})
    if narrow:
        return narrow[0].lower()
    coded = next((name for name in tensors if name.endswith(_CODES)), None)
    return None if coded is None else f"{coded.rpartition('.')[2]} tensors"


def architecture_of(folder: Path) -> str | None:
    """The architecture that the configuration in ``folder`` names; ``None`` where none can be read there."""
    try:
        return str(read_json(folder / "config.json")["architectures"][0])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def stated_quantization(config: Mapping[str, Any]) -> str | None:
    """The way of quantization that a configuration states; ``None`` if it states none."""
    parts = (config, *(part for part in config.values() if isinstance(part, dict)))
    stated = [part[name] for part in parts for name in _QUANTIZATION if part.get(name)]
    return _named(stated[0]) if stated else None


def _named(stated: Any) -> str:
    method = stated.get("quant_method") if isinstance(stated, dict) else None
    if method is None:
        bitsandbytes = isinstance(stated, dict) and any(stated.get(f"load_in_{bits}bit") for bits in (4, 8))
        return "bitsandbytes" if bitsandbytes else "in a way that its configuration does not name"
    kind = stated.get("quant_type")
    kind = kind.get("default", {}).get("_type") if isinstance(kind, dict) else None
    return f"{method} {kind}" if kind else str(method)


def output_layer(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the output layer's matrix."""
    return next((name for name in tensors if _HEAD.search(name)), None)


def embedding_of(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the embedding."""
    return next((name for name in tensors if _EMBEDDING.search(name)), None)


def is_lfs_pointer(file: Path) -> bool:
    """Whether ``file`` is what Git leaves in place of a large file that was not fetched."""
    if file.stat().st_size > _LARGEST_POINTER:
        return False
    with file.open("rb") as stream:
        return stream.read(len(_POINTER)) == _POINTER


def _refuse_names(folder: Path) -> list[Path]:
    names = sorted(file.name for file in folder.glob("*.safetensors"))
    if SINGLE in names:
        raise NotWholeError(f"{SINGLE} is a link to a file that is not there: download the model again")
    if not names:
        raise NotWholeError(
            "it has no weights as safetensors (pickled ones are never opened): save it anew with transformers, by "
            "`save_pretrained`, or give a model that has them"
        )
    if names == [ADAPTER]:
        raise NotWholeError(f"{ADAPTER} is an adapter, not a model: merge it into the model that it was trained on")
    if any(re.search(r"-of-\d+\.safetensors$", name) for name in names):
        raise NotWholeError(f"{INDEX}, which says what is in {names[0]}, is missing: download the model again")
    raise NotWholeError(
        f"its weights {names[0]} are not in the layout of transformers: give a folder with {SINGLE}, or {INDEX} and "
        "the files that it names"
    )


def _index(folder: Path) -> dict[str, str]:
    index = read_json(folder / INDEX, LARGEST_HEADER)
    placed = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(placed, dict):
        raise NotWholeError(f"{INDEX} does not say where the weights are: download the model again")
    for file in placed.values():
        if not isinstance(file, str) or re.search(r"[/\\:]", file) or not file.endswith(".safetensors"):
            raise NotWholeError(f"{INDEX} names {file!r}, which is no safetensors file of the folder")
    return dict(placed)


def _tensors_of(files: list[Path], placed: Mapping[str, str] | None = None) -> dict[str, Tensor]:
    elsewhere = placed or {}
    return {
        name: tensor
        for file in files
        for name, tensor in _header(file).items()
        if elsewhere.get(name, file.name) == file.name
    }


def _header(file: Path) -> dict[str, Tensor]:
    if is_lfs_pointer(file):
        raise NotWholeError(
            f"{file.name} is a Git LFS pointer, not the file that it stands for: run `git lfs pull` in its folder"
        )
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > min(LARGEST_HEADER, size - 8):
            raise ValueError(f"{file.name} is no safetensors file, or is cut off in its header")
        text = stream.read(length)
    try:
        header = parse_json(text, LARGEST_HEADER)
    except ValueError as error:
        raise ValueError(f"{file.name} is no safetensors file: its header has {error}") from error
    if not isinstance(header, dict):
        raise NotWholeError(
            f"{file.name} is no safetensors file, its header names no tensors: download the model again"
        )
    first = 8 + length
    tensors = {name: _tensor(file, name, header[name], first) for name in header if name != "__metadata__"}
    whole = max((tensor.end for tensor in tensors.values()), default=first)
    if size < whole:
        raise NotWholeError(f"{file.name} is cut off: {size} bytes of {whole}; download the model again")
    free = first
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin < free:
            raise NotWholeError(f"{file.name} has the tensor {name[:80]!r} where another one lies")
        free = tensor.end
    return tensors


def _tensor(file: Path, name: str, entry: Any, first: int) -> Tensor:
    try:
        kind, shape, (begin, end) = str(entry["dtype"]), tuple(entry["shape"]), entry["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise NotWholeError(
            f"{file.name} does not say what the tensor {name[:80]!r} is: download the model again"
        ) from error
    numbers = all(type(number) is int and 0 <= number < _LARGEST_NUMBER for number in (*shape, begin, end))
    bits = _BITS.get(kind)
    if not numbers or begin > end or bits is None or -(-prod(shape) * bits // 8) != end - begin:
        raise NotWholeError(
            f"{file.name} has the tensor {name[:80]!r} of {kind[:20]} and the shape {list(shape[:8])} at "
            f"{begin} to {end}, which cannot be: download the model again"
        )
    return Tensor(file, kind, shape, first + begin, first + end)


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (tensor.kind, tensor.shape) for name, tensor in tensors.items()}


def _is_beside(name: str, tensor: Tensor) -> bool:
    """Whether ``name`` is stored beside what was learned, as older versions stored causal masks."""
    return name.endswith(_NEVER_LEARNED) or (name.endswith(_MASKS) and len(tensor.shape) == _MASK_DIMENSIONS)


def _equal(one: Tensor, other: Tensor) -> bool:
    if (one.kind, one.shape) != (other.kind, other.shape):
        return False
    with one.file.open("rb") as first, other.file.open("rb") as second:
        first.seek(one.begin)
        second.seek(other.begin)
        left = one.end - one.begin
        while left > 0:
            chunk = first.read(min(left, _CHUNK))
            if not chunk or chunk != second.read(len(chunk)):
                return False
            left -= len(chunk)
    return True

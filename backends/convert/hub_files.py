"""Which files of a repository on the Hugging Face hub are the model, by their names alone."""

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

from backends.file_names import is_plain
from backends.hf_weights import ADAPTER, INDEX, PICKLES, SIDE_SUFFIXES, SINGLE, TOKENIZERS
from backends.reasons import first_of


def placed(index: Mapping[str, Any]) -> dict[str, str]:
    """What the index of the weights says, tensor -> file; empty where it says it in another way."""
    found = index.get("weight_map")
    if not isinstance(found, dict) or not all(isinstance(file, str) for file in found.values()):
        return {}
    return found


def needed(names: Collection[str], where: Mapping[str, str]) -> list[str]:
    """What of ``names`` is downloaded: the weights as safetensors, once, with configuration and tokenizer.

    No pickles, no code, no second copy of the weights, and nothing of another format: only names of the repository's
    top folder, as transformers' ``from_pretrained`` reads them.

    ``where``: :func:`placed`; empty where there is no index.
    """
    weights = {SINGLE} if SINGLE in names else {INDEX, *where.values()}
    return sorted(name for name in filter(is_plain, names) if name in weights or _is_beside(name))


def _is_beside(name: str) -> bool:
    return PurePosixPath(name).suffix in SIDE_SUFFIXES and not name.endswith(".index.json")


def refusal(source: str, names: Collection[str], hf: str) -> str | None:
    """Why the files ``names`` are no model that can be converted, with what to do; ``None`` if they are one."""
    if SINGLE in names or INDEX in names:
        return _incomplete(source, names)
    graphs = {
        "an OpenVINO model": _ending(names, "openvino_model.xml"),
        "an ONNX Runtime GenAI model": _ending(names, "genai_config.json"),
    }
    for what, found in graphs.items():
        if found:
            return f"{source} holds {what}{_places(found)}: {_download(source, found[0], hf)}"
    pickles = (
        "has its weights as pickles alone ({}), which can run code and are never opened: choose a model with "
        f"safetensors, or a revision of this one that has them ({source}@refs/pr/NUMBER, if somebody proposed them)"
    )
    gguf = (
        "holds GGUF files and no safetensors ({}): download one of them with "
        f"`{hf} download {source} FILE --local-dir FOLDER` and give its path with --model"
    )
    layout = (
        f"has weights ({{}}) that are not in the layout of transformers, {SINGLE} or {INDEX}: choose another edition"
    )
    others = (
        (_ending(names, ".gguf"), gguf),
        (_ending(names, ADAPTER), "is an adapter ({}), not a model: give one that it was merged into"),
        (_ending(names, ".safetensors"), layout),
        (_ending(names, *PICKLES), pickles),
        (sorted(names) or ["no file at all"], "holds no weights ({}): choose another model"),
    )
    return next(f"{source} {words.format(first_of(found))}" for found, words in others if found)


def _incomplete(source: str, names: Collection[str]) -> str | None:
    if "config.json" not in names:
        return f"{source} has weights but no config.json, so it is no model for transformers: choose another one"
    if not any(name in names for name in TOKENIZERS):
        return (
            f"{source} has no tokenizer ({', '.join(TOKENIZERS)}), and prompts are made with the model's own: give "
            "the model that it was made from, or download both into one folder and give that"
        )
    return None


def _ending(names: Collection[str], *ends: str) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if name.endswith(ends)))


def _places(found: Collection[str]) -> str:
    folders = [str(PurePosixPath(name).parent) for name in found if "/" in name]
    return f" in {first_of(folders)}" if folders else ""


def _download(source: str, graph: str, hf: str) -> str:
    folder = PurePosixPath(graph).parent
    part = "" if str(folder) == "." else f' --include "{folder}/*"'
    below = "FOLDER" if str(folder) == "." else f"FOLDER/{folder}"
    return f"download it with `{hf} download {source}{part} --local-dir FOLDER` and give {below} with --model"

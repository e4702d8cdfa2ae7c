"""GGUF to a Hugging Face directory: float32 safetensors, configuration and tokenizer."""

from functools import cache
from pathlib import Path
from typing import Any

import gguf
import torch
from transformers import AutoModelForCausalLM

from backends.convert.as_stored import refuse_incomplete
from backends.convert.gguf_file import locate, read_gguf
from backends.convert.gguf_tokenizer import write_tokenizer


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write the GGUF file of the installed package ``source`` as a Hugging Face directory.

    The facts are the file's name and how its weights are stored, e.g. ``{"gguf": …, "stored_as": "Q4_1"}``.
    """
    del options
    refuse_incomplete()
    file = locate(source)
    reader = read_gguf(file)
    _share(reader)
    _save_model(file, output)
    # transformers 5.5 reads the vocabulary of every Llama GGUF as SentencePiece. For a byte-level vocabulary that turns
    # each space into the unknown token, so the tokenizer is built from the file's own tokens and merges.
    write_tokenizer(reader, output)
    return {"gguf": file.name, "stored_as": file.name.rsplit(".", 2)[-2]}


def _share(reader: Any) -> None:
    """Have transformers take ``reader``, and one map of names, in this process.

    It would read the whole vocabulary twice more, and make a map for each module of the model: most of its time.
    """
    gguf.GGUFReader = lambda _: reader
    gguf.get_tensor_name_map = cache(gguf.get_tensor_name_map)


def _save_model(file: Path, output: Path) -> None:
    loaded = AutoModelForCausalLM.from_pretrained(str(file.parent), gguf_file=file.name, dtype=torch.float32)
    # A model read from GGUF refuses to be saved: it believes that it is still quantized. A twin of it does not.
    settings = loaded.config.to_dict()
    settings.pop("quantization_config", None)
    with torch.device("meta"):
        twin = type(loaded)(type(loaded.config).from_dict(settings))
    twin.load_state_dict(loaded.state_dict(), assign=True)
    twin.tie_weights()
    twin.generation_config = loaded.generation_config
    twin.save_pretrained(output)

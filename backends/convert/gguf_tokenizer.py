"""The tokenizer that a GGUF file carries, as the files that every tokenizer reader finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, models

from backends.convert import ConversionError
from backends.convert.gguf_file import field, read_gguf
from backends.convert.tokenizer_files import save_tokenizer, with_byte_level

_CONTROL_TOKEN = 3  # token type "control" of the GGUF specification
_SINGLE_DIGITS = {"smollm": True, "gpt-2": False, "default": False}
"""The splittings of text that can be rebuilt -> whether each digit is a token of its own."""


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write the tokenizer of the GGUF file ``source``."""
    del options
    write_tokenizer(read_gguf(Path(source)), output)
    return {}


def write_tokenizer(reader: Any, output: Path) -> None:
    """Write the tokenizer that ``reader`` finds into the folder ``output``."""
    save_tokenizer(
        _tokenizer(reader),
        output,
        special=_special_names(reader),
        chat_template=field(reader, "tokenizer.chat_template"),
        context_tokens=field(reader, f"{field(reader, 'general.architecture')}.context_length"),
    )


def _tokenizer(reader: Any) -> Any:
    kind, split = field(reader, "tokenizer.ggml.model"), field(reader, "tokenizer.ggml.pre")
    if kind != "gpt2" or split not in _SINGLE_DIGITS:
        raise ConversionError(
            f"the GGUF file's tokenizer is {kind}/{split}, and only gpt2 with {', '.join(_SINGLE_DIGITS)} can be "
            "rebuilt here: name the model's Hugging Face directory with --model instead, it is converted for llama-cpp"
        )
    tokens = field(reader, "tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ", 1)) for merge in field(reader, "tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, merges))
    types = field(reader, "tokenizer.ggml.token_type")
    special = [token for token, type_ in zip(tokens, types, strict=True) if type_ == _CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return with_byte_level(tokenizer, single_digits=_SINGLE_DIGITS[split])


def _special_names(reader: Any) -> dict[str, str]:
    tokens = field(reader, "tokenizer.ggml.tokens")
    names = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
    ids = {role: field(reader, f"tokenizer.ggml.{name}_token_id") for role, name in names.items()}
    return {role: tokens[index] for role, index in ids.items() if index is not None}

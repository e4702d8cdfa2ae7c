"""Byte-level BPE tokenizers, written so that every stack's tokenizer reader finds them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import decoders, pre_tokenizers
from transformers import PreTrainedTokenizerFast


def with_byte_level(tokenizer: Any, *, single_digits: bool) -> Any:
    """Give ``tokenizer`` GPT-2's splitting of text into byte-level words, and the way back."""
    tokenizer.pre_tokenizer, tokenizer.decoder = byte_level_words(single_digits=single_digits), decoders.ByteLevel()
    return tokenizer


def byte_level_words(*, single_digits: bool) -> Any:
    """GPT-2's splitting of text into byte-level words, or the same with each digit a word of its own."""
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    digits = pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Sequence([digits, words]) if single_digits else words


def save_tokenizer(
    tokenizer: Any,
    output: Path,
    *,
    special: Mapping[str, str],
    chat_template: str | None,
    context_tokens: int | None,
) -> None:
    """Write a ``tokenizers.Tokenizer`` into the Hugging Face directory ``output``; ``special`` is role -> token."""
    limits = {} if context_tokens is None else {"model_max_length": context_tokens}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **special, **limits)
    if chat_template is not None:
        fast.chat_template = chat_template
    fast.save_pretrained(output)

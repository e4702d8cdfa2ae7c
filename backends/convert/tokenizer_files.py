"""Byte-level BPE tokenizers: made, and written so that every stack's tokenizer reader finds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast


def byte_level_tokenizer(
    vocabulary: Mapping[str, int],
    merges: Iterable[Sequence[str]],
    *,
    special: Sequence[str],
    single_digits: bool,
) -> Any:
    """A ``tokenizers.Tokenizer`` for GPT-2's byte-level BPE.

    Args:
        vocabulary: token in GPT-2's byte alphabet -> id.
        merges: pairs of tokens, most frequent first.
        special: control tokens; they are matched whole in text and never merged.
        single_digits: each digit is a token of its own.
    """
    tokenizer = Tokenizer(models.BPE(dict(vocabulary), [(left, right) for left, right in merges]))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return with_byte_level(tokenizer, single_digits=single_digits)


def with_byte_level(tokenizer: Any, *, single_digits: bool) -> Any:
    """Give ``tokenizer`` GPT-2's splitting of text into byte-level words, and the way back."""
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, words]) if single_digits else words
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def save_tokenizer(
    tokenizer: Any,
    output: Path,
    *,
    special: Mapping[str, str],
    chat_template: str | None,
    context_tokens: int | None,
) -> None:
    """Write ``tokenizer`` into the Hugging Face directory ``output``.

    Args:
        tokenizer: a ``tokenizers.Tokenizer``.
        output: the directory.
        special: role (``bos_token``, ``eos_token``, ``unk_token``, ``pad_token``) -> token.
        chat_template: Jinja source, ``None`` for a model without one.
        context_tokens: the longest sequence that the model takes, ``None`` where unknown.
    """
    limits = {} if context_tokens is None else {"model_max_length": context_tokens}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **special, **limits)
    if chat_template is not None:
        fast.chat_template = chat_template
    fast.save_pretrained(output)

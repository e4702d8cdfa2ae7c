"""GGUF files with a vocabulary and no weights, for tests of the tokenizer that is made of one.

``python -m tests.support.gguf_vocabularies FOLDER`` in the conversion venv trains small vocabularies on the corpus of
the prompts and writes ``FOLDER/KIND.gguf`` for each of :data:`KINDS`. It prints a JSON object: kind -> the ids of
:data:`TEXT` by the tokenizer that was trained.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

from bench import PROJECT_ROOT

TEXT = "Two  spaces, 2024's\n\tnaïve café: 東京 isn't DON'T 12345 € end."
KINDS = ("llama-bpe", "qwen2", "tekken", "smollm", "unheard-of", "spm", "spm-bare", "nothing")
"""Ways of splitting text that vocabularies of bytes have; SentencePiece's, with a space before a text and without; and
a file that has no vocabulary."""

_SIZE = 1_200
_SPECIAL = ("<unk>", "<s>", "</s>")


def main(folder: Path) -> None:
    """Write the files and print the ids."""
    texts = [file.read_text("utf-8") for file in sorted((PROJECT_ROOT / "bench/prepare/corpus").glob("*.txt"))]
    ids = {kind: _byte_level(folder, kind, texts) for kind in KINDS if "spm" not in kind and kind != "nothing"}
    ids |= {kind: _sentence_piece(folder, kind, texts) for kind in KINDS if "spm" in kind}
    _write(folder / "nothing.gguf", "none", None)
    print(json.dumps(ids))


def _byte_level(folder: Path, kind: str, texts: list[str]) -> list[int]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: PLC0415 - for the process that writes

    from backends.convert.gguf_tokenizer import split_of  # noqa: PLC0415

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = split_of(kind)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=_SIZE, special_tokens=list(_SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / f"{kind}.json"))
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    types = [3 if token in _SPECIAL else 1 for token in tokens]
    merges = [" ".join(pair) for pair in model["merges"]]
    _write(folder / f"{kind}.gguf", "gpt2", tokens, token_types=types, token_merges=merges, tokenizer_pre=kind)
    return list(tokenizer.encode(TEXT).ids)


def _sentence_piece(folder: Path, kind: str, texts: list[str]) -> list[int]:
    import sentencepiece  # noqa: PLC0415 - for the process that writes

    trained, prefixed = io.BytesIO(), kind == "spm"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for text in texts for line in text.split("\n") if line]),
        model_writer=trained,
        vocab_size=_SIZE,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=prefixed,
        minloglevel=2,
    )
    model = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
    ids = range(model.vocab_size())
    kinds = ((model.is_unknown, 2), (model.is_control, 3), (model.is_byte, 6))
    _write(
        folder / f"{kind}.gguf",
        "llama",
        [model.id_to_piece(index) for index in ids],
        token_types=[next((number for is_kind, number in kinds if is_kind(index)), 1) for index in ids],
        token_scores=[model.get_score(index) for index in ids],
        unk_token_id=0,
        add_space_prefix=prefixed,
    )
    return list(model.encode(TEXT))


def _write(file: Path, model: str, tokens: list[str] | None, **fields: Any) -> None:
    import gguf  # noqa: PLC0415 - for the process that writes

    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_context_length(512)
    writer.add_tokenizer_model(model)
    if tokens is not None:
        writer.add_token_list(tokens)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
    for name, value in fields.items():
        getattr(writer, f"add_{name}")(value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

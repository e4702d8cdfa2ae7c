"""The tokenizer of a GGUF file, as the files that every tokenizer reader finds.

It is the one that lies beside the file, if it is of the same vocabulary, else it is made of the file's own tokens. What
is measured are ids of the model's vocabulary either way; where a text is split into words in a way that is not known
here, it is split as for another model, and that is said.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from backends.convert import ConversionError
from backends.convert.gguf_file import field, read_gguf
from backends.convert.tokenizer_files import byte_level_words, save_tokenizer

BESIDE = "tokenizer.json"
_CONTROL_TOKEN, _USER_TOKEN = 3, 4  # token types "control" and "user defined" of the GGUF specification
_SAME_VOCABULARY = 0.95
"""The least share of equal tokens: a GGUF names those differently that nobody uses."""

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+TAIL"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*TAIL"
)
_CASED_REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = rf"{_CONTRACTIONS}|{_WORDS}|\p{{N}}{{1,3}}|{_REST}"
_QWEN2 = rf"{_CONTRACTIONS}|{_WORDS}|\p{{N}}|{_REST}"
_TEKKEN = rf"{_CASED.replace('TAIL', '')}|\p{{N}}|{_CASED_REST}"
_GPT_4O = rf"{_CASED.replace('TAIL', _CONTRACTIONS + '?')}|\p{{N}}{{1,3}}|{_CASED_REST}"

_SINGLE_DIGITS = {
    **dict.fromkeys(
        ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"), True
    ),
    **dict.fromkeys(("gpt-2", "default", "phi-2", "mpt", "olmo", "jais", "trillion", "mellum", "exaone4"), False),
    **dict.fromkeys(("gigachat", "a.x-4.0", "granite-docling"), False),
}
"""Ways of splitting text that are GPT-2's -> whether each digit is a token of its own."""

_PATTERNS = {
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0"), _LLAMA3),
    **dict.fromkeys(("lfm2", "dbrx", "smaug-bpe", "glm4", "glm5", "chatglm-bpe"), _LLAMA3),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen", "kormo", "stablelm2", "megrez", "hunyuan"), _QWEN2),
    **dict.fromkeys(("solar-open", "grok-2"), _QWEN2),
    "tekken": _TEKKEN,
    **dict.fromkeys(("gpt-4o", "llama4", "kanana2", "minimax-m2"), _GPT_4O),
}
"""Ways of splitting text -> the pattern of a word, as in the ``tokenizer.json`` of the models that have it."""

_BOS_UNSAID = {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken"}
"""Ways of splitting text of models that want a BOS where the file does not say so."""

_WHOLE_WORDS = {*_BOS_UNSAID, "glm4", "glm5"}
"""Those for which a word that is a token is that token, whatever the merges say."""

_SENTENCE_PIECE = "llama"
_SPACE = "\u2581"


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write the tokenizer of the GGUF file ``source``.

    The fact ``note`` is what a reader must know of it, ``None`` if that is nothing.
    """
    del options
    return {"note": write_tokenizer(read_gguf(Path(source)), output, Path(source).with_name(BESIDE))}


def write_tokenizer(reader: Any, output: Path, beside: Path | None = None) -> str | None:
    """Write the tokenizer that ``reader`` finds, or the one in the file ``beside``, into the folder ``output``.

    Returns what a reader must know of it, ``None`` if that is nothing.
    """
    tokenizer, note = _of_file(beside, reader), None
    if tokenizer is None:
        tokenizer, note = _tokenizer(reader)
    tokens = field(reader, "tokenizer.ggml.tokens")
    names = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
    ids = {role: field(reader, f"tokenizer.ggml.{name}_token_id") for role, name in names.items()}
    save_tokenizer(
        tokenizer,
        output,
        special={role: tokens[index] for role, index in ids.items() if tokens is not None and index is not None},
        chat_template=field(reader, "tokenizer.chat_template"),
        context_tokens=field(reader, f"{field(reader, 'general.architecture')}.context_length"),
    )
    return note


def _of_file(file: Path | None, reader: Any) -> Any:
    """The tokenizer in ``file`` if it is there and is of the same vocabulary, else ``None``."""
    if file is None or not file.is_file():
        return None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises nothing narrower
        raise ConversionError(f"{file.name} beside the GGUF file cannot be read ({error}): remove it") from error
    own, vocabulary = field(reader, "tokenizer.ggml.tokens"), tokenizer.get_vocab()
    if own is None:
        return tokenizer
    equal = sum(index < len(own) and own[index] == token for token, index in vocabulary.items())
    return tokenizer if equal >= _SAME_VOCABULARY * len(vocabulary) else None


def _tokenizer(reader: Any) -> tuple[Any, str | None]:
    kind, tokens = field(reader, "tokenizer.ggml.model"), field(reader, "tokenizer.ggml.tokens")
    if tokens is None or kind not in ("gpt2", _SENTENCE_PIECE):
        has = f"a tokenizer of the kind {kind}" if tokens else "no tokenizer"
        raise ConversionError(
            f"the GGUF file has {has}, from which prompts cannot be made here: put the {BESIDE} of the model into the "
            "file's folder"
        )
    types = field(reader, "tokenizer.ggml.token_type") or [0] * len(tokens)
    if kind == _SENTENCE_PIECE:
        tokenizer, note = _sentence_piece(reader, tokens), None
    else:
        tokenizer, note = _byte_level(reader, tokens)
    added = [
        AddedToken(token, special=kind_of_token == _CONTROL_TOKEN, normalized=False)
        for token, kind_of_token in zip(tokens, types, strict=True)
        if kind_of_token in (_CONTROL_TOKEN, _USER_TOKEN)
    ]
    tokenizer.add_special_tokens([token for token in added if token.special])
    tokenizer.add_tokens([token for token in added if not token.special])
    if _wants_bos(reader):
        index = field(reader, "tokenizer.ggml.bos_token_id")
        bos = tokens[index]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, index)]
        )
    return tokenizer, note


def _byte_level(reader: Any, tokens: Sequence[str]) -> tuple[Any, str | None]:
    split = field(reader, "tokenizer.ggml.pre") or "default"
    merges = [tuple(merge.split(" ", 1)) for merge in field(reader, "tokenizer.ggml.merges") or ()]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=split in _WHOLE_WORDS))
    tokenizer.pre_tokenizer, tokenizer.decoder = split_of(split), decoders.ByteLevel()
    known = split in _SINGLE_DIGITS or split in _PATTERNS
    return tokenizer, None if known else f"texts are split as for Llama 3, because the way {split!r} is not known here"


def split_of(named: str) -> Any:
    """What splits a text into the words that tokens do not cross, as bytes, by its name in GGUF files.

    One that is not known splits as that of Llama 3.
    """
    if named in _SINGLE_DIGITS:
        return byte_level_words(single_digits=_SINGLE_DIGITS[named])
    words = pre_tokenizers.Split(Regex(_PATTERNS.get(named, _LLAMA3)), behavior="isolated")
    return pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _sentence_piece(reader: Any, tokens: Sequence[str]) -> Any:
    """SentencePiece's pairs, the better first: every token is one of each two that it can be made of."""
    scores = field(reader, "tokenizer.ggml.scores") or [0.0] * len(tokens)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    merges = sorted(
        _pairs(vocabulary), key=lambda pair: (-scores[vocabulary["".join(pair)]], *map(vocabulary.get, pair))
    )
    unknown = field(reader, "tokenizer.ggml.unknown_token_id")
    tokenizer = Tokenizer(
        models.BPE(
            vocabulary,
            merges,
            unk_token=None if unknown is None else tokens[unknown],
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    prefixed = field(reader, "tokenizer.ggml.add_space_prefix")
    prefix = [normalizers.Prepend(_SPACE)] if prefixed is None or prefixed else []
    tokenizer.normalizer = normalizers.Sequence([*prefix, normalizers.Replace(" ", _SPACE)])
    tokenizer.decoder = decoders.Sequence([decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def _pairs(vocabulary: dict[str, int]) -> Iterator[tuple[str, str]]:
    # A stranger's token may have tens of thousands of letters: none is cut where no token ends.
    lengths = sorted({len(token) for token in vocabulary} - {0})
    for token in vocabulary:
        for place in takewhile(len(token).__gt__, lengths):
            left, right = token[:place], token[place:]
            if left in vocabulary and right in vocabulary:
                yield left, right


def _wants_bos(reader: Any) -> bool:
    said = field(reader, "tokenizer.ggml.add_bos_token")
    if field(reader, "tokenizer.ggml.bos_token_id") is None:
        return False
    if said is not None:
        return bool(said)
    return (
        field(reader, "tokenizer.ggml.model") == _SENTENCE_PIECE or field(reader, "tokenizer.ggml.pre") in _BOS_UNSAID
    )

"""Settings of a Hugging Face folder for an older transformers, and whether a model was loaded as it is stored.

Plain values in and out, so that tests need no stack; :mod:`backends.hf_model` asks transformers.
"""

from collections.abc import Collection, Mapping
from typing import Any

from backends.reasons import first_of

RENAMED_IN = 5
"""The first major version of transformers that keeps all rotary settings under ``rope_parameters``."""

_ROTARY = "rope_parameters"
_OLDER = (("rope_theta", "rotary_emb_base"), ("partial_rotary_factor", "rotary_pct"), ("rope_scaling",))
"""The names of these settings in older classes; a class has one name of a line, or no such setting."""

_ORIGINAL = "original_max_position_embeddings"
_BESIDE_ORIGINAL = ("llama3", "longrope")
"""Kinds of scaling that look for the original context in every version; yarn of 4.45 takes the extended one for it."""

_TEXT_PARTS = ("text_config", "llm_config", "language_config")
_CONTEXTS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length", "n_ctx")
"""What architectures call the longest sequence that they take."""


class UntranslatableError(ValueError):
    """An older transformers has no name for a setting. The message names the setting."""


def text_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a model's text part: of a model that takes pictures too, those under a name of their own.

    What stands beside them holds for the text part where that is silent; on tied weights the whole model's word counts.
    """
    nested: Mapping[str, Any] = next(
        (config[name] for name in _TEXT_PARTS if isinstance(config.get(name), Mapping)), {}
    )
    tied = {name: config[name] for name in ("tie_word_embeddings",) if name in config}
    return {**config, **nested, **tied}


def context_tokens(config: Mapping[str, Any]) -> int | None:
    """The longest sequence that a model takes by its settings; ``None`` where they do not say."""
    known = next((config[name] for name in _CONTEXTS if config.get(name) is not None), None)
    return None if known is None else int(known)


def in_older_words(config: Mapping[str, Any], accepted: Collection[str]) -> dict[str, Any]:
    """Settings of a folder as an older transformers names them.

    An older transformers ignores a setting that it does not know, and would compute with its own default.

    Args:
        config: the contents of ``config.json``, whoever saved it.
        accepted: the arguments that the older transformers' configuration class takes.

    Returns:
        a copy of ``config`` in which nothing is left that the class would ignore, of what decides positions.

    Raises:
        UntranslatableError: there is no such copy.
    """
    nested = [name for name, value in config.items() if isinstance(value, Mapping) and _ROTARY in value]
    if nested:
        raise UntranslatableError(f"{nested[0]}.{_ROTARY}")
    translated = dict(config)
    if "dtype" in config:
        translated.setdefault("torch_dtype", config["dtype"])
    if config.get(_ROTARY):
        del translated[_ROTARY]
        translated |= _rotary(config[_ROTARY], accepted)
    for names in _OLDER:
        value = translated.get(names[0])
        known = next((name for name in names if name in accepted), None)
        if known:
            translated.setdefault(known, value)
        # The whole of each head is what a class turns that knows no share.
        elif value is not None and (names[0], value) != ("partial_rotary_factor", 1):
            raise UntranslatableError(names[0])
    return translated


def _rotary(rotary: Mapping[str, Any], accepted: Collection[str]) -> dict[str, Any]:
    """What stands under ``rope_parameters``, under the first names of :data:`_OLDER`."""
    if any(isinstance(value, Mapping) for value in rotary.values()):
        raise UntranslatableError(f"{_ROTARY} by layer ({', '.join(rotary)})")
    left = {name: value for name, value in rotary.items() if value is not None}
    kind = left.pop("rope_type", "default")
    renamed = {names[0]: left.pop(names[0]) for names in _OLDER if names[0] in left}
    if _ORIGINAL in left and _ORIGINAL in accepted:
        renamed[_ORIGINAL] = left.pop(_ORIGINAL)
    elif _ORIGINAL in left and kind not in _BESIDE_ORIGINAL:
        raise UntranslatableError(f"{_ROTARY}.{_ORIGINAL} of {kind}")
    if kind != "default":
        renamed["rope_scaling"] = {"type": kind, **left}
    elif left:
        raise UntranslatableError(f"{_ROTARY}.{next(iter(left))}")
    return renamed


def not_as_stored(found: Mapping[str, Any], parts: Mapping[str, bool], base: str) -> str | None:
    """Why a loaded model is not the one that its folder holds; ``None`` where it is.

    transformers fills a missing weight with random numbers and drops one that it has no place for; it warns of both.
    Tied weights that are stored once do not count as missing: transformers leaves them out itself.

    Args:
        found: what ``from_pretrained(…, output_loading_info=True)`` tells beside the model.
        parts: name of each module of the model -> whether it has modules of its own.
        base: the name of the module that all layers are in, its ``base_model_prefix``.
    """
    missing = sorted(found["missing_keys"])
    if missing:
        return f"weights are missing, and random numbers would stand for them ({first_of(missing)})"
    misshapen = sorted(str(key[0] if isinstance(key, tuple | list) else key) for key in found["mismatched_keys"])
    if misshapen:
        return f"weights have another shape than the configuration says ({first_of(misshapen)})"
    dropped = sorted(key for key in found["unexpected_keys"] if _has_a_place(key, parts, base))
    if dropped:
        return f"weights have no place in the model and would be left out ({first_of(dropped)})"
    return None


def _has_a_place(key: str, parts: Mapping[str, bool], base: str) -> bool:
    """Whether a weight that the model lacks belongs inside something that it has.

    A whole part more, such as the vision tower of a model whose text part is loaded, changes nothing of the text.
    Neither does a buffer that an old transformers stored (rotary frequencies, masks).
    """
    if key.endswith("inv_freq"):
        return False
    owner = key.rpartition(".")[0]
    if owner in parts:
        return not parts[owner]
    while owner and owner not in parts:
        owner = owner.rpartition(".")[0]
    return owner not in ("", base)

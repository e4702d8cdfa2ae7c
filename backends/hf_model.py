"""Loading a Hugging Face folder with transformers, any version of it: what the stacks on transformers share."""

import inspect
import json
from pathlib import Path
from typing import Any

import transformers
from transformers import AutoConfig, AutoModelForCausalLM

from backends.contract import ArtifactError
from backends.hf_folder import RENAMED_IN, UntranslatableError, in_older_words, not_as_stored

_VERSION: str = transformers.__version__

MAJOR = int(_VERSION.partition(".")[0])
"""The major version of the transformers at hand."""


def read_model(artifact: Path, **settings: Any) -> Any:
    """The causal model of the folder ``artifact``, with exactly the weights and settings that the folder holds.

    ``settings`` are for ``from_pretrained``, beside what is the same for every stack.

    Raises:
        ArtifactError: this transformers has no such setting, or weights are missing or would be left out.
        OSError, ValueError, KeyError, RuntimeError, SafetensorError: transformers' own.
    """
    config = _configuration(artifact)
    model, found = AutoModelForCausalLM.from_pretrained(
        artifact,
        config=config,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        attn_implementation=_attention(config),
        output_loading_info=True,
        # They are refused below, by name; transformers itself would point to a report that it printed.
        ignore_mismatched_sizes=True,
        **settings,
    )
    if reason := why_not_as_stored(model, found):
        raise ArtifactError(f"{artifact} is not whole: {reason}; download or convert the model again")
    return model


def why_not_as_stored(model: Any, found: Any) -> str | None:
    """See :func:`backends.hf_folder.not_as_stored`."""
    parts = {name: next(module.children(), None) is not None for name, module in model.named_modules()}
    return not_as_stored(found, parts, model.base_model_prefix)


def attention_of(model: Any) -> str | None:
    """The attention that a loaded model computes with, in capitals; ``None`` for a model without any."""
    if getattr(model.config.get_text_config(), "num_attention_heads", None) is None:
        return None
    # transformers has no public read-back.
    return str(model.config._attn_implementation).upper()  # noqa: SLF001


def _attention(config: Any) -> str | None:
    """``None`` for what transformers picks: SDPA where the architecture has it, else its own (``eager``).

    SDPA cannot bound the scores of attention, as Gemma 2 does, and some versions of transformers pick it all the same.
    """
    return "eager" if getattr(config.get_text_config(), "attn_logit_softcapping", None) is not None else None


def _configuration(artifact: Path) -> Any:
    """The folder's configuration, in this transformers' words where those of the file are younger."""
    config = AutoConfig.from_pretrained(artifact, local_files_only=True, trust_remote_code=False)
    if MAJOR >= RENAMED_IN:
        return config
    stored = json.loads((artifact / "config.json").read_text("utf-8"))
    try:
        translated = in_older_words(stored, inspect.signature(type(config).__init__).parameters)
    except UntranslatableError as error:
        raise ArtifactError(
            f"{artifact} was saved by transformers {stored.get('transformers_version', RENAMED_IN)}, and transformers "
            f"{_VERSION} knows no {error}: choose another model for this stack, or another stack for this model"
        ) from error
    return type(config).from_dict(translated)

"""A Hugging Face directory to an ONNX Runtime GenAI model, by onnxruntime-genai's own builder."""

import importlib
import runpy
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

import onnxruntime_genai.models  # noqa: F401 - it puts its own folder on the path, and takes its modules from there

from backends.contract import installed_versions
from backends.convert import ConversionError, RefusedError
from backends.convert.as_stored import refuse_incomplete
from backends.convert.onnx_weights import weights_of
from backends.hf_weights import architecture_of

_UNKNOWN = "is not currently supported."
"""What the builder's error ends in where it knows no such architecture, which it finds out before it reads weights."""

_SLIPS = (AttributeError, IndexError, KeyError, TypeError)
"""What it ends in on an architecture that it knows in another shape."""
_REMEDY = "choose another stack for this model, or give an ONNX Runtime GenAI model of it"


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Build a model from the directory ``source`` with ``options["arguments"]``, which are the recipe."""
    refuse_incomplete()
    _in_older_words()
    scratch = output.parent / "builder-cache"
    sys.argv = ["builder", "-i", source, "-o", str(output), "-c", str(scratch), *options["arguments"]]
    try:
        runpy.run_module("onnxruntime_genai.models.builder", run_name="__main__", alter_sys=True)
    except NotImplementedError as error:
        if not str(error).endswith(_UNKNOWN):
            raise
        raise RefusedError(f"{_builder()} takes no {_named(source)} models: {_REMEDY}") from error
    except _SLIPS as error:
        traceback.print_exc()
        said = f"{type(error).__name__}: {error}"
        raise ConversionError(f"{_builder()} fails on {_named(source)} models ({said}): {_REMEDY}") from error
    shutil.rmtree(scratch, ignore_errors=True)
    # Its exit status does not tell whether it wrote a model.
    for file in ("model.onnx", "genai_config.json"):
        if not (output / file).is_file():
            raise ConversionError(f"the builder wrote no {file}: the model's architecture may be unknown to it")
    return weights_of(output / "model.onnx")


def _in_older_words() -> None:
    """Have the builder read settings as it looks for them, not all of them in words that transformers 5 has.

    Gemma 3 has settings for each kind of layer, of which the builder knows one base for all layers and another one for
    those with a window. Longrope is looked for under ``type``, which a folder that transformers 5 saved lacks. And the
    window of Mistral and Phi-3 is one of all layers, which have no list of kinds.
    """
    model = importlib.import_module("builders.base").Model
    gemma_3 = importlib.import_module("builders.gemma").Gemma3Model
    read, make_caches = model.make_config_init, model.make_rotary_embedding_caches

    def make_config_init(self: Any, config: Any) -> None:
        rotary = dict(getattr(config.get_text_config(), "rope_parameters", None) or {})
        read(self, config)
        if type(self) is gemma_3 and "sliding_attention" in rotary:
            config.rope_parameters = rotary["full_attention"]
            config.rope_theta = rotary["full_attention"]["rope_theta"]
            config.rope_local_base_freq = rotary["sliding_attention"]["rope_theta"]
        elif "rope_type" in rotary:
            config.rope_parameters["type"] = rotary["rope_type"]
        if getattr(config, "layer_types", None) is None and getattr(config, "sliding_window", None):
            # A cache of the window's size is made for layers of this kind alone, where the context is longer.
            bounded = config.sliding_window < config.max_position_embeddings
            config.layer_types = ["sliding_attention"] * config.num_hidden_layers if bounded else None
            config.sliding_window = config.sliding_window if bounded else None

    def make_rotary_embedding_caches(self: Any, **names: Any) -> Any:
        if type(self) is gemma_3 and names.get("cos_cache_name") == getattr(self, "cos_cache_local_name", None):
            # Positions are scaled in the other layers alone, whose caches are made first.
            self.rope_attrs["rescale_factors"] = 1
        return make_caches(self, **names)

    model.make_config_init = make_config_init
    model.make_rotary_embedding_caches = make_rotary_embedding_caches


def _builder() -> str:
    return f"the builder of onnxruntime-genai {installed_versions('onnxruntime-genai')['onnxruntime-genai']}"


def _named(source: str) -> str:
    return architecture_of(Path(source)) or "unnamed"

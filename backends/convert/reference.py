"""What the source's own weights say of given texts, to hold against what a load says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from backends.contract import BackendError, Text, one_line
from backends.convert import ConversionError
from backends.convert.cast import TORCH_NAMES
from backends.hf_model import read_model
from backends.scoring import reference_arrays
from backends.torch_loop import last_position, scores

REFERENCE_FILE = "reference.npz"


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write ``reference.npz`` for the directory ``source``, computed by transformers on the CPU.

    The options are ``precision``, the type of weights and computation, and ``texts``, the fields of
    :class:`backends.contract.Text` of each. The facts are counts.
    """
    texts = [Text(**text) for text in options["texts"]]
    try:
        model = read_model(Path(source), dtype=getattr(torch, TORCH_NAMES[options["precision"]])).eval()
        arrays = reference_arrays(scores(model, texts, last_position(model)), texts)
    except (BackendError, OSError, ValueError, KeyError, RuntimeError, IndexError, SafetensorError) as error:
        remedy = "name a load of the run with --reference instead"
        raise ConversionError(f"transformers could not score the texts: {one_line(error)}; {remedy}") from error
    if any(not np.isfinite(values).all() for name, values in arrays.items() if name.endswith("/log_probs")):
        raise ConversionError(
            f"the model's own weights give numbers that are not finite in {options['precision']}: download it again"
        )
    np.savez_compressed(output / REFERENCE_FILE, **arrays)
    return {"texts": len(texts), "positions": sum(text.positions for text in texts)}

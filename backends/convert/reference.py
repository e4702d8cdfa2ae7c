"""What the source's own weights say of given texts, to hold against what a load says of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from backends.contract import BackendError, Scores, Text, one_line
from backends.convert import ConversionError
from backends.convert.cast import TORCH_NAMES
from backends.hf_model import read_model
from backends.scoring import reference_arrays
from backends.torch_loop import last_position

REFERENCE_FILE = "reference.npz"
_ROWS = 32
"""Positions that are reduced at once: of a vocabulary of 256,000, 65 MB in double precision."""


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write ``reference.npz`` for the directory ``source``, computed by transformers on the CPU.

    The options are ``precision``, the type of weights and computation, and ``texts``, the fields of
    :class:`backends.contract.Text` of each. The facts are counts.
    """
    texts = [Text(**text) for text in options["texts"]]
    try:
        model = read_model(Path(source), dtype=getattr(torch, TORCH_NAMES[options["precision"]]))
        arrays = reference_arrays(_scores(model.eval(), texts), texts)
    except (BackendError, OSError, ValueError, KeyError, RuntimeError, IndexError, SafetensorError) as error:
        remedy = "name a load of the run with --reference instead"
        raise ConversionError(f"transformers could not score the texts: {one_line(error)}; {remedy}") from error
    if any(not np.isfinite(values).all() for name, values in arrays.items() if name.endswith("/log_probs")):
        raise ConversionError(
            f"the model's own weights give numbers that are not finite in {options['precision']}: download it again"
        )
    np.savez_compressed(output / REFERENCE_FILE, **arrays)
    return {"texts": len(texts), "positions": sum(text.positions for text in texts)}


def _scores(model: Any, texts: Sequence[Text]) -> Iterator[Scores]:
    """The logits of each text's scored positions, by one forward pass for each."""
    with torch.inference_mode():
        for index, text in enumerate(texts):
            # The last position of all predicts an id that is not there.
            kept = dict.fromkeys(last_position(model), text.positions + 1)
            logits = model(input_ids=torch.tensor([text.ids]), use_cache=False, **kept).logits[0]
            rows = logits[-text.positions - 1 : -1]
            for first in range(0, text.positions, _ROWS):
                yield Scores(index, text.start + first, logits=rows[first : first + _ROWS].float().numpy())

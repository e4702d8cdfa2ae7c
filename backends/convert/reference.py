"""What the source's own weights say of given texts, to hold against what a load says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from backends.contract import BackendError, LoadOptions, Text
from backends.convert import ConversionError
from backends.hf_transformers import Transformers
from backends.scoring import reference_arrays

REFERENCE_FILE = "reference.npz"


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write ``reference.npz`` for the directory ``source``, computed by transformers on the CPU.

    The options are ``precision``, the type of weights and computation, and ``texts``, the fields of
    :class:`backends.contract.Text` of each. The facts are counts.
    """
    texts = [Text(**text) for text in options["texts"]]
    precision = options["precision"]
    try:
        arrays = reference_arrays(Transformers().score(Path(source), "CPU", LoadOptions(precision), texts), texts)
    except BackendError as error:
        raise ConversionError(f"{error}; a load of the run can be named with --reference instead") from error
    if any(not np.isfinite(values).all() for name, values in arrays.items() if name.endswith("/log_probs")):
        raise ConversionError(
            f"the model's own weights give probabilities that are not finite in {precision}: download it again"
        )
    np.savez_compressed(output / REFERENCE_FILE, **arrays)
    return {"texts": len(texts), "positions": sum(text.positions for text in texts)}

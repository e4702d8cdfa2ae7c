"""A GGUF file as it is, into a folder of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from backends.convert.gguf_model import locate
from backends.convert.gguf_weights import weights_of


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Put ``source`` into ``output``, linked where the file system allows it.

    Args:
        source: a ``.gguf`` file, or an installed package that carries exactly one.
        output: an empty folder.
        options: none are read.

    Returns:
        what :func:`backends.convert.gguf_weights.weights_of` counts in it.

    Raises:
        ConversionError: there is no such file, or it is no whole GGUF.
    """
    del options
    file = Path(source) if source.endswith(".gguf") else locate(source)
    facts = weights_of(file)
    target = output / file.name
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)
    return facts

"""A GGUF file as it is, into a folder of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from backends.convert.gguf_file import locate, weights_of


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Put ``source``, a ``.gguf`` file or a package that carries one, into ``output``, as a link where possible."""
    del options
    file = Path(source) if source.endswith(".gguf") else locate(source)
    facts = weights_of(file)
    target = output / file.name
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)
    return facts

"""A GGUF file as it is, into a folder of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from backends.convert.gguf_file import locate, weights_of
from backends.gguf_parts import parts_of


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Put ``source``, a ``.gguf`` file or a package that carries one, into ``output``, as a link where possible.

    A file that is a part of a model brings the others along.
    """
    del options
    file = Path(source) if source.endswith(".gguf") else locate(source)
    facts = weights_of(file)
    for part in parts_of(file):
        # In the hub's cache a file is a relative link, which would lead nowhere from another folder.
        whole, target = part.resolve(strict=True), output / part.name
        try:
            os.link(whole, target)
        except OSError:
            shutil.copyfile(whole, target)
    return facts

"""The GGUF file of an installed package as it is, in a folder of its own."""

import os
import shutil
from pathlib import Path
from typing import Any

from backends.convert.gguf_file import locate, weights_of


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Put the file that the package ``source`` carries into ``output``, as a hard link where possible."""
    del options
    file = locate(source)
    # A hard link of a relative symbolic link would lead nowhere from another folder.
    whole, target = file.resolve(strict=True), output / file.name
    try:
        os.link(whole, target)
    except OSError:
        shutil.copyfile(whole, target)
    return weights_of(file)

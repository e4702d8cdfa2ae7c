"""The files of a GGUF model on disk: one, or the parts that a large one is split into."""

import re
from collections.abc import Iterable
from pathlib import Path

_PART = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})\.gguf")
"""Names that llama.cpp gives to parts, and looks for: ``NAME-00001-of-00003.gguf``."""


class MissingPartError(ValueError):
    """Not all parts of a model lie in the folder. The message names the first that does not, and what to do."""


def parts_of(file: Path) -> list[Path]:
    """The files of the model that ``file`` belongs to, the one to load first.

    Raises:
        MissingPartError: one is not there.
    """
    named = _PART.fullmatch(file.name)
    if named is None:
        return [file]
    count = int(named["count"])
    parts = [file.with_name(f"{named['stem']}-{part:05d}-of-{count:05d}.gguf") for part in range(1, count + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        which = f"{missing[0]} and {len(missing) - 1} more" if len(missing) > 1 else missing[0]
        verb = "are" if len(missing) > 1 else "is"
        raise MissingPartError(f"{which} of its {count} parts {verb} missing: download it into the same folder")
    return parts


def name_of_parts(file: Path) -> str:
    """What the model of ``file`` is called: the name without its ending, and without what counts the parts."""
    named = _PART.fullmatch(file.name)
    return file.stem if named is None else named["stem"]


def models_among(files: Iterable[Path]) -> list[Path]:
    """The first file of each GGUF model among ``files``; what belongs to a model that sees (``mmproj``) is none."""
    found: dict[str, Path] = {}
    for file in sorted(files):
        if file.suffix == ".gguf" and not file.name.startswith("mmproj"):
            found.setdefault(name_of_parts(file), file)
    return list(found.values())

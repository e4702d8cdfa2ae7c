"""Reads the small files of ``/sys`` and ``/proc``. What cannot be read is empty, never an error."""

from collections.abc import Iterable
from pathlib import Path


def text_of(file: Path) -> str:
    """The text of ``file`` without white space around it; empty where it cannot be read."""
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def count_of(file: Path) -> int | None:
    """The whole number in ``file``; ``None`` where there is none."""
    text = text_of(file)
    return int(text) if text.isdigit() else None


def counts_of(files: Iterable[Path]) -> list[int]:
    """The whole numbers in ``files``, without those that cannot be read."""
    return [count for file in files if (count := count_of(file)) is not None]


def texts_of(folder: Path) -> Iterable[str]:
    """The texts of all files in ``folder``."""
    try:
        files = list(folder.iterdir())
    except OSError:
        return
    for file in files:
        yield text_of(file)

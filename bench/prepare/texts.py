"""The texts that prompts are cut from, one file per kind of work."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from bench.errors import PrepareError
from bench.plan.cells import digest as digest_of
from bench.prepare.recipes import Recipe

CORPUS = Path(__file__).resolve().parent / "corpus"


class Corpus:
    """A folder of text files.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def files(self) -> list[Path]:
        """The files, by name.

        Raises:
            PrepareError: there are none.
        """
        files = sorted(self._folder.glob("*.txt"))
        if not files:
            raise PrepareError(f"the folder {self._folder} holds no texts for prompts: restore it from the project")
        return files

    @cached_property
    def digest(self) -> str:
        """Of the texts, the same on every system."""
        # A checkout on Windows may have other line ends; the text is the same, and is read as such.
        return digest_of({file.stem: file.read_text("utf-8") for file in self.files}, length=64)

    def recipe(self, vocab_size: int) -> Recipe:
        """How the texts become ids of a model with ``vocab_size`` rows in its embedding."""
        values = {"corpus": self.digest, "vocab_size": vocab_size}
        return Recipe("prompts", values, {"vocab_size": vocab_size, "corpus": [str(file) for file in self.files]})

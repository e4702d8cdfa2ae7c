"""The files of a model that somebody else made: which of them are taken, and how they come into the cache."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path

from backends.file_names import is_plain
from bench.prepare.cache import reading
from bench.prepare.conversion_cost import gigabytes
from bench.prepare.hub_cache import blobs_of

DOCUMENT = "docs/security.md"
"""Where it stands what is refused, and why."""

_LARGEST_BESIDE = 512 * 1024 * 1024
_AT_ONCE = 16 * 1024 * 1024
"""Bytes of a file that are copied at a time."""


class RefusedError(ValueError):
    """A model is not taken. The message begins with the name of a file, and says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken of a model.

    Args:
        files: name in the copy -> the file that is linked or copied there.
        written: name in the copy -> the text that is written there, in place of the model's own.
    """

    files: Mapping[str, Path]
    written: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folder:
    """A model's folder; ``copies``: the cache's folder of artifacts, which may have further names of its files."""

    path: Path
    copies: Path

    def file(self, name: str, named_by: str) -> Path:
        """The regular file ``name``, which ``named_by`` names, with links followed.

        Raises:
            RefusedError: the name is no plain name, there is no such file, or it is a link out of the folder.
        """
        if not is_plain(name):
            raise RefusedError(f"{named_by} names the file {name[:200]!r}, which is not a plain name in its folder")
        if not (self.path / name).exists():
            raise RefusedError(f"{named_by} names the file {name}, which is not there: download the model again")
        return self._followed(name)

    def of_these(self, names: Iterable[str]) -> dict[str, Path]:
        """Those of ``names`` that are there, as :meth:`file`; none of them holds weights.

        Raises:
            RefusedError: as :meth:`file`, or one is larger than any vocabulary.
        """
        found = {name: self._followed(name) for name in names if (self.path / name).exists()}
        for name, file in found.items():
            if file.stat().st_size > _LARGEST_BESIDE:
                raise RefusedError(f"{name} has more than {_LARGEST_BESIDE} bytes, which no such file takes")
        return found

    def _followed(self, name: str) -> Path:
        file = (self.path / name).resolve()
        homes = [self.path.resolve(), *blobs_of(self.path)]
        if file.parent not in homes:
            raise RefusedError(
                f"{name} is a link out of the folder, to {file}: put the file itself there (links of the Hugging Face "
                "cache into its own blobs are taken)"
            )
        if not stat.S_ISREG(file.stat().st_mode):
            raise RefusedError(f"{name} is no regular file")
        return file

    def has_other_names(self, file: Path) -> bool:
        """Whether a hard link gives ``file`` a name elsewhere, except those in the Hugging Face cache or our own."""
        links = file.stat().st_nlink
        if links < 2 or file.parent in blobs_of(self.path):
            return False
        ours = sum(1 for copy in self.copies.glob(f"*/{escape(file.name)}") if copy.samefile(file))
        return links - ours > 1


def place(taken: Taken, output: Path, say: Callable[[str], None]) -> None:
    """Put what is ``taken`` into the empty folder ``output``: hard links, or copies on another volume, which it says.

    No symbolic links: ONNX Runtime 1.24 reads no tensors through one that leaves the model's folder.

    Raises:
        PrepareError: a file of the model cannot be read; an OSError is of ``output``.
    """
    for name, file in taken.files.items():
        try:
            os.link(file, output / name)
        except OSError:
            with reading(file):
                size = file.stat().st_size
            say(f"copying {name} into the cache ({gigabytes(size)}), where it cannot be linked")
            with (output / name).open("wb") as copy:
                copy.writelines(_content(file))
    for name, text in taken.written.items():
        (output / name).write_text(text, "utf-8", newline="\n")


def _content(file: Path) -> Iterator[bytes]:
    # Of a copy by shutil nobody can tell whether reading or writing failed.
    with reading(file), file.open("rb") as stream:
        while part := stream.read(_AT_ONCE):
            yield part

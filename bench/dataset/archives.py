"""Zipped runs, as CI keeps them: unpacked into a folder that they cannot leave, and no larger than may be."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from backends.file_names import is_plain
from bench.errors import StoreError

_MOST_FILES = 200_000
_MOST_BYTES = 32 * 2**30
_MOST_TIMES = 200
"""How many times its own size a zip may unpack to, beyond the first :data:`_FREE_BYTES`; JSON compresses to a tenth."""
_FREE_BYTES = 64 * 2**20


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack a zip into ``folder``; returns the folders of the runs in it.

    Raises:
        StoreError: it is damaged or too large, or a file in it would leave the folder.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [(member, _checked(member, archive)) for member in opened.infolist() if not member.is_dir()]
            _bounded([member for member, _ in members], archive)
            for member, name in members:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                # A second file of that name is refused too.
                with opened.open(member) as packed, target.open("xb") as stream:
                    shutil.copyfileobj(packed, stream)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise StoreError(f"{archive} is a damaged zip or none ({error}): fetch it again") from error
    except FileExistsError as error:
        raise StoreError(f"{archive} holds two files of one name: {error.filename}") from error
    except OSError as error:
        raise StoreError(f"cannot unpack {archive}: {error.strerror or error}") from error
    return sorted(path.parent for path in folder.rglob("run.json"))


def _checked(member: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    name = PurePosixPath(member.filename)
    inside = not name.is_absolute() and ".." not in name.parts
    if not inside or not all(map(is_plain, name.parts)):
        raise StoreError(f"{archive} holds {member.filename[:100]!r}, which would leave its folder: nothing is taken")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise StoreError(f"{archive} holds the link {member.filename[:100]!r}: nothing is taken")
    return name


def _bounded(members: list[zipfile.ZipInfo], archive: Path) -> None:
    # zipfile reads no more of a member than its header says.
    size, own = sum(member.file_size for member in members), archive.stat().st_size
    if len(members) > _MOST_FILES or size > min(_MOST_BYTES, _FREE_BYTES + _MOST_TIMES * own):
        raise StoreError(
            f"{archive} would unpack to {len(members)} files of {size / 1e9:.1f} GB from {own / 1e6:.1f} MB, "
            "more than runs do: nothing is taken"
        )

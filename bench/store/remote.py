"""Files on object stores and other machines, by the libraries of the group ``object-stores``.

A dataset there is read through a mirror, a folder on this machine that names it in :data:`ORIGIN`: what is asked for is
fetched once, since a file of a dataset never changes.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from backends.file_names import is_plain
from backends.held_files import replace_file
from bench.errors import StoreError, UsageError

EXTRA = "object-stores"
ORIGIN = ".origin"
"""File in a mirror that holds the URL of its dataset."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DENIED = ("credential", "forbidden", "denied", "unauthorized", "permission", "invalidaccess")
_AT_ONCE = 256
"""Files that are fetched together."""


def is_url(text: str) -> bool:
    """Whether ``text`` is a URL and no path."""
    return _URL.match(text) is not None


class Store:
    """The files below a URL, named by their paths below it.

    Raises:
        UsageError: there is no such kind of store, or its library is missing.
        StoreError: it cannot be reached; so do all methods.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            import fsspec  # noqa: PLC0415 - where it is asked for
        except ImportError as error:
            raise UsageError(_missing(url)) from error
        try:
            with _told(url):
                # What another process has written meanwhile is seen.
                self._files, self._root = fsspec.url_to_fs(self.url, use_listings_cache=False)
        except ImportError as error:
            raise UsageError(_missing(url)) from error
        if "file" in self._files.protocol:
            raise UsageError(f"{url}: name a folder of this machine by its path")
        self._root = self._root.rstrip("/")

    def read(self, name: str) -> bytes | None:
        """The content of a file; ``None`` where there is none."""
        with _told(self.url):
            try:
                content: bytes = self._files.cat_file(self._path(name))
            except FileNotFoundError:
                return None
            return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file, in the place of another."""
        with _told(self.url):
            self._above([name])
            self._files.pipe_file(self._path(name), content)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file if there is none of the name; returns whether."""
        with _told(self.url):
            self._above([name])
            try:
                self._files.pipe_file(self._path(name), content, mode="create")
            except FileExistsError:
                return False
            return True

    def remove(self, names: Iterable[str]) -> None:
        """Remove files."""
        with _told(self.url):
            for name in names:
                self._files.rm_file(self._path(name))

    def names(self, below: str = "") -> list[str]:
        """The files, or those of one folder."""
        with _told(self.url):
            try:
                found = self._files.find(self._path(below))
            except FileNotFoundError:
                return []
            return sorted(path.removeprefix(f"{self._root}/") for path in found)

    def fetch(self, names: Sequence[str], folder: Path) -> None:
        """Copy files into a folder of this machine, under the same names, each whole or not at all."""
        for name in names:
            if not all(map(is_plain, name.split("/"))):
                raise StoreError(f"{self.url} holds {name[:100]!r}, which would leave its folder: nothing is fetched")
        with _told(self.url):
            for start in range(0, len(names), _AT_ONCE):
                some = names[start : start + _AT_ONCE]
                partial = [(folder / name).with_name(f".{secrets.token_hex(6)}.part") for name in some]
                for path in partial:
                    path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    self._files.get([self._path(name) for name in some], [str(path) for path in partial])
                    for path, name in zip(partial, some, strict=True):
                        replace_file(path, folder / name)
                finally:
                    for path in partial:
                        path.unlink(missing_ok=True)

    def send(self, names: Sequence[str], folder: Path) -> None:
        """Copy files of a folder of this machine there, under the same names."""
        if names:
            with _told(self.url):
                self._above(names)
                self._files.put([str(folder / name) for name in names], [self._path(name) for name in names])

    def _above(self, names: Iterable[str]) -> None:
        # Object stores have no folders, and a bucket is not this project's to make.
        if "ssh" in self._files.protocol or "sftp" in self._files.protocol:
            for folder in {self._path(name).rpartition("/")[0] for name in names}:
                self._files.makedirs(folder, exist_ok=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else str(self._root)


def fetch_missing(mirror: Path, names: Sequence[str]) -> None:
    """Fetch the files that a folder lacks, if it is a mirror; raises StoreError where that fails."""
    missing = [name for name in names if not (mirror / name).is_file()]
    if missing and (mirror / ORIGIN).is_file():
        Store((mirror / ORIGIN).read_text("utf-8")).fetch(missing, mirror)


def _missing(url: str) -> str:
    return f"{url}: the library for it is missing; set AIPC_BENCH_EXTRAS={EXTRA} and call nox again, which installs it"


@contextmanager
def _told(url: str) -> Iterator[None]:
    try:
        yield
    except (UsageError, ImportError):
        raise
    except ValueError as error:
        raise UsageError(f"{url}: {_line(error)}") from error
    except Exception as error:  # every store's library has errors of its own
        words = f"{type(error).__name__} {error}".casefold()
        hint = (
            "; its own variables or files hold the credentials, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            if any(word in words for word in _DENIED)
            else ""
        )
        raise StoreError(f"cannot reach {url}: {_line(error)}{hint}") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__

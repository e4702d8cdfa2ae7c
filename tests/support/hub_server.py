"""A hub on loopback that holds a few repositories and speaks what the real client of the Hugging Face hub asks for.

Files as large as weights are redirected to another host, as the hub does; it goes by the name of ``localhost`` here.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin", ".gguf", ".model")
_API = re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?$")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)$")


@dataclass
class Repository:
    """A model on the hub.

    Args:
        commits: commit -> name of each file -> its content.
        refs: branch or tag -> commit.
        gated: who asks for a file without a token is refused with 401, with one with 403.
        parameters: what the hub counts, weight type -> how many.
    """

    commits: dict[str, dict[str, bytes]]
    refs: dict[str, str]
    gated: bool = False
    parameters: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    host: str
    path: str
    range: str | None
    token: str | None


@dataclass
class Hub:
    """The hub, and how it behaves.

    Args:
        address: what ``HF_ENDPOINT`` is set to.
        repositories: ``owner/name`` -> what it is.
        asked: every request that came.
        status: what every request is answered with, instead of what it asks for.
        cut: name of a large file -> after how many bytes each connection for it is closed, until it is taken out.
        stall: the same, but the connection stays open and silent.
        altered: names of files that come with another content.
        sizes: whether lists of files have sizes and digests.
    """

    address: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    status: int | None = None
    error_message: str = ""
    cut: dict[str, int] = field(default_factory=dict)
    stall: dict[str, int] = field(default_factory=dict)
    altered: set[str] = field(default_factory=set)
    sizes: bool = True
    done: threading.Event = field(default_factory=threading.Event)

    def files(self) -> list[str]:
        """The names of the files that were asked for, each once."""
        return sorted({found.group(3) for one in self.asked if (found := _FILE.match(one.path))})

    def add(self, source: str, folder: Path, commit: str, **facts: Any) -> None:
        """Put the files of ``folder`` into the repository ``source`` as ``commit``, the newest one."""
        files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        repository = self.repositories.setdefault(source, Repository({}, {}, **facts))
        repository.commits[commit] = files
        repository.refs["main"] = commit


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub, for as long as it is needed."""

    class Handler(_Handler):
        pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        hub = Handler.hub = Hub(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.done.set()
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that is gone is no error."""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        host, token = (self.headers.get("Host") or "").partition(":")[0], self.headers.get("Authorization")
        self.hub.asked.append(Asked(self.command, host, path, self.headers.get("Range"), token))
        if self.hub.status is not None:
            self._refuse(self.hub.status, "", self.hub.error_message)
        elif found := _API.match(path):
            self._describe(*found.groups(), blobs=self.hub.sizes and "blobs=" in self.path)
        elif found := _FILE.match(path):
            self._file(*found.groups(), token=token)
        elif path.startswith("/cdn/"):
            self._content(path.removeprefix("/cdn/"))
        else:
            self._refuse(404, "", "no such page")

    def _commit(self, source: str, revision: str | None) -> tuple[Repository, str] | None:
        repository = self.hub.repositories.get(source)
        if repository is None:
            # Who has no token is not told whether the repository is private or not there.
            self._refuse(404 if self.headers.get("Authorization") else 401, "RepoNotFound", "Repository not found")
            return None
        commit = repository.refs.get(revision or "main", revision or "")
        if commit not in repository.commits:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return repository, commit

    def _describe(self, source: str, revision: str | None, *, blobs: bool) -> None:
        if (found := self._commit(source, revision)) is None:
            return
        repository, commit = found
        siblings = []
        for name, content in repository.commits[commit].items():
            one: dict[str, Any] = {"rfilename": name}
            if blobs:
                one |= {"size": len(content), "blobId": git_sha1(content)}
            if blobs and name.endswith(LARGE):
                digest = hashlib.sha256(content).hexdigest()
                one["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            siblings.append(one)
        answer: dict[str, Any] = {
            "id": source,
            "sha": commit,
            "siblings": siblings,
            "gated": "manual" if repository.gated else False,
        }
        if repository.parameters is not None:
            total = sum(repository.parameters.values())
            answer["safetensors"] = {"parameters": dict(repository.parameters), "total": total}
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _file(self, source: str, revision: str, name: str, *, token: str | None) -> None:
        if (found := self._commit(source, revision)) is None:
            return
        repository, commit = found
        if repository.gated:
            said = f"Access to model {source} is restricted."
            self._refuse(403 if token else 401, "GatedRepo", said)
            return
        if (content := repository.commits[commit].get(name)) is None:
            self._refuse(404, "EntryNotFound", "Entry not found")
            return
        own = {"X-Repo-Commit": commit, "ETag": f'"{git_sha1(content)}"'}
        if name.endswith(LARGE):
            port = self.hub.address.rpartition(":")[2]
            linked = {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"'}
            place = f"http://localhost:{port}/cdn/{source}/{commit}/{name}"
            self._send(302, b"", {**own, **linked, "Location": place})
        else:
            self._send(200, self._altered(name, content), own)

    def _content(self, path: str) -> None:
        owner, name, commit, file = path.split("/", 3)
        content = self._altered(file, self.hub.repositories[f"{owner}/{name}"].commits[commit][file])
        begin, whole = 0, len(content)
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        headers = {}
        if wanted:
            begin = int(wanted[1])
            headers["Content-Range"] = f"bytes {begin}-{whole - 1}/{whole}"
        silent = file in self.hub.stall
        most = (self.hub.stall if silent else self.hub.cut).get(file, whole)
        self._send(206 if wanted else 200, content[begin:], headers, most=max(0, most - begin))
        if silent:
            self.hub.done.wait()

    def _altered(self, name: str, content: bytes) -> bytes:
        return bytes(len(content)) if name in self.hub.altered else content

    def _send(self, status: int, content: bytes, headers: Mapping[str, str], most: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if most is None else content[:most])
            self.wfile.flush()
        if most is not None and most < len(content):
            self.close_connection = True

    def _refuse(self, status: int, code: str, message: str) -> None:
        content = json.dumps({"error": message}).encode()
        coded = {"X-Error-Code": code} if code else {}
        self._send(status, content, {"Content-Type": "application/json", "X-Error-Message": message, **coded})


def git_sha1(content: bytes) -> str:
    """The name that Git gives to a file."""
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()

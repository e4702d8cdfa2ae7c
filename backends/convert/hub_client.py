"""What is asked of the Hugging Face hub, by its own client.

Where the hub is, the access token, proxies and the user's own cache are found by the client: ``HF_ENDPOINT``,
``HF_TOKEN`` or what ``hf auth login`` saved, ``HTTPS_PROXY``, ``HF_HUB_CACHE`` or ``HF_HOME``, ``HF_HUB_OFFLINE``.

Seen to work with a server on loopback; the hub itself was not reachable where this was written.
"""

import hashlib
import time
from pathlib import Path
from typing import Any

import httpx
from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from backends.convert import RefusedError
from backends.convert.hub_words import SERVER_ERRORS, host, in_words
from backends.held_files import replace_file

PAUSES_S = (1, 3, 9)
"""How long a transfer that broke off waits before it goes on; it gives up if no byte came after all of them."""


def describe(source: str, revision: str | None) -> tuple[str, dict[str, dict[str, Any]], dict[str, int] | None]:
    """Commit, files and counted parameters of the model ``source``.

    Returns:
        the commit; name -> ``bytes``, ``sha256`` and ``git_sha1`` of each file, as far as the list has them; and weight
        type -> parameters, ``None`` if the hub did not count them.

    Raises:
        RefusedError, UnreachableError: see :func:`backends.convert.hub_words.in_words`.
    """
    try:
        info = HfApi().model_info(source, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        files = {
            file.rfilename: {
                "bytes": file.size,
                "sha256": file.lfs.sha256 if file.lfs else None,
                "git_sha1": None if file.lfs else file.blob_id,
            }
            for file in info.siblings
        }
    except Exception as error:
        raise in_words(error, source, revision) from error
    return info.sha, files, dict(info.safetensors.parameters) if info.safetensors else None


def measure(source: str, commit: str, name: str, known: dict[str, Any]) -> None:
    """Ask for size and digest of the file ``name``, if ``known`` has no ``bytes``: some mirrors list names alone.

    Raises:
        RefusedError, UnreachableError: see :func:`backends.convert.hub_words.in_words`.
    """
    if known["bytes"] is not None:
        return
    try:
        url = hf_hub_url(source, name, revision=commit)
        found = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        known["bytes"] = int(found.size)
    except Exception as error:
        raise in_words(error, source, commit, name) from error
    kind = {64: "sha256", 40: "git_sha1"}.get(len(found.etag or ""))
    if kind is not None:
        known[kind] = found.etag


def cached(source: str, revision: str, name: str, size: int | None = None) -> Path | None:
    """The file ``name`` in the user's own cache of the hub, if it is there, with the right ``size`` where one is known.

    ``revision`` is a commit, or a branch or tag as it was when the user downloaded it.
    """
    found = try_to_load_from_cache(source, name, revision=revision)
    if not isinstance(found, str):
        return None
    path = Path(found)
    return path if path.is_file() and size in (None, path.stat().st_size) else None


def fetch(source: str, commit: str, name: str, known: dict[str, Any], folder: Path) -> Path:
    """The file ``name`` in ``folder``, downloaded as far as it is not there yet, and checked against its digest.

    What a transfer that broke off has left in ``folder`` is gone on with; the client's own download would begin again.

    Raises:
        RefusedError, UnreachableError: see :func:`backends.convert.hub_words.in_words`; and the file is another one
            than the hub describes.
    """
    target, partial = folder / name, folder / f"{name}.incomplete"
    if target.is_file():
        return target
    try:
        _transfer(hf_hub_url(source, name, revision=commit), partial, known["bytes"])
    except Exception as error:
        raise in_words(error, source, commit, name) from error
    if not _is_whole(partial, known):
        partial.unlink()
        raise RefusedError(
            f"{name} of {source} did not arrive as the hub describes it: run again; if that does not help, see whether "
            f"a proxy, or {host()}, changes it"
        )
    return replace_file(partial, target)


def _transfer(url: str, partial: Path, size: int) -> None:
    # A part of a compressed answer could not be gone on with.
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    failed = 0
    while True:
        with partial.open("ab") as stream:
            before = stream.tell()
            if before > size:
                before = 0
                stream.truncate(0)
            try:
                http_get(url, stream, resume_size=before, headers=headers, expected_size=size)
            except (httpx.TransportError, HfHubHTTPError) as error:
                if not _passes(error):
                    raise
                failed = 1 if stream.tell() > before else failed + 1
                if failed > len(PAUSES_S):
                    raise
            else:
                return
        time.sleep(PAUSES_S[failed - 1])


def _passes(error: Exception) -> bool:
    if isinstance(error, HfHubHTTPError):
        return int(error.response.status_code) >= SERVER_ERRORS
    return isinstance(error, httpx.NetworkError | httpx.TimeoutException | httpx.RemoteProtocolError)


def _is_whole(file: Path, known: dict[str, Any]) -> bool:
    size = file.stat().st_size
    if size != known["bytes"]:
        return False
    with file.open("rb") as stream:
        # Git names a file by its length and content.
        digest = hashlib.sha256() if known["sha256"] else hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    # A mirror may tell neither.
    return digest.hexdigest() == (known["sha256"] or known["git_sha1"] or digest.hexdigest())

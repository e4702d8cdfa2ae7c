"""What errors of the Hugging Face hub's client mean for the user, and what to do."""

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from backends.contract import program
from backends.convert import RefusedError

HF = program(str(Path(sys.executable).with_name("hf")))
"""The program that the client brings along, as it is typed."""

SERVER_ERRORS = 500
"""The first status that says that the server has a problem of its own."""

_LOG_IN = f"log in with `{HF} auth login`, or set HF_TOKEN to an access token of yours"
_OTHER_ANSWERS = (json.JSONDecodeError, KeyError, TypeError, AttributeError)
"""What the client raises where an answer is not the hub's."""


class UnreachableError(Exception):
    """The hub cannot be asked now. ``reason`` says why, ``remedy`` what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}: {remedy}")
        self.reason, self.remedy = reason, remedy


def in_words(
    error: Exception, source: str, revision: str | None, name: str | None = None
) -> RefusedError | UnreachableError:
    """What ``error`` of the client means for the user, who asked for ``source``, or for its file ``name``.

    An :class:`UnreachableError` is one of network, hub or settings, where a copy that is here already helps.
    """
    unreachable = _of_status(error) if isinstance(error, HfHubHTTPError) else _of_network(error, source)
    if unreachable is not None:
        return UnreachableError(*unreachable)
    if isinstance(error, HfHubHTTPError):
        return RefusedError(_refused(error, source, revision, name))
    if isinstance(error, HFValidationError):
        return RefusedError(f"{source} is no name of a model on the hub: {_line(error)}")
    if isinstance(error, OSError) and error.errno is not None:
        return RefusedError(f"{name or source} cannot be written ({error.strerror}): free some space, or unlock it")
    said = f"{type(error).__name__}: {_line(error)}"
    return RefusedError(f"{name or source} cannot be downloaded ({said}): run again")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _of_network(error: Exception, source: str) -> tuple[str, str] | None:
    """Why the hub cannot be reached, and what to do; ``None`` for another error."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return (
            f"the certificate of {host()} is not trusted",
            "where a proxy looks into all traffic, set SSL_CERT_FILE to a file with its certificate",
        )
    if isinstance(error, ImportError | ValueError) and "proxy" in str(error).lower():
        return (
            f"the client cannot use the proxy of the environment ({_line(error)})",
            "set HTTPS_PROXY to an address that begins with http://, and unset ALL_PROXY",
        )
    known: dict[tuple[type[Exception], ...], tuple[str, str]] = {
        (OfflineModeIsEnabled,): (
            "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set",
            f"unset it, or download {source} where there is a network",
        ),
        (httpx.ProxyError,): (f"the proxy does not lead to {host()} ({error})", "check HTTPS_PROXY and NO_PROXY"),
        (httpx.InvalidURL, httpx.UnsupportedProtocol): (
            "HF_ENDPOINT is no address",
            "set it to one like https://huggingface.co, or unset it",
        ),
        (httpx.TransportError,): (
            f"{host()} cannot be reached{_by_proxy()} ({type(error).__name__})",
            "check the network, set HTTPS_PROXY for a proxy or HF_ENDPOINT for a mirror, or name a local folder",
        ),
        _OTHER_ANSWERS: (
            f"what answers at {host()} is not the hub",
            "check HF_ENDPOINT, and whether the network asks to log in first",
        ),
    }
    return next((words for kinds, words in known.items() if isinstance(error, kinds)), None)


def _of_status(error: HfHubHTTPError) -> tuple[str, str] | None:
    """Why the hub does not answer now, and what to do; ``None`` for a refusal."""
    status = error.response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return (
            f"{host()} refuses for now (429, too many requests)",
            f"try again in some minutes; who is logged in may ask more often: {_LOG_IN}",
        )
    if status >= SERVER_ERRORS:
        return f"{host()} has an error of its own ({status})", "try again in some minutes"
    return None


def _refused(error: HfHubHTTPError, source: str, revision: str | None, name: str | None) -> str:
    status, page = error.response.status_code, f"{_address()}/{source}"
    said = f"{host()} refuses {name or source} ({status}): see {page} for whether you have access"
    if isinstance(error, GatedRepoError) and status == httpx.codes.UNAUTHORIZED:
        said = f"{source} is gated: accept its licence on {page}, then {_LOG_IN}"
    elif isinstance(error, GatedRepoError):
        said = (
            f"{source} is gated, and the account that is logged in has no access: accept its licence on {page} (some "
            "owners decide on each request); a fine-grained token must be allowed to read gated repositories"
        )
    elif isinstance(error, RevisionNotFoundError):
        said = (
            f"{source} has no revision {revision!r}: give a branch, tag or whole commit of {page}/commits, or leave "
            "it out for the newest"
        )
    elif isinstance(error, DisabledRepoError):
        said = f"{source} was disabled on the hub: choose another model"
    elif "credentials in Authorization" in str(error):
        said = f"the hub does not take the access token: {_LOG_IN}; without one, public models can be had"
    elif isinstance(error, RepositoryNotFoundError) or status in (httpx.codes.UNAUTHORIZED, httpx.codes.NOT_FOUND):
        said = (
            f"there is no folder {source} here and no model of that name on {host()}, or it is private: check the "
            f"name on {_address()}/models; for a private one, {_LOG_IN}"
        )
    return said


def _by_proxy() -> str:
    """That a proxy is asked, where the environment or the system names one for the hub."""
    scheme, host = urlsplit(constants.ENDPOINT).scheme, urlsplit(constants.ENDPOINT).hostname or ""
    known = getproxies()
    named = scheme in known or "all" in known
    return " by the proxy of HTTPS_PROXY or the system" if named and not proxy_bypass(host) else ""


def host() -> str:
    """The hub's name, without a password in its address."""
    return urlsplit(str(constants.ENDPOINT)).netloc.rpartition("@")[2]


def _address() -> str:
    return urlsplit(str(constants.ENDPOINT))._replace(netloc=host()).geturl()

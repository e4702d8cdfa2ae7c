"""What a user can type for a variant: packages, an interpreter or load options, told apart by how they look."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from bench.cli import quoted
from bench.errors import UsageError
from bench.plan import values as v

FORMS = (
    "packages with exact versions (openvino-genai==2026.4.1.0), a wheel, an interpreter, load options "
    "(openvino-genai.attention_backend=SDPA), 'current' or 'same'"
)
_OPTION = re.compile(r"[\w-]+\.\w+=(?!=)")
_PYTHON = re.compile(r"python[\d.]*(\.exe)?", re.IGNORECASE)
_ARCHIVES = (".whl", ".tar.gz", ".zip")
_AROUND_OPERATORS = re.compile(r"\s*(===|==|~=|!=|<=|>=|<|>|,|@)\s*")


def looks_like_options(text: str) -> bool:
    """Whether ``text`` begins as ``BACKEND.KEY=VALUE`` does."""
    return _OPTION.match(text) is not None


def looks_like_interpreter(text: str) -> bool:
    """Whether ``text`` is a path, or is named as a Python is, and is no archive of a package."""
    if "@" in text or text.endswith(_ARCHIVES):
        return False
    return "/" in text or "\\" in text or _PYTHON.fullmatch(text) is not None


def python_at(text: str, where: str) -> str:
    """The interpreter at a path, links not followed: a venv's is one, and following it would leave the venv.

    Raises:
        UsageError: there is none.
    """
    interpreter = v.path(text, where)
    if not interpreter.is_file():
        raise UsageError(f"{where}: no interpreter at {interpreter}; a variant is one of {FORMS}")
    return str(interpreter)


def requirements_in(text: str, where: str) -> tuple[str, ...]:
    """The requirements of ``text``, each of one exact package: a venv is made once, and must stay what it is called.

    Raises:
        UsageError: one does not parse, or leaves open which package it means.
    """
    if not text:
        raise UsageError(f"{where}: expected {FORMS}, got nothing")
    if text.endswith(_ARCHIVES) and "@" not in text and v.path(text, where).is_file():
        return (_archive(text, where),)
    tokens = _AROUND_OPERATORS.sub(r"\1", text).split()
    return tuple(
        _archive(token, where) if token.endswith(_ARCHIVES) and "@" not in token else _requirement(token, where)
        for token in tokens
    )


def _requirement(token: str, where: str) -> str:
    try:
        requirement = Requirement(token)
    except InvalidRequirement as error:
        why = str(error).splitlines()[0]
        raise UsageError(f"{where}: '{token}' is no requirement ({why}); a variant is one of {FORMS}") from error
    if requirement.url is not None:
        requirement.url = _digested(requirement.url, where)
        return str(requirement)
    exact = [one for one in requirement.specifier if one.operator in ("==", "===") and not one.version.endswith("*")]
    if len(exact) != 1 or len(requirement.specifier) != 1:
        raise UsageError(
            f"{where}: '{token}' leaves the version open; write {requirement.name}==VERSION, as "
            f"`pip index versions {requirement.name}` lists them"
        )
    return str(requirement)


def _archive(token: str, where: str) -> str:
    path = v.path(token, where)
    if not path.is_file():
        raise UsageError(f"{where}: no package at {path}")
    try:
        name = parse_wheel_filename(path.name)[0] if path.suffix == ".whl" else parse_sdist_filename(path.name)[0]
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise UsageError(f"{where}: {path.name} is not named as a package is: NAME-VERSION-….whl") from error
    return f"{name} @ {_digested(path.as_uri(), where)}"


def _digested(url: str, where: str) -> str:
    """The URL of a local archive with its digest, so that another build under the same name is another venv."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return url
    # On Windows the host is the server of a shared folder.
    host = "" if parts.netloc == "localhost" else parts.netloc
    path = Path(url2pathname(f"//{host}{parts.path}" if host else parts.path))
    if path.is_dir():
        raise UsageError(
            f"{where}: {path} is a folder; make a wheel of it, `pip wheel --no-deps -w dist {quoted(str(path))}`"
        )
    if not path.is_file():
        raise UsageError(f"{where}: no package at {path}")
    with path.open("rb") as file:
        return f"{url.partition('#')[0]}#sha256={hashlib.file_digest(file, 'sha256').hexdigest()}"

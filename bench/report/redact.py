"""Taking out what a report tells about who measured, and where on the disk: names of users and hosts, and paths.

This is done to the finished analysis, before anything is rendered from it, so that no page and no export can forget it.
It is meant to take out too much rather than too little: of a path nothing is left but the kind of place that it led to.
"""

import dataclasses
import getpass
import os
import re
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from backends.speed_variables import home_folder
from bench import PROJECT_ROOT
from bench.findings import MESSAGES, SEVERITIES
from bench.metrics import METRICS
from bench.plan.backends import BACKENDS

HOME, PROJECT, RESULTS, REPORTS, PATH = "<home>", "<project>", "<results>", "<reports>", "<path>"
USER, HOST, ADDRESS = "<user>", "<host>", "<address>"

HELP = "take names of users and hosts, and paths, out of the report, which goes to a folder NAME-redacted"
"""What the option --redact does."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Private:
    """What is known to be private: names, and folders with the mark that takes the place of each and all below it."""

    users: frozenset[str]
    hosts: frozenset[str]
    folders: Mapping[str, str]


def of_this_machine(results: Path | None = None, reports: Path | None = None) -> Private:
    """The names and folders of whoever renders, who in most cases has measured too."""
    home = home_folder()
    users = {home.name if home else "", os.environ.get("USERNAME", ""), os.environ.get("USER", "")}
    with suppress(OSError, KeyError, ImportError):
        users.add(getpass.getuser())
    hosts = {socket.gethostname(), os.environ.get("COMPUTERNAME", ""), os.environ.get("HOSTNAME", "")}
    folders = {
        tempfile.gettempdir(): PATH,
        **({str(home): HOME} if home else {}),
        str(PROJECT_ROOT): PROJECT,
        **({str(results.absolute()): RESULTS} if results else {}),
        **({str(reports.absolute()): REPORTS} if reports else {}),
    }
    return Private(frozenset(users), frozenset(hosts), folders)


def redacted(value: T, private: Private) -> T:
    """``value`` with what is private taken out of every text in it, however deep; nothing else of it is changed.

    The names of fields and the codes that the report looks up stay, whatever users and machines are called.
    Users are learned from the home folders that ``value`` itself names, too: a run may come from another machine.
    """
    users = set(private.users)

    def learn(text: str) -> str:
        users.update(owner.strip() for pattern in _OWNERS for owner in pattern.findall(text))
        return text

    _Walk(learn).of(value)
    found: T = _Walk(_redaction(dataclasses.replace(private, users=frozenset(users)))).of(value)
    return found


def redacted_folder(folder: Path, private: Private) -> Path:
    """Where a redacted report goes: beside the other one, or files of that would be sent along with it."""
    name = redacted(folder.name, private)
    # Marks hold signs that no name of a file may hold on Windows.
    return folder.with_name(f"{re.sub('[<>]', '', name)}-redacted")


def shown_text(text: str, private: Private | None) -> str:
    """A line as the terminal shows it: as it is, or with ``private`` without that."""
    return text if private is None else redacted(text, private)


def shown_path(path: Path, private: Private | None) -> str:
    """A path as the terminal shows it; with ``private`` from the working folder on, or only its end elsewhere."""
    if private is None:
        return str(path)
    try:
        shown = path.absolute().relative_to(Path.cwd()).as_posix()
    except ValueError:
        shown = "/".join(("...", *path.parts[-2:]))
    return redacted(shown, private)


def address(path: Path, private: Private | None) -> str:
    """A page as the terminal names it: an address to click on, or with ``private`` only where it lies."""
    return path.resolve().as_uri() if private is None else shown_path(path, private)


_FIRST = r"(?<![\\/])[\\/]+"
"""Separators with none before them: looked at once, however many a hostile text has."""
_END = r"""[^\\/:*?"'<>|\s,;()\[\]{}]*"""
"""The last part of a path, up to the first blank: what follows may be no part of it."""
_WORD = r"""[^\s\\/:*?"<>|]+"""
_BELOW = rf"""(?:[\\/]+(?:{_WORD}(?: {_WORD}){{0,3}}[\\/]+)*{_END})?"""
"""What follows a folder; a part before another separator may hold blanks."""
_PART = r"""[^\s\\/:"'<>|,;()\[\]{}]+"""

_FILE_URL = re.compile(r"""\bfile:/+[^\s"'<>]+""", re.IGNORECASE)
_URL = re.compile(r"""\b[a-z][a-z0-9+.-]{0,20}://([^\s/"'<>?#]*)[^\s"'<>]*""", re.IGNORECASE)
_HOMES = rf"{_FIRST}(?:home|users|documents and settings)(?=[\\/])"
_ANY_HOME = re.compile(rf"(?:(?<![0-9A-Za-z])[A-Za-z]:)?{_HOMES}{_BELOW}", re.IGNORECASE)
_SHORT_HOME = re.compile(rf"(?<![0-9A-Za-z])~[\w.-]*(?=[\\/]){_BELOW}")
_DRIVE = re.compile(rf"(?<![0-9A-Za-z])[A-Za-z]:(?=[\\/]){_BELOW}")
_SHARE = re.compile(rf"(?<!\\)\\{{2,}}{_PART}(?=[\\/]){_BELOW}")
# What the system itself provides is the same on every machine.
_ROOTED = re.compile(
    rf"(?<![0-9A-Za-z_.~<>/\\-])/(?!(?:sys|proc|dev)/){_PART}/+(?:{_PART}(?: {_PART}){{0,3}}/+)*{_END}"
)
_OWNERS = (
    re.compile(r"""[\\/](?:home|users|documents and settings)[\\/]+([^\s\\/:*?"'<>|,;]+)""", re.IGNORECASE),
    re.compile(r"""[\\/](?:users|documents and settings)[\\/]+([^\\/:*?"<>|\r\n]{1,64})[\\/]""", re.IGNORECASE),
)

_PUBLIC_HOSTS = (
    *("pypi.org", "files.pythonhosted.org", "download.pytorch.org", "github.com", "huggingface.co"),
    *("onnxruntime.ai", "docs.openvino.ai", "storage.openvinotoolkit.org", "pytorch.org", "python.org"),
)
_WORDS = frozenset(
    (
        *("user", "users", "root", "admin", "administrator", "runner", "public", "default", "guest", "shared", "all"),
        *("ubuntu", "debian", "linux", "windows", "localhost", "localdomain", "home", "local", "build", "test", "dev"),
        *("bench", "aipc", "model", "python", "intel", "amd", "nvidia", "qualcomm", "openvino", "onnx", "torch", "nox"),
        *("cpu", "gpu", "npu", "auto", "cuda", "dml", "xpu", "int4", "int8", "fp16", "bf16", "fp32"),
        *("first", "again", "none", "cold", "hit", "run", "load", "cell", "info", "warning", "serious", "quick"),
        *("failed", "timeout", "crashed", "unsupported", "invalid", "finished", "standard", "thorough", "unknown"),
        *("verified", "reported", "fallback", "simulated", "interrupted", "stopped", "mains", "battery"),
        *("slower", "faster", "same", "inconclusive", "regression", "base", "head", "what", "place", "count"),
        *("runs", "cells", "metrics", "status", "message", "finding", "findings", "mismatch", "mismatches"),
        *(name.casefold() for name in BACKENDS),
    )
)
"""Names that tell nothing about anybody, and words that the analysis itself is made of."""
_LEAST_CHARACTERS = 3
_CODES = frozenset(
    (
        *(*_WORDS, *MESSAGES, *SEVERITIES, *METRICS, "memory", "perplexity", "timed", "warm-up", "excluded"),
        *("faithful", "degraded", "broken", "worse", "better", "ratio", "reference", "no-reference", "no-scores"),
        *("not-finite", "constant", "chance", "vocabulary", "collapsed", "longest", "device"),
        *("unreached", "killed", "target", "max-time", "max-blocks"),
        *("unreadable", "same run", "no date", "other machine", "other hardware"),
        *("quality", "prompts", "padded", "power source", "power mode", "governor"),
    )
)
"""Whole texts that are looked up, and shown as other words: a name in one of them is nobody's."""
_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_NAMED_FROM_OUTSIDE = ("packages",)
"""Fields of which the keys are no names of fields: anybody may name a package."""


class _Walk:
    """Goes through values and changes each text; what was met before stays one object."""

    def __init__(self, change: Callable[[str], str]) -> None:
        self._change = change
        self._met: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._change(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            if id(value) not in self._met:
                # A code is none of the data: what is said of it is looked up by it.
                names = [field.name for field in dataclasses.fields(value) if field.init and field.name != "code"]
                changed = {name: self.of(getattr(value, name)) for name in names}
                # The value itself is kept too, or its id could become another one's.
                self._met[id(value)] = (value, dataclasses.replace(value, **changed))
            return self._met[id(value)][1]
        if isinstance(value, Mapping):
            return self._mapping(value)
        # Of series of numbers there can be millions.
        if isinstance(value, tuple | list | set | frozenset) and not isinstance(next(iter(value), None), float):
            made = (self.of(one) for one in value)
            return value._make(made) if hasattr(value, "_make") else type(value)(made)
        return value

    def _mapping(self, value: Mapping[Any, Any], *, from_outside: bool = False) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key, one in value.items():
            field = not from_outside and isinstance(key, str) and _FIELD.fullmatch(key)
            name = key if field else self.of(key)
            # Two keys that differ in nothing but a path are still two.
            while isinstance(name, str) and name in made:
                name += "'"
            if isinstance(one, Mapping):
                made[name] = self._mapping(one, from_outside=key in _NAMED_FROM_OUTSIDE)
            else:
                made[name] = self.of(one)
        return made


def _redaction(private: Private) -> Callable[[str], str]:
    """What takes out of a text what is private."""
    folders = sorted(private.folders.items(), key=lambda one: -len(one[0]))
    below = [
        (_folder_pattern(folder), mark)
        for folder, mark in folders
        if len(re.split(r"[\\/]+", folder.rstrip("\\/"))) > 1
    ]
    hosts = {part for host in private.hosts for part in (host, host.partition(".")[0])}
    names = [
        (re.compile(rf"(?<![0-9A-Za-z]){re.escape(name)}{more}(?![0-9A-Za-z])", re.IGNORECASE), mark)
        for names, more, mark in ((hosts, r"(?:\.[0-9A-Za-z-]+)*", HOST), (private.users, "", USER))
        # The longer first: one may begin with another.
        for name in sorted(names, key=lambda one: (-len(one), one))
        if len(name) >= _LEAST_CHARACTERS and name.casefold() not in _WORDS
    ]
    patterns: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
        *below,
        (_FILE_URL, PATH),
        (_URL, _public_or_mark),
        *_PATHS,
        *names,
    ]

    def redact(text: str) -> str:
        if text in _CODES:
            return text
        for pattern, mark in patterns:
            text = pattern.sub(mark, text)
        return text

    return redact


_PATHS = ((_ANY_HOME, HOME), (_DRIVE, PATH), (_SHARE, PATH), (_SHORT_HOME, HOME), (_ROOTED, PATH))


def _folder_pattern(folder: str) -> re.Pattern[str]:
    """A folder with all that lies below it, with either separator, and doubled as a printed literal has it."""
    parts = [re.escape(part) for part in re.split(r"[\\/]+", folder.rstrip("\\/"))]
    whole = r"[\\/]+".join(parts[1:])
    begin = parts[0] + r"[\\/]+" if parts[0] else _FIRST
    return re.compile(rf"{begin}{whole}(?![0-9A-Za-z_-]){_BELOW}", re.IGNORECASE)


def _public_or_mark(found: re.Match[str]) -> str:
    """An address that anybody may know, as it is; any other one may name a company or a machine."""
    host = found.group(1).rpartition("@")[2].partition(":")[0].casefold()
    public = any(host == known or host.endswith(f".{known}") for known in _PUBLIC_HOSTS)
    return found.group() if public else ADDRESS

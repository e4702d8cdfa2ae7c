"""Runs what fills a venv, virtualenv, pip and uv, with none of the caller's settings that would mislead them.

This runs on nox's own Python, so beside the standard library it imports only what nox brings.
"""

import ast
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from packaging.version import Version

from backends.no_secrets import without_secrets
from bench import PROJECT_ROOT
from bench.last_words import last_words
from bench.plan.environments import Environment, Here, package_name
from bench.prepare import locks
from bench.prepare.locks import lock_of

_UNREACHED = (
    "connect this machine, or name a mirror (PIP_INDEX_URL), a proxy (HTTPS_PROXY) or a certificate (PIP_CERT), as pip "
    "takes them"
)
_FAULT = "ERROR: Exception:"
"""How pip's log names an exception that pip did not expect; its traceback follows."""
FOREIGN = (
    *("PYTHONPATH", "PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONUSERBASE", "PYTHONSTARTUP", "PYTHONINSPECT"),
    *("PYTHONSAFEPATH", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__"),
)
"""Variables that decide what a Python finds installed or what it runs besides: no venv's Python gets the caller's."""
PASSED_ON = frozenset(
    (
        *("index-url", "pypi-url", "extra-index-url", "no-index", "find-links", "trusted-host", "resume-retries"),
        *("proxy", "cert", "client-cert", "keyring-provider", "timeout", "default-timeout", "retries"),
        *("cache-dir", "no-cache-dir", "constraint", "build-constraint", "uploaded-prior-to"),
        *("only-binary", "no-binary", "prefer-binary", "no-color", "progress-bar", "disable-pip-version-check"),
    )
)
"""Settings of pip that say where packages come from and how they are fetched; of the user's no others are taken."""

SAME_FOR_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_PYPI_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_PROXY": "HTTPS_PROXY",
    "PIP_TIMEOUT": "UV_HTTP_TIMEOUT",
    "PIP_DEFAULT_TIMEOUT": "UV_HTTP_TIMEOUT",
}
"""Settings of pip -> the variables by which uv has the same."""
NOTHING_TO_UV = frozenset(
    (
        *("PIP_RESUME_RETRIES", "PIP_RETRIES", "PIP_CACHE_DIR", "PIP_NO_COLOR", "PIP_PROGRESS_BAR"),
        *("PIP_DISABLE_PIP_VERSION_CHECK", "PIP_PREFER_BINARY", "PIP_ONLY_BINARY", "PIP_BUILD_CONSTRAINT"),
    )
)
"""Settings of pip that change nothing of which wheels are installed from where, where nothing is compiled."""
UVS_OWN = ("UV_CACHE_DIR", "UV_LINK_MODE", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_CONCURRENT_")
"""What the beginnings of uv's variables that it gets of the caller's say: how it works, not what it installs."""
OLDEST_UV = Version("0.5")
"""The first release that has all that is asked of it."""

_GUARDED = (
    "import sys; sys.path.insert(0, sys.argv[1]); from backends.process import run_and_end_with_input; "
    "sys.exit(run_and_end_with_input(sys.argv[2:]))"
)

_PRINTING = {"PYTHONIOENCODING": "utf-8:replace"}
"""Else pip fails on Windows where it is to print a path that the system's code page cannot have."""

Tell = Callable[[str], None]
"""Takes a line that a program prints."""


class InstallError(Exception):
    """A program that makes or fills a venv ended with an error."""


class Uv(NamedTuple):
    """The program uv."""

    program: str
    version: Version


class Programs:
    """Runs programs, some at a time, and ends all of them at once; those that run end with this process too."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self.ended = False

    def run(
        self, *command: str, env: Mapping[str, str | None], tell: Tell = lambda _: None, errors: bool = True
    ) -> str:
        """Run a program to its end; returns what it printed.

        Args:
            command: the program and its arguments.
            env: variables beside those of this process; ``None`` for one that it does not get.
            errors: whether what goes to standard error counts as printed.

        Raises:
            InstallError: it ended with an error; the message is its last line.
            CancelledError: all programs were ended.
        """
        guarded = [sys.executable, "-P", "-c", _GUARDED, str(PROJECT_ROOT), *command]
        with self._lock:
            if self.ended:
                raise CancelledError
            process = subprocess.Popen(
                guarded,
                env={name: value for name, value in {**os.environ, **_PRINTING, **env}.items() if value is not None},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if errors else subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
            )
            self._running.add(process)
        said = []
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                tell(line.rstrip())
        with self._lock:
            self._running.discard(process)
            if self.ended:
                raise CancelledError
        if process.returncode:
            lines = [line.strip() for line in said if line.strip()]
            raise InstallError(lines[-1] if lines else f"{Path(command[0]).name} ended with {process.returncode}")
        return "".join(said)

    def end(self) -> None:
        """End all that run, with what they have started; none is started from now on."""
        with self._lock:
            self.ended = True
            for process in self._running:
                assert process.stdin is not None
                with suppress(OSError):
                    process.stdin.close()


def own_virtualenv(environ: Mapping[str, str]) -> dict[str, str | None]:
    """What virtualenv gets in place of the caller's settings of it: only where its own data lie is theirs."""
    theirs = [name for name in environ if name.startswith("VIRTUALENV_") and not name.endswith("APP_DATA")]
    return {**dict.fromkeys(theirs), "VIRTUALENV_CONFIG_FILE": os.devnull}


def own_pip(environ: Mapping[str, str], listed: str) -> dict[str, str | None]:
    """What pip gets in place of the caller's settings: those of :data:`PASSED_ON`, and no others.

    Args:
        environ: the caller's variables, which win over files.
        listed: what ``pip config list`` prints of the files.

    Returns:
        Variable -> value, ``None`` for one that is to be unset.
    """
    theirs: dict[str, str | None] = {}
    for section in ("global", "install"):
        for key, value in re.findall(rf"^{section}\.([\w-]+)=(['\"].*)$", listed, re.MULTILINE):
            if key in PASSED_ON:
                theirs[_variable(key)] = str(ast.literal_eval(value))
    passed = {_variable(key) for key in PASSED_ON}
    # PIP_CONFIG_FILE names a file, whose settings are in the list by then.
    named = [name for name in environ if name.startswith("PIP_") and name != "PIP_CONFIG_FILE"]
    return {
        **dict.fromkeys(named),
        **theirs,
        **{name: environ[name] for name in named if environ[name] and name in passed},
    }


def own_uv(uv: Uv | None, pip: Mapping[str, str | None], environ: Mapping[str, str]) -> dict[str, str | None] | None:
    """What uv gets in place of the caller's settings, so that it installs what pip would.

    Args:
        uv: the program, if there is one.
        pip: what pip gets.
        environ: the caller's variables.

    Returns:
        Variable -> value, ``None`` for one that is to be unset; ``None`` in all where pip has to install: there is no
        uv, or it is too old, or pip has a setting that uv has no match for.
    """
    theirs = {name: value for name, value in pip.items() if value and name.startswith("PIP_")}
    known = {*SAME_FOR_UV, *NOTHING_TO_UV, "PIP_CONFIG_FILE", "PIP_NO_INDEX"}
    if uv is None or uv.version < OLDEST_UV or not known.issuperset(theirs):
        return None
    same = {SAME_FOR_UV[name]: " ".join(value.split()) for name, value in theirs.items() if name in SAME_FOR_UV}
    if "UV_FIND_LINKS" in same:
        if "," in same["UV_FIND_LINKS"]:
            return None
        same["UV_FIND_LINKS"] = same["UV_FIND_LINKS"].replace(" ", ",")
    others = [name for name in environ if name.startswith("UV_") and not name.startswith(UVS_OWN)]
    # pip takes the best file of all indexes; which one it may be, the lock says by its hash.
    always = {"UV_NO_CONFIG": "1", "UV_NO_PROGRESS": "1", "UV_INDEX_STRATEGY": "unsafe-best-match"}
    return {**dict.fromkeys((*others, *FOREIGN)), **same, **always}


def _variable(key: str) -> str:
    """The variable of a setting of pip."""
    return "PIP_" + key.upper().replace("-", "_")


def complaints(log: Path, otherwise: str) -> list[str]:
    """The installer's errors and hints, or else its last lines, without keys in URLs; at most five."""
    if not log.exists():
        return [otherwise]
    text = without_secrets(log.read_text("utf-8", errors="replace"))
    # Where pip fails itself, what it failed by is at the end of its traceback.
    before, fault, raised = text.partition(f"{_FAULT}\n")
    text = f"{before}ERROR: {last_words(raised)}" if fault else text
    logged = (line.strip()[:500] for line in text.splitlines())
    # The last error of packages that exclude each other is an address with advice.
    lines = [line for line in logged if line.strip() and not line.startswith("ERROR: ResolutionImpossible")]
    # What pip hints at is how to mend it, such as Windows' limit to the length of paths.
    return [line for line in lines if line.startswith(("ERROR", "HINT"))][-5:] or lines[-5:] or [otherwise]


def explanation(log: Path, one: Environment) -> list[str]:
    """What failed and what to do, where pip's errors do not tell; empty for other failures of it.

    pip reports an index that it cannot reach as one that lacks the package, and knows nothing of the lock.
    """
    text = without_secrets(log.read_text("utf-8", errors="replace")) if log.exists() else ""
    lacking = re.search(r"No matching distribution found for ([\w.-]+)==\S+", text)
    broken = re.findall(r"after connection broken by '(.*)': /", text)
    if lacking and broken and "(from versions: none)" in text:
        return [f"ERROR: the package index cannot be reached: {broken[-1][:300]}", f"HINT: {_UNREACHED}"]
    if lacking and lock_of(one).rows and package_name(lacking[1]) not in one.packages:
        return [*complaints(log, lacking[0]), f"HINT: {locks.LACKING}"]
    if "DO NOT MATCH THE HASHES" not in text:
        return []
    found = re.search(r"^ +(\S+==\S+) from ([^\s#]+)[^\n]*:$", text, re.MULTILINE)
    file = f"{found[1]} from {found[2]}" if found else "a package"
    return [f"ERROR: {file} is not the file whose hash the lock of {one.group} has", f"HINT: {locks.REMEDY}"]


def torch_index(requirements: Iterable[str], here: Here, environ: Mapping[str, str]) -> list[str]:
    """The arguments that let pip find another build of torch than the package index has: for the CPU, CUDA or XPU."""
    url = environ.get("AIPC_BENCH_TORCH_INDEX", "").strip()
    wanted = url and has_torch(requirements) and here.platform in ("linux", "win32")
    return ["--extra-index-url", url] if wanted else []


def has_torch(requirements: Iterable[str]) -> bool:
    """Whether torch is among ``requirements``."""
    return "torch" in map(package_name, requirements)

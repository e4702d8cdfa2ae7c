"""The packages of each worker venv, as its own interpreter lists them."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from backends.no_secrets import without_secrets
from backends.speed_variables import home_folder
from bench.errors import cause
from bench.plan.venvs import Venv

PACKAGES_FILE = "packages.json"
"""pip's list of packages, which the noxfile writes into a venv that it has made."""
LOCK_FILE = "lock.json"
"""Whether all of a venv was installed by hash, which is written there as the list is."""

_INSTALLERS = {"pip", "setuptools", "wheel"}
"""A venv works without these once it is made, and updates of them do not change a stack."""

_ASK = """
import importlib.metadata, json, platform
found = sorted((d.name, d.version) for d in importlib.metadata.distributions() if d.name)
print(json.dumps({"python": platform.python_version(), "packages": dict(found)}))
"""


def installed_packages(python: str) -> dict[str, Any]:
    """The version of the interpreter ``python``, and package -> version of what is installed; nothing is imported.

    Raises:
        OSError, subprocess.SubprocessError, ValueError: it does not run or answer.
    """
    command = [python, "-I", "-c", _ASK]
    done = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL, timeout=120)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def describe_venvs(venvs: Mapping[str, Venv]) -> dict[str, dict[str, Any]]:
    """What run.json has of each venv: its Python and packages, or why there is none."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(venvs, pool.map(_describe, venvs.values()), strict=True))


def _describe(venv: Venv) -> dict[str, Any]:
    if venv.python is None:
        return {"unsupported": venv.unsupported} if venv.unsupported is not None else {"failed": list(venv.failed)}
    try:
        return {"interpreter": without_home(venv.python), **installed_packages(venv.python), **locked(venv.python)}
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return {"interpreter": without_home(venv.python), "failed": [f"it does not list its packages: {cause(error)}"]}


def tools(conversion: Venv | None) -> dict[str, dict[str, Any]]:
    """Whether the environments that measure nothing were installed by their locks: this one, and one that converts."""
    pythons = {"harness": sys.executable, "conversion": conversion.python if conversion is not None else None}
    return {name: locked(python) for name, python in pythons.items() if python is not None}


def locked(python: str) -> dict[str, Any]:
    """Whether every package of the venv of ``python`` was installed by a hash of its lock, or why not; and by what."""
    try:
        noted = json.loads((Path(python).parent.parent / LOCK_FILE).read_text(encoding="utf-8"))
        why = None if noted["locked"] else str(noted["unlocked_reason"])
        # An environment that an older version made does not say it.
        by = {"installer": str(noted["installer"])} if "installer" in noted else {}
    except (OSError, ValueError, KeyError, TypeError):
        why, by = "not an environment that nox made", {}
    return {"locked": True, **by} if why is None else {"locked": False, "unlocked_reason": without_secrets(why), **by}


def drift(venv: Venv, installed: Mapping[str, str]) -> str | None:
    """Which of the installed packages were changed since nox made the venv, and what to do; ``None`` if none was.

    A user's own interpreter has no list to compare with.
    """
    if venv.python is None or not installed:
        return None
    home = Path(venv.python).parent.parent
    made, now = listed_packages(home), normalized(installed)
    if made is None:
        return None
    changed = changes(made, {name: version for name, version in now.items() if name not in _INSTALLERS})
    if not changed:
        return None
    return (
        f"packages were changed after the environment was made: {', '.join(changed)}; remove {without_home(str(home))} "
        "to have it made again, or name an interpreter of your own with --worker"
    )


def listed_packages(home: Path) -> dict[str, str] | None:
    """Package -> version of what pip listed as nox made the venv ``home``, but for installers; ``None`` without it."""
    try:
        listed = json.loads((home / PACKAGES_FILE).read_text(encoding="utf-8"))
        found = normalized({entry["name"]: str(entry["version"]) for entry in listed})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {name: version for name, version in found.items() if name not in _INSTALLERS}


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What became of each package whose version is not as it was, e.g. ``numpy 2.4 (was 2.3)``."""
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return [f"{name} {now.get(name, 'is missing')} (was {before.get(name, 'not there')})" for name in names]


def normalized(packages: Mapping[str, str] | None) -> dict[str, str]:
    """Package -> version, by names that are spelled in one way."""
    return {canonicalize_name(name): version for name, version in (packages or {}).items()}


def without_home(text: str) -> str:
    """``text`` with the user's home folder, and so the user's name, replaced by ``~``."""
    home = str(home_folder() or "").rstrip("\\/")
    if len(home) < 3:
        return text
    if sys.platform == "win32":
        # Paths ignore case there, and take either separator.
        pattern = "(?i)" + r"[\\/]".join(map(re.escape, re.split(r"[\\/]", home)))
    else:
        pattern = re.escape(home)
    return re.sub(rf"{pattern}(?![\w-])", "~", text)

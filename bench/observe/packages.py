"""The exact packages of each worker venv, as its own interpreter lists them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.plan.venvs import Venv

_ASK = """
import importlib.metadata, json, platform
found = sorted((d.name, d.version) for d in importlib.metadata.distributions() if d.name)
print(json.dumps({"python": platform.python_version(), "packages": dict(found)}))
"""


def describe_venvs(venvs: Mapping[str, Venv]) -> dict[str, dict[str, Any]]:
    """Describe each venv for run.json: its Python and packages, or why there is none."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(venvs, pool.map(_describe, venvs.values()), strict=True))


def _describe(venv: Venv) -> dict[str, Any]:
    if venv.python is None:
        return {"unsupported": venv.unsupported} if venv.unsupported is not None else {"failed": list(venv.failed)}
    try:
        answer = subprocess.run([venv.python, "-I", "-c", _ASK], capture_output=True, timeout=60, check=True)
        return {"interpreter": without_home(venv.python), **json.loads(answer.stdout)}
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return {"interpreter": without_home(venv.python), "failed": [f"it does not list its packages: {error}"]}


def without_home(text: str) -> str:
    """``text`` with the user's home folder, and so the user's name, replaced by ``~``."""
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text

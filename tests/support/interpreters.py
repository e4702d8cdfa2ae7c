"""Programs of a worker's or converter's venv that tell the tests something."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from bench import PROJECT_ROOT
from bench.processes import child_environment


def told(python: str, *arguments: str) -> dict[str, Any]:
    """What the interpreter ``python`` prints with ``arguments``: a JSON object in its last line."""
    done = subprocess.run(
        [python, *arguments],
        cwd=PROJECT_ROOT,
        env=child_environment({}),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found

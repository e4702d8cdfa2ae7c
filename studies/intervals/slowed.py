"""An interpreter whose stack is slower by a known share: the original's packages, and a hook that waits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from bench.errors import MachineError, UsageError
from studies.intervals import slowed_hook

SLOWED = {"ort-genai": ("onnxruntime_genai", "Generator", "generate_next_token")}
"""Backend -> (module, class, method) that decodes one token; other stacks decode where no hook of Python reaches."""

_WHERE = "import json, sysconfig; print(json.dumps([sysconfig.get_path('purelib'), sysconfig.get_path('platlib')]))"


def make_slowed(python: str, folder: Path, backend: str, share: float) -> str:
    """Make a virtual environment in which each decoded token takes ``share`` longer than it does with ``python``.

    The prompt is not slowed, so the time to first token stays what it is.

    Args:
        python: the interpreter whose packages it uses; nothing of it is changed.
        folder: where it is made; what is there is replaced.
        backend: one of :data:`SLOWED`.
        share: 0.1 for 10 %.

    Returns:
        its interpreter.

    Raises:
        UsageError: the backend cannot be slowed.
        MachineError: the environment cannot be made.
    """
    if backend not in SLOWED:
        raise UsageError(f"{backend} cannot be slowed from outside; {', '.join(SLOWED)} can")
    module, owner, method = SLOWED[backend]
    _run(python, "-m", "venv", "--clear", "--without-pip", str(folder))
    made = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    (own, _), packages = _packages(str(made)), dict.fromkeys(_packages(python))
    shutil.copyfile(slowed_hook.__file__, Path(own) / "slowed_hook.py")
    hook = f"import slowed_hook; slowed_hook.install({module!r}, {owner!r}, {method!r}, {share!r})"
    # Of a .pth file, lines that begin with import are executed, and the others are folders of packages.
    (Path(own) / "slowed.pth").write_text("\n".join([*packages, hook, ""]), encoding="utf-8")
    return str(made)


def _packages(python: str) -> list[str]:
    found: list[str] = json.loads(_run(python, "-I", "-c", _WHERE))
    return found


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
    except FileNotFoundError as error:
        raise MachineError(f"no interpreter at {command[0]}; run `nox -s bench` to have it made") from error
    except (OSError, subprocess.CalledProcessError) as error:
        words = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise MachineError(f"a slowed environment cannot be made with {command[0]}: {words[-1]}") from error

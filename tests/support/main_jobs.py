"""What the main job is asked for, a call of it, and what that left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.store.reader import StoredRun, open_run

ROOT = Path(__file__).resolve().parents[2]

BLOCKS, REPEATS, WARMUPS, NEW_TOKENS = 2, 2, 1, 8
PROMPT_TOKENS = (16, 48)
LOADS = {("openvino-genai", "int4"), ("ort-genai", "int4"), ("transformers", "fp32")}


@dataclass(frozen=True, slots=True)
class MainJob:
    """What one call of the main job left behind."""

    output: str
    status: int
    run: StoredRun
    report: Path


def main_job(folder: Path, arguments: Sequence[str]) -> MainJob:
    """Run the main job with ``arguments``; its results and reports lie in ``folder``."""
    results, reports = folder / "results", folder / "reports"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "bench/",
        f"--results-dir={results}",
        f"--reports-dir={reports}",
        *arguments,
    ]
    # The locks of runs lie in the folder for temporary files, and other tests measure at the same time.
    env = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, encoding="utf-8", timeout=1500, check=False
    )
    output = done.stdout + done.stderr
    runs = sorted(results.iterdir()) if results.is_dir() else []
    assert runs, output
    return MainJob(output, done.returncode, open_run(runs[-1]), reports / runs[-1].name)

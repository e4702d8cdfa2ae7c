"""A console that cannot show every character, as those of Windows are, loses the character and not the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import PROJECT_ROOT

pytestmark = pytest.mark.process

ABROAD = "Ş-ğ-漢"
"""Not in the code page of an American console."""


@pytest.mark.parametrize(
    "arguments", [["clean"], ["report", "--index", "--reports-dir", ABROAD]], ids=["clean", "report"]
)
def test_a_path_from_abroad_ends_no_command(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / ABROAD).mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "bench.commands", *arguments],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT_ROOT),
            "PYTHONIOENCODING": "cp437",
            "AIPC_BENCH_CACHE": str(tmp_path / ABROAD),
        },
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")

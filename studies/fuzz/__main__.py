"""``python -m studies fuzz``: what readers of strangers' files do with bytes that a coverage-guided fuzzer makes up.

Linux only: `AIPC_BENCH_EXTRAS=fuzz nox -s studies -- fuzz --minutes 60`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from bench.cli import Parser, command
from bench.errors import MachineError
from tests.support.readers import READERS

_LEAST_S = 2


@command
def main(arguments: Sequence[str]) -> int:
    """Fuzz each reader for its share of the time; returns 1 where anything was found."""
    asked = _parser().parse_args(arguments)
    if find_spec("atheris") is None:
        raise MachineError("the fuzzer is not installed: set AIPC_BENCH_EXTRAS=fuzz and run again (Linux only)")
    names = asked.reader or list(READERS)
    for name in names:
        print(f"{name:<12} {_fuzz(name, asked.folder, asked.minutes * 60 / len(names)):,} inputs", flush=True)
    found = sorted(path for path in (asked.folder / "found").iterdir() if path.suffix != ".bin")
    for path in found:
        print(f"found        {path}")
    return 1 if found else 0


def _fuzz(name: str, folder: Path, seconds: float) -> int:
    """How many inputs were read. A process that what it found has ended is followed by another one."""
    inputs, end = 0, time.monotonic() + seconds
    while (left := int(end - time.monotonic())) >= _LEAST_S:
        command = [sys.executable, "-m", "studies.fuzz.one", name, str(folder), str(left)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        counted = re.search(r"executed_units: (\d+)", done.stderr)
        inputs += int(counted[1]) if counted else 0
        if counted is None and done.returncode == 1:
            raise SystemExit(done.stderr)
    return inputs


def _parser() -> Parser:
    parser = Parser(prog="nox -s studies -- fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, metavar="N", help="in all (default: 10)")
    parser.add_argument(
        "--reader", action="append", choices=tuple(READERS), help="may be given several times (default: all)"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("fuzz"), metavar="DIR", help="keeps inputs and findings (default: fuzz)"
    )
    return parser

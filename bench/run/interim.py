"""The report of a run before its end: rendered after a block, between visits, by a process of its own.

So the harness stays as small as it was, and a page that cannot be made costs nothing that is measured.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.errors import cause
from bench.last_words import last_words
from bench.plan.options import Options
from bench.processes import child_environment

_SHARE = 20
"""A report is made anew once this many times what the last one took has passed: at most 5 % of a run go into them."""
_EARLIEST_S = 30.0
"""A run that is shorter has its report soon."""
_TIMEOUT_S = 300


class InterimReport:
    """Renders the report of the run in the folder ``run``; :meth:`render` is called where a block has ended."""

    def __init__(self, run: Path, options: Options) -> None:
        names = ("--results-dir", str(options.results_dir), "--reports-dir", str(options.reports_dir))
        redact = ("--redact",) if options.redact else ()
        self._arguments = (str(run), *names, "--lang", options.language, *redact)
        self._not_before = time.monotonic() + _EARLIEST_S

    def render(self, block: int) -> str | None:
        """Render it after ``block``, counted from 1; returns a line on that, ``None`` if it is too soon for another."""
        began = time.monotonic()
        if began < self._not_before:
            return None
        where, problem = self._made()
        took = time.monotonic() - began
        self._not_before = time.monotonic() + _SHARE * took
        if problem is not None:
            return f"so far     no report, and the run goes on: {problem}"
        return f"so far     {where} (after block {block}, made in {took:.0f} s)"

    def _made(self) -> tuple[str, str | None]:
        """Where the page is; and what prevented it."""
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "bench.commands", "report", *self._arguments],
                env=child_environment({}),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "", f"it was not made within {_TIMEOUT_S} s, as on a machine with much else to do"
        except OSError as error:
            return "", cause(error)
        if ended.returncode:
            return "", last_words(ended.stderr) or f"exit status {ended.returncode}"
        return ended.stdout.splitlines()[-1].partition(" ")[2].strip(), None

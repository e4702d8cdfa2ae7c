"""What happens between visits: the line with the time left, a pause, the report so far, and Ctrl-C."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from bench.errors import UsageError, cause
from bench.last_words import last_words
from bench.observe.thermal import cpu_temperature_c
from bench.plan.estimate import format_duration
from bench.plan.options import Options
from bench.plan.plan import PlannedVisit
from bench.processes import child_environment

Open = Callable[[Iterable[str]], bool]
"""Whether one of some cells needs another block."""


class Progress:
    """Counts the visits of a run; ``still_open`` tells which cells of an adaptive run need more blocks.

    ``before`` visits were made by an earlier process, in ``before_s`` seconds.
    """

    def __init__(
        self,
        options: Options,
        visits: Sequence[PlannedVisit],
        still_open: Open | None = None,
        before: int = 0,
        before_s: float = 0.0,
    ) -> None:
        self._options = options
        self._visits = visits
        self._places = {(one.block, one.position): place for place, one in enumerate(visits)}
        self._open = still_open
        self._since = time.monotonic()
        self._before, self._before_s = before, before_s
        self.begun = 0

    def begin(self, planned: PlannedVisit) -> str:
        """Count a visit; its line, with the time left by the mean of the visits before it."""
        load, left = planned.load, self._left(planned)
        self.begun += 1
        to = f" to {self._options.most_blocks}" if self._at_most else ""
        block = f"block {planned.block + 1} of {self._options.blocks}{to}"
        variant = f"{load.variant}: " if load.variant else ""
        prefix_cache = ", prefix cache on" if any(cell.ask == "again" for cell in planned.cells) else ""
        name = f"{variant}{load.backend} {load.device} {load.precision}{prefix_cache}"
        return f"visit {self._before + self.begun} of {self._at_most}{len(self._visits)}, {block}: {name}{left}"

    @property
    def _at_most(self) -> str:
        return "" if self._open is None else "at most "

    def _left(self, planned: PlannedVisit) -> str:
        if planned.block == 0 or self.begun == 0:
            return ""
        spent_s = time.monotonic() - self._since
        left = self._visits[self._places[planned.block, planned.position] :]
        # Without visits whose cells need no more.
        count = len(left) if self._open is None else sum(self._open(cell.key for cell in one.cells) for one in left)
        left_s = spent_s / self.begun * count
        if self._options.max_time_s is not None:
            left_s = min(left_s, max(0.0, self._options.max_time_s - self._before_s - spent_s))
        return f" ({self._at_most}about {format_duration(left_s)} left)"


_POLL_S = 1.0


class Cooling:
    """Waits as ``options`` ask for; what the CPU has to cool to is told by its temperature now.

    ``stopping``: whether the user asked to stop, which ends a wait.

    Raises:
        UsageError: it shall wait for a temperature, and none can be read.
    """

    def __init__(self, options: Options, stopping: Callable[[], bool]) -> None:
        self._options = options
        self._stopping = stopping
        self._enough_c: float | None = None
        if options.cooldown_c is not None:
            start_c = cpu_temperature_c()
            if start_c is None:
                raise UsageError(
                    "--cooldown-c: the CPU's temperature cannot be read on this machine; "
                    "give a fixed pause instead, e.g. --cooldown-s 30"
                )
            self._enough_c = start_c + options.cooldown_c

    def wait(self, *, first: bool) -> str:
        """Wait before a visit; what was waited for a temperature, to stand behind the line of the visit.

        The fixed pause is between visits; the CPU may have to cool before the ``first`` too, as after a conversion.
        """
        if not first:
            self._pause(self._options.cooldown_s)
        if self._enough_c is None:
            return ""
        began = time.monotonic()
        hot_c = self._pause(self._options.cooldown_max_s, until_c=self._enough_c)
        waited = f", after {time.monotonic() - began:.0f} s of cooling"
        if hot_c is None:
            return f"{waited}: the CPU's temperature can no longer be read"
        if hot_c > self._enough_c:
            return f"{waited}: still {hot_c:.0f} °C, not {self._enough_c:.0f} °C"
        return f"{waited} to {hot_c:.0f} °C"

    def _pause(self, seconds: float, until_c: float | None = None) -> float | None:
        """Wait for so long, or until the CPU is no hotter than ``until_c``; its last temperature, where that counts."""
        end = time.monotonic() + seconds
        while True:
            hot_c = None if until_c is None else cpu_temperature_c()
            is_cool = until_c is not None and (hot_c is None or hot_c <= until_c)
            left_s = end - time.monotonic()
            # Python sleeps on after a Ctrl-C that is only noted.
            if is_cool or left_s <= 0 or self._stopping():
                return hot_c
            time.sleep(min(_POLL_S, left_s))


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


class Stopper:
    """Counts requests to stop, from :meth:`install` to :meth:`remove`; ``say`` confirms the first.

    While ``at_once`` is set there is no generation to wait for, and the first one raises KeyboardInterrupt.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._previous: dict[int, object] = {}
        self.requested = False
        self.at_once = False

    def install(self) -> None:
        """Take over Ctrl-C (and Ctrl-Break on Windows)."""
        signals = [signal.SIGINT]
        if sys.platform == "win32":
            signals.append(signal.SIGBREAK)
        for number in signals:
            self._previous[number] = signal.signal(number, self._hear)

    def remove(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous.clear()

    def _hear(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        again, self.requested = self.requested, True
        if again or self.at_once:
            raise KeyboardInterrupt
        # Python refuses to write where the signal came while a line was written; what was to be said follows that line.
        with suppress(RuntimeError):
            self._say("stopping after this generation; Ctrl-C again stops at once")

"""Pauses before visits: a fixed time, and until the CPU has cooled."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.errors import UsageError
from bench.observe.thermal import cpu_temperature_c
from bench.plan.options import Options

_POLL_S = 1.0


class Cooling:
    """Waits as ``options`` ask for; what the CPU has to cool to is told by its temperature now.

    Args:
        stopping: whether the user asked to stop, which ends a wait.

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
        if self._options.cooldown_s and not first:
            time.sleep(self._options.cooldown_s)
        if self._enough_c is None:
            return ""
        began = time.monotonic()
        while (hot_c := cpu_temperature_c()) is not None and hot_c > self._enough_c and not self._stopping():
            left_s = self._options.cooldown_max_s - (time.monotonic() - began)
            if left_s <= 0:
                break
            time.sleep(min(_POLL_S, left_s))
        waited = f", after {time.monotonic() - began:.0f} s of cooling"
        if hot_c is None:
            return f"{waited}: the CPU's temperature can no longer be read"
        if hot_c > self._enough_c:
            return f"{waited}: still {hot_c:.0f} °C, not {self._enough_c:.0f} °C"
        return f"{waited} to {hot_c:.0f} °C"

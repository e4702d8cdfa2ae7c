"""A plugin of pytest: what befalls a sweep where it calls a method for the nth time, however busy the machine is.

``INTERRUPT_AT`` and ``HOLD_AT`` name the method and the number of the call: there Ctrl-C comes, or the sweep waits
until there is a file, ``HOLD_UNTIL``. A signal from another process, or a kill, may come any time later.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from pkgutil import resolve_name
from typing import Any


def pytest_configure() -> None:
    """Have the methods that are named do it before what they do."""
    befall("INTERRUPT_AT", lambda: signal.raise_signal(signal.SIGINT))
    befall("HOLD_AT", hold)


def hold() -> None:
    """Wait for the file."""
    while not Path(os.environ["HOLD_UNTIL"]).exists():
        time.sleep(0.05)


def befall(variable: str, what: Callable[[], object]) -> None:
    """Have the method that a variable names call ``what`` at its nth call."""
    if variable not in os.environ:
        return
    name, _, number = os.environ[variable].partition(" ")
    owner, _, method = name.rpartition(".")
    called, calls = resolve_name(name), count(1)

    def befallen(*arguments: Any, **options: Any) -> Any:
        if next(calls) == int(number):
            what()
        return called(*arguments, **options)

    setattr(resolve_name(owner), method, befallen)

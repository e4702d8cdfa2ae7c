from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from backends.process import leave_network
from bench.commands.doctor import _network
from bench.observe.isolation import network_kept


def refusing(*_: object, **__: object) -> Any:
    raise subprocess.TimeoutExpired("python", 30)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are not asked")
def test_a_system_that_does_not_answer_is_no_end_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", refusing)
    assert network_kept() == "it could not be found out (TimeoutExpired)"


def test_on_windows_workers_keep_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert leave_network() == network_kept() == "this system has no network namespaces"


def test_doctor_says_why() -> None:
    assert _network(None) == "no network"
    assert _network("Permission denied") == "the network is open to them (Permission denied)"

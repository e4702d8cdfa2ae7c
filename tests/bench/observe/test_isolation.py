from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from backends.process import leave_network
from bench.commands import doctor
from bench.observe.isolation import network_kept
from bench.observe.limits import limits


def refusing(*_: object, **__: object) -> Any:
    raise subprocess.TimeoutExpired("python", 30)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are not asked")
def test_a_system_that_does_not_answer_is_no_end_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", refusing)
    assert network_kept() == "it could not be found out (TimeoutExpired)"


def test_on_windows_workers_keep_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert leave_network() == network_kept() == "this system has no network namespaces"


@pytest.mark.parametrize(
    ("kept", "said"),
    [(None, "no network;"), ("Permission denied", "the network is open to them (Permission denied);")],
)
def test_doctor_says_why(kept: str | None, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "network_kept", lambda: kept)
    monkeypatch.setattr(doctor, "read_bandwidth", lambda _: 1e9)
    assert doctor._machine_lines(limits())[-1].startswith(f"workers    {said}")

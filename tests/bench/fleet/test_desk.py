"""Which machines a desk asks, what it refuses, and its exit status."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.commands import fleet
from bench.commands.fleet_run import worst
from bench.errors import MachineError, UsageError
from bench.fleet import connection, desk
from bench.fleet.connection import address_of, refuse_other_version, security_for, version
from bench.fleet.desk import Desk, Machine, Request, chosen
from bench.fleet.machine import measure, own_resource

THERE = {"nuc-3": ("tls://a", ("lunar-lake",)), "nuc-4": ("tls://b", ("lunar-lake", "beta")), "beta": ("tls://c", ())}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["all"], ["beta", "nuc-3", "nuc-4"]),
        (["lunar-lake"], ["nuc-3", "nuc-4"]),
        (["nuc-4", "lunar-lake"], ["nuc-4", "nuc-3"]),
        (["beta"], ["beta"]),
        (["nuc-9", "nuc-3"], ["nuc-9", "nuc-3"]),
    ],
)
def test_machines_are_meant_by_name_label_or_all(wanted: list[str], names: list[str]) -> None:
    assert [one.name for one in chosen(wanted, THERE)] == names


def test_all_of_nobody_is_refused() -> None:
    with pytest.raises(UsageError, match="no machine has joined"):
        chosen(["all"], {})


@pytest.mark.parametrize(
    ("statuses", "status"),
    [([], 0), ([0, 0], 0), ([0, 2], 2), ([2, 1, 0], 1), ([1, 4], 4), ([4, 130, 1], 130), ([1, 137, 0], 137)],
)
def test_the_exit_status_is_the_worst(statuses: list[int], status: int) -> None:
    assert worst(statuses) == status


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("tcp://127.0.0.1", "tcp://127.0.0.1:8786"),
        ("tcp://localhost:1", "tcp://localhost:1"),
        ("tcp://[::1]:9", "tcp://[::1]:9"),
        ("tls://desk", "tls://desk:8786"),
        ("tls://10.0.0.7:9000", "tls://10.0.0.7:9000"),
    ],
)
def test_an_address_gets_its_port(given: str, address: str) -> None:
    assert address_of(given) == address


@pytest.mark.parametrize("given", ["tcp://desk", "tcp://10.0.0.7:8786", "tcp://0.0.0.0"])
def test_nothing_goes_over_a_network_without_encryption(given: str) -> None:
    with pytest.raises(UsageError, match="is not encrypted, which is taken on this machine alone"):
        address_of(given)


@pytest.mark.parametrize("given", ["desk:8786", "http://desk", "", "tls://", "tls://a b"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="is no address of a scheduler"):
        address_of(given)


def test_certificates_and_encryption_go_together(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs --certs"):
        security_for("tls://desk:8786", None)
    with pytest.raises(UsageError, match="has none"):
        security_for("tcp://127.0.0.1:8786", tmp_path)
    with pytest.raises(UsageError, match=r"holds no ca\.pem"):
        security_for("tls://desk:8786", tmp_path)


def test_a_commit_that_is_not_known_is_no_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "git_commit", lambda: "0123456789ab")
    ours = version()
    refuse_other_version(ours, "tls://desk")
    refuse_other_version({**ours, "commit": None}, "tls://desk")
    with pytest.raises(MachineError, match=r"runs AIPC Bench 9\.9 \(abc\), and this machine"):
        refuse_other_version({"version": "9.9", "commit": "abc"}, "tls://desk")
    with pytest.raises(MachineError, match="is no scheduler of AIPC Bench"):
        refuse_other_version(None, "tls://desk")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--backend", "simulated"], "--on names the machines"),
        (["run", "--on", "a,,b"], "--on a,,b: a name is empty"),
        (["run", "--on", "a", "--results-dir", "x"], "--results-dir is each machine's own affair"),
        (["run", "--on", "a", "--blocks", "none"], "--blocks"),
        (["run", "--on", "a", "--config", "missing.toml"], "--config: cannot read"),
        (["run", "--on", "a", "--wait", "soon"], "--wait: expected a time"),
        (["run", "--again", "20261129T170925Z-df42dd"], "--again 20261129T170925Z-df42dd"),
        (["worker", "--name", "a b"], "'a b' cannot name a machine"),
        (["worker", "--labels", "beta,"], "a label is not empty"),
        (["worker", "--name", "a"], "AIPC_BENCH_COMMANDS does not say what measures"),
        (["scheduler", "--host", "0.0.0.0"], "is not encrypted"),
        (["worker", "--port", "99999"], "--port: expected a port, got '99999'"),
        (["scheduler", "--port", "x"], "--port: expected a port"),
        (["scheduler", "--dashboard", "127.0.0.1:x"], "--dashboard: expected a port, got 'x'"),
        (["scheduler", "--dashboard", "127.0.0.1"], "--dashboard: expected HOST:PORT, or off, got '127.0.0.1'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(fleet.BENCH, raising=False)
    assert fleet.main(arguments) == 4
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


class Cluster:
    """A scheduler whose machines are asked and never answer; ``goes`` leaves once it has been asked.

    What machines would do they tell as ``says`` has it; those that measure give ``gives``.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, goes: str) -> None:
        self.there: dict[str, tuple[str, tuple[str, ...]]] = dict.fromkeys(("m1", "m2"), ("tls://a", ()))
        self.goes = goes
        self.now_s = 0.0
        self.says: dict[str, Any] = {}
        self.gives: Any = None
        monkeypatch.setattr(desk, "connect", lambda *_: nullcontext(self))
        monkeypatch.setattr(desk, "time", self)

    def run_on_scheduler(self, _: object) -> dict[str, tuple[str, tuple[str, ...]]]:
        return self.there

    def run(self, *_: object, workers: Sequence[str], on_error: str) -> dict[str, Any]:
        assert on_error == "return"
        return {workers[0]: self.says.get(workers[0], [])}

    def subscribe_topic(self, *_: object) -> None:
        pass

    def submit(self, task: Any, *_: object, resources: Mapping[str, float], **__: object) -> Any:
        """Preparing ends at once where nobody goes; a machine that is gone answers nothing."""
        if task is measure and self.gives is not None:
            return self.gives
        if own_resource(self.goes) in resources:
            del self.there[self.goes]
            return SimpleNamespace(done=lambda: False, cancel=lambda **_: None)
        told = {"status": 0, "error": "", "artifacts": {}}
        return SimpleNamespace(done=lambda: True, exception=lambda: None, result=lambda timeout: told)

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    time_ns = staticmethod(time.time_ns)


def asks(said: list[str]) -> Desk:
    request = Request("r1", (), None)
    machines = [Machine("m1"), Machine("m2")]
    return Desk("tls://desk:8786", cast("Any", None), request, 60.0, said.append, lambda _: None, machines)


def test_a_machine_that_goes_while_it_converts_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, goes="m1")
    with pytest.raises(MachineError, match="--prepare-once: m1 was away for 60 s, and is given up"):
        asks([]).prepare("m1")
    assert cluster.now_s == 60.0


def test_one_that_goes_while_it_copies_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    Cluster(monkeypatch, goes="m2")
    asks(said).prepare("m1")
    assert said[-1].endswith("copies nothing, and makes what it lacks itself: was away for 60 s, and is given up")


def test_a_machine_that_is_lost_while_it_says_what_it_would_do_is_no_lost_scheduler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster(monkeypatch, goes="m2")
    cluster.there["m1"] = ("tls://10.0.0.7:8788", ())
    cluster.says["tls://10.0.0.7:8788"] = OSError("Timed out trying to connect")
    said: list[str] = []
    asks(said).measure()
    assert "m1         does not answer the scheduler, and is waited for: Timed out trying to connect" in said
    assert said.count("m1         does not answer the scheduler, and is waited for: Timed out trying to connect") == 1
    assert any("m1         did not answer the scheduler at tls://10.0.0.7:8788 for 60 s, and is" in one for one in said)
    assert "m2         was away for 60 s, and is given up" in said
    assert not any("the scheduler cannot be reached" in one for one in said)


def test_machines_that_are_given_up_without_a_scheduler_are_not_said_to_have_been_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster(monkeypatch, goes="")

    def none(*_: object) -> None:
        raise MachineError("no scheduler answers")

    monkeypatch.setattr(desk, "connect", none)
    said: list[str] = []
    asks(said).measure()
    assert said == [
        "the scheduler cannot be reached, and is waited for: no scheduler answers",
        "m1         was without a scheduler for 60 s, and is given up",
        "m2         was without a scheduler for 60 s, and is given up",
    ]
    assert cluster.now_s == 63.0


def test_a_machine_that_goes_before_its_result_is_fetched_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, goes="")

    def lost(timeout: float) -> Any:
        """As the engine does: it waits for the machine, by which the task is done again."""
        cluster.now_s += timeout
        cluster.there.clear()
        cluster.gives.done = lambda: False
        raise TimeoutError

    cluster.gives = SimpleNamespace(
        done=lambda: True,
        cancelled=lambda: False,
        exception=lambda: None,
        result=lost,
        cancel=lambda **_: None,
    )
    said: list[str] = []
    asks(said).measure()
    assert said[-2:] == [f"{name}         was away for 60 s, and is given up" for name in ("m1", "m2")]
    assert not any("scheduler" in one for one in said)

"""Which machines a desk asks, what it refuses, and its exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.commands import fleet
from bench.commands.fleet_run import worst
from bench.errors import MachineError, UsageError
from bench.fleet import connection
from bench.fleet.connection import address_of, refuse_other_version, security_for, version
from bench.fleet.desk import chosen

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
        (["scheduler", "--port", "x"], "--port: expected a port"),
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

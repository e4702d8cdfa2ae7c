"""What a desk does with what machines give back: it is collected, named, judged and shown."""

from __future__ import annotations

import socket
import tomllib
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from bench.cli import command_line
from bench.commands import fleet_run
from bench.commands.fleet_run import Collection
from bench.fleet.desk import Machine, Request
from bench.store.dataset import open_dataset
from tests.support.datasets import collected, write_run, zipped

HEAD = "20261210T010101Z-00000f"
OURS, OTHER = "m" * 16, "o" * 16


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return tmp_path / "dataset"


def answered(folder: Path, status: int = 0, run_id: str = HEAD, **changes: Any) -> Machine:
    """A machine that has measured."""
    run = write_run(folder / "own", run_id, **changes)
    packed = zipped(run, folder / f"{run_id}.zip", f"{run_id}/").read_bytes()
    answer = {"status": status, "error": "it broke" if status else "", "run_id": run_id, "run": packed}
    return Machine("nuc-3", labels=("lunar-lake",), answer=answer)


def status_of(tmp_path: Path, *machines: Machine) -> int:
    asked = Namespace(scheduler="tls://desk", into=str(tmp_path / "dataset"), reports_dir=tmp_path / "reports")
    collection = Collection(asked, Request("r1", (), None))
    for one in machines:
        collection.take(one)
    return collection.finish(machines)


def earlier(dataset: Path, folder: Path, count: int, **changes: Any) -> None:
    """Runs of the same machine that lie in the dataset already."""
    runs = [write_run(folder / "earlier", f"202612{day + 1:02d}T010101Z-000001", **changes) for day in range(count)]
    collected(*runs, into=dataset)


def test_a_run_is_collected_and_its_machine_named(tmp_path: Path, dataset: Path) -> None:
    assert status_of(tmp_path, answered(tmp_path)) == 0
    assert list(open_dataset(dataset).manifest.runs) == [HEAD]
    named = tomllib.loads((dataset / "machines.toml").read_text("utf-8"))
    assert named == {OURS: {"name": "nuc-3", "labels": ["lunar-lake"]}}
    assert (tmp_path / "reports" / "fleet" / "fleet.html").is_file()


@pytest.mark.slow
def test_a_name_that_people_gave_stays(tmp_path: Path, dataset: Path) -> None:
    collected(into=dataset)
    (dataset / "machines.toml").write_text(f'[{OURS}]\nname = "the old one"\n', "utf-8")
    status_of(tmp_path, answered(tmp_path))
    assert (dataset / "machines.toml").read_text("utf-8") == f'[{OURS}]\nname = "the old one"\n'


@pytest.mark.slow
def test_what_a_machine_measured_before_it_failed_is_collected(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(tmp_path, answered(tmp_path, status=1)) == 1
    assert list(open_dataset(dataset).manifest.runs) == [HEAD]
    assert "nuc-3      has ended, exit status 1: it broke" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("status", [1, 4])
def test_a_machine_that_began_no_run_is_named(tmp_path: Path, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine("nuc-3", answer={"status": status, "error": "no such model", "run_id": None, "run": None})
    assert status_of(tmp_path, machine, answered(tmp_path)) == status
    shown = capsys.readouterr().out
    assert f"nuc-3      has ended, exit status {status}: no such model" in shown
    assert "nuc-3      began no run" in shown


@pytest.mark.slow
def test_a_machine_that_was_given_up_fails_the_command_alone(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = Machine("nuc-4", why_not="was away for 2 s, and is given up")
    assert status_of(tmp_path, away, answered(tmp_path)) == 1
    assert list(open_dataset(dataset).manifest.runs) == [HEAD]
    where = command_line(["--into", str(dataset), "--reports-dir", str(tmp_path / "reports")])
    again = f"nox -s fleet -- run --again r1 --scheduler tls://desk {where}"
    assert f"note       what nuc-4 measured lies there, and `{again}` asks for it" in capsys.readouterr().out


def test_a_desk_whose_disk_is_full_says_so_and_asks_again(
    tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    machine = answered(tmp_path)
    monkeypatch.setattr("bench.commands.fleet_run.tempfile.TemporaryDirectory", full)
    assert status_of(tmp_path, machine) == 1
    shown = capsys.readouterr().out
    assert "nuc-3      not collected yet: No space left on device" in shown
    assert "nuc-3      its run is not collected: No space left on device" in shown
    assert "note       what nuc-3 measured lies there, and `nox -s fleet -- run --again r1" in shown
    assert not dataset.exists()


def test_a_run_that_was_changed_on_the_way_is_refused(tmp_path: Path, dataset: Path) -> None:
    machine = answered(tmp_path)
    (tmp_path / "own" / HEAD / "end.json").write_text("{}", "utf-8")
    packed = zipped(tmp_path / "own" / HEAD, tmp_path / "changed.zip", f"{HEAD}/").read_bytes()
    assert machine.answer is not None
    machine.answer = {**machine.answer, "run": packed}
    assert status_of(tmp_path, machine) == 1
    assert machine.why_not == "its run is not collected: the reason stands above"
    assert list(open_dataset(dataset).manifest.runs) == []


@pytest.mark.slow
@pytest.mark.parametrize(("slower", "status"), [pytest.param(1.0, 0, marks=pytest.mark.slow), (1.5, 1)])
def test_a_machine_is_held_against_its_own_earlier_runs(
    tmp_path: Path, dataset: Path, slower: float, status: int
) -> None:
    earlier(dataset, tmp_path, 6)
    assert status_of(tmp_path, answered(tmp_path, slower={"ort-genai": slower})) == status
    assert (tmp_path / "reports" / f"gate-{HEAD}" / "gate.md").is_file()


@pytest.mark.slow
def test_ctrl_c_in_a_gate_ends_the_desk(tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    earlier(dataset, tmp_path, 5)
    monkeypatch.setattr("bench.commands.gate.find_runs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        status_of(tmp_path, answered(tmp_path))


@pytest.mark.slow
def test_a_gate_with_few_earlier_runs_that_cannot_tell_fails_nothing(tmp_path: Path, dataset: Path) -> None:
    earlier(dataset, tmp_path, 2)
    assert status_of(tmp_path, answered(tmp_path)) == 0
    assert (tmp_path / "reports" / f"gate-{HEAD}" / "gate.md").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"machine_id": OTHER}, marks=pytest.mark.slow),
        {"prompt_tokens": (64,)},
        pytest.param({"record": {"model": {"name": "other", "digest": "d"}}}, marks=pytest.mark.slow),
        pytest.param({"end": "interrupted"}, marks=pytest.mark.slow),
    ],
    ids=["machine", "request", "model", "unfinished"],
)
def test_runs_that_measured_something_else_are_no_baseline(
    tmp_path: Path, dataset: Path, changes: dict[str, Any]
) -> None:
    # As many of its own have a gate, as the test above says.
    earlier(dataset, tmp_path, 2, **changes)
    assert status_of(tmp_path, answered(tmp_path, slower={"ort-genai": 1.5})) == 0
    assert not (tmp_path / "reports" / f"gate-{HEAD}").exists()


@pytest.mark.slow
def test_a_port_that_another_program_has_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        here = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        monkeypatch.setattr(fleet_run, "HERE", here)
        monkeypatch.setattr("bench.fleet.connection.CONNECT_S", 0.5)
        assert fleet_run.main(["--on", "nuc-3", "--backend", "simulated"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: no scheduler answers at {here}")
    assert f"; and no scheduler can listen at {here}: " in error
    assert error.count("\n") == 1

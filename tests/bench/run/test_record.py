from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import PROJECT_ROOT
from bench.measure.attempt import RunFacts
from bench.measure.worker import Timeouts
from bench.plan.options import Options
from bench.plan.plan import make_plan
from bench.prepare.model_facts import ModelFacts
from bench.prepare.model_source import ModelSource
from bench.prepare.preparation import PreparedModel
from bench.run.record import git_commit, measured_model, model_record, project_version, recorded_options, run_record
from bench.store.reader import RUN, flaw

pytestmark = pytest.mark.process

MakeOptions = Callable[..., Options]


@pytest.fixture
def recorded(make_options: MakeOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The record of a sweep of a user whose folders are all below their home."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    options = make_options("--backend", "simulated", "--seed", "9", "--model", str(tmp_path / "phi"))
    facts = RunFacts("0" * 16, "model", None, 4, Timeouts(), tmp_path)
    command = f"nox -s bench -- --results-dir {tmp_path / 'runs'}"
    return run_record(command, options, make_plan(options).cells, {"name": "model"}, facts, {}, 2e10)


def test_the_record_is_json(recorded: dict[str, Any]) -> None:
    assert json.loads(json.dumps(recorded, allow_nan=False))["seed"] == 9


def test_the_record_has_the_parts_of_the_design(recorded: dict[str, Any]) -> None:
    assert set(recorded) == {
        "created_at",
        "command",
        "options",
        "seed",
        "project",
        "model",
        "plan",
        "machine",
        "machine_id",
        "workers",
        "venvs",
    }


@pytest.mark.parametrize(
    "options",
    [
        ("--threads", "stack"),
        ("--threads", "2"),
        ("--interval-target", "5%", "--max-blocks", "20", "--max-time", "3h"),
        ("--cooldown-c", "3", "--quality-limits", "degraded=1.1,broken=2", "--load-option", "simulated.ttft_ms=2"),
    ],
)
def test_what_is_recorded_of_options_is_what_readers_take(make_options: MakeOptions, options: tuple[str, ...]) -> None:
    recorded = {"options": recorded_options(make_options("--backend", "simulated", *options))}
    assert flaw(json.loads(json.dumps(recorded)), RUN) is None


def test_the_model_tells_the_size_of_its_kv_cache(tmp_path: Path) -> None:
    config = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    facts = ModelFacts(100, 10, None, (), {}, 400)
    model = PreparedModel(ModelSource("directory", str(tmp_path), "m"), tmp_path, facts, "0", None, None)
    assert model_record(model)["kv_cache_values_per_token"] == 2 * 2 * 64


def test_the_record_does_not_tell_the_users_home(recorded: dict[str, Any], tmp_path: Path) -> None:
    assert json.dumps(str(tmp_path))[1:-1] not in json.dumps(recorded)


def test_folders_and_interpreters_are_not_among_the_recorded_options(recorded: dict[str, Any]) -> None:
    assert not {"results_dir", "reports_dir", "cache_dir", "workers", "open_report"} & set(recorded["options"])


def test_the_plan_names_each_load_once(recorded: dict[str, Any]) -> None:
    keys = [load["load_key"] for load in recorded["plan"]["loads"]]
    assert len(keys) == len(set(keys)) == 3


def test_every_cell_of_the_plan_belongs_to_one_of_its_loads(recorded: dict[str, Any]) -> None:
    keys = {load["load_key"] for load in recorded["plan"]["loads"]}
    assert {cell["load_key"] for cell in recorded["plan"]["cells"]} == keys


def test_the_version_is_that_of_the_project() -> None:
    assert f'version = "{project_version()}"' in (PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_git(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr("bench.run.record.subprocess.run", no_git)
    assert git_commit() is None


def test_outside_of_a_checkout_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: Any, **__: Any) -> None:
        raise subprocess.CalledProcessError(128, given[0])

    monkeypatch.setattr("bench.run.record.subprocess.run", refused)
    assert git_commit() is None


@pytest.mark.parametrize(
    ("model", "again"),
    [
        ({"name": "acme/tiny", "kind": "hub", "revision": "0cb88a4f"}, "acme/tiny@0cb88a4f"),
        ({"name": "acme/tiny", "kind": "directory", "revision": "0cb88a4f"}, "acme/tiny@main"),
        ({"name": "acme/tiny", "kind": "hub", "revision": None}, "acme/tiny@main"),
        (None, "acme/tiny@main"),
    ],
)
def test_a_model_of_the_hub_is_measured_again_at_its_commit(model: dict[str, Any] | None, again: str) -> None:
    assert measured_model({"model": model}, "acme/tiny@main") == again


@pytest.mark.parametrize(("kept", "network"), [(None, "none"), ("Permission denied", "Permission denied")])
def test_the_record_says_how_workers_are_kept(
    tmp_path: Path, make_options: Any, kept: str | None, network: str
) -> None:
    facts = RunFacts("0" * 16, "model", None, 4, Timeouts(), tmp_path, memory_cap_bytes=5)
    found = run_record("", make_options(), (), {}, facts, {}, None, kept)["workers"]
    assert found == {"network": network, "memory_cap_bytes": 5}

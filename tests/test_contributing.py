"""CONTRIBUTING's toy backend, taken from the page and held to the contract, so that the page cannot rot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from backends import table
from backends.contract import ArtifactError, Backend, DeviceUnavailableError, LoadOptions, Session
from backends.spec import ARTIFACT_FORMATS, BackendSpec
from backends.worker import timed_generation
from bench.plan import environments
from bench.plan.environments import Here
from tests.support.loaded_backends import cases

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
OPTIONS = LoadOptions(precision="fp32", threads=1)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def backend() -> Backend:
    namespace: dict[str, Any] = {}
    exec(compile(blocks("python")[0], str(PAGE), "exec"), namespace)  # our own page
    made: Backend = namespace["Counting"]()
    return made


@pytest.fixture
def spec() -> BackendSpec:
    made: BackendSpec = eval(blocks("python")[1], {"BackendSpec": BackendSpec})  # our own page
    return made


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.fixture
def session(backend: Backend, artifact: Path) -> Session:
    return backend.load(artifact, "CPU", OPTIONS)


@pytest.mark.slow
@pytest.mark.parametrize("new_tokens", [1, 2, 64])
def test_it_takes_exactly_the_steps_that_are_asked_for(session: Session, new_tokens: int) -> None:
    assert len(timed_generation(session, [[5, 6]], new_tokens).stamps_ns) == new_tokens


@pytest.mark.slow
def test_it_answers_to_exactly_the_ids_it_is_given(session: Session) -> None:
    assert timed_generation(session, [[5, 6]], 3).token_ids == [[7], [8], [9]]


@pytest.mark.slow
def test_it_is_greedy_and_so_repeats_itself(session: Session) -> None:
    first, second = (timed_generation(session, [[5, 6]], 8).token_ids for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_it_gives_one_id_per_sequence_of_a_batch(session: Session) -> None:
    assert timed_generation(session, [[5, 6], [1, 2]], 2).token_ids == [[7, 3], [8, 4]]


def test_it_calls_as_soon_as_it_has_a_step(session: Session) -> None:
    taken: list[int] = []

    def stop_at_the_third(ids: Any) -> None:
        taken.append(ids[0])
        if len(taken) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        session.generate([[5, 6]], 1_000_000_000, stop_at_the_third)
    assert taken == [7, 8, 9]


def test_an_unknown_device_is_refused(backend: Backend, artifact: Path) -> None:
    with pytest.raises(DeviceUnavailableError, match="NPU"):
        backend.load(artifact, "NPU", OPTIONS)


def test_a_folder_without_a_model_is_refused(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no model"):
        backend.load(tmp_path / "nothing", "CPU", OPTIONS)


def test_its_evidence_names_a_device_that_it_has(backend: Backend, session: Session) -> None:
    assert session.evidence().device in {device.name for device in backend.devices()}


def test_its_entry_names_its_class(spec: BackendSpec) -> None:
    module, _, name = spec.target.partition(":")
    assert module == f"backends.{spec.name}"
    assert f"class {name}:" in blocks("python")[0]


def test_its_entry_is_one_that_the_prepare_stage_can_serve(spec: BackendSpec) -> None:
    assert spec.artifact_format in ARTIFACT_FORMATS


def test_its_entry_agrees_with_its_devices(backend: Backend, spec: BackendSpec) -> None:
    assert {device.name for device in backend.devices()} == set(spec.devices)


# -- the entry and the group are all that has to be added


@pytest.fixture
def with_it(spec: BackendSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, BackendSpec]:
    """The table and a checkout's ``pyproject.toml``, with what the page adds to them."""
    group, facts = blocks("toml")[:2]
    project = (
        (PAGE.with_name("pyproject.toml"))
        .read_text("utf-8")
        .replace("[dependency-groups]\n", f"[dependency-groups]\n{group}")
    )
    (tmp_path / "pyproject.toml").write_text(f"{project}\n{facts}", encoding="utf-8")
    monkeypatch.setattr(environments, "PROJECT_ROOT", tmp_path)
    return {**table.BACKENDS, spec.name: spec}


def test_its_venv_is_made_from_its_group(with_it: dict[str, BackendSpec], spec: BackendSpec) -> None:
    found = environments.environment_for(spec, "CPU")
    assert found is not None
    assert found.pins == ("the-stack==1.2.3",)


def test_every_session_knows_its_venv(with_it: dict[str, BackendSpec]) -> None:
    assert "counting" in environments.all_groups(with_it)


def test_the_tests_install_it_and_run_the_contract_on_it(with_it: dict[str, BackendSpec]) -> None:
    assert "counting" in environments.contract_groups(with_it)
    assert "counting@CPU" in {case.label for case in cases(with_it)}


def test_a_sweep_that_does_not_name_it_does_without(with_it: dict[str, BackendSpec]) -> None:
    assert "counting" not in environments.default_groups(with_it)


def test_what_else_is_known_of_its_venv_is_read(with_it: dict[str, BackendSpec]) -> None:
    facts = environments.environment("counting").facts
    why = "the-stack has no wheel for Python 3.13 or later"
    assert (facts.gigabytes, facts.unsupported(Here("linux", "x86_64", (3, 13)))) == (0.3, why)


def test_nothing_else_has_to_be_known_of_its_venv(with_it: dict[str, BackendSpec], tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(file.read_text("utf-8").replace(blocks("toml")[1], ""), encoding="utf-8")
    environments.read_project.cache_clear()
    assert environments.environment("counting").facts == environments.Facts()

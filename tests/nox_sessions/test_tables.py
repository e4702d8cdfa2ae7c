"""The Python that runs the noxfile, and whether its tables agree with the rest of the project."""

from __future__ import annotations

from pathlib import Path

import nox
import pytest

import noxfile
from bench.plan.environments import (
    CONVERSION,
    HARNESS,
    TESTS,
    all_groups,
    contract_groups,
    default_groups,
    environment,
)

CHECKOUT = Path(noxfile.__file__).parent
VENVS = nox.project.load_toml(CHECKOUT / "pyproject.toml")["tool"]["aipc-bench"]["venvs"]

# -- the Python that runs this ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_supported_pythons_are_not_refused(version: tuple[int, int]) -> None:
    assert noxfile.refusal(version) is None


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7)])
def test_other_pythons_are_refused_in_one_line(version: tuple[int, int]) -> None:
    message = noxfile.refusal(version)
    assert message is not None
    assert f"this is {version[0]}.{version[1]}" in message
    assert "\n" not in message


def test_the_script_header_asks_for_the_same_pythons() -> None:
    header = nox.project.load_toml(Path(noxfile.__file__))
    newest = noxfile.NEWEST[1]
    assert header["requires-python"] == f">=3.{noxfile.OLDEST[1]},<3.{newest + 1}"


def test_nox_without_a_session_measures() -> None:
    assert nox.options.sessions == ["bench"]


# -- the tables agree with the rest of the project --------------------------------------------------------------------


@pytest.mark.parametrize("group", VENVS)
def test_what_is_said_of_a_venv_is_said_of_a_group_and_can_be_read(group: str) -> None:
    assert environment(group).facts.gigabytes > 0


@pytest.mark.parametrize("group", [HARNESS, TESTS, *all_groups()])
def test_every_venv_of_this_project_states_what_it_takes(group: str) -> None:
    assert {"gigabytes", "minutes"} <= set(VENVS[group])


def test_the_default_sweep_needs_what_its_backends_run_in() -> None:
    assert default_groups() == ("conversion", "openvino-genai", "ort-genai", "transformers")


def test_the_tests_need_what_installs_without_a_compiler_and_runs_without_a_device() -> None:
    assert set(contract_groups()) == {*default_groups(), "ort-genai-openvino"}


def test_no_stack_of_the_tests_is_compiled() -> None:
    assert [group for group in contract_groups() if environment(group).facts.build] == []


@pytest.mark.parametrize("file", ["noxfile.py", "bench/prepare/install.py", "bench/plan/environments.py"])
def test_a_stack_is_named_in_its_own_places_alone(file: str) -> None:
    lines = (CHECKOUT / file).read_text("utf-8")
    assert [group for group in all_groups() if group != CONVERSION and f'"{group}"' in lines] == []

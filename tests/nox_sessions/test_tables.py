"""The Python that runs the noxfile, and whether its tables agree with the rest of the project."""

from __future__ import annotations

from pathlib import Path

import nox
import pytest

import noxfile
from backends.table import BACKENDS

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


def test_every_backend_has_a_venv() -> None:
    groups = {group for spec in BACKENDS.values() for group in (spec.group, *spec.groups.values()) if group}
    assert groups <= {*noxfile.TESTED, *noxfile.ON_DEMAND}


@pytest.mark.parametrize("group", ["harness", "tests", *noxfile.TESTED, *noxfile.ON_DEMAND])
def test_every_venv_has_a_price(group: str) -> None:
    assert noxfile.COSTS[group].gigabytes > 0


@pytest.mark.parametrize("group", ["harness", "tests", *noxfile.STACKS, *noxfile.WITHOUT_DEPENDENCIES.values()])
def test_every_group_is_in_the_project_file(group: str) -> None:
    project = nox.project.load_toml(Path(noxfile.__file__).with_name("pyproject.toml"))
    assert nox.project.dependency_groups(project, group)

"""Venvs made by the real virtualenv and pip, in surroundings that would have them install elsewhere, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from nox.command import CommandFailed

from bench.plan.environments import Environment
from bench.prepare import install
from tests.nox_sessions.fake import FakeSession

pytestmark = pytest.mark.process
TOY = Environment("toy", "toy", ("toy==1",))


class RealSession(FakeSession):
    """Runs what it is given, as nox does."""

    def run(self, *arguments: str, **options: Any) -> str:
        environment = {**os.environ, **options["env"]}
        done = subprocess.run(
            arguments,
            env={name: value for name, value in environment.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=options.get("stderr", subprocess.STDOUT),
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            raise CommandFailed(done.stdout, return_code=done.returncode)
        return done.stdout


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the wheel of toy 1, which the settings of pip name as the only source."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    about = "toy-1.dist-info"
    files = {
        "toy.py": "",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: toy\nVersion: 1\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(folder / "toy-1-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    return folder


@pytest.fixture
def hostile(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that variables and a file of settings want packages in, and that has the package already."""
    elsewhere = tmp_path / "elsewhere"
    with zipfile.ZipFile(wheels / "toy-1-py3-none-any.whl") as wheel:
        wheel.extractall(elsewhere)
    settings = tmp_path / "pip.conf"
    settings.write_text(
        f"[global]\nno-index = true\nfind-links = {wheels}\nuser = true\n"
        f"[install]\ntarget = {elsewhere / 'target'}\nno-deps = true\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("PIP_PREFIX", str(elsewhere / "prefix"))
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    monkeypatch.setenv("VIRTUALENV_SYSTEM_SITE_PACKAGES", "true")
    return elsewhere


def test_packages_go_into_the_venv_whatever_the_surroundings_say(hostile: Path) -> None:
    outcome = install.make(RealSession(), [TOY], CommandFailed)
    home = install.VENVS / "toy"
    assert outcome == {"toy": {"python": str(install.interpreter("toy"))}}
    assert [file.name for file in home.rglob("toy.py")] == ["toy.py"]
    assert sorted(path.name for path in hostile.iterdir()) == ["toy-1.dist-info", "toy.py"]
    assert "include-system-site-packages = false" in (home / "pyvenv.cfg").read_text("utf-8")


@pytest.mark.fault("venv-killed")
def test_a_venv_without_what_it_needs_has_no_stamp_and_says_what(hostile: Path, wheels: Path) -> None:
    (wheels / "toy-1-py3-none-any.whl").unlink()
    outcome = install.make(RealSession(), [TOY], CommandFailed)
    assert any("No matching distribution found for toy==1" in line for line in outcome["toy"]["failed"])
    assert not install.was_made("toy")


@pytest.mark.fault("venv-two")
def test_two_sessions_at_once_make_one_venv(hostile: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from bench.prepare import install;"
        "from tests.nox_sessions.test_real_pip import RealSession, TOY, CommandFailed;"
        "install.VENVS = Path(sys.argv[2]); session = RealSession();"
        "print(install.make(session, [TOY], CommandFailed)['toy'], 'installing' in str(session.said[1:]))"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parents[2]), str(install.VENVS)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") for _ in range(2)]
    said = sorted(process.communicate()[0].strip() for process in both)
    python = {"python": str(install.interpreter("toy"))}
    assert said == [f"{python} False", f"{python} True"]

"""Venvs made by the real virtualenv, pip and uv, in surroundings that would mislead them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from nox import virtualenv

from bench.observe.packages import locked
from bench.plan.environments import Environment, environment
from bench.prepare import install, locks
from bench.prepare.install import Outcome
from bench.prepare.installers import Uv
from bench.prepare.locks import Row
from bench.processes import end_tree
from tests.nox_sessions.fake import PROJECT, FakeSession, write_project

pytestmark = pytest.mark.process
TOY = Environment("toy", "toy", ("toy==1",))


def make(one: Environment, session: FakeSession | None = None, uv: Uv | None = None) -> Outcome:
    """The venv of ``one``, made by real programs."""
    with install.Installation(session or FakeSession(), uv) as making:
        making.begin([one])
        return making.outcome(one.name)


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
    home = install.VENVS / "toy"
    assert make(TOY) == {"python": str(install.interpreter("toy"))}
    assert [file.name for file in home.rglob("toy.py")] == ["toy.py"]
    assert sorted(path.name for path in hostile.iterdir()) == ["toy-1.dist-info", "toy.py"]
    assert "include-system-site-packages = false" in (home / "pyvenv.cfg").read_text("utf-8")


@pytest.mark.fault("venv-killed")
def test_a_venv_without_what_it_needs_has_no_stamp_and_says_what(hostile: Path, wheels: Path) -> None:
    (wheels / "toy-1-py3-none-any.whl").unlink()
    assert any("No matching distribution found for toy==1" in line for line in make(TOY)["failed"])
    assert not install.was_made("toy")


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from bench.prepare import install
from tests.nox_sessions.fake import FakeSession
from tests.nox_sessions.test_real_pip import TOY, make

install.VENVS, session = Path(sys.argv[2]), FakeSession()
print(make(TOY, session), "installing" in str(session.said[1:]))
"""


def start() -> subprocess.Popen[str]:
    """A session that makes the venv."""
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parents[2]), str(install.VENVS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")


@pytest.mark.fault("venv-killed")
def test_a_venv_whose_installation_was_killed_is_never_used_and_made_by_the_next_session(hostile: Path) -> None:
    home, end = install.VENVS / "toy", time.monotonic() + 300
    for moment in ("pyvenv.cfg", "**/toy.py"):
        with start() as session:
            while not _is_there(home, moment) and session.poll() is None:
                assert time.monotonic() < end
                time.sleep(0.005)
            end_tree(session.pid)
        if install.was_made("toy"):
            # The kill came too late.
            assert install.damage("toy") is None
            shutil.rmtree(home)
    assert make(TOY) == {"python": str(install.interpreter("toy"))}
    assert install.damage("toy") is None


def _is_there(home: Path, pattern: str) -> bool:
    # A folder may go while it is looked through.
    with suppress(FileNotFoundError):
        return any(home.glob(pattern))
    return False


@pytest.mark.fault("venv-two")
def test_two_sessions_at_once_make_one_venv(hostile: Path) -> None:
    both = [start() for _ in range(2)]
    said = sorted(process.communicate()[0].strip() for process in both)
    python = {"python": str(install.interpreter("toy"))}
    assert said == [f"{python} False", f"{python} True"]


@pytest.fixture
def locked_toy(root: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The hash of the toy's wheel, which pip finds in a folder; the toy is a group of the project."""
    write_project(root, PROJECT.replace("[dependency-groups]", '[dependency-groups]\ntoy = ["toy==1"]'))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    locks.lock_file("toy").parent.mkdir()
    return hashlib.sha256((wheels / "toy-1-py3-none-any.whl").read_bytes()).hexdigest()


def test_a_wheel_whose_hash_the_lock_has_is_installed(locked_toy: str) -> None:
    locks.write("toy", [Row("toy==1", (f"sha256:{locked_toy}",))])
    assert locked(make(environment("toy"))["python"]) == {"locked": True, "installer": "pip"}


def test_another_wheel_is_refused_and_without_the_lock_is_taken_and_said(
    locked_toy: str, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks.write("toy", [Row("toy==1", ("sha256:" + "0" * 64,))])
    place = (wheels / "toy-1-py3-none-any.whl").as_uri()
    error, hint = make(environment("toy"))["failed"]
    assert error == f"ERROR: toy==1 from {place} is not the file whose hash the lock of toy has"
    assert not install.was_made("toy")
    assert "AIPC_BENCH_LOCK=off" in hint
    monkeypatch.setenv(locks.VARIABLE, "off")
    noted = locked(make(environment("toy"))["python"])
    assert (noted["locked"], noted["unlocked_reason"]) == (False, "AIPC_BENCH_LOCK=off")


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch) -> Uv:
    """The uv beside this Python; this machine's own settings of pip might have no match in it."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    there, program, version = virtualenv.find_uv()
    if not there:
        pytest.skip("there is no uv here; `nox -s tests` has it")
    return Uv(program, version)


def test_uv_installs_the_same_as_pip_with_bytecode(locked_toy: str, uv: Uv) -> None:
    locks.write("toy", [Row("toy==1", (f"sha256:{locked_toy}",))])
    outcome = make(environment("toy"), uv=uv)
    home = install.VENVS / "toy"
    assert locked(outcome["python"]) == {"locked": True, "installer": f"uv {uv.version}"}
    assert [file.parent.name for file in home.rglob("toy.*.pyc")] == ["__pycache__"]
    assert install.damage("toy") is None


def test_uv_takes_no_other_wheel_and_pip_says_so(locked_toy: str, uv: Uv) -> None:
    locks.write("toy", [Row("toy==1", ("sha256:" + "0" * 64,))])
    session = FakeSession()
    outcome = make(environment("toy"), session, uv)
    assert "is not the file whose hash the lock of toy has" in outcome["failed"][0]
    assert any(line.startswith("uv does not install toy, so pip does: ") for line in session.said)

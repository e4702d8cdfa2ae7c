from __future__ import annotations

import json
import sys

import pytest

from backends.table import BACKENDS
from bench.errors import UsageError
from bench.plan.cells import Load
from bench.plan.environments import environment
from bench.plan.variants import Variant
from bench.plan.venvs import VARIABLE, Venvs, missing_runtime

ORT = BACKENDS["ort-genai"]


def test_a_venv_that_nox_made_is_used() -> None:
    assert Venvs(json.dumps({"ort-genai": {"python": "py"}}), {}).backend(ORT, "CPU").python == "py"


def test_a_users_own_interpreter_comes_first() -> None:
    assert (
        Venvs(json.dumps({"ort-genai": {"python": "py"}}), {"ort-genai": "mine"}).backend(ORT, "CPU").python == "mine"
    )


def test_a_device_may_have_a_venv_of_its_own() -> None:
    handed = json.dumps({"ort-genai": {"python": "py"}, "ort-genai-dml": {"python": "dml"}})
    assert Venvs(handed, {}).backend(ORT, "DML.1").python == "dml"


def test_a_backend_without_a_group_runs_in_this_interpreter() -> None:
    assert Venvs(None, {}).backend(BACKENDS["simulated"], "CPU").python == sys.executable


def test_the_reason_of_an_unsupported_venv_is_handed_on() -> None:
    venv = Venvs(json.dumps({"ort-genai": {"unsupported": "no wheels for this Python"}}), {}).backend(ORT, "CPU")
    assert (venv.python, venv.reason) == (None, "no wheels for this Python")


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        (
            ["ERROR: Could not find a version (from versions: 1, 2)", "ERROR: No matching distribution found for x==9"],
            "No matching distribution found for x==9",
        ),
        (["ERROR: No such file", "HINT: paths are too long"], "No such file; HINT: paths are too long"),
        (["building", "killed"], "killed"),
        ([], "its venv could not be made"),
    ],
)
def test_the_last_error_of_a_failed_install_is_the_reason(failed: list[str], reason: str) -> None:
    venv = Venvs(json.dumps({"ort-genai": {"failed": failed}}), {}).backend(ORT, "CPU")
    assert venv.reason == reason


def test_a_library_that_has_no_room_is_no_missing_one() -> None:
    said = missing_runtime("libtorch_cpu.so: failed to map segment from shared object")
    assert said == "lift the limit on address space or memory under which the run was started (ulimit -v)"


def test_a_venv_that_nobody_made_says_who_makes_it() -> None:
    # Without its backend and its device a sweep would not need it, and not make it.
    assert "`nox -s bench -- --backend ort-genai --device DML` makes it" in Venvs(None, {}).backend(ORT, "DML").reason


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ("cannot import backends.ort_genai with C:\\x: DLL load failed while importing _x: Belirtilen modül yok", True),
        ("[WinError 126] The specified module could not be found. Error loading c10.dll", True),
        ("[WinError 1114] A dynamic link library (DLL) initialization routine failed", True),
        ("[WinError 1260] This program is blocked by group policy", False),
        ("cannot import backends.nowhere: No module named 'nowhere'", False),
    ],
)
def test_a_missing_library_of_windows_has_a_remedy_of_its_own(words: str, missing: bool) -> None:
    assert (missing_runtime(words) is not None) == missing


def test_the_conversion_venv_is_a_group_too() -> None:
    assert Venvs(json.dumps({"conversion": {"python": "py"}}), {}).conversion().python == "py"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps({"ort-genai": {"python": "py"}}))
    assert Venvs.from_environment({}).backend(ORT, "CPU").python == "py"


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"npu": "/opt/npu/bin/python"}', '{"npu": {"failed": 1}}'])
def test_an_environment_that_is_no_json_of_venvs_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"{VARIABLE} holds no JSON of venvs"):
        Venvs(text, {})


def test_a_variants_venv_is_found_under_its_name() -> None:
    variant = Variant("openvino-genai==1", "packages", "openvino-genai", requirements=("openvino-genai==1",))
    name = environment("openvino-genai").replacing(variant.requirements).name
    venvs = Venvs(json.dumps({"openvino-genai": {"python": "py"}, name: {"python": "other"}}), {}, {"a": variant})
    loads = [Load("openvino-genai", "CPU", "int4", variant=name) for name in ("", "a")]
    assert [venvs.of(load).python for load in loads] == ["py", "other"]


def test_a_variants_interpreter_is_used() -> None:
    variants = {"a": Variant("py", "interpreter", "ort-genai", python="py")}
    assert Venvs(None, {}, variants).of(Load("ort-genai", "CPU", "int4", variant="a")).python == "py"


def test_a_variant_of_options_runs_where_its_backend_does() -> None:
    variants = {"a": Variant("simulated.ttft_ms=1", "options", "simulated", options={"ttft_ms": 1})}
    assert Venvs(None, {}, variants).of(Load("simulated", "CPU", "int4", variant="a")).python == sys.executable


VARIANTS = {
    "interpreter": Variant("py", "interpreter", "ort-genai", python="py"),
    "packages": Variant("onnxruntime-genai==1", "packages", "ort-genai", requirements=("onnxruntime-genai==1",)),
    "options": Variant("ort-genai.x=1", "options", "ort-genai", options={"x": 1}),
}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("interpreter", "--a names that interpreter"),
        ("packages", "onnxruntime-genai==1 may not go with the other packages"),
        ("options", "run `nox -s ab`"),
    ],
)
def test_the_remedy_of_a_variant_is_what_was_asked_for_it_and_its_own_command(kind: str, words: str) -> None:
    venv = Venvs(None, {}, {"a": VARIANTS[kind]}).backend(ORT, "CPU", "a")
    assert (words in venv.remedy, "nox -s ab" in venv.remedy, "nox -s bench" in venv.remedy) == (True, True, False)


def test_a_variants_venv_that_nobody_made_says_who_makes_it() -> None:
    venv = Venvs(None, {}, {"a": VARIANTS["packages"]}).backend(ORT, "CPU", "a")
    assert ("`nox -s ab` makes it" in venv.reason, "nox -s bench" in venv.reason) == (True, False)


def test_what_is_run_without_variants_is_mended_by_bench() -> None:
    assert "nox -s bench" in Venvs(None, {}).backend(ORT, "CPU").remedy


def test_two_variants_that_share_an_interpreter_share_its_venv() -> None:
    venvs = Venvs(None, {}, {"a": VARIANTS["interpreter"], "b": VARIANTS["interpreter"]})
    assert venvs.backend(ORT, "CPU", "a") == venvs.backend(ORT, "CPU", "b")

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from backends.table import BACKENDS
from bench.commands import doctor
from bench.observe.cpu import Cores
from bench.observe.limits import Limits
from bench.plan.cells import Load
from bench.plan.variants import Variant
from bench.plan.venvs import Venv, Venvs
from bench.run.doctor.diagnose import usable_line
from bench.run.doctor.probe import Stack, probe
from bench.run.doctor.readiness import Readiness, look
from bench.run.doctor.system import SystemFacts

pytestmark = pytest.mark.process

BARE = SystemFacts(windows=False, cpu="a CPU")
PLAYED = replace(BACKENDS["simulated"], name="openvino-genai", simulated=False)
"""The simulated backend under a real one's name: a stack that can be asked anywhere."""


def readiness(*families: str, target: str = PLAYED.target) -> Readiness:
    stack = Stack(replace(PLAYED, target=target), families, Venv(sys.executable))
    return Readiness(probe([stack]), BARE)


def test_a_stack_is_asked_in_a_process_of_its_own() -> None:
    found = probe([Stack(PLAYED, ("CPU",), Venv(sys.executable))])[0]
    assert (found.error, {device["name"] for device in found.devices}) == (None, {"CPU", "GPU", "NPU"})


def test_a_stack_that_cannot_be_imported_says_so() -> None:
    found = probe([Stack(replace(PLAYED, target="backends.nowhere:Nothing"), ("CPU",), Venv(sys.executable))])[0]
    assert ("cannot import backends.nowhere" in str(found.error), found.devices) == (True, ())


def test_a_load_on_a_listed_device_can_run() -> None:
    load = Load("openvino-genai", "CPU", "int4")
    ready = readiness("CPU")
    assert (ready.can_run(load), ready.unsupported(load)) == (True, None)


def test_a_load_on_an_absent_device_is_unsupported_before_it_is_prepared() -> None:
    load = Load("openvino-genai", "GPU.1", "int4")
    ready = readiness("GPU")
    assert (ready.can_run(load), "GPU" in str(ready.unsupported(load))) == (False, True)


def test_a_stack_that_cannot_be_asked_is_left_to_the_visit() -> None:
    load = Load("openvino-genai", "CPU", "int4")
    ready = readiness("CPU", target="backends.nowhere:Nothing")
    assert (ready.can_run(load), ready.unsupported(load)) == (False, None)


@pytest.mark.parametrize(
    ("device", "said"),
    [("CPU", "device     openvino-genai CPU: a CPU"), ("GPU.1", "device     openvino-genai GPU.1: not usable: ")],
)
def test_a_run_says_of_each_device_what_it_will_find(device: str, said: str) -> None:
    lines = list(readiness("CPU", "GPU").lines([Load("openvino-genai", device, "int4")]))
    assert [line.startswith(said) for line in lines] == [True]


def test_played_backends_are_not_asked() -> None:
    load = Load("simulated", "NPU", "int4")
    ready = look([load], Venvs(None, {}))
    assert (list(ready.probes), ready.can_run(load), list(ready.lines([load]))) == ([], True, [])


def test_an_interpreter_is_asked_once_for_all_its_devices() -> None:
    loads = [Load("ort-genai", device, "int4") for device in ("CPU", "DML", "CPU")]
    ready = look(loads, Venvs(None, {"ort-genai": sys.executable}))
    assert [one.stack.families for one in ready.probes] == [("CPU", "DML")]


# -- the command


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Sequence[str]:
    monkeypatch.setattr(doctor, "read_bandwidth", lambda threads: 2e10)
    monkeypatch.setenv("AIPC_BENCH_VENVS", '{"npu": {"unsupported": "no wheel for Linux"}}')
    assert doctor.main(["--backend", "npu"]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_doctor_names_the_machine_and_what_is_missing(say: Sequence[str]) -> None:
    assert [line.split()[0] for line in say[:3]] == ["machine", "usable", "memory"]
    assert any("no wheel for Linux" in line for line in say)


def test_the_doctor_says_what_a_run_may_use() -> None:
    whole = Cores(4, 8, None, None)
    held = Limits(whole, Cores(1, 2, None, None), (0, 1), 1.5, 2 * 10**9, 16 * 10**9)
    assert usable_line(held) == (
        "usable     2 of 8 CPUs (0-1), a quota of 1.5 CPUs, 2.0 GB of memory: 1 thread by default"
    )


def test_the_doctor_names_a_variable_that_holds_stacks_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "read_bandwidth", lambda threads: 2e10)
    monkeypatch.setenv("AIPC_BENCH_VENVS", '{"npu": {"unsupported": "no wheel for Linux"}}')
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    doctor.main(["--backend", "npu"])
    assert "warning    ONEDNN_MAX_CPU_ISA=SSE41 keeps the stack from" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--backend", "abacus"], ["--wrong"], ["--worker", "npu=/nowhere"]])
def test_a_wrong_question_is_refused_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(arguments) == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_a_users_interpreter_is_named_when_it_lacks_the_stack(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "read_bandwidth", lambda threads: 2e10)
    doctor.main(["--backend", "npu", "--worker", f"npu={sys.executable}"])
    assert "cannot import backends.npu" in capsys.readouterr().out


# -- variants of an A/B run


def variants_of(*pythons: str) -> tuple[list[Load], Venvs]:
    loads = [Load("ort-genai", "CPU", "int4", variant=name) for name in ("a", "b")]
    variants = {
        name: Variant(python, "interpreter", "ort-genai", python=python)
        for name, python in zip(("a", "b"), pythons, strict=True)
    }
    return loads, Venvs(None, {}, variants)


def test_each_variants_venv_is_asked(tmp_path: Path) -> None:
    ready = look(*variants_of(sys.executable, str(tmp_path / "nowhere")))
    assert [one.stack.variants for one in ready.probes] == [("a",), ("b",)]


def test_variants_that_share_a_venv_are_asked_once() -> None:
    loads, venvs = variants_of(sys.executable, sys.executable)
    ready = look(loads, venvs)
    assert ([one.stack.variants for one in ready.probes], len(list(ready.lines(loads)))) == ([("a", "b")], 1)


def test_a_line_says_of_which_variant_it_is() -> None:
    loads, venvs = variants_of(sys.executable, sys.executable)
    assert next(iter(look(loads, venvs).lines(loads))).startswith("device     ort-genai (a, b) CPU: not usable")

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from bench.commands.needs import main


@pytest.fixture(autouse=True)
def hardware(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system lists no GPU and no NPU, or those that a test names: what is asked by default depends on it."""
    listed = frozenset(getattr(request, "param", ()))
    monkeypatch.setattr("bench.run.planning.hardware", lambda *_, **__: listed)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[Any]:
    assert main(["--needs", "--", *arguments]) == 0
    return list(json.loads(capsys.readouterr().out))


def test_the_default_sweep_needs_the_conversion_and_three_stacks(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys) == ["conversion", "openvino-genai", "ort-genai", "transformers"]


@pytest.mark.parametrize("hardware", [("directx-gpu", "intel-gpu")], indirect=True)
def test_the_default_sweep_needs_directml_too_where_windows_lists_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys) == ["conversion", "openvino-genai", "ort-genai", "ort-genai-dml", "transformers"]


def test_the_simulated_backend_needs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "--backend", "simulated") == []


def test_a_users_own_interpreter_spares_the_stacks_venv(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--backend", "ort-genai", "--worker", f"ort-genai={sys.executable}")
    assert told(capsys, *given) == ["conversion"]


def test_a_stack_that_has_no_cell_left_is_not_installed(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--backend", "ort-genai,openvino-genai", "--device", "GPU")
    assert told(capsys, *given) == ["conversion", "openvino-genai"]


def test_pytests_own_options_are_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "--backend", "simulated", "-k", "p8", "-x") == []


@pytest.mark.parametrize("idle", ["--markers", "--collect-only"])
def test_what_measures_nothing_needs_nothing(capsys: pytest.CaptureFixture[str], idle: str) -> None:
    assert told(capsys, idle) == []


@pytest.mark.parametrize("bad", [("--blocks", "0"), ("--blocks",), ("--device", "NPU", "--backend", "ort-genai")])
def test_a_request_that_cannot_be_exits_4(bad: tuple[str, ...]) -> None:
    assert main(["--needs", "--", *bad]) == 4


def test_a_request_that_cannot_be_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--needs", "--", "--blocks", "0"])
    assert capsys.readouterr() == ("", "error: --blocks: expected at least 1, got 0\n")


def test_a_model_that_is_not_there_is_refused_before_anything_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--needs", "--", "--model", "./no-such-model"]) == 4
    assert "no-such-model" in capsys.readouterr().err


def test_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "--prompt-tokens" in capsys.readouterr().out


def test_a_variant_needs_a_venv_of_its_own_beside_the_pinned_one(capsys: pytest.CaptureFixture[str]) -> None:
    conversion, variant, pinned = told(capsys, "--a", "openvino-genai==2026.3.0.0", "--b", "current")
    assert (conversion, pinned) == ("conversion", "openvino-genai")
    pins = ["openvino-genai==2026.3.0.0"]
    assert variant == {"name": variant["name"], "group": "openvino-genai", "pins": pins, "beside": []}


def test_what_a_variant_replaces_without_dependencies_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--a", "onnxruntime-genai==0.17.0", "--b", "current", "--device", "OPENVINO.CPU")
    _, variant, _ = told(capsys, *given)
    assert (variant["group"], variant["beside"]) == ("ort-genai-openvino", ["onnxruntime-genai==0.17.0"])


def test_variants_of_options_need_the_backends_venv_alone(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--a", "openvino-genai.attention_backend=SDPA", "--b", "current")
    assert told(capsys, *given) == ["conversion", "openvino-genai"]


def test_an_interpreter_as_a_variant_needs_no_venv(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--backend", "ort-genai", "--a", sys.executable, "--b", "current")
    assert told(capsys, *given) == ["conversion", "ort-genai"]


def test_help_of_ab_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help", "ab"])
    shown = capsys.readouterr().out
    assert ("nox -s ab --" in shown, "interleaved in one run" in " ".join(shown.split())) == (True, True)

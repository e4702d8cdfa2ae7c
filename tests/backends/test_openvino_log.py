"""What OpenVINO GenAI prints is caught and read."""

from __future__ import annotations

import os

import pytest

from backends.openvino_log import model_properties, with_log

PRINTED = """Model: OV Tokenizer
  NETWORK_NAME: tokenizer
  INFERENCE_NUM_THREADS: 8
  EXECUTION_DEVICES: CPU
EXECUTION_DEVICES:
 CPU: Intel(R) Core(TM) Ultra 7 258V
SchedulerConfig {
  cache_size: 0
 }
Model: LLM with Paged Attention
  NETWORK_NAME: Model0
  INFERENCE_PRECISION_HINT: f16
  MODEL_DISTRIBUTION_POLICY:
  KV_CACHE_PRECISION: i8
  EXECUTION_DEVICES: GPU.0
EXECUTION_DEVICES:
 GPU.0: Intel(R) Arc(TM) 140V GPU (16GB) (iGPU)
"""


def test_the_language_model_is_read_and_no_tokenizer() -> None:
    assert model_properties(PRINTED) == {
        "NETWORK_NAME": "Model0",
        "INFERENCE_PRECISION_HINT": "f16",
        "MODEL_DISTRIBUTION_POLICY": "",
        "KV_CACHE_PRECISION": "i8",
        "EXECUTION_DEVICES": "GPU.0",
    }


def test_a_stateful_model_is_one_too() -> None:
    assert model_properties("Model: Stateful LLM model\n  EXECUTION_DEVICES: GPU.0 CPU\n") == {
        "EXECUTION_DEVICES": "GPU.0+CPU"
    }


@pytest.mark.parametrize("text", ["", "Model: OV Tokenizer\n  EXECUTION_DEVICES: CPU\n", "  EXECUTION_DEVICES: CPU\n"])
def test_without_a_language_model_nothing_is_known(text: str) -> None:
    assert model_properties(text) == {}


def test_what_native_code_prints_is_caught_with_the_log_on() -> None:
    def make() -> str:
        os.write(1, b"Model: LLM\n")
        return os.environ["OPENVINO_LOG_LEVEL"]

    assert with_log(make) == ("3", "Model: LLM\n")


@pytest.mark.parametrize("level", [None, "1"])
def test_the_log_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch, level: str | None) -> None:
    monkeypatch.delenv("OPENVINO_LOG_LEVEL", raising=False)
    if level is not None:
        monkeypatch.setenv("OPENVINO_LOG_LEVEL", level)
    with_log(lambda: None)

    assert os.environ.get("OPENVINO_LOG_LEVEL") == level


def test_what_was_printed_before_an_error_is_kept_for_the_one_who_looks(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        os.write(1, b"compiling\n")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        with_log(fail)
    assert capfd.readouterr().out == "compiling\n"

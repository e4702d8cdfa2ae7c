"""Configurations as GenAI's builder, Olive and Microsoft's published models have them are taken as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.prepare.vet.files import Folder, RefusedError
from bench.prepare.vet.genai_config import vet
from tests.support.hostile_models import genai_config, ort_genai


def taken(folder: Path, config: Any) -> Any:
    return json.loads(vet(Folder(ort_genai(folder), folder / "none"), config)[0])


SEARCH = {
    "diversity_penalty": 0.0,
    "do_sample": True,
    "early_stopping": True,
    "length_penalty": 1.0,
    "max_length": 4096,
    "min_length": 0,
    "no_repeat_ngram_size": 0,
    "num_beams": 1,
    "num_return_sequences": 1,
    "past_present_share_buffer": True,
    "repetition_penalty": 1.0,
    "temperature": 1.0,
    "top_k": 1,
    "top_p": 1.0,
}


@pytest.mark.parametrize(
    "session",
    [
        {},
        {"provider_options": [{"dml": {}}]},
        {"provider_options": [{"dml": {"enable_graph_capture": "1"}}]},
        {"provider_options": [{"cuda": {}}]},
        {"provider_options": [{"cuda": {"enable_cuda_graph": "0", "enable_skip_layer_norm_strict_mode": "1"}}]},
        {"provider_options": [{"OpenVINO": {"device_type": "GPU", "enable_causallm": "True"}}]},
        {"provider_options": [{"webgpu": {"enableGraphCapture": "0", "validationMode": "basic"}}]},
        {"graph_optimization_level": "ORT_ENABLE_ALL", "intra_op_num_threads": 4, "enable_mem_pattern": False},
        {"ep.cuda.fpa_intb_gemm": "1", "optimization.disable_specified_optimizers": "MatMulNBitsFusion"},
    ],
)
def test_session_options_of_known_makers_are_taken(tmp_path: Path, session: dict[str, Any]) -> None:
    config = {**genai_config(**session), "search": SEARCH}
    assert taken(tmp_path, config) == config


def test_windows_and_engines_and_pipelines_are_taken(tmp_path: Path) -> None:
    config = genai_config()
    config["engine"] = {"dynamic_batching": {"block_size": 256, "max_batch_size": 100, "prefix_caching": False}}
    config["model"]["decoder"] |= {
        "sliding_window": {"window_size": 64, "slide_inputs": False, "layers": [0, 1], "alignment": "right"},
        "pipeline": [{"all": {"filename": "model.onnx", "inputs": ["input_ids"], "outputs": ["logits"]}}],
    }
    assert taken(tmp_path, config) == config


def test_a_provider_without_options_has_an_empty_object(tmp_path: Path) -> None:
    session = taken(tmp_path, genai_config(provider_options=[{"dml": None}]))["model"]["decoder"]["session_options"]
    assert session["provider_options"] == [{"dml": {}}]


def test_letters_are_written_as_they_are(tmp_path: Path) -> None:
    # GenAI's reader of JSON stops at an escape such as \u00e9.
    text, _ = vet(Folder(ort_genai(tmp_path), tmp_path / "none"), genai_config(log_id="café"))
    assert '"café"' in text


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"vocab_size": "many"}, r"model\.vocab_size is no number"),
        ({"vocab_size": 10**400}, r"model\.vocab_size is no number"),
        ({"vocab_size": float("nan")}, r"model\.vocab_size is no number"),
        ({"eos_token_id": [1, "x"]}, r"model\.eos_token_id is neither a number nor a list"),
        ({"type": "x" * 1000}, r"model\.type is no text"),
        ({"decoder": []}, r"model\.decoder is no object"),
        ({"a\nb": 1}, "has a key that is no name"),
    ],
)
def test_a_value_that_cannot_be_is_named(tmp_path: Path, keys: dict[str, Any], words: str) -> None:
    config = genai_config()
    config["model"] |= keys
    with pytest.raises(RefusedError, match=words):
        taken(tmp_path, config)


@pytest.mark.parametrize("config", [[], "model", None, 1])
def test_what_is_no_object_is_refused(tmp_path: Path, config: Any) -> None:
    with pytest.raises(RefusedError, match="is no object"):
        taken(tmp_path, config)

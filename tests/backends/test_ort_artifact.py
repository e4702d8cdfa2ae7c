"""What stands in for the end of sequence is an id that no answer has, and what is no model is refused in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backends.contract import ArtifactError, one_line
from backends.ort_artifact import added_ids, read_settings, require_provider, unused_id


def settings(**session_options: Any) -> dict[str, Any]:
    return {"model": {"vocab_size": 100, "decoder": {"session_options": session_options}}}


def test_padding_behind_all_tokens_is_taken_first() -> None:
    phi_3 = {"vocab_size": 32064, "eos_token_id": [32000, 32007], "bos_token_id": 1, "pad_token_id": 32000}

    assert unused_id(phi_3, [0, 1, 2, *range(32000, 32011)]) == 32063


def test_a_marker_is_taken_where_the_vocabulary_is_full() -> None:
    smollm2 = {"vocab_size": 49152, "eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 2}

    assert unused_id(smollm2, list(range(17))) == 16


def test_a_reserve_at_the_end_is_a_marker() -> None:
    llama_3 = {"vocab_size": 128256, "eos_token_id": [128001, 128009], "bos_token_id": 128000}

    assert unused_id(llama_3, list(range(128000, 128256))) == 128255


def test_the_last_token_is_taken_where_nothing_was_added() -> None:
    assert unused_id({"vocab_size": 100, "eos_token_id": 2}, []) == 99


def test_an_id_with_a_meaning_is_never_taken() -> None:
    gpt_2 = {"vocab_size": 50257, "eos_token_id": 50256, "bos_token_id": 50256, "pad_token_id": None}

    assert unused_id(gpt_2, [50256]) == 50255


def test_an_added_token_outside_the_vocabulary_is_passed_over() -> None:
    assert unused_id({"vocab_size": 100, "eos_token_id": 2}, [7, 100]) == 7


def test_an_id_that_is_used_is_never_taken() -> None:
    assert unused_id({"vocab_size": 100, "eos_token_id": 2}, [7], used=(7, 99)) == 98


def test_added_tokens_are_read_without_the_vocabulary_behind_them(tmp_path: Path) -> None:
    text = '{"added_tokens": [{"id": 3, "content": "<a>"}, {"id": 5, "content": "]"}], "model": this is not read'
    (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")

    assert added_ids(tmp_path) == [3, 5]


@pytest.mark.parametrize("text", [None, "", "{}", '{"added_tokens": [{}]}', '{"added_tokens": [1]}'])
def test_without_added_tokens_there_are_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")

    assert added_ids(tmp_path) == []


def test_settings_are_read_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "genai_config.json").write_text(json.dumps(settings()), encoding="utf-8")

    assert read_settings(tmp_path) == settings()


def test_a_folder_without_settings_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"genai_config\.json is missing.*nox -s models"):
        read_settings(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": {}}', '{"model": {"vocab_size": "many"}}', '{"model": 3}'])
def test_settings_that_describe_no_model_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "genai_config.json").write_text(text, encoding="utf-8")

    with pytest.raises(ArtifactError, match="does not describe"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("named", "device", "kept"),
    [
        ([], "CPU", None),
        ([], "OPENVINO.GPU", None),
        ([{"dml": {}}], "DML.1", "dml"),
        ([{"DML": {}}], "WINML", "DML"),
        ([{"cuda": {"enable_cuda_graph": "0"}}], "CUDA", "cuda"),
        ([{"OpenVINO": {"device_type": "NPU"}}], "OPENVINO.NPU", "OpenVINO"),
        ([{"OpenVINO": {"device_type": "GPU"}}], "OPENVINO.GPU.0", "OpenVINO"),
        ([{"OpenVINO": None}], "OPENVINO", "OpenVINO"),
    ],
)
def test_a_model_is_taken_by_the_provider_that_it_was_built_for(
    named: list[Any], device: str, kept: str | None
) -> None:
    assert require_provider(Path("model"), settings(provider_options=named), device) == kept


@pytest.mark.parametrize(
    ("named", "device", "words"),
    [
        ([{"dml": {}}], "CPU", "built for dml, not for CPU"),
        ([{"dml": {}}], "OPENVINO.CPU", "built for dml, not for OPENVINO.CPU"),
        ([{"cuda": {}}], "DML", "built for cuda, not for DML"),
        ([], "DML", "built for the CPU, not for DML"),
        ([], "CUDA.0", "built for the CPU, not for CUDA.0"),
        ([{"OpenVINO": {"device_type": "GPU"}}], "OPENVINO.CPU", "ask for --device OPENVINO.GPU"),
    ],
)
def test_a_model_for_another_provider_is_refused(named: list[Any], device: str, words: str) -> None:
    with pytest.raises(ArtifactError, match=words):
        require_provider(Path("model"), settings(provider_options=named), device)


def test_an_error_over_several_lines_becomes_one() -> None:
    assert one_line(RuntimeError("could not\n  open\tthe file")) == "could not open the file"


def test_an_error_without_words_is_its_name() -> None:
    assert one_line(RuntimeError()) == "RuntimeError"

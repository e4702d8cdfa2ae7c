from __future__ import annotations

import errno
import re
import sys
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.prepare.model_source import SHAPES, resolve_model
from tests.support.models import write_index


def test_a_name_that_is_too_long_for_a_path_is_no_model() -> None:
    with pytest.raises(UsageError, match="is no existing directory and no hub id"):
        resolve_model("x" * 5000)


def test_the_default_is_named_after_the_model() -> None:
    assert resolve_model("default").label == "SmolLM2-135M-Instruct"


def test_a_directory_is_named_after_itself(model_directory: Path) -> None:
    assert resolve_model(str(model_directory)).label == "my-model"


@pytest.mark.usefixtures("no_home")
def test_a_user_without_a_home_folder_names_models_too(model_directory: Path) -> None:
    assert resolve_model(str(model_directory)).directory == model_directory


@pytest.mark.usefixtures("no_home")
def test_a_path_below_a_home_that_does_not_exist_is_no_model() -> None:
    with pytest.raises(UsageError, match="'~nobody/x' is no existing directory"):
        resolve_model("~nobody/x")


def test_a_hub_id_may_name_a_revision() -> None:
    source = resolve_model("microsoft/Phi-3-mini-4k-instruct@main")
    assert (source.kind, source.hub_id, source.revision) == ("hub", "microsoft/Phi-3-mini-4k-instruct", "main")
    assert source.label == "microsoft/Phi-3-mini-4k-instruct"


def test_a_hub_id_without_a_revision_means_the_newest() -> None:
    assert resolve_model("microsoft/Phi-3-mini-4k-instruct").revision is None


@pytest.mark.parametrize(
    ("page", "spec"),
    [
        ("https://huggingface.co/acme/tiny", "acme/tiny"),
        ("https://huggingface.co/acme/tiny/tree/main", "acme/tiny@main"),
        ("huggingface.co/acme/tiny/commit/0cb88a4f/", "acme/tiny@0cb88a4f"),
        ("hf.co/acme/tiny/tree/refs/pr/1", "acme/tiny@refs/pr/1"),
    ],
)
def test_the_address_of_a_models_page_is_a_hub_id(page: str, spec: str) -> None:
    source = resolve_model(page)
    assert (source.kind, source.spec, source.label) == ("hub", spec, "acme/tiny")


def test_an_unknown_shape_says_which_exist() -> None:
    with pytest.raises(UsageError, match="tiny, small, medium, phi-3-mini"):
        resolve_model("synthetic:huge")


@pytest.mark.parametrize("spec", ["no such thing", "no/such/model", "./nothing", "C:\\nothing", "owner/", "a b/c"])
def test_what_does_not_exist_is_refused(spec: str) -> None:
    # As it was typed: a literal of Python would have each backslash twice.
    with pytest.raises(UsageError, match=re.escape(f"the model '{spec}' is no existing directory")):
        resolve_model(spec)


@pytest.mark.parametrize(
    ("missing", "named"),
    [("config.json", "config.json"), ("model.safetensors", "safetensors"), ("tokenizer.json", "tokenizer")],
)
def test_a_directory_that_is_no_model_says_what_is_missing(model_directory: Path, missing: str, named: str) -> None:
    (model_directory / missing).unlink()
    with pytest.raises(UsageError, match=named):
        resolve_model(str(model_directory))


def test_a_file_is_no_model(model_directory: Path) -> None:
    with pytest.raises(UsageError, match="is a file"):
        resolve_model(str(model_directory / "config.json"))


def test_the_largest_shape_has_the_real_models_parameters() -> None:
    # microsoft/Phi-3-mini-4k-instruct: 3.8 billion.
    assert SHAPES["phi-3-mini"].facts.parameters == 3_821_079_552


def test_the_largest_shape_stays_below_eight_gigabytes() -> None:
    assert SHAPES["phi-3-mini"].facts.stored_bytes < 8e9


@pytest.mark.parametrize("name", SHAPES)
def test_heads_divide_the_hidden_size(name: str) -> None:
    assert SHAPES[name].hidden_size % SHAPES[name].num_attention_heads == 0


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "openvino_model.bin", "model.onnx.data"])
def test_a_git_lfs_pointer_is_refused_at_once(model_directory: Path, name: str) -> None:
    (model_directory / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "utf-8")
    with pytest.raises(UsageError, match=rf"{name} of the model .* is a Git LFS pointer.*`git lfs pull` in .*my-model"):
        resolve_model(str(model_directory))


def test_a_gguf_that_is_a_git_lfs_pointer_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "utf-8")
    with pytest.raises(UsageError, match="Git LFS pointer"):
        resolve_model(str(file))


def test_a_missing_shard_is_refused_at_once_and_named(model_directory: Path) -> None:
    (model_directory / "model.safetensors").unlink()
    write_index(model_directory, {"layer.weight": "model-00003-of-00003.safetensors"})
    with pytest.raises(UsageError, match=r"the weight file model-00003-of-00003\.safetensors is missing"):
        resolve_model(str(model_directory))


def test_a_directory_says_how_it_is_quantized_already(model_directory: Path) -> None:
    assert resolve_model(str(model_directory)).quantized is None
    (model_directory / "config.json").write_text('{"quantization_config": {"quant_method": "fp8"}}', "utf-8")
    assert resolve_model(str(model_directory)).quantized == "fp8"


def test_a_part_of_a_split_gguf_stands_for_the_model(tmp_path: Path) -> None:
    parts = [tmp_path / f"big-0000{part}-of-00002.gguf" for part in (1, 2)]
    for file in parts:
        file.write_bytes(b"GGUF")
    source = resolve_model(str(parts[1]))
    assert (source.kind, source.directory, source.label) == ("gguf", parts[0], "big")
    parts[0].unlink()
    with pytest.raises(UsageError, match=r"is not whole: big-00001-of-00002\.gguf of its 2 parts is missing"):
        resolve_model(str(parts[1]))


def test_a_folder_of_one_gguf_model_is_that_model(tmp_path: Path) -> None:
    for name in ("README.md", "config.json", "mmproj-tiny.gguf", "tiny.Q4_0.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    source = resolve_model(str(tmp_path))
    assert (source.kind, source.directory) == ("gguf", tmp_path / "tiny.Q4_0.gguf")


def test_of_several_gguf_models_in_a_folder_one_has_to_be_named(tmp_path: Path) -> None:
    for name in ("tiny.Q4_0.gguf", "tiny.Q8_0.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    with pytest.raises(UsageError, match=r"a folder of 2 GGUF models: name one of them \(tiny\.Q4_0\.gguf, tiny\.Q8_0"):
        resolve_model(str(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right that users of Windows lack")
def test_a_gguf_that_is_a_link_to_nothing_says_so(tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.symlink_to("../../blobs/gone")
    with pytest.raises(UsageError, match=r"tiny\.gguf of the model .* is a link to a file that is not there: download"):
        resolve_model(str(file))


def test_a_folder_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(UsageError, match=r"the model .* cannot be read \(Permission denied: .*\): let the user"):
        resolve_model(str(tmp_path))

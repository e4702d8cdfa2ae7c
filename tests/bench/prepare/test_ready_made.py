from __future__ import annotations

import errno
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import MachineError, PrepareError, UsageError
from bench.prepare.model_source import resolve_model
from bench.prepare.ready_made import ReadyMade
from tests.support.converters import StandIn
from tests.support.hostile_models import gguf as write_gguf, openvino_ir, ort_genai

pytestmark = pytest.mark.process

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a right that users of Windows lack")

INSPECTED = {
    "weight_elements": {"int4": 60, "int8": 4},
    "stored_bytes": 48,
    "context_tokens": 100,
    "vocab_size": 8,
}

Make = Callable[..., ReadyMade]


@pytest.fixture
def ir(tmp_path: Path) -> Path:
    """What a user exported some time ago."""
    return openvino_ir(tmp_path / "my-export")


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "my-model.Q4_0.gguf")


@pytest.fixture
def taken(tmp_path: Path, corpus: Path, stand_in: StandIn) -> Make:
    stand_in.answer(INSPECTED)

    def make(path: Path, say: Callable[[str], None] = lambda _: None) -> ReadyMade:
        source, cache = resolve_model(str(path)), tmp_path / "cache"
        return ReadyMade(source, conversion_python=sys.executable, cache=cache, say=say, corpus=corpus)

    return make


@pytest.mark.parametrize(
    ("marker", "kind"), [("openvino_model.xml", "openvino-ir"), ("genai_config.json", "ort-genai")]
)
def test_a_folder_is_known_by_what_it_holds(tmp_path: Path, marker: str, kind: str) -> None:
    for name in (marker, "tokenizer.json", "config.json"):
        (tmp_path / name).write_text("{}", "utf-8")
    assert resolve_model(str(tmp_path)).ready_made == kind


def test_a_gguf_file_is_a_model(gguf: Path) -> None:
    source = resolve_model(str(gguf))
    assert (source.ready_made, source.has_original, source.label) == ("gguf", True, "my-model.Q4_0")


def test_a_hugging_face_directory_is_no_artifact(model_directory: Path) -> None:
    assert resolve_model(str(model_directory)).ready_made is None


def test_an_artifact_without_a_tokenizer_is_refused_with_the_remedy(ir: Path) -> None:
    (ir / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match=r"has no tokenizer.*copy tokenizer\.json"):
        resolve_model(str(ir))


def test_no_stack_reads_it_where_it_lies(taken: Make, ir: Path) -> None:
    one = taken(ir)
    paths = {one.artifact("openvino-ir", "original", "CPU").path, one.model().path}
    assert len(paths) == 1
    assert ir not in paths


def test_what_no_stack_needs_is_left_where_it_lies(taken: Make, ir: Path) -> None:
    for name in ("evil.so", "modeling_evil.py", "pytorch_model.bin", "chat_template.jinja", "openvino_config.json"):
        (ir / name).write_text("{}", "utf-8")
    path = taken(ir).artifact("openvino-ir", "original", "CPU").path
    names = ["manifest.json", "openvino_model.bin", "openvino_model.xml", "tokenizer.json"]
    assert sorted(file.name for file in path.iterdir()) == names


def test_its_large_files_are_not_copied(taken: Make, ir: Path) -> None:
    path = taken(ir).artifact("openvino-ir", "original", "CPU").path
    assert (path / "openvino_model.bin").samefile(ir / "openvino_model.bin")


def test_on_another_volume_they_are(taken: Make, ir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    said: list[str] = []
    path = taken(ir, said.append).artifact("openvino-ir", "original", "CPU").path
    assert (path / "openvino_model.bin").read_bytes() == (ir / "openvino_model.bin").read_bytes()
    assert any(line.startswith("copying openvino_model.bin into the cache (") for line in said)


class BadDisk(io.BytesIO):
    """A file that can be opened, and neither read nor written."""

    def read(self, *_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    def writelines(self, parts: Any) -> None:
        self.read(*parts)


@pytest.mark.parametrize(
    ("mode", "error", "said"),
    [
        ("rb", PrepareError, r"the model cannot be read at .*openvino_model\.bin \(Input/output error\): copy or"),
        ("wb", MachineError, r"^the cache folder .*cannot be written \(Input/output error\): free or unlock it"),
    ],
)
def test_of_a_copy_the_disk_that_fails_is_named(
    taken: Make, ir: Path, monkeypatch: pytest.MonkeyPatch, mode: str, error: type[Exception], said: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    opened = Path.open

    def open_(self: Path, given: str = "r", *arguments: Any, **options: Any) -> Any:
        bad = self.name == "openvino_model.bin" and given == mode
        return BadDisk() if bad else opened(self, given, *arguments, **options)

    one = taken(ir)
    # It was looked through before its disk fails.
    assert one._digest
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "open", open_)
    with pytest.raises(error, match=said):
        one.artifact("openvino-ir", "original", "CPU")


def test_code_that_its_configuration_names_and_chat_templates_are_left_out(taken: Make, ir: Path) -> None:
    code = {"auto_map": {"AutoTokenizer": ["evil.Evil", None]}}
    (ir / "config.json").write_text(json.dumps({**code, "model_type": "llama"}), "utf-8")
    more = {"chat_template": "{{ x }}", "vocab_file": "/etc/passwd", "a": 1}
    (ir / "tokenizer_config.json").write_text(json.dumps({**code, **more}), "utf-8")
    path = taken(ir).artifact("openvino-ir", "original", "CPU").path
    assert json.loads((path / "config.json").read_text("utf-8")) == {"model_type": "llama"}
    assert json.loads((path / "tokenizer_config.json").read_text("utf-8")) == {"a": 1}


def test_a_model_that_was_taken_can_be_taken_again(taken: Make, tmp_path: Path) -> None:
    folder = ort_genai(tmp_path / "my-build")
    before = taken(folder).artifact("ort-genai", "original", "CPU").path
    shutil.rmtree(before)
    after = taken(folder).artifact("ort-genai", "original", "CPU").path
    assert (after, (folder / "model.onnx.data").stat().st_nlink) == (before, 2)
    assert taken(folder).model().facts.parameters == 64


@needs_links
def test_the_links_of_the_hubs_cache_are_followed(taken: Make, tmp_path: Path) -> None:
    repository = tmp_path / "models--acme--tiny"
    folder = repository / "snapshots" / "0cb88a4f"
    folder.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for file in ort_genai(folder).iterdir():
        blob = repository / "blobs" / f"sha-{file.name}"
        file.rename(blob)
        file.symlink_to(Path("..", "..", "blobs", blob.name))
    path = taken(folder).artifact("ort-genai", "original", "CPU").path
    assert not [file for file in path.iterdir() if file.is_symlink()]
    assert (path / "model.onnx.data").samefile(repository / "blobs" / "sha-model.onnx.data")


def test_nothing_is_written_into_it(taken: Make, ir: Path) -> None:
    before = sorted(file.name for file in ir.iterdir())
    one = taken(ir)
    one.artifact("openvino-ir", "original", "CPU")
    one.prompts()
    assert sorted(file.name for file in ir.iterdir()) == before


def test_its_weight_formats_are_read_from_itself(taken: Make, ir: Path) -> None:
    artifact = taken(ir).artifact("openvino-ir", "original", "CPU")
    assert (artifact.weight_bits, artifact.bits_per_weight) == ({"int4": 0.9375, "int8": 0.0625}, 6.0)


def test_its_recipe_is_said_to_be_unknown(taken: Make, ir: Path) -> None:
    artifact = taken(ir).artifact("openvino-ir", "original", "CPU")
    assert artifact.manifest["recipe"]["task"] == "none"


def test_it_is_looked_into_once(taken: Make, ir: Path, stand_in: StandIn) -> None:
    taken(ir).model()
    taken(ir).model()
    assert stand_in.calls == ["inspect"]


def test_another_content_has_another_digest(taken: Make, ir: Path) -> None:
    before = taken(ir).model().digest
    (ir / "openvino_model.bin").write_bytes(b"1" * 16)
    assert taken(ir).model().digest != before


def test_its_limits_are_known_before_anything_is_measured(taken: Make, ir: Path) -> None:
    facts = taken(ir).model().facts
    assert (facts.context_tokens, facts.vocab_size, facts.parameters) == (100, 8, 64)


def test_before_it_was_looked_into_nothing_is_known(taken: Make, ir: Path) -> None:
    assert taken(ir).expected_facts is None


def test_a_vocabulary_of_unknown_size_is_refused_with_the_remedy(taken: Make, ir: Path, stand_in: StandIn) -> None:
    stand_in.answer({**INSPECTED, "vocab_size": None})
    with pytest.raises(PrepareError, match=r"copy config\.json"):
        taken(ir).model()


def test_it_cannot_be_made_into_another_format(taken: Make, ir: Path) -> None:
    with pytest.raises(PrepareError, match="is openvino-ir already"):
        taken(ir).artifact("ort-genai", "original", "CPU")


def test_it_has_no_reference_and_says_what_to_do(taken: Make, ir: Path) -> None:
    with pytest.raises(PrepareError, match="are not known: name a load of the run with --reference"):
        taken(ir).reference([])


def test_the_prompts_of_a_gguf_are_made_with_its_own_tokenizer(taken: Make, gguf: Path, stand_in: StandIn) -> None:
    taken(gguf).prompts()
    assert stand_in.calls == ["gguf-tokenizer", "inspect", "prompts"]


def test_a_gguf_has_a_folder_of_its_own(taken: Make, gguf: Path) -> None:
    assert taken(gguf).artifact("gguf", "original", "CPU").path != gguf.parent


def test_what_has_to_be_looked_into_is_announced(taken: Make, gguf: Path) -> None:
    labels = [work.label for work in taken(gguf).pending([])]
    assert labels == ["looking into my-model.Q4_0", "the tokenizer of my-model.Q4_0"]


def test_the_parts_of_a_split_gguf_have_one_digest(taken: Make, tmp_path: Path) -> None:
    parts = [tmp_path / f"big-0000{part}-of-00002.gguf" for part in (1, 2)]
    for file in parts:
        write_gguf(file)
    before = taken(parts[0]).model().digest
    assert taken(parts[1]).model().digest == before
    parts[1].write_bytes(parts[1].read_bytes() + b"more")
    assert taken(parts[0]).model().digest != before


def test_a_tokenizer_that_is_put_beside_a_gguf_is_looked_at(taken: Make, gguf: Path, stand_in: StandIn) -> None:
    taken(gguf).prompts()
    gguf.with_name("tokenizer.json").write_text("{}", "utf-8")
    taken(gguf).prompts()
    assert stand_in.calls == ["gguf-tokenizer", "inspect", "prompts", "gguf-tokenizer", "prompts"]


def test_what_has_to_be_known_of_a_tokenizer_is_noted_of_the_model(taken: Make, gguf: Path, stand_in: StandIn) -> None:
    stand_in.answer({**INSPECTED, "note": "texts are split as for another"})
    assert (
        taken(gguf).model().note == "a ready-made artifact: how it was made is unknown; texts are split as for another"
    )

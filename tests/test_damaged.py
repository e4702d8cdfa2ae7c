"""Whatever the bytes of a model are, it is taken or refused in one line: no other error, and not without end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.prepare.model_facts import facts_of
from bench.prepare.vet.take import take
from tests.support.hostile_models import gguf, gguf_field, gguf_text, hugging_face, openvino_ir, ort_genai

FIELDS = [gguf_field("general.alignment", 4, (32).to_bytes(4, "little")), gguf_field("a", 8, gguf_text("b"))]


def _gguf(folder: Path) -> tuple[Path, Callable[[], object]]:
    file = gguf(folder / "m.gguf", FIELDS)
    return file, lambda: take("gguf", file, "m", folder)


def _onnx(folder: Path) -> tuple[Path, Callable[[], object]]:
    return ort_genai(folder) / "model.onnx", lambda: take("ort-genai", folder, "m", folder)


def _genai(folder: Path) -> tuple[Path, Callable[[], object]]:
    return ort_genai(folder) / "genai_config.json", lambda: take("ort-genai", folder, "m", folder)


def _ir(folder: Path) -> tuple[Path, Callable[[], object]]:
    return openvino_ir(folder) / "openvino_model.xml", lambda: take("openvino-ir", folder, "m", folder)


def _safetensors(folder: Path) -> tuple[Path, Callable[[], object]]:
    return hugging_face(folder) / "model.safetensors", lambda: facts_of(folder)


def _config(folder: Path) -> tuple[Path, Callable[[], object]]:
    return hugging_face(folder) / "config.json", lambda: facts_of(folder)


TELLING = st.sampled_from(
    [b"\0", b"\xff" * 8, b"\x80", b"[", b"{", b"<", b"&", b'"', b"-1", b"1e999", b"NaN", b"9" * 30]
)
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.one_of(st.binary(max_size=12), TELLING)), min_size=1, max_size=4
)


@given(make=st.sampled_from([_gguf, _onnx, _genai, _ir, _safetensors, _config]), edits=EDITS)
def test_it_is_taken_or_refused(
    make: Callable[[Path], tuple[Path, Callable[[], object]]], edits: list[tuple[float, int, bytes]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file, read = make(Path(folder))
        data = file.read_bytes()
        for place, length, put in edits:
            at = int(place * len(data))
            data = data[:at] + put + data[at + length :]
        file.write_bytes(data)
        with suppress(UsageError):
            read()

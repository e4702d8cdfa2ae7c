"""Which logits the adapter of llama-cpp-python asks for and takes, with a few lines in the place of the library."""

from __future__ import annotations

import ctypes
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backends.contract import ArtifactError, BackendError, LoadOptions, Text, UnsupportedError

VOCABULARY = 40
BATCH = 4
CONTEXT = 2_048
"""The longest sequence that the model takes."""


class Library(ModuleType):
    """Logits of two values that are not 0: the position, and the id that stands there."""

    llama_token = llama_pos = llama_seq_id = ctypes.c_int32
    llama_batch = SimpleNamespace
    llama_log_callback = staticmethod(lambda function: function)

    def __init__(self) -> None:
        super().__init__("llama_cpp")
        self.batches: list[tuple[list[int], list[int]]] = []
        self.cleared = 0
        self.status = 0
        self.logs: tuple[tuple[int, str], ...] = ()
        self.rows: Any = None
        self.fields: dict[str, str] = {"general.architecture": "phi3"}
        self.contexts: list[int] = []

    def llama_model_meta_val_str(self, model: object, key: bytes, text: Any, size: int) -> int:
        text.value = self.fields.get(key.decode(), "").encode()
        return len(text.value) if key.decode() in self.fields else -1

    def llama_init_from_model(self, model: object, parameters: Any) -> object:
        self.contexts.append(parameters.n_ctx)
        return SimpleNamespace()

    def llama_decode(self, context: object, batch: Any) -> int:
        count = batch.n_tokens
        ids, positions, wanted = (list(taken[:count]) for taken in (batch.token, batch.pos, batch.logits))
        self.batches.append((positions, wanted))
        # As in the library: one buffer, which the next batch takes over.
        if self.rows is None:
            self.rows = np.zeros((BATCH, VOCABULARY), np.float32)
        self.rows[:] = 0
        self.rows[:count, 0], self.rows[:count, 1] = positions, ids
        for level, line in self.logs:
            sys.modules["backends.llama_cpp_python"]._take(level, f"{line}\n".encode(), None)
        return self.status

    def llama_get_logits_ith(self, context: object, place: int) -> Any:
        assert self.batches[-1][1][place]
        return self.rows[place].ctypes.data_as(ctypes.POINTER(ctypes.c_float))

    def llama_memory_clear(self, memory: object, data: bool) -> None:
        self.cleared += 1

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("llama_"):
            raise AttributeError(name)
        numbers = {
            "llama_n_batch": BATCH,
            "llama_vocab_n_tokens": VOCABULARY,
            "llama_model_n_ctx_train": CONTEXT,
        }
        return lambda *given: numbers.get(name) or SimpleNamespace()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    library = Library()
    monkeypatch.setitem(sys.modules, "llama_cpp", library)
    monkeypatch.delitem(sys.modules, "backends.llama_cpp_python", raising=False)
    yield library
    sys.modules.pop("backends.llama_cpp_python", None)


def scored(*texts: Text) -> list[tuple[int, int, list[list[float]]]]:
    session = importlib.import_module("backends.llama_cpp_python").LlamaSession(SimpleNamespace(), LoadOptions("int8"))
    found = list(session.score(texts))
    return [(one.text, one.position, one.logits[:, :2].tolist()) for one in found]


@pytest.mark.usefixtures("library")
def test_the_rows_of_a_text_come_in_order_and_its_last_id_is_not_asked() -> None:
    assert scored(Text("chat-1", (7, 8, 9))) == [(0, 0, [[0, 7], [1, 8]])]


def test_a_long_text_is_scored_batch_by_batch_from_where_its_scores_begin(library: Library) -> None:
    text = Text("longest-prompt", tuple(range(10, 20)), start=5)

    assert scored(text) == [(0, 5, [[5, 15], [6, 16], [7, 17]]), (0, 8, [[8, 18]])]
    assert library.batches == [([0, 1, 2, 3], [0] * 4), ([4, 5, 6, 7], [0, 1, 1, 1]), ([8, 9], [1, 0])]


def test_nothing_is_left_of_the_text_before(library: Library) -> None:
    assert scored(Text("a", (7, 8)), Text("b", (9, 8))) == [(0, 0, [[0, 7]]), (1, 0, [[0, 9]])]
    assert library.cleared == 2


def test_a_failed_batch_is_an_error(library: Library) -> None:
    library.status = 1
    with pytest.raises(BackendError, match="status 1"):
        scored(Text("chat-1", (7, 8, 9)))


@pytest.mark.parametrize(
    ("logs", "reason"),
    [
        (
            ((4, "init: invalid token[2] = 99999"), (4, "decode: failed to initialize batch")),
            "invalid token[2] = 99999",
        ),
        (
            (
                (
                    4,
                    "gguf_init_from_reader: this GGUF file is version 99 but this software only supports 3",
                ),
                (4, "gguf_init_from_reader: failed to read header"),
                (4, "llama_model_load: error loading model: llama_model_loader: failed to load model from model.gguf"),
                (4, "llama_model_load_from_file_impl: failed to load model"),
            ),
            "this GGUF file is version 99 but this software only supports 3",
        ),
        (
            (
                (2, "print_info: file size   = 4.25 MiB (16.01 BPW) "),
                (3, "load: special_eos_id is not in special_eog_ids"),
                (4, "llama_model_load: error loading model: unknown model architecture: 'quokk'"),
                (4, "llama_model_load_from_file_impl: failed to load model"),
            ),
            "unknown model architecture: 'quokk'",
        ),
        (
            (
                (
                    4,
                    (
                        "llama_model_load: error loading model: tensor 'blk.0.ffn_down.weight' data is not within the "
                        "file bounds, model is corrupted or incomplete"
                    ),
                ),
            ),
            "tensor 'blk.0.ffn_down.weight' data is not within the file bounds, model is corrupted or incomplete",
        ),
        (
            ((4, "llama_model_load: error loading model: check_tensor_dims: tensor 'blk.1.attn_q.weight' not found"),),
            "tensor 'blk.1.attn_q.weight' not found",
        ),
        (
            ((4, "llama_init_from_model: quantized V cache requires flash_attn to be enabled"),),
            "quantized V cache requires flash_attn to be enabled",
        ),
        ((), "it does not say why"),
    ],
)
def test_the_first_error_that_llama_cpp_logs_is_the_reason(
    library: Library, capsys: pytest.CaptureFixture[str], logs: tuple[tuple[int, str], ...], reason: str
) -> None:
    library.status, library.logs = -1, logs
    with pytest.raises(BackendError) as failed:
        scored(Text("chat-1", (7, 8, 9)))
    assert str(failed.value) == f"llama.cpp could not decode (status -1): {reason}"
    # Of what it notes about every model nothing takes the place of what a crash would say last.
    assert capsys.readouterr().err.splitlines() == [line for level, line in logs if level > 2]


def test_an_id_that_the_model_lacks_is_refused_before_anything_is_computed(library: Library) -> None:
    with pytest.raises(ArtifactError, match=r"chat-1 has id 40, .* another tokenizer"):
        scored(Text("chat-1", (7, VOCABULARY)))
    assert library.batches == []


def test_a_text_beyond_the_context_is_refused_with_the_limit(library: Library) -> None:
    with pytest.raises(UnsupportedError, match="2049 tokens are more than the 2048 up to which"):
        scored(Text("chat-1", (7,) * (CONTEXT + 1)))
    assert library.batches == []


def test_a_context_serves_shorter_texts_too(library: Library) -> None:
    scored(Text("a", (7,) * 600), Text("b", (8, 9)))
    assert library.contexts == [768]


def test_a_context_that_is_stretched_serves_no_text_that_is_not(library: Library) -> None:
    library.fields["phi3.rope.scaling.original_context_length"] = "512"
    scored(Text("a", (7,) * 600), Text("b", (8, 9)), Text("c", (8,) * 512), Text("d", (7,) * 513))
    assert library.contexts == [768, 256, 512, 768]

"""llama.cpp through llama-cpp-python's C interface, so that no request leaves state for the next."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import llama_cpp as llama
import numpy as np

from backends.contract import (
    Device,
    DeviceUnavailableError,
    Evidence,
    LoadOptions,
    installed_versions,
)
from backends.llama_requests import LlamaLog, LlamaRequests, model_in, not_loaded

_NO_ROOM = 1
"""What ``llama_decode`` returns where its KV cache has no room for a batch."""

_log = LlamaLog()


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _take(level: int, text: bytes, _: Any) -> None:
    _log.take(level, text.decode("utf-8", "replace"))


class LlamaCppPython:
    """The llama.cpp stack as its user compiles it, on the CPU."""

    def __init__(self) -> None:
        llama.llama_log_set(_take, ctypes.c_void_p(0))
        llama.llama_backend_init()

    def devices(self) -> list[Device]:
        return [Device(name="CPU", description=_features())]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> LlamaSession:
        if device != "CPU":
            raise DeviceUnavailableError(
                f"llama-cpp-python finds no {device} on this machine, only CPU: its package is compiled for the CPU; "
                "ask for --device CPU, or for another stack on that device"
            )
        path = model_in(artifact)
        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = 0
        _log.clear()
        model = llama.llama_model_load_from_file(str(path).encode("utf-8"), parameters)
        if not model:
            raise not_loaded(path, _log.reason())
        return LlamaSession(model, options)


class LlamaSession(LlamaRequests):
    """A loaded model, and the context of its requests."""

    def __init__(self, model: Any, options: LoadOptions) -> None:
        self._model = model
        self._context: Any = None
        vocabulary = int(llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model)))
        super().__init__(options, _log, int(llama.llama_model_n_ctx_train(model)), vocabulary)
        self._sampler = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        llama.llama_sampler_chain_add(self._sampler, llama.llama_sampler_init_greedy())

    def _field(self, name: str) -> str | None:
        text = ctypes.create_string_buffer(64)
        found = llama.llama_model_meta_val_str(self._model, name.encode("utf-8"), text, len(text)) >= 0
        return text.value.decode("utf-8") if found else None

    def _make_context(self, sequences: int, cells: int) -> int | None:
        parameters = self._set_up(llama.llama_context_default_params(), sequences, cells)
        self._context = llama.llama_init_from_model(self._model, parameters)
        return int(llama.llama_n_batch(self._context)) if self._context else None

    def _forget(self) -> None:
        llama.llama_memory_clear(llama.llama_get_memory(self._context), False)

    def _forget_from(self, row: int, position: int) -> bool:
        return bool(llama.llama_memory_seq_rm(llama.llama_get_memory(self._context), row, position, -1))

    def _decode(self, ids: Any, positions: Any, rows: Any, wanted: Any) -> None:
        self.log.clear()
        batch = _Batch(ids, positions, rows, wanted)
        status = llama.llama_decode(self._context, batch.raw)
        if status != 0:
            raise self._failed(f"status {status}", full=status == _NO_ROOM)

    def _sample(self, place: int) -> int:
        return int(llama.llama_sampler_sample(self._sampler, self._context, place))

    def _logits(self, place: int) -> Any:
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self._context, place), (self._vocabulary,))

    def _where(self) -> Evidence:
        """llama.cpp names the features of its build; a build without GPU code can run nowhere but on the CPU."""
        offload = bool(llama.llama_supports_gpu_offload())
        text = ctypes.create_string_buffer(256)
        llama.llama_model_desc(self._model, text, len(text))
        return Evidence(
            device="CPU",
            device_source="accepted" if offload else "read-back",
            note=(
                f"llama.cpp holds a model {text.value.decode('utf-8', 'replace')}; this build "
                f"{'has GPU code, and was told to offload no layer' if offload else 'has no GPU code'}. "
                f"{_features()}."
            ),
            threads=int(llama.llama_n_threads(self._context)),
            versions=installed_versions("llama-cpp-python"),
        )

    def close(self) -> None:
        self._free_context()
        llama.llama_sampler_free(self._sampler)
        llama.llama_model_free(self._model)
        self._model = None

    def _free_context(self) -> None:
        if self._context:
            llama.llama_free(self._context)
            self._context = None


class _Batch:
    """Tokens for one call of ``llama_decode``: int32 arrays that the struct of llama.cpp points into.

    ``rows`` are the sequences of the tokens, ``positions`` their places in them, ``wanted`` (int8) is 1 where logits
    are needed.
    """

    def __init__(self, tokens: Any, positions: Any, rows: Any, wanted: Any) -> None:
        count = len(tokens)
        sequences = np.ascontiguousarray(rows)
        # Each entry has a list of sequences, of which it is in one.
        lists = sequences.ctypes.data + sequences.itemsize * np.arange(count, dtype=np.uintp)
        arrays: list[Any] = [tokens, positions, np.ones(count, np.int32), lists, wanted]
        # llama.cpp copies nothing: what it is pointed at has to outlive the call.
        self._kept = [sequences, *map(np.ascontiguousarray, arrays)]
        kinds = (llama.llama_token, llama.llama_pos, ctypes.c_int32, ctypes.POINTER(llama.llama_seq_id), ctypes.c_int8)
        pointers = [
            ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
            for array, kind in zip(self._kept[1:], kinds, strict=True)
        ]
        token, position, sequence_count, sequence_lists, logits = pointers
        self.raw = llama.llama_batch(
            n_tokens=count,
            token=token,
            embd=None,
            pos=position,
            n_seq_id=sequence_count,
            seq_id=sequence_lists,
            logits=logits,
        )


def _features() -> str:
    return str(llama.llama_print_system_info().decode("utf-8", "replace")).strip(" |")

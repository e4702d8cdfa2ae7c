"""llama.cpp through llama-cpp-python's C interface, so that no request leaves state for the next."""

from __future__ import annotations

import ctypes
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp as llama
import numpy as np

from backends.contract import (
    ArtifactError,
    BackendError,
    Device,
    DeviceUnavailableError,
    Evidence,
    GenerationDetails,
    LoadOptions,
    Scores,
    StepCallback,
    Text,
    UnsupportedError,
    installed_versions,
    require_vocabulary,
)
from backends.gguf_parts import models_among
from backends.reasons import in_one_line

_GGML_TYPES = {"f32": 0, "f16": 1, "q8_0": 8}
"""Types of a KV cache, by their numbers in ``ggml.h``."""

_ACTIVATIONS = {"fp32": "none", "fp16": "none", "int8": "int8, groups of 32", "int4": "int8, groups of 32"}
"""Weight format -> what a matrix product on the CPU makes of activations: the ``vec_dot_type`` of Q4_0, Q4_1 and Q8_0
in ``ggml-cpu.c`` is Q8_0 or Q8_1, which have a scale for each 32 values. A GGUF taken as it is can hold other types."""

_FLASH_ATTENTION = {"off": 0, "on": 1}
_ROOM = 256
"""A context grows by multiples of this, which is how llama.cpp itself rounds it."""


_NO_ROOM = 1
"""What ``llama_decode`` returns where its KV cache has no room for a batch."""

_WARNING, _ERROR = 3, 4
"""Levels of ``ggml.h``."""

_errors: list[str] = []
"""What llama.cpp logged as errors since this was emptied: the first says why, the others what fails by it."""


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _take(level: int, text: bytes, _: Any) -> None:
    """Keep errors, and print them and warnings; the rest is hundreds of lines about every model."""
    words = text.decode("utf-8", "replace")
    if level in (_WARNING, _ERROR):
        sys.stderr.write(words)
    if level == _ERROR:
        _errors.append(words)


def _reason() -> str:
    """Why llama.cpp failed, without the names of its functions."""
    said = (re.sub(r"^(\w+: )+(error loading model: )?(\w+: )?", "", words.strip()) for words in _errors)
    return next(filter(None, map(in_one_line, said)), "it does not say why")


class LlamaCpp:
    """The llama.cpp stack, CPU build."""

    def __init__(self) -> None:
        llama.llama_log_set(_take, ctypes.c_void_p(0))
        llama.llama_backend_init()

    def devices(self) -> list[Device]:
        """The CPU alone: that is what the package compiles itself for unless it is told otherwise."""
        return [Device(name="CPU", description=_features())]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> LlamaSession:
        """Load the one GGUF model in ``artifact``."""
        if device != "CPU":
            raise DeviceUnavailableError(
                f"llama-cpp finds no {device} on this machine, only CPU: its package is compiled for the CPU; "
                "ask for --device CPU, or for another stack on that device"
            )
        models = models_among(artifact.glob("*.gguf"))
        if len(models) != 1:
            raise ArtifactError(
                f"{artifact} holds {len(models)} GGUF models where one is expected; make it with `nox -s models`"
            )
        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = 0
        _errors.clear()
        model = llama.llama_model_load_from_file(str(models[0]).encode("utf-8"), parameters)
        if not model:
            raise ArtifactError(
                f"llama.cpp could not load {models[0]}: {_reason()}; make or download it again, or choose another model"
            )
        return LlamaSession(model, options)

    def score(self, artifact: Path, device: str, options: LoadOptions, texts: Sequence[Text]) -> Iterator[Scores]:
        """Each text in batches of llama.cpp's own size, with the logits of its scored positions."""
        session = self.load(artifact, device, options)
        try:
            yield from session.score(texts)
        finally:
            session.close()


class LlamaSession:
    """A loaded model, and the context of its requests.

    The context is made with the first request, and again only for a larger one; between requests its KV cache is
    cleared. So a cell's first warm-up pays for it, as the first request to an application does.
    """

    def __init__(self, model: Any, options: LoadOptions) -> None:
        self._model = model
        self._longest = int(llama.llama_model_n_ctx_train(model))
        self._unstretched = int(_metadata(model, "rope.scaling.original_context_length") or self._longest)
        self._precision = options.precision
        self._threads = options.threads
        self._kv_cache = str(options.extra.get("kv_cache_precision", "f16"))
        self._flash_attention = str(options.extra.get("flash_attention", "on"))
        for value, known in ((self._kv_cache, _GGML_TYPES), (self._flash_attention, _FLASH_ATTENTION)):
            if value not in known:
                raise BackendError(f"llama-cpp takes no {value}; choose one of {', '.join(known)}")
        self._context: Any = None
        self._size = (0, 0)
        self._sampler = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        llama.llama_sampler_chain_add(self._sampler, llama.llama_sampler_init_greedy())

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """The prompt in batches of llama.cpp's own size, then one decode per step for all sequences together."""
        length = len(prompts[0]) + new_tokens
        self._require_length(length)
        before = time.perf_counter_ns()
        self._require_context(len(prompts), length)
        self._forget()
        setup_ns = time.perf_counter_ns() - before
        last = self._prefill(np.array(prompts, dtype=np.int32))
        rows: Any = np.arange(len(prompts), dtype=np.int32)
        wanted: Any = np.ones(len(prompts), dtype=np.int8)
        for step in range(new_tokens):
            ids = [llama.llama_sampler_sample(self._sampler, self._context, row) for row in last]
            on_step(ids)
            if step + 1 < new_tokens:
                positions: Any = np.full(len(prompts), len(prompts[0]) + step, dtype=np.int32)
                self._decode(_Batch(np.array(ids, dtype=np.int32), positions, rows, wanted))
                last = range(len(prompts))
        return GenerationDetails(setup_ns=setup_ns)

    def score(self, texts: Sequence[Text]) -> Iterator[Scores]:
        """The logits of the scored positions, as many at once as are in one batch."""
        vocabulary = int(llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self._model)))
        require_vocabulary(texts, vocabulary)
        for index, text in enumerate(texts):
            self._require_length(len(text.ids))
            self._require_context(1, len(text.ids))
            self._forget()
            ids: Any = np.array(text.ids, dtype=np.int32)
            size = int(llama.llama_n_batch(self._context))
            for first in range(0, len(ids), size):
                positions: Any = np.arange(first, min(first + size, len(ids)), dtype=np.int32)
                # What would follow the last id is not asked.
                wanted: Any = ((positions >= text.start) & (positions < len(ids) - 1)).astype(np.int8)
                self._decode(_Batch(ids[positions], positions, np.zeros_like(positions), wanted))
                if wanted.any():
                    rows = [self._logits(int(place), vocabulary) for place in np.flatnonzero(wanted)]
                    yield Scores(index, int(positions[wanted == 1][0]), logits=np.stack(rows))

    def _logits(self, place: int, vocabulary: int) -> Any:
        """The logits of the entry ``place`` of the last batch, where llama.cpp keeps them until the next."""
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self._context, place), (vocabulary,))

    def _forget(self) -> None:
        """Mark the KV cache empty.

        Without the data: which positions are taken is forgotten. Zeroing the buffers would cost each request a pass
        over the largest context so far, whatever its own length.
        """
        llama.llama_memory_clear(llama.llama_get_memory(self._context), False)

    def _prefill(self, prompts: Any) -> Sequence[int]:
        """Compute the prompts, int32 [sequences, positions].

        Returns the rows of the last batch that hold the logits of each sequence's last position.
        """
        rows, positions = (axis.ravel() for axis in np.indices(prompts.shape, dtype=np.int32))
        wanted = (positions == prompts.shape[1] - 1).astype(np.int8)
        groups = prefill_groups(wanted, int(llama.llama_n_batch(self._context)))
        for group in groups:
            self._decode(_Batch(prompts.ravel()[group], positions[group], rows[group], wanted[group]))
        return [int(row) for row in np.flatnonzero(wanted[groups[-1]])]

    def _decode(self, batch: _Batch) -> None:
        _errors.clear()
        status = llama.llama_decode(self._context, batch.raw)
        if status != 0:
            remedy = "; ask for a shorter prompt" if status == _NO_ROOM else ""
            raise BackendError(f"llama.cpp could not decode (status {status}): {_reason()}{remedy}")

    def _require_length(self, length: int) -> None:
        """Refuse what is longer than the file says that llama.cpp computes it rightly."""
        if length > self._longest:
            raise UnsupportedError(
                f"{length} tokens are more than the {self._longest} up to which llama.cpp computes what the model does "
                "(the GGUF's context_length, which ends with the window where a model attends within one and llama.cpp "
                "does not): ask for fewer with --prompt-tokens or --new-tokens"
            )

    def _require_context(self, sequences: int, length: int) -> None:
        room = -(-length // _ROOM) * _ROOM
        # llama.cpp chooses longrope's factors by the size of the context, transformers by the length of the sequence.
        stretched = [size > self._unstretched for size in (room, self._size[1])]
        if sequences == self._size[0] and length <= self._size[1] and len(set(stretched)) == 1:
            return
        self._free_context()
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = room * sequences
        parameters.n_seq_max = sequences
        parameters.type_k = parameters.type_v = _GGML_TYPES[self._kv_cache]
        parameters.flash_attn_type = _FLASH_ATTENTION[self._flash_attention]
        if self._threads is not None:
            parameters.n_threads = parameters.n_threads_batch = self._threads
        _errors.clear()
        self._context = llama.llama_init_from_model(self._model, parameters)
        if not self._context:
            raise BackendError(f"llama.cpp made no context of {sequences} x {room} tokens: {_reason()}")
        self._size = (sequences, room)

    def evidence(self) -> Evidence:
        """llama.cpp names the features of its build; a build without GPU code can run nowhere but on the CPU."""
        offload = bool(llama.llama_supports_gpu_offload())
        self._require_context(*(self._size if self._context else (1, _ROOM)))
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
            kv_cache_precision=self._kv_cache,
            activation_quantization=_ACTIVATIONS.get(self._precision),
            attention_backend="flash" if self._flash_attention == "on" else "softmax",
            threads=int(llama.llama_n_threads(self._context)),
            compile_cache="none",
            versions=installed_versions("llama-cpp-python"),
        )

    def close(self) -> None:
        """Let go of the model."""
        self._free_context()
        llama.llama_sampler_free(self._sampler)
        llama.llama_model_free(self._model)
        self._model = None

    def _free_context(self) -> None:
        if self._context:
            llama.llama_free(self._context)
            self._context = None
            self._size = (0, 0)


def prefill_groups(wanted: Any, size: int) -> list[Any]:
    """Which entries go into which call of ``llama_decode``: indices into ``wanted``, in order.

    Of all positions only the last of each sequence needs logits; to be sampled they have to be in one batch, the last.

    ``wanted`` is 1 for each entry whose logits are needed, ``size`` the most entries of a batch.
    """
    heads, tails = np.flatnonzero(wanted == 0), np.flatnonzero(wanted)
    groups = [heads[start : start + size] for start in range(0, len(heads), size)]
    if groups and len(groups[-1]) + len(tails) <= size:
        groups[-1] = np.sort(np.concatenate([groups[-1], tails]))
    else:
        groups.append(tails)
    return groups


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


def _metadata(model: Any, key: str) -> str | None:
    """What the GGUF says under the ``key`` of its architecture; ``None`` if it says nothing."""
    text = ctypes.create_string_buffer(64)
    for name in ("general.architecture", f"%s.{key}"):
        asked = name.replace("%s", text.value.decode("utf-8")).encode("utf-8")
        if llama.llama_model_meta_val_str(model, asked, text, len(text)) < 0:
            return None
    return text.value.decode("utf-8")


def _features() -> str:
    return str(llama.llama_print_system_info().decode("utf-8", "replace")).strip(" |")

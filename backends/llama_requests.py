"""llama.cpp's requests, whichever Python package binds it: what goes into which batch, and what its log says of it."""

import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from backends.contract import (
    ArtifactError,
    BackendError,
    Evidence,
    GenerationDetails,
    LoadOptions,
    Scores,
    StepCallback,
    Text,
    UnsupportedError,
    cannot_cut_back,
    known_beginning,
    require_vocabulary,
)
from backends.gguf_parts import models_among
from backends.reasons import in_one_line

CACHE_TYPES = {
    "f32": 0,
    "f16": 1,
    "bf16": 30,
    "q8_0": 8,
    "q4_0": 2,
    "q4_1": 3,
    "q5_0": 6,
    "q5_1": 7,
    "iq4_nl": 20,
}
"""Types of a KV cache that llama-bench takes, and f32, by their numbers in ``ggml.h``."""

FLASH_ATTENTION = {"auto": -1, "off": 0, "on": 1}

_ON_CPU = {"fp32": "none", "fp16": "none", "int8": "int8, groups of 32", "int4": "int8, groups of 32"}
"""Weight format -> what a matrix product on the CPU makes of activations: the ``vec_dot_type`` of Q4_0, Q4_1 and Q8_0
in ``ggml-cpu.c`` is Q8_0 or Q8_1, which have a scale for each 32 values. A GGUF taken as it is can hold other types."""

_ROOM = 256
"""A context grows by multiples of this, which is how llama.cpp itself rounds it."""

_WARNING, _ERROR = 3, 4
"""Levels of ``ggml.h``."""


class LlamaLog:
    """What llama.cpp logged since :meth:`clear`: it is where it says why something failed, and what it chose."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._errors: list[str] = []

    def take(self, level: int, words: str) -> None:
        """Keep a line, and print errors and warnings; the rest is hundreds of lines about every model."""
        if level in (_WARNING, _ERROR):
            sys.stderr.write(words)
        if level == _ERROR:
            self._errors.append(words)
        self._lines.append(words)

    def clear(self) -> None:
        self._lines.clear()
        self._errors.clear()

    def reason(self, otherwise: str = "it does not say why") -> str:
        """Why llama.cpp failed, without the names of its functions: the first error; others say what fails by it."""
        prefix = r"^(\w+: )+(error loading model: )?(\w+: )?"
        said = (re.sub(prefix, "", words.strip()) for words in self._errors)
        return next(filter(None, map(in_one_line, said)), otherwise)

    def found(self, pattern: str) -> re.Match[str] | None:
        return next(filter(None, (re.search(pattern, line) for line in reversed(self._lines))), None)

    def all_found(self, pattern: str) -> list[re.Match[str]]:
        return list(filter(None, (re.search(pattern, line) for line in self._lines)))


def model_in(artifact: Path) -> Path:
    """The one GGUF model in a folder, by its first part."""
    models = models_among(artifact.glob("*.gguf"))
    if len(models) != 1:
        raise ArtifactError(
            f"{artifact} holds {len(models)} GGUF models where one is expected; make it with `nox -s models`"
        )
    return models[0]


def not_loaded(model: Path, reason: str) -> ArtifactError:
    """The error for a model that llama.cpp does not load."""
    return ArtifactError(
        f"llama.cpp could not load {model}: {reason}; make or download it again, or choose another model"
    )


class LlamaRequests(ABC):
    """A loaded model, and the context of its requests; a binding's session says how llama.cpp is called.

    The context is made with the first request, and again only for a larger one; between requests its KV cache is
    cleared, or with prefix caching cut back to what the next prompt shares with the one before. So a cell's first
    warm-up pays for it, as the first request to an application does.
    """

    def __init__(self, options: LoadOptions, log: LlamaLog, longest: int, vocabulary: int) -> None:
        """Begin without a context; ``longest`` is the context that the GGUF names, ``vocabulary`` counts its ids."""
        self.options = options
        self.log = log
        self._longest = longest
        self._vocabulary = vocabulary
        original = f"{self._field('general.architecture')}.rope.scaling.original_context_length"
        self._unstretched = int(self._field(original) or longest)
        self._size = (0, 0)
        self._most_in_a_batch = 0
        self._context_facts: Mapping[str, str] = {}
        self._caches = options.prefix_caching
        self._rows: list[list[int]] = []

    # -- what a binding does

    @abstractmethod
    def _field(self, name: str) -> str | None:
        """A field of the GGUF; ``None`` where it has none."""

    @abstractmethod
    def _make_context(self, sequences: int, cells: int) -> int | None:
        """Make the context in the place of the one before, with parameters that went through :meth:`_set_up`.

        ``cells`` are those of the KV cache, over all sequences.

        Returns:
            how many ids go into one call of ``llama_decode``; ``None`` where it could not be made.
        """

    @abstractmethod
    def _free_context(self) -> None:
        """Let go of the context, if there is one."""

    @abstractmethod
    def _forget(self) -> None:
        """Mark the KV cache empty.

        Without the data: which positions are taken is forgotten. Zeroing the buffers would cost each request a pass
        over the largest context so far, whatever its own length.
        """

    @abstractmethod
    def _forget_from(self, row: int, position: int) -> bool:
        """Mark the KV cache of a sequence empty from a position on; whether this model's can be."""

    @abstractmethod
    def _decode(self, ids: Any, positions: Any, rows: Any, wanted: Any) -> None:
        """Compute a batch: int32 arrays of ids, of their positions and sequences, and whose logits are wanted.

        Raises:
            BackendError: llama.cpp could not.
        """

    @abstractmethod
    def _sample(self, place: int) -> int:
        """The likeliest id by the logits of an entry of the last batch."""

    @abstractmethod
    def _logits(self, place: int) -> Any:
        """The logits of an entry of the last batch, float32 [vocabulary], valid until the next."""

    @abstractmethod
    def _where(self) -> Evidence:
        """The device, how that is known, the threads that compute, and the versions."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the model."""

    # -- requests

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """The prompt in batches of llama.cpp's own size, then one decode per step for all sequences together."""
        length = len(prompts[0]) + new_tokens
        self._require_length(length)
        before = time.perf_counter_ns()
        self._require_context(len(prompts), length)
        # All that the last request left is forgotten but what the prompts begin with.
        rows, self._rows = self._rows, []
        known = known_beginning(prompts, rows)
        if known == 0:
            self._forget()
        elif not all(self._forget_from(row, known) for row in range(len(rows))):
            raise cannot_cut_back("llama.cpp")
        setup_ns = time.perf_counter_ns() - before
        last = self._prefill(np.array(prompts, dtype=np.int32), known)
        computed = [list(prompt) for prompt in prompts] if self._caches else []
        sequences: Any = np.arange(len(prompts), dtype=np.int32)
        wanted: Any = np.ones(len(prompts), dtype=np.int8)
        for step in range(new_tokens):
            ids = [self._sample(row) for row in last]
            on_step(ids)
            if step + 1 < new_tokens:
                positions: Any = np.full(len(prompts), len(prompts[0]) + step, dtype=np.int32)
                self._decode(np.array(ids, dtype=np.int32), positions, sequences, wanted)
                last = range(len(prompts))
                for row, token in zip(computed, ids, strict=False):
                    row.append(token)
        self._rows = computed
        return GenerationDetails(setup_ns=setup_ns)

    def score(self, texts: Sequence[Text]) -> Iterator[Scores]:
        require_vocabulary(texts, self._vocabulary)
        for index, text in enumerate(texts):
            self._require_length(len(text.ids))
            self._require_context(1, len(text.ids))
            self._forget()
            self._rows = []
            ids: Any = np.array(text.ids, dtype=np.int32)
            size = self._most_in_a_batch
            for first in range(0, len(ids), size):
                positions: Any = np.arange(first, min(first + size, len(ids)), dtype=np.int32)
                # What would follow the last id is not asked.
                wanted: Any = ((positions >= text.start) & (positions < len(ids) - 1)).astype(np.int8)
                self._decode(ids[positions], positions, np.zeros_like(positions), wanted)
                if wanted.any():
                    rows = [self._logits(int(place)) for place in np.flatnonzero(wanted)]
                    yield Scores(index, int(positions[wanted == 1][0]), logits=np.stack(rows))

    def evidence(self) -> Evidence:
        """What llama.cpp's log says of the model and of its context."""
        self._require_context(*(self._size if any(self._size) else (1, _ROOM)))
        where = self._where()
        return replace(
            where,
            note=where.note + (" The KV cache is kept for a prompt that begins alike." if self._caches else ""),
            kv_cache_precision=self._context_facts.get("cache"),
            activation_quantization=_ON_CPU.get(self.options.precision) if where.device == "CPU" else None,
            attention_backend=self._context_facts.get("attention"),
            compile_cache="none",
        )

    def _prefill(self, prompts: Any, known: int) -> Sequence[int]:
        """Compute the prompts, int32 [sequences, positions], but for their first ``known`` ids.

        Returns the rows of the last batch that hold the logits of each sequence's last position.
        """
        rows, positions = (axis[:, known:].ravel() for axis in np.indices(prompts.shape, dtype=np.int32))
        ids = prompts[:, known:].ravel()
        wanted = (positions == prompts.shape[1] - 1).astype(np.int8)
        groups = prefill_groups(wanted, self._most_in_a_batch)
        for group in groups:
            self._decode(ids[group], positions[group], rows[group], wanted[group])
        return [int(row) for row in np.flatnonzero(wanted[groups[-1]])]

    def _require_length(self, length: int) -> None:
        """Refuse what is longer than the file says that llama.cpp computes it rightly."""
        if length > self._longest:
            raise UnsupportedError(
                f"{length} tokens are more than the {self._longest} up to which llama.cpp computes what the model does "
                "(the GGUF's context_length, which ends with the window where a model attends within one and llama.cpp "
                "does not): ask for fewer with --prompt-tokens or --new-tokens"
            )

    def _set_up(self, parameters: Any, sequences: int, cells: int) -> Any:
        """Set what the load's options say in ``parameters``, a context's own of a binding, and hand them back."""
        parameters.n_ctx = cells
        parameters.n_seq_max = sequences
        asked = self.options.extra
        parameters.type_k = CACHE_TYPES[asked.get("type_k", "f16")]
        parameters.type_v = CACHE_TYPES[asked.get("type_v", "f16")]
        parameters.flash_attn_type = FLASH_ATTENTION[asked.get("flash_attention", "on")]
        if self.options.threads is not None:
            parameters.n_threads = parameters.n_threads_batch = self.options.threads
        return parameters

    def _require_context(self, sequences: int, length: int) -> None:
        # With a prefix cache for as much again, so that the next turn of a chat finds it.
        most = self._unstretched if length <= self._unstretched else self._longest
        room = -(-(max(length, min(2 * length, most)) if self._caches else length) // _ROOM) * _ROOM
        # llama.cpp chooses longrope's factors by the size of the context, transformers by the length of the sequence.
        stretched = [size > self._unstretched for size in (room, self._size[1])]
        if sequences == self._size[0] and length <= self._size[1] and len(set(stretched)) == 1:
            return
        self._free_context()
        self._size, self._rows = (0, 0), []
        self.log.clear()
        most_in_a_batch = self._make_context(sequences, room * sequences)
        if most_in_a_batch is None:
            reason = self.log.reason()
            remedy = "; ask for flash_attention=on, or for another type_v" if "flash_attn" in reason else ""
            raise BackendError(f"llama.cpp made no context of {sequences} x {room} tokens: {reason}{remedy}")
        self._most_in_a_batch = most_in_a_batch
        self._context_facts = context_facts(self.log)
        self._size = (sequences, room)

    def _failed(self, status: str, *, full: bool) -> BackendError:
        """The error for a batch that llama.cpp does not compute; ``full`` if its KV cache has no room for it."""
        remedy = "; ask for a shorter prompt" if full else ""
        return BackendError(f"llama.cpp could not decode ({status}): {self.log.reason()}{remedy}")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where llama.cpp's log says that a model lies.

    Args:
        product: the name of the device that it uses, as its driver calls it; ``None`` for none but the CPU.
        layers: how many the model has, the output layer among them.
        offloaded: how many of these are on that device.
        buffers: llama.cpp's buffer -> size of the weights in it, as logged, e.g. ``Vulkan0`` -> ``85.77 MiB``.
    """

    product: str | None
    layers: int
    offloaded: int
    buffers: Mapping[str, str]

    @property
    def share(self) -> float:
        """The share of the layers that are on the device."""
        return self.offloaded / self.layers if self.layers else 0.0

    def ran_on(self, name: str, product: str) -> str:
        """The device that runs the model, where ``name`` was asked for, which its driver calls ``product``."""
        if self.product is None or not self.offloaded:
            return "CPU"
        used = name if self.product == product else self.product
        return used if self.offloaded == self.layers else f"CPU and {used}"

    @property
    def words(self) -> str:
        """One sentence for a reader."""
        where = ", ".join(f"{size} in {buffer}" for buffer, size in self.buffers.items())
        return (
            f"By its log llama.cpp uses {self.product or 'the CPU'}, with {self.offloaded} of {self.layers} layers "
            f"({self.share:.0%}) there; weights: {where or 'not told'}."
        )


def placement(log: LlamaLog) -> Placement:
    """Read off the log of a load where the model lies."""
    used = log.found(r"using device \S+ \((.*)\) \([^()]*\) - ") or log.found(r"using device \S+ \((.*)\) - ")
    layers = log.found(r"offloaded (\d+)/(\d+) layers")
    sizes = log.all_found(r"(\S+) model buffer size = +([\d.]+ MiB)")
    return Placement(
        used.group(1) if used else None,
        layers=int(layers.group(2)) if layers else 0,
        offloaded=int(layers.group(1)) if layers else 0,
        buffers={one.group(1): one.group(2) for one in sizes},
    )


def context_facts(log: LlamaLog) -> dict[str, str]:
    """What the log says of a context: ``cache``, the types of its KV cache, and ``attention``, flash or softmax."""
    facts = {}
    if types := log.found(r"\bK \((\w+)\):.*\bV \((\w+)\):"):
        keys, values = types.groups()
        facts["cache"] = keys if keys == values else f"{keys}, values {values}"
    if chosen := log.found(r"flash_attn += (enabled|disabled)|Flash Attention was auto, set to (enabled|disabled)"):
        facts["attention"] = "flash" if "enabled" in chosen.groups() else "softmax"
    return facts


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

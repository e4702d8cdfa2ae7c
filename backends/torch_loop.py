"""Decoding and scoring with a causal model of transformers: what the stacks that run on PyTorch share."""

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch

from backends.contract import (
    BackendError,
    GenerationDetails,
    Scores,
    StepCallback,
    Text,
    UnsupportedError,
    cannot_cut_back,
    known_beginning,
    one_line,
    require_vocabulary,
)

_SHORT = {
    torch.float32: "fp32",
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
    torch.int8: "int8",
}

_NATIVE_ERRORS = (RuntimeError, OSError)
"""What an error in a stack's C++ code is in Python; on Windows ``ctypes`` makes ``OSError`` of it."""

_LAST_POSITION = ("logits_to_keep", "num_logits_to_keep")
"""The argument by which a model computes the logits of its last position alone, newest name first."""

_CACHES = ("past_key_values", "cache_params", "state")
"""Under which of these a model hands out what it keeps of all tokens so far, and takes it again.

Attention keeps keys and values; state-space models have a name of their own for their state.
"""


def last_position(model: Any) -> dict[str, int]:
    """The arguments of a forward pass that computes the logits of the last position alone; empty if it takes none.

    Asked once per load: looking at a signature takes time that would lie within each request.
    """
    names = inspect.signature(model.forward).parameters
    return {name: 1 for name in _LAST_POSITION if name in names}


class KeptCache:
    """The cache of the last request, cut back to what the next one shares with it, as a chat's user keeps it."""

    def __init__(self) -> None:
        self._cache: dict[str, Any] = {}
        self._rows: list[list[int]] = []

    def shared_with(self, prompts: Sequence[Sequence[int]]) -> tuple[int, dict[str, Any]]:
        """How many first ids of ``prompts`` the cache holds, at most all but the last, and the cache.

        Raises:
            UnsupportedError: the model's cache cannot be cut back.
        """
        cache, self._cache = self._cache, {}
        known = known_beginning(prompts, self._rows)
        if not cache or known == 0:
            return 0, {}
        beyond = len(self._rows[0]) - known
        try:
            if beyond:
                # By how much it is too long: older versions of transformers take 0 for an empty cache.
                cache["past_key_values"].crop(-beyond)
        except (KeyError, AttributeError, ValueError, RuntimeError) as error:
            raise cannot_cut_back("transformers") from error
        return known, cache

    def keep(self, cache: dict[str, Any], prompts: Sequence[Sequence[int]], steps: Sequence[Sequence[int]]) -> None:
        """Keep ``cache``, which holds ``prompts`` and all ``steps`` but the last."""
        self._cache = cache
        self._rows = [[*prompt, *(ids[row] for ids in steps[:-1])] for row, prompt in enumerate(prompts)]


def greedy(
    model: Any,
    prompts: Sequence[Sequence[int]],
    new_tokens: int,
    on_step: StepCallback,
    arguments: Mapping[str, int],
    kept: KeptCache | None = None,
) -> None:
    """One forward pass for the prompts, one for each later step.

    Args:
        prompts: of equal lengths.
        kept: the cache of the request before; without it the cache is made anew for each request.

    Raises:
        UnsupportedError: the model hands out no cache, without which the next step would see one token alone.
    """
    steps: list[Sequence[int]] = []
    with torch.inference_mode():
        known, cache = kept.shared_with(prompts) if kept else (0, {})
        left = [prompt[known:] for prompt in prompts] if known else prompts
        ids = torch.tensor(left, dtype=torch.long, device=model.device)
        for _ in range(new_tokens):
            output = model(input_ids=ids, use_cache=True, **cache, **arguments)
            cache = _cache_of(output)
            ids = output.logits[:, -1].argmax(dim=-1, keepdim=True)
            # On an accelerator this waits until the ids are on the host.
            step = ids[:, 0].tolist()
            on_step(step)
            steps.append(step)
    if kept:
        kept.keep(cache, prompts, steps)


def _cache_of(output: Any) -> dict[str, Any]:
    for name in _CACHES:
        if (kept := getattr(output, name, None)) is not None:
            return {name: kept}
    raise UnsupportedError(
        "this model hands out no cache of the tokens so far (past_key_values or a state), so that transformers cannot "
        "decode it one token at a time: take another stack for it"
    )


def scores(model: Any, texts: Sequence[Text], arguments: Mapping[str, int]) -> Iterator[Scores]:
    """The logits of each text's scored positions, by one forward pass for a text, as for a prompt.

    ``arguments`` are those of a forward pass for the last position alone, see :func:`last_position`.
    """
    require_vocabulary(texts, len(model.get_input_embeddings().weight))
    for index, text in enumerate(texts):
        yield Scores(index, text.start, logits=_logits(model, text, arguments))


def _logits(model: Any, text: Text, arguments: Mapping[str, int]) -> Any:
    # The last id is read too, so that the pass is that of a prompt of this length; what would follow it is not asked.
    kept = text.positions + 1
    with torch.inference_mode():
        ids = torch.tensor([text.ids], dtype=torch.long, device=model.device)
        output = model(input_ids=ids, use_cache=True, **dict.fromkeys(arguments, kept))
        return output.logits[0, -kept:-1].to("cpu", torch.float32).numpy()


class TorchSession:
    """A loaded model that decodes and scores by this module; its stack adds what it knows of it.

    ``stack`` is what errors call the stack.
    """

    stack: ClassVar[str]

    def __init__(self, model: Any, kept: KeptCache | None = None) -> None:
        self._model = model
        self._kept = kept
        self._arguments = last_position(model)

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """See :func:`greedy`."""
        try:
            greedy(self._model, prompts, new_tokens, on_step, self._arguments, self._kept)
        except _NATIVE_ERRORS as error:
            raise BackendError(f"{self.stack} could not generate: {one_line(error)}") from error
        return GenerationDetails()

    def score(self, texts: Sequence[Text]) -> Iterator[Scores]:
        try:
            yield from scores(self._model, texts, self._arguments)
        except (*_NATIVE_ERRORS, IndexError) as error:
            raise BackendError(f"{self.stack} could not score the texts: {one_line(error)}") from error

    def close(self) -> None:
        self._model = self._kept = None


class StoredWeights:
    """What a loaded model keeps, tensor by tensor.

    ``parameters``: of the model, tied ones once, where it may keep one of them twice; otherwise what is counted.
    """

    def __init__(self, parameters: int | None = None) -> None:
        self._parameters = parameters
        self._counts: Counter[str] = Counter()
        self._bytes = 0
        self._looked_up_bytes = 0

    def add(
        self, tensor: torch.Tensor, kind: str | None = None, parameters: int | None = None, *, looked_up: bool = False
    ) -> None:
        """Count a tensor.

        Args:
            kind: its weight format, where its type does not tell.
            parameters: the weights that it holds, where they are not its elements; 0 for scales, which are none.
            looked_up: a token reads one row of it.
        """
        count = tensor.numel() if parameters is None else parameters
        if count:
            self._counts[kind or format_of(tensor.dtype)] += count
        size = tensor.numel() * tensor.element_size()
        self._bytes += size
        self._looked_up_bytes += size if looked_up else 0

    @property
    def shares(self) -> dict[str, float]:
        """Weight format -> share of the parameters, largest first."""
        total = self._counts.total()
        return {name: count / total for name, count in self._counts.most_common()}

    @property
    def evidence(self) -> dict[str, Any]:
        """The fields of :class:`backends.contract.Evidence` about weights."""
        over = self._parameters or self._counts.total()
        return {
            "weight_bits": self.shares,
            "bits_per_weight": self._bytes * 8 / over,
            "bits_read_per_weight": (self._bytes - self._looked_up_bytes) * 8 / over,
        }


def format_of(kind: torch.dtype) -> str:
    """The weight format of tensors of type ``kind``."""
    return _SHORT.get(kind, str(kind).removeprefix("torch."))

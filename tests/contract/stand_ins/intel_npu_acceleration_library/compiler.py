"""As in the library: linear layers quantized, then handed to the NPU; what an NPU would compute is computed here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from .dtypes import NPUDtype, float16, int4, int8
from .nn import Linear, QuantizedLinear, packed

_NEVER_QUANTIZED = ("LlamaAttention", "GemmaAttention")


class CompilerConfig:
    """What to compile a model for: the type that linear layers are made."""

    def __init__(self, use_to: bool = False, dtype: Any = float16, training: bool = False) -> None:
        self.use_to = use_to
        self.dtype = dtype
        self.training = training


def compile(model: Any, config: CompilerConfig) -> Any:  # noqa: A001 - the library's own name
    """Put the library's layers in the place of torch's."""
    kind = config.dtype
    if kind not in (float16, int8, int4):
        raise RuntimeError(f"no such type: {kind}")
    with torch.no_grad():
        for parent, name, layer, whole in list(_linear_layers(model)):
            new = _halved(layer) if whole or kind == float16 else _quantized(layer, kind)
            setattr(parent, name, new)
    return model.eval()


def _linear_layers(model: Any, whole: bool = False) -> Iterator[tuple[Any, str, Any, bool]]:
    whole = whole or type(model).__name__ in _NEVER_QUANTIZED
    for name, layer in model.named_children():
        if isinstance(layer, torch.nn.Linear):
            yield model, name, layer, whole
        else:
            yield from _linear_layers(layer, whole)


def _halved(layer: Any) -> Linear:
    bias = layer.bias
    return Linear(layer.weight.to(torch.float16), None if bias is None else bias.to(torch.float16))


def _quantized(layer: Any, kind: NPUDtype) -> QuantizedLinear:
    scale = layer.weight.abs().amax(dim=1, keepdim=True) / kind.max
    # In place, as neural-compressor does: who shares the weights has integers for them from now on.
    whole = layer.weight.data.div_(scale).round_().clamp_(kind.min, kind.max).to(torch.int8)
    weights = packed(whole) if kind == int4 else whole
    return QuantizedLinear(weights, scale.to(torch.float16), layer.bias)

"""As in the library: the layers that it puts in the place of torch's, as far as they are looked at from outside."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch

_compiled: set[tuple[int, ...]] = set()


def _compile(rows: int, weight: Any) -> None:
    """A graph per number of rows and shape of the weights, kept below the working directory."""
    shape = (rows, *weight.shape)
    if shape not in _compiled:
        _compiled.add(shape)
        Path("cache").mkdir(exist_ok=True)
        Path("cache", "_".join(map(str, shape)) + ".blob").touch()


class Linear(torch.nn.Module):  # type: ignore[misc]
    """Weights in fp16, as a parameter."""

    def __init__(self, weight: Any, bias: Any = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight, requires_grad=False)
        self.bias = None if bias is None else torch.nn.Parameter(bias, requires_grad=False)
        self._computed = [weight.float()]

    def forward(self, x: Any) -> Any:
        """The product, in float32."""
        _compile(x.shape[:-1].numel(), self.weight)
        product = torch.nn.functional.linear(x.float(), self._computed[0])
        return product if self.bias is None else product + self.bias


class QuantizedLinear(torch.nn.Module):  # type: ignore[misc]
    """Weights in 8 bits, or two of 4 in each byte; neither they nor their scales are parameters or buffers."""

    def __init__(self, weight: Any, scale: Any, bias: Any = None) -> None:
        super().__init__()
        self.weight = weight
        self.bias = bias
        whole = weight.float() if weight.dtype == torch.int8 else _unpacked(weight)
        self.scale = scale * math.sqrt(whole.shape[1])
        self._computed = [whole * scale.float()]

    def forward(self, x: Any) -> Any:
        """The product, in float32."""
        _compile(x.shape[:-1].numel(), self.weight)
        product = torch.nn.functional.linear(x.float(), self._computed[0])
        return product if self.bias is None else product + self.bias


def packed(weights: Any) -> Any:
    """Two weights of four bits in each byte, the first in the lower half."""
    bits = weights.to(torch.uint8) & 0x0F
    return bits[:, 0::2] | (bits[:, 1::2] << 4)


def _unpacked(weights: Any) -> Any:
    halves = torch.stack((weights & 0x0F, weights >> 4), dim=2).flatten(1).float()
    return halves - 16 * (halves > 7)

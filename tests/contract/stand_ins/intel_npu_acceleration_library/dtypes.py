"""As in the library: types of its own, because torch has none of four bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, repr=False)
class NPUDtype:
    """A type of weights."""

    name: str
    bits: int
    min: float
    max: float
    torch_dtype: Any

    @property
    def is_floating_point(self) -> bool:
        """Whether its numbers are."""
        return bool(self.torch_dtype.is_floating_point)

    def __repr__(self) -> str:
        return self.name


_HALF = torch.finfo(torch.float16)

float16 = NPUDtype("fp16", 16, _HALF.min, _HALF.max, torch.float16)
int8 = NPUDtype("int8", 8, -128, 127, torch.int8)
int4 = NPUDtype("int4", 4, -8, 7, torch.int8)

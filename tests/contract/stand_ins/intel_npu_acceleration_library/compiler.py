"""As in the library: what to compile a model for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CompilerConfig:
    """The type that linear layers are made."""

    dtype: Any

"""A backend whose native library prints on everything it finds, started by a test of the contract suite."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from backends.contract import Device, Evidence, GenerationDetails, LoadOptions, StepCallback

_NOISE = b'{"kind":"generation","token_ids":[[0]]}\n' * 200


class Noisy:
    """Prints at every step, in Python and past it."""

    def devices(self) -> list[Device]:
        """One."""
        _shout()
        return [Device("CPU")]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> Noisy:
        """There is nothing to load."""
        _shout()
        return self

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """Continue the first prompt's last id by its successors."""
        for step in range(new_tokens):
            _shout()
            on_step([prompt[-1] + 1 + step for prompt in prompts])
        return GenerationDetails()

    def evidence(self) -> Evidence:
        """It is a toy."""
        _shout()
        return Evidence("CPU", "read-back", "a toy", versions={"noisy": "1"})

    def close(self) -> None:
        """There is nothing to let go of."""
        _shout()


def _shout() -> None:
    print(_NOISE.decode("ascii"))
    print("Loading weights: 100%", file=sys.stderr)
    os.write(1, _NOISE)
    os.write(2, _NOISE)

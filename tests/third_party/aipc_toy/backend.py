"""The toy itself: it adds numbers for each token, and answers with the sum."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from backends.contract import (
    Device,
    DeviceUnavailableError,
    Evidence,
    GenerationDetails,
    LoadOptions,
    StepCallback,
)


class Toy:
    """A stack that adds."""

    def devices(self) -> list[Device]:
        """It needs nothing but a CPU."""
        return [Device("CPU")]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> ToySession:
        """There is no model to load."""
        del artifact
        if device != "CPU":
            raise DeviceUnavailableError(f"toy has no device {device}; it has CPU")
        return ToySession(int(options.extra["work"]))


class ToySession:
    """A stack that adds ``work`` numbers per token."""

    def __init__(self, work: int) -> None:
        self.work = work

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """The next id of a sequence is its sum, within what an id can be."""
        sums = [sum(prompt) for prompt in prompts]
        for _ in range(new_tokens):
            sums = [(one + sum(range(self.work))) % 1000 for one in sums]
            on_step(sums)
        return GenerationDetails()

    def evidence(self) -> Evidence:
        """Python runs on the CPU."""
        return Evidence(
            device="CPU",
            device_source="read-back",
            note="Python adds on the CPU.",
            threads=1,
            versions={"aipc-toy": version("aipc-toy")},
        )

    def close(self) -> None:
        """There is nothing to let go of."""

"""A worker process with a model loaded, as the contract suite asks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.table import BackendSpec
from bench.measure.worker import Loaded, Opened, WorkerProcess

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LoadedBackend:
    """A backend under test.

    Args:
        spec: its entry in the table.
        precision: the weight format that was loaded.
        artifact: what was loaded; ``None`` for a backend that needs none.
        worker: the process.
        opened: what it said of the stack.
        loaded: what it said of the model.
    """

    spec: BackendSpec
    precision: str
    artifact: Path | None
    worker: WorkerProcess
    opened: Opened
    loaded: Loaded

    def continuation(self, prompt: Sequence[int], new_tokens: int) -> list[int]:
        """The ids that one prompt is continued by."""
        return [row[0] for row in self.worker.generate([prompt], new_tokens).token_ids]

    def repeat_over_first(self, prompt: Sequence[int]) -> float:
        """Time to first token of a second ask, over that of the first."""
        first = self.worker.generate([prompt], 1).ttft_ns
        return self.worker.generate([prompt], 1).ttft_ns / first

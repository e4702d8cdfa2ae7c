"""What the main job is asked for, and what a call of it left behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.store.reader import StoredRun

BLOCKS, REPEATS, WARMUPS, NEW_TOKENS = 2, 2, 1, 8
PROMPT_TOKENS = (16, 48)
LOADS = {("openvino-genai", "int4"), ("ort-genai", "int4"), ("transformers", "fp32")}


@dataclass(frozen=True, slots=True)
class MainJob:
    """What one call of the main job left behind."""

    output: str
    status: int
    run: StoredRun
    report: Path

"""A preparation that plays its converters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from backends.contract import Question, Text
from bench.errors import BenchError, PrepareError
from bench.prepare.prompts import PromptBook


class Preparer:
    """Makes every artifact but those of one format."""

    def __init__(self, refused: str, error: type[BenchError] = PrepareError) -> None:
        self.refused, self.error = refused, error
        self.made: list[str] = []
        self.lengths: list[tuple[int, int]] = []

    def model(self) -> Any:
        return SimpleNamespace(
            source=SimpleNamespace(label="a-model"), path=Path("a-model"), facts=SimpleNamespace(context_tokens=2048)
        )

    def prompts(self) -> PromptBook:
        return PromptBook.made_up()

    def artifact(self, artifact_format: str, precision: str, device: str, int4: str) -> Any:
        del precision, device, int4
        if artifact_format == self.refused:
            raise self.error(f"{artifact_format} cannot be made of it")
        self.made.append(artifact_format)
        return SimpleNamespace(path=Path("made") / artifact_format)

    def reference(self, texts: Sequence[Text], questions: Sequence[Question]) -> Any:
        self.lengths = [(len(one.ids), one.new_tokens) for one in questions]
        return SimpleNamespace(precision="fp32", path=Path("made") / f"reference-of-{len(texts)}")

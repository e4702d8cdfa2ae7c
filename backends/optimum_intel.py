"""optimum-intel: ``OVModelForCausalLM.generate``, the way of the original document, on OpenVINO's devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openvino as ov
import torch
from optimum.intel import OVModelForCausalLM
from transformers.generation.streamers import BaseStreamer

from backends.contract import (
    ArtifactError,
    BackendError,
    Device,
    Evidence,
    GenerationDetails,
    LoadOptions,
    Scores,
    StepCallback,
    Text,
    installed_versions,
    one_line,
    require_file,
    require_vocabulary,
)
from backends.openvino_config import Setup, listed, read_back, require, vocabulary

AUTO = "AUTO"


class OptimumIntel:
    """The optimum-intel stack, on models that are OpenVINO IR already; it exports nothing here."""

    def __init__(self) -> None:
        self._core = ov.Core()

    def devices(self) -> list[Device]:
        return [*listed(self._core), Device(AUTO, "OpenVINO's own choice among these")]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> OptimumSession:
        require(device, [*self._core.available_devices, AUTO])
        for name in ("openvino_model.xml", "config.json"):
            require_file(artifact, name, "OpenVINO model")
        setup = Setup.of(artifact, device, options)
        try:
            model = OVModelForCausalLM.from_pretrained(
                artifact,
                device=device,
                ov_config=dict(setup.properties),
                compile=True,
                export=False,
                local_files_only=True,
                trust_remote_code=False,
            )
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise ArtifactError(f"optimum-intel could not load {artifact} for {device}: {one_line(error)}") from error
        return OptimumSession(model, setup)


@dataclass
class OptimumSession:
    """A compiled model behind ``generate``."""

    _model: Any
    _setup: Setup

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """``generate`` with a streamer that takes ids; it streams batches too."""
        ids = torch.tensor(prompts, dtype=torch.long)
        try:
            self._model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=new_tokens,
                do_sample=False,
                num_beams=1,
                use_cache=True,
                # No id ends the generation; the padding id is never needed then, but is asked for.
                eos_token_id=None,
                pad_token_id=0,
                streamer=_Streamer(on_step),
            )
        except (RuntimeError, ValueError) as error:
            raise BackendError(f"optimum-intel could not generate: {one_line(error)}") from error
        return GenerationDetails()

    def score(self, texts: Sequence[Text]) -> Iterator[Scores]:
        require_vocabulary(texts, vocabulary(self._model.request.get_compiled_model()))
        for index, text in enumerate(texts):
            ids = torch.tensor([text.ids], dtype=torch.long)
            try:
                output = self._model(ids, attention_mask=torch.ones_like(ids))
            except (RuntimeError, ValueError) as error:
                raise BackendError(f"optimum-intel could not score text {text.name}: {one_line(error)}") from error
            # Of some architectures the next text's logits come into the same memory.
            yield Scores(index, text.start, logits=output.logits[0, text.start : -1].numpy().copy())

    def evidence(self) -> Evidence:
        """All of it is read back from the compiled model."""
        read = read_back(self._model.request.get_compiled_model())
        return Evidence(
            device=read.get("EXECUTION_DEVICES"),
            device_source="read-back" if "EXECUTION_DEVICES" in read else "none",
            note="Device, precisions and threads are those of the compiled model.",
            attention_backend="SDPA",
            versions=installed_versions("optimum-intel", "openvino", "transformers"),
            **self._setup.evidence(read),
        )

    def close(self) -> None:
        self._model = None


class _Streamer(BaseStreamer):  # type: ignore[misc]
    """Hands on the ids of each step. What ``generate`` puts first is the prompt."""

    def __init__(self, on_step: StepCallback) -> None:
        self._on_step = on_step
        self._prompt_is_due = True

    def put(self, value: Any) -> None:
        if self._prompt_is_due:
            self._prompt_is_due = False
        else:
            self._on_step(value.tolist())

    def end(self) -> None:
        pass

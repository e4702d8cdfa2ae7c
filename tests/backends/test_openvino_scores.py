"""How OpenVINO is asked what a model thinks of given texts, against stand-ins for its two modules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backends.contract import ArtifactError, BackendError, LoadOptions, Scores, Text, UnsupportedError

VOCABULARY = 100
INPUTS = ("input_ids", "attention_mask", "position_ids", "beam_idx")
TEXTS = [Text("chat-1", [5, 6, 7, 8]), Text("longest-prompt", [9, 10, 11, 12, 13], start=2)]
MODULES = ("backends.openvino_scores", "backends.openvino_genai")
OPTIONS = {"kv_cache_precision": "u8", "inference_precision": "f32"}


@dataclass
class OpenVino:
    """What the stand-ins were told, and what they shall answer.

    Args:
        refuses: the message of the error that compiling raises.
        fails: the message of the error that computing raises.
        short: how many log-probabilities are left out at the end.
        inputs: what the model takes.
        told: every call in turn, as (what, values).
    """

    refuses: str | None = None
    fails: str | None = None
    short: int = 0
    inputs: tuple[str, ...] = INPUTS
    told: list[tuple[str, Any]] = field(default_factory=list)

    def values(self, what: str) -> list[Any]:
        """What was said in calls of ``what``."""
        return [value for name, value in self.told if name == what]


def log_probs(ids: Sequence[int]) -> list[float]:
    """What the pipeline says of a prompt: of the id ``n`` behind another the log-probability ``-n``."""
    return [1.0, *(-float(number) for number in ids[1:])]


class Core:
    def __init__(self, openvino: OpenVino) -> None:
        self.openvino = openvino
        self.available_devices = ["CPU"]

    def read_model(self, path: Path) -> Any:
        shape = (None, None, SimpleNamespace(get_length=lambda: VOCABULARY))
        return SimpleNamespace(output=lambda _name: SimpleNamespace(partial_shape=shape))

    def compile_model(self, model: Any, device: str, hints: dict[str, Any]) -> Any:
        refuse(self.openvino.refuses)
        self.openvino.told.append(("compile", (device, hints)))
        inputs = [SimpleNamespace(names={name}) for name in self.openvino.inputs]
        return SimpleNamespace(inputs=inputs, create_infer_request=lambda: Request(self.openvino))


class Request:
    """Its logits lie in the same memory each time: position ``p`` after the id ``n`` has ``n`` and then ``p``."""

    def __init__(self, openvino: OpenVino) -> None:
        self.openvino = openvino
        self.memory: Any = np.zeros((1, 100, 2), dtype=np.float32)
        self.length = 0

    def reset_state(self) -> None:
        self.openvino.told.append(("reset", None))

    def infer(self, inputs: dict[str, Any]) -> None:
        refuse(self.openvino.fails)
        self.openvino.told.append(("infer", {name: value.tolist() for name, value in inputs.items()}))
        ids = inputs["input_ids"][0]
        self.length = len(ids)
        self.memory[0, : self.length] = np.stack([ids, np.arange(self.length)], axis=1)

    def get_tensor(self, name: str) -> Any:
        return SimpleNamespace(data=self.memory[:, : self.length])


class Pipeline:
    def __init__(self, openvino: OpenVino, settings: Any, device: str, hints: dict[str, Any]) -> None:
        refuse(openvino.refuses)
        openvino.told.append(("pipeline", (vars(settings), device, hints)))
        self.openvino = openvino
        self.waiting: list[Any] = []

    def add_request(self, number: int, ids: Any, config: Any) -> Any:
        (given,) = ids.tolist()
        self.openvino.told.append(("request", (given, vars(config))))
        self.waiting.append(given)
        found = log_probs(given)[: len(given) - self.openvino.short]
        return SimpleNamespace(read_all=lambda: [SimpleNamespace(generated_log_probs=found)] if found else [])

    def has_non_finished_requests(self) -> bool:
        return bool(self.waiting)

    def step(self) -> None:
        refuse(self.openvino.fails)
        self.waiting.pop()


def refuse(message: str | None) -> None:
    if message is not None:
        raise RuntimeError(message)


@pytest.fixture
def openvino() -> OpenVino:
    """The stand-ins' memory."""
    return OpenVino()


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, openvino: OpenVino) -> Iterator[Any]:
    """The adapter, with the stand-ins in the place of OpenVINO and OpenVINO GenAI."""
    ov, genai = ModuleType("openvino"), ModuleType("openvino_genai")
    vars(ov).update(Core=lambda: Core(openvino), Tensor=lambda array: array)
    vars(genai).update(
        StreamerBase=object,
        SchedulerConfig=SimpleNamespace,
        GenerationConfig=SimpleNamespace,
        ContinuousBatchingPipeline=lambda _path, settings, device, hints: Pipeline(openvino, settings, device, hints),
        LLMPipeline=lambda _path, device, **hints: openvino.told.append(("load", (device, hints))),
    )
    for name, module in (("openvino", ov), ("openvino_genai", genai)):
        monkeypatch.setitem(sys.modules, name, module)
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module("backends.openvino_genai").OpenVinoGenAI()
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A folder with a model, as far as a name tells."""
    (tmp_path / "openvino_model.xml").touch()
    return tmp_path


def score(
    backend: Any, artifact: Path, attention: str, texts: Sequence[Text] = TEXTS, device: str = "CPU"
) -> list[Scores]:
    extra = {**OPTIONS, "attention_backend": attention}
    return list(backend.score(artifact, device, LoadOptions("int8", 3, extra), texts))


def test_paged_attention_gives_the_log_probability_of_each_next_id(backend: Any, artifact: Path) -> None:
    first, second = score(backend, artifact, "PA")

    assert (first.text, first.position, first.log_probs.tolist()) == (0, 0, [-6.0, -7.0, -8.0])
    assert (second.text, second.position, second.log_probs.tolist()) == (1, 2, [-12.0, -13.0])
    assert first.logits is None


def test_a_text_is_asked_for_with_no_new_token(backend: Any, artifact: Path, openvino: OpenVino) -> None:
    score(backend, artifact, "PA")

    config = {"echo": True, "logprobs": 1, "max_new_tokens": 0, "apply_chat_template": False}
    assert openvino.values("request") == [(list(text.ids), config) for text in TEXTS]


def test_the_pipeline_has_the_scheduler_the_device_and_the_hints_of_a_load(
    backend: Any, artifact: Path, openvino: OpenVino
) -> None:
    score(backend, artifact, "PA")
    backend.load(artifact, "CPU", LoadOptions("int8", 3, {**OPTIONS, "attention_backend": "PA"}))

    ((scheduler, device, hints),) = openvino.values("pipeline")
    ((loaded_on, properties),) = openvino.values("load")
    assert (vars(properties.pop("scheduler_config")), properties.pop("ATTENTION_BACKEND")) == (scheduler, "PA")
    assert (device, hints) == (loaded_on, properties)


def test_sdpa_gives_the_logits_before_each_next_id(backend: Any, artifact: Path) -> None:
    first, second = score(backend, artifact, "SDPA")

    assert (first.text, first.position, first.logits.tolist()) == (0, 0, [[5, 0], [6, 1], [7, 2]])
    assert (second.text, second.position, second.logits.tolist()) == (1, 2, [[11, 2], [12, 3]])
    assert first.log_probs is None


def test_sdpa_has_the_device_and_the_hints_of_a_load(backend: Any, artifact: Path, openvino: OpenVino) -> None:
    score(backend, artifact, "SDPA")
    backend.load(artifact, "CPU", LoadOptions("int8", 3, {**OPTIONS, "attention_backend": "SDPA"}))

    ((device, properties),) = openvino.values("load")
    assert properties.pop("ATTENTION_BACKEND") == "SDPA"
    assert openvino.values("compile") == [(device, properties)]


def test_each_text_begins_with_an_empty_state_and_is_all_that_is_attended_to(
    backend: Any, artifact: Path, openvino: OpenVino
) -> None:
    score(backend, artifact, "SDPA", TEXTS[:1])

    assert openvino.told[1:] == [
        ("reset", None),
        (
            "infer",
            {
                "input_ids": [[5, 6, 7, 8]],
                "attention_mask": [[1, 1, 1, 1]],
                "position_ids": [[0, 1, 2, 3]],
                "beam_idx": [0],
            },
        ),
    ]


def test_a_model_is_given_no_input_that_it_does_not_have(backend: Any, artifact: Path, openvino: OpenVino) -> None:
    openvino.inputs = ("input_ids", "attention_mask", "beam_idx")
    score(backend, artifact, "SDPA")

    assert [set(inputs) for inputs in openvino.values("infer")] == [set(openvino.inputs)] * 2


@pytest.mark.parametrize("attention", ["PA", "SDPA"])
def test_an_id_beyond_the_vocabulary_is_refused_before_the_model_reads_it(
    backend: Any, artifact: Path, openvino: OpenVino, attention: str
) -> None:
    with pytest.raises(ArtifactError, match=r"text code-1 has id 100, this model a vocabulary of 100"):
        score(backend, artifact, attention, [Text("code-1", [5, VOCABULARY])])

    assert openvino.told == []


@pytest.mark.parametrize("attention", ["PA", "SDPA"])
def test_a_model_that_does_not_compile_is_no_model(
    backend: Any, artifact: Path, openvino: OpenVino, attention: str
) -> None:
    openvino.refuses = "Exception from src/core.cpp:84:\nthe model is torn"
    with pytest.raises(ArtifactError, match=r"^OpenVINO could not compile the model for CPU: the model is torn$"):
        score(backend, artifact, attention)


@pytest.mark.parametrize("attention", ["PA", "SDPA"])
def test_a_text_that_cannot_be_computed_is_named(
    backend: Any, artifact: Path, openvino: OpenVino, attention: str
) -> None:
    openvino.fails = "out of\nmemory"
    with pytest.raises(BackendError, match=r"^OpenVINO could not score text chat-1: out of memory$"):
        score(backend, artifact, attention)


@pytest.mark.parametrize("short", [1, 4])
def test_a_request_that_the_scheduler_did_not_serve_is_an_error(
    backend: Any, artifact: Path, openvino: OpenVino, short: int
) -> None:
    openvino.short = short
    with pytest.raises(BackendError, match=rf"text chat-1: {4 - short} log-probabilities came for its 4 ids$"):
        score(backend, artifact, "PA")


def test_the_npus_pipeline_cannot_be_asked(backend: Any, artifact: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"neither logits nor log-probabilities"):
        score(backend, artifact, "PA", device="NPU")

"""What the adapter tells GenAI and what it makes of the answers, against a stand-in for GenAI's module."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from backends.contract import (
    ArtifactError,
    BackendError,
    Device,
    DeviceUnavailableError,
    LoadOptions,
    Scores,
    Text,
    UnsupportedError,
)
from backends.onnx_graph import GraphFacts

SETTINGS = {"model": {"vocab_size": 100, "eos_token_id": 2, "decoder": {"filename": "model.onnx"}}}


@dataclass
class GenAI:
    """What the stand-in was told, and what it shall answer.

    Args:
        device_type: what a model says that it runs on; ``None`` makes it the provider that was appended.
        refuses: the message of the error that loading raises.
        nodes: what a profile shows, as (operator, provider).
        ids: what every step answers.
        asked: the ids that were appended, and the lengths that were rewound to.
    """

    device_type: str | None = None
    refuses: str | None = None
    nodes: tuple[tuple[str, str], ...] = ()
    ids: tuple[int, ...] = (7,)
    cleared: bool = False
    provider: str | None = None
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    overlay: dict[str, Any] = field(default_factory=dict)
    search: dict[str, Any] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)


class Config:
    def __init__(self, told: GenAI) -> None:
        self.told = told

    def overlay(self, text: str) -> None:
        self.told.overlay = json.loads(text)

    def clear_providers(self) -> None:
        self.told.cleared = True

    def append_provider(self, name: str) -> None:
        self.told.provider = name

    def set_provider_option(self, name: str, key: str, value: str) -> None:
        self.told.options.setdefault(name, {})[key] = value


class Model:
    def __init__(self, config: Config) -> None:
        self.told = config.told
        if self.told.refuses is not None:
            raise RuntimeError(self.told.refuses)
        self.device_type = self.told.device_type or self.told.provider or "CPU"

    def __del__(self) -> None:
        decoder = self.told.overlay["model"].get("decoder", {})
        prefix = decoder.get("session_options", {}).get("enable_profiling")
        if prefix is not None and self.told.nodes:
            events = [
                {
                    "cat": "Node",
                    "name": f"{operator}_kernel_time",
                    "args": {"op_name": operator, "provider": provider, "node_index": str(index)},
                }
                for index, (operator, provider) in enumerate(self.told.nodes)
            ]
            Path(f"{prefix}_now.json").write_text(json.dumps(events), encoding="utf-8")


class Parameters:
    def __init__(self, model: Model) -> None:
        self.model = model

    def set_search_options(self, **options: Any) -> None:
        self.model.told.search = options


class Generator:
    def __init__(self, model: Model, parameters: Parameters) -> None:
        self.model = model

    def append_tokens(self, ids: Any) -> None:
        self.model.told.asked.append(ids.tolist())

    def rewind_to(self, length: int) -> None:
        self.model.told.asked.append(length)

    def generate_next_token(self) -> None:
        pass

    def get_next_tokens(self) -> tuple[int, ...]:
        return self.model.told.ids


@pytest.fixture
def told() -> GenAI:
    """The stand-in's memory."""
    return GenAI()


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch, told: GenAI) -> Iterator[ModuleType]:
    """The adapter's module, with the stand-in in the place of GenAI."""
    stand_in = ModuleType("onnxruntime_genai")
    stand_in.Config = lambda _path: Config(told)  # type: ignore[attr-defined]
    stand_in.Model = Model  # type: ignore[attr-defined]
    stand_in.GeneratorParams = Parameters  # type: ignore[attr-defined]
    stand_in.Generator = Generator  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "onnxruntime_genai", stand_in)
    monkeypatch.delitem(sys.modules, "backends.ort_genai", raising=False)
    yield importlib.import_module("backends.ort_genai")
    sys.modules.pop("backends.ort_genai", None)


def backend(adapter: ModuleType, *present: str) -> Any:
    stack = adapter.OrtGenAI()
    stack._present = [Device("CPU"), *map(Device, present)]
    return stack


def artifact(folder: Path, *providers: dict[str, Any], **decoder: Any) -> Path:
    settings = json.loads(json.dumps(SETTINGS))
    settings["model"]["decoder"] |= {"session_options": {"provider_options": list(providers)}, **decoder}
    (folder / "genai_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def test_the_cpu_package_has_the_cpu_alone(adapter: ModuleType) -> None:
    assert adapter.OrtGenAI().devices() == [Device("CPU")]


def test_another_package_lists_what_its_provider_finds(adapter: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "installed_versions", lambda *_: {"onnxruntime-genai-winml": "1"})
    monkeypatch.setattr(adapter, "list_devices", lambda kind: [Device(f"{kind}.0")])

    assert adapter.OrtGenAI().devices() == [Device("CPU"), Device("WINML.0")]


def test_the_cpu_is_left_as_the_model_has_it(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    backend(adapter).load(artifact(tmp_path), "CPU", LoadOptions("int4", threads=3))

    assert (told.cleared, told.provider, told.options) == (False, None, {})


def test_threads_and_the_end_of_sequence_go_into_the_overlay(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    backend(adapter).load(artifact(tmp_path), "CPU", LoadOptions("int4", threads=3))

    assert told.overlay["model"]["decoder"] == {"session_options": {"intra_op_num_threads": 3}}
    assert told.overlay["model"]["eos_token_id"] == 99


def test_a_model_that_names_no_provider_is_given_openvino(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    backend(adapter, "OPENVINO.CPU").load(artifact(tmp_path), "OPENVINO.CPU", LoadOptions("int4"))

    assert (told.cleared, told.provider, told.options) == (True, "OpenVINO", {"OpenVINO": {"device_type": "CPU"}})


def test_a_model_that_names_its_provider_keeps_it(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    folder = artifact(tmp_path, {"dml": {}})
    backend(adapter, "DML.0", "DML.1").load(folder, "DML.1", LoadOptions("int4"))

    assert (told.cleared, told.provider, told.options) == (False, None, {"dml": {"device_index": "1"}})


def test_a_device_that_is_not_here_is_refused_before_anything_is_read(adapter: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DeviceUnavailableError, match=r"no DML on this machine, only CPU: [^\n]+$"):
        backend(adapter).load(tmp_path, "DML", LoadOptions("int4"))


def test_a_provider_that_refuses_to_load_is_no_fault_of_the_model(
    adapter: ModuleType, told: GenAI, tmp_path: Path
) -> None:
    told.refuses = "Failed to load provider OpenVINO"
    with pytest.raises(DeviceUnavailableError, match=r"lists OPENVINO\.NPU and then refuses it"):
        backend(adapter, "OPENVINO.NPU").load(artifact(tmp_path), "OPENVINO.NPU", LoadOptions("int4"))


def test_a_model_that_cannot_be_loaded_is_no_model(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    told.refuses = "Protobuf\nparsing failed"
    with pytest.raises(ArtifactError, match=r"Protobuf parsing failed$"):
        backend(adapter).load(artifact(tmp_path), "CPU", LoadOptions("int4"))


def test_the_provider_is_read_back(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    session = backend(adapter, "OPENVINO.CPU").load(artifact(tmp_path), "OPENVINO.CPU", LoadOptions("int4"))
    evidence = session.evidence()

    assert (evidence.device, evidence.device_source, evidence.changed_hints) == ("OPENVINO.CPU", "read-back", {})


def test_which_of_several_devices_it_is_was_only_accepted(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    stack = backend(adapter, "OPENVINO.CPU", "OPENVINO.GPU")

    assert stack.load(artifact(tmp_path), "OPENVINO.GPU", LoadOptions("int4")).evidence().device_source == "accepted"


def test_an_npu_behind_onnx_runtime_is_proven_by_nothing_that_it_says(
    adapter: ModuleType, told: GenAI, tmp_path: Path
) -> None:
    evidence = backend(adapter, "OPENVINO.NPU").load(artifact(tmp_path), "OPENVINO.NPU", LoadOptions("int4")).evidence()

    assert (evidence.device, evidence.device_source) == ("OPENVINO.NPU", "unproven")
    assert "only the NPU's busy time" in evidence.note


def test_another_provider_than_asked_for_is_told(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    told.device_type = "CPU"
    stack = backend(adapter, "OPENVINO.CPU")
    evidence = stack.load(artifact(tmp_path), "OPENVINO.CPU", LoadOptions("int4")).evidence()

    assert (evidence.device, evidence.changed_hints) == ("CPU", {"provider": "asked OpenVINO, got CPU"})


def test_what_a_provider_computes_in_is_not_known(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    session = backend(adapter, "OPENVINO.CPU").load(artifact(tmp_path), "OPENVINO.CPU", LoadOptions("fp32"))

    assert session.evidence().inference_precision is None


@pytest.mark.parametrize(
    ("device", "operator", "levels", "known"),
    [
        ("CPU", "MatMulNBits", {4}, "int8 allowed, groups of 32"),
        ("CPU", "MatMulNBits", {0}, "none"),
        ("CPU", "MatMul", (), "none"),
        ("CPU", "DynamicQuantizeLinear", (), None),
        ("CPU", "MatMulNBits", {2}, None),
        ("OPENVINO.CPU", "MatMulNBits", {4}, None),
    ],
)
def test_activations_are_rounded_where_the_graph_allows_it(
    adapter: ModuleType,
    told: GenAI,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    operator: str,
    levels: set[int],
    known: str | None,
) -> None:
    facts = GraphFacts({operator: 1}, {"logits": "f32"}, frozenset(levels), frozenset([32]))
    monkeypatch.setattr("backends.ort_artifact.read_graph", lambda path: facts)
    told.device_type = "OpenVINO" if device != "CPU" else "CPU"
    session = backend(adapter, "OPENVINO.CPU").load(artifact(tmp_path), device, LoadOptions("int4"))

    assert session.evidence().activation_quantization == known


@pytest.mark.parametrize(
    ("device", "named", "cache"),
    [
        ("CPU", (), "none"),
        ("OPENVINO.CPU", (), "none"),
        ("OPENVINO.CPU", ({"OpenVINO": {"cache_dir": "here"}},), "unknown"),
        ("DML.0", ({"dml": {}},), "unknown"),
    ],
)
def test_a_compile_cache_is_denied_only_where_there_can_be_none(
    adapter: ModuleType, told: GenAI, tmp_path: Path, device: str, named: tuple[dict[str, Any], ...], cache: str
) -> None:
    told.device_type = {"CPU": "CPU", "OPENVINO.CPU": "OpenVINO", "DML.0": "DML"}[device]
    session = backend(adapter, "OPENVINO.CPU", "DML.0").load(artifact(tmp_path, *named), device, LoadOptions("int4"))

    assert session.evidence().compile_cache == cache


def test_an_id_that_stands_for_the_end_is_never_an_answer(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    told.ids = (99,)
    session = backend(adapter).load(artifact(tmp_path), "CPU", LoadOptions("int4"))

    with pytest.raises(BackendError, match="id 99"):
        session.generate([[1, 2]], 2, lambda ids: None)


WINDOW = {"window_size": 64, "slide_key_value_cache": False, "layers": [0]}


@pytest.mark.parametrize(("prompt", "room"), [(30, 64), (100, 102)])
def test_the_cache_has_room_for_the_window_that_layers_look_back_on(
    adapter: ModuleType, told: GenAI, tmp_path: Path, prompt: int, room: int
) -> None:
    session = backend(adapter).load(artifact(tmp_path, sliding_window=WINDOW), "CPU", LoadOptions("fp32"))
    session.generate([[1] * prompt], 2, lambda ids: None)

    assert told.search["max_length"] == room
    assert "room for its attention window, 64 tokens" in session.evidence().note


@pytest.mark.parametrize(
    "decoder",
    [
        {},
        {"sliding_window": {**WINDOW, "slide_key_value_cache": True}},
        {"sliding_window": {**WINDOW, "layers": []}},
    ],
)
def test_a_cache_without_a_window_of_its_own_is_as_long_as_the_request(
    adapter: ModuleType, told: GenAI, tmp_path: Path, decoder: dict[str, Any]
) -> None:
    session = backend(adapter).load(artifact(tmp_path, **decoder), "CPU", LoadOptions("fp32"))
    session.generate([[1] * 30], 2, lambda ids: None)

    assert told.search["max_length"] == 32
    assert "attention window" not in session.evidence().note


@pytest.mark.parametrize(
    ("device", "provider"), [("CPU", "CPUExecutionProvider"), ("OPENVINO.CPU", "OpenVINOExecutionProvider")]
)
def test_a_profile_says_where_the_nodes_ran_and_which_provider_is_the_devices(
    adapter: ModuleType, told: GenAI, tmp_path: Path, device: str, provider: str
) -> None:
    told.nodes = (("MatMul", "CPUExecutionProvider"), ("fused", "OpenVINOExecutionProvider"))
    shares = {"CPUExecutionProvider": 0.5, "OpenVINOExecutionProvider": 0.5}
    profiled = backend(adapter, "OPENVINO.CPU").profile(artifact(tmp_path), device, LoadOptions("int4"), [1, 2], 2)

    assert profiled == (provider, shares)


def test_a_profile_leaves_no_file_behind(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    told.nodes = (("MatMul", "CPUExecutionProvider"),)
    backend(adapter).profile(artifact(tmp_path), "CPU", LoadOptions("int4"), [1, 2], 2)
    prefix = Path(told.overlay["model"]["decoder"]["session_options"]["enable_profiling"])

    assert not prefix.parent.exists()


def test_a_stack_that_writes_no_profile_is_an_error(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="wrote none"):
        backend(adapter).profile(artifact(tmp_path), "CPU", LoadOptions("int4"), [1, 2], 2)


def test_a_load_without_a_profile_asks_for_none(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    backend(adapter).load(artifact(tmp_path), "CPU", LoadOptions("int4"))

    assert "decoder" not in told.overlay["model"]


def test_padding_is_moved_too_since_a_sequence_that_ends_with_it_loses_an_id(
    adapter: ModuleType, told: GenAI, tmp_path: Path
) -> None:
    backend(adapter).load(artifact(tmp_path), "CPU", LoadOptions("int4"))

    assert told.overlay == {"model": {"eos_token_id": 99, "pad_token_id": 99}}


def test_what_stands_for_the_end_is_in_no_text_that_is_scored(
    adapter: ModuleType, told: GenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = [Scores(0, 0, logits=[[0.0]])]
    monkeypatch.setattr(adapter, "forced_scores", lambda _generator, _texts: iter(scores))
    texts = [Text("a", (1, 99)), Text("b", (98, 2))]

    assert list(backend(adapter).score(artifact(tmp_path), "CPU", LoadOptions("int4"), texts)) == scores
    assert told.overlay["model"]["eos_token_id"] == 97


def test_a_score_that_the_stack_cannot_give_is_an_error_of_ours(
    adapter: ModuleType, told: GenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_generator: Any, _texts: Any) -> Iterator[Scores]:
        raise RuntimeError("no\nmemory")

    monkeypatch.setattr(adapter, "forced_scores", refuse)

    with pytest.raises(BackendError, match=r"could not score: no memory$"):
        list(backend(adapter).score(artifact(tmp_path), "CPU", LoadOptions("int4"), [Text("a", (1, 2))]))


# A generator that is kept

KEEPING = LoadOptions("int4", extra={"prefix_caching": "on"})


def asked(adapter: ModuleType, told: GenAI, folder: Path, *prompts: list[int], options: LoadOptions = KEEPING) -> Any:
    session = backend(adapter).load(artifact(folder), "CPU", options)
    for prompt in prompts:
        session.generate([prompt], 2, lambda _ids: None)
    return told.asked


def test_a_generator_is_made_for_each_request(adapter: ModuleType, told: GenAI, tmp_path: Path) -> None:
    found = asked(adapter, told, tmp_path, [1, 2], [1, 2], options=LoadOptions("int4"))
    assert found == [[[1, 2]], [[1, 2]]]


def test_a_kept_generator_is_rewound_to_what_the_next_prompt_shares(
    adapter: ModuleType, told: GenAI, tmp_path: Path
) -> None:
    found = asked(adapter, told, tmp_path, [1, 2, 3], [1, 2, 3, 7, 5], [1, 2, 3, 7, 5])
    assert found == [[[1, 2, 3]], 4, [[5]], 4, [[5]]]


def test_a_prompt_that_shares_nothing_or_finds_no_room_has_a_generator_of_its_own(
    adapter: ModuleType, told: GenAI, tmp_path: Path
) -> None:
    long = [1, *range(3, 20)]
    assert asked(adapter, told, tmp_path, [1, 2], [4, 2], [4, *long]) == [[[1, 2]], [[4, 2]], [[4, *long]]]
    assert told.search["max_length"] == 2 * (len(long) + 3)


def test_a_batch_cannot_be_rewound(adapter: ModuleType, tmp_path: Path) -> None:
    session = backend(adapter).load(artifact(tmp_path), "CPU", KEEPING)
    with pytest.raises(UnsupportedError, match="rewinds no batch"):
        session.generate([[1], [2]], 2, lambda _ids: None)

"""Whether our GGUF files answer as transformers does from the folders that they were made of.

llama.cpp reads them where it is installed, and transformers' own reader of GGUF files, which knows some architectures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.table import BACKENDS
from bench.errors import WorkerUnsupported
from bench.measure.child_process import Launch
from bench.measure.worker import WorkerProcess
from bench.plan.venvs import Venvs
from tests.support.interpreters import told
from tests.support.loaded_backends import REMEDY, TIMEOUTS
from tests.support.tiny_ggufs import READ_BY_TRANSFORMERS, Answers, converted
from tests.support.tiny_models import KINDS, NEW_TOKENS, REFUSED, WINDOW, Answered, made

pytestmark = pytest.mark.contract

EXACT = {"type_k": "f32", "type_v": "f32", "flash_attention": "off"}
"""What leaves float32 as it is, so that only mistakes differ."""

UNROUNDED = Launch(environment={"GGML_VK_DISABLE_F16": "1"})
"""Keeps Vulkan's kernels from half precision, which turns near ties round."""

LLAMA_CPP = (("llama-cpp", "CPU"), ("llama-cpp", "VULKAN.LLVMPIPE"), ("llama-cpp-python", "CPU"))
"""Each package that binds llama.cpp, on each device that needs no hardware."""

ASK_TO_CONVERT = """
import json, sys
from pathlib import Path
from backends.convert import ConversionError
from backends.convert.gguf_families import FAMILIES
from backends.convert.to_gguf import convert
said = {}
for folder in map(Path, sys.argv[1:]):
    try:
        convert(str(folder), folder, {"weight_format": "fp32"})
    except ConversionError as error:
        said[folder.name] = str(error)
print(json.dumps({"refused": said, "families": list(FAMILIES)}))
"""

ENDS_WITH_ITS_WINDOW = "mistral-window"


@pytest.fixture(scope="module")
def conversion_python(venvs: Venvs) -> str:
    python = venvs.conversion().python
    if python is None:
        pytest.skip(f"no venv that converts models: {REMEDY}")
    return python


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(scope="module")
def models(conversion_python: str, folder: Path) -> dict[str, Answered]:
    """Those of :data:`KINDS` and of :data:`REFUSED`."""
    return made(conversion_python, folder, [*KINDS, *REFUSED])


@pytest.fixture(scope="module")
def read_back(conversion_python: str, folder: Path, models: dict[str, Answered]) -> Answers:
    return converted(conversion_python, folder, {kind: models[kind] for kind in KINDS})


@pytest.fixture(scope="module")
def converter_says(conversion_python: str, models: dict[str, Answered]) -> dict[str, Any]:
    """``refused``: what it says of each model of :data:`REFUSED`; ``families``: the architectures that it takes."""
    return told(conversion_python, "-c", ASK_TO_CONVERT, *(str(models[kind].folder) for kind in REFUSED))


@pytest.fixture(scope="module", params=LLAMA_CPP, ids="@".join)
def llama_cpp(
    venvs: Venvs, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[Path], WorkerProcess]]:
    """Loads a folder's GGUF, with each package that binds llama.cpp and on each device."""
    backend, device = request.param
    spec = BACKENDS[backend]
    python = venvs.backend(spec, device).python
    if python is None:
        pytest.skip(f"{backend} is not installed: `nox -s bench -- --backend {backend} --device {device}` does so")
    scratch = tmp_path_factory.mktemp(backend)
    with WorkerProcess(python, spec.target, scratch, timeouts=TIMEOUTS, threads=1, launch=UNROUNDED) as worker:
        if device not in [one["name"] for one in worker.open().devices]:
            pytest.skip(f"there is no {device} here")

        def loaded(folder: Path) -> WorkerProcess:
            worker.load(folder, device, "fp32", 1, EXACT)
            return worker

        yield loaded


@pytest.mark.parametrize("kind", KINDS)
def test_a_tiny_model_does_not_repeat_itself(models: dict[str, Answered], kind: str) -> None:
    assert all(len(set(ids)) > NEW_TOKENS / 4 for ids in models[kind].answers)


@pytest.mark.parametrize("kind", READ_BY_TRANSFORMERS)
def test_a_gguf_read_by_transformers_answers_as_its_folder(
    models: dict[str, Answered], read_back: Answers, kind: str
) -> None:
    assert read_back[kind] == models[kind].answers


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("qwen3-biases", "llama.cpp adds no model.layers.0.self_attn.o_proj.bias in a model of this architecture"),
        ("olmo3-yarn", "rotary scaling 'yarn' of Olmo3ForCausalLM cannot be written as GGUF here: give a .gguf file"),
        ("olmoe-summing", "does not compute OlmoeForCausalLM with weights of experts that sum to 1: measure"),
    ],
)
def test_what_llama_cpp_would_compute_otherwise_is_not_written(
    converter_says: dict[str, Any], kind: str, said: str
) -> None:
    assert said in converter_says["refused"][kind]


def test_every_architecture_that_is_converted_has_a_tiny_model(
    converter_says: dict[str, Any], models: dict[str, Answered]
) -> None:
    made = [json.loads((models[kind].folder / "config.json").read_text("utf-8")) for kind in KINDS]
    assert set(converter_says["families"]) == {name for config in made for name in config["architectures"]}


@pytest.mark.parametrize("kind", KINDS)
def test_llama_cpp_answers_as_transformers(
    llama_cpp: Callable[[Path], WorkerProcess], models: dict[str, Answered], read_back: Answers, kind: str
) -> None:
    model = models[kind]
    worker = llama_cpp(model.folder / "gguf")
    asked = [ids for ids in model.prompts if kind != ENDS_WITH_ITS_WINDOW or len(ids) < WINDOW]
    answers = [[row[0] for row in worker.generate([ids], NEW_TOKENS).token_ids] for ids in asked]
    assert answers == model.answers[: len(asked)]


def test_what_llama_cpp_would_compute_without_the_models_window_is_refused(
    llama_cpp: Callable[[Path], WorkerProcess], models: dict[str, Answered], read_back: Answers
) -> None:
    model = models[ENDS_WITH_ITS_WINDOW]
    worker = llama_cpp(model.folder / "gguf")
    with pytest.raises(WorkerUnsupported, match=rf"more than the {WINDOW} up to which llama\.cpp computes"):
        worker.generate([model.prompts[1]], NEW_TOKENS)

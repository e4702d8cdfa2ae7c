"""The adapter of OpenVINO GenAI on the pipeline that serves an NPU, with the CPU in the NPU's place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backends.table import BACKENDS
from bench.errors import WorkerError, WorkerFailed, WorkerUnsupported
from bench.measure.worker import Generated, WorkerProcess
from bench.plan.venvs import Venvs
from bench.prepare.cache import cache_root
from bench.prepare.model_source import resolve_model
from bench.prepare.stage import Preparer

pytestmark = pytest.mark.contract

STAND_INS = "tests.contract.stand_ins.npu_pipeline"
SPEC = BACKENDS["openvino-genai"]
PROMPT = tuple(range(5, 37))
LENGTHS = (30, 31, 32)
LONGEST = 64
"""What prompts of 32 ids are padded to, and what the KV cache leaves room for behind the longest."""


@pytest.fixture(scope="module")
def artifact(forking_python: str) -> Path:
    source = resolve_model("synthetic:tiny")
    preparer = Preparer(source, conversion_python=forking_python, cache=cache_root(), say=print)
    # Random weights leave so little between two ids that AWQ's scales, computed in another order, decide.
    path: Path = preparer.artifact("openvino-ir", "int4", "NPU", "plain").path
    return path


@pytest.fixture(scope="module")
def worker(venvs: Venvs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    python = venvs.backend(SPEC, "NPU").python
    if python is None:
        pytest.skip("no venv for openvino-genai: `nox -s tests` makes it and hands it on")
    with WorkerProcess(python, f"{STAND_INS}:NpuPipeline", tmp_path_factory.mktemp("npu")) as opened:
        opened.open()
        yield opened


@dataclass(frozen=True, slots=True)
class OnTheCpu:
    """The same model on the CPU's own pipeline.

    Args:
        evidence: of the load.
        answers: to one id more each time.
    """

    evidence: dict[str, Any]
    answers: list[list[list[int]]]


@pytest.fixture(scope="module")
def on_the_cpu(worker: WorkerProcess, artifact: Path) -> OnTheCpu:
    evidence = worker.load(artifact, "CPU", "int4", 1, _options("CPU")).evidence
    return OnTheCpu(dict(evidence), [_ids(worker, PROMPT[:length]) for length in LENGTHS])


@pytest.fixture(scope="module")
def loaded(worker: WorkerProcess, artifact: Path, on_the_cpu: object) -> dict[str, Any]:
    """The evidence of the load; the NPU's pipeline is what the worker then asks."""
    return dict(worker.load(artifact, "NPU", "int4", None, _options("NPU")).evidence)


def _options(device: str) -> dict[str, Any]:
    return SPEC.load_options(device, "int4", {"prompt_tokens": 32, "new_tokens": 64}, {})


def _ids(worker: WorkerProcess, prompt: tuple[int, ...]) -> list[list[int]]:
    return [list(row) for row in worker.generate([prompt], 2).token_ids]


def test_the_cpus_pipeline_tells_of_its_own_model(on_the_cpu: OnTheCpu) -> None:
    told = on_the_cpu.evidence

    assert (told["device"], told["device_source"], told["kv_cache_precision"], told["threads"]) == (
        "CPU",
        "read-back",
        "f16",
        1,
    )


def test_the_pipeline_proves_no_device(loaded: dict[str, Any]) -> None:
    assert (loaded["device"], loaded["device_source"]) == ("NPU", "accepted")


@pytest.mark.usefixtures("loaded")
def test_exactly_the_given_ids_go_in_however_they_are_padded(worker: WorkerProcess, on_the_cpu: OnTheCpu) -> None:
    assert [_ids(worker, PROMPT[:length]) for length in LENGTHS] == on_the_cpu.answers


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("asked", [1, 2, LONGEST])
def test_as_many_steps_come_as_were_asked_for(worker: WorkerProcess, asked: int) -> None:
    generated = worker.generate([PROMPT], asked)

    assert (len(generated.token_ids), _padded(generated)) == (asked, LONGEST)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("prompt", [PROMPT, tuple(range(5, 5 + LONGEST))])
def test_all_the_room_behind_a_prompt_is_there(worker: WorkerProcess, prompt: tuple[int, ...]) -> None:
    room = 2 * LONGEST - len(prompt)

    assert len(worker.generate([prompt], room).token_ids) == room


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("prompt", "new_tokens", "option"), [(LONGEST, LONGEST + 1, "min_response_len"), (LONGEST + 1, 1, "max_prompt_len")]
)
def test_what_does_not_fit_is_refused(worker: WorkerProcess, prompt: int, new_tokens: int, option: str) -> None:
    with pytest.raises(WorkerFailed, match=option):
        worker.generate([range(5, 5 + prompt)], new_tokens)


@pytest.mark.usefixtures("loaded")
def test_a_batch_is_unsupported(worker: WorkerProcess) -> None:
    with pytest.raises(WorkerUnsupported, match="batch"):
        worker.generate([PROMPT, PROMPT], 2)


def test_a_long_prompt_is_computed_in_chunks(worker: WorkerProcess, artifact: Path, loaded: object) -> None:
    options = SPEC.load_options("NPU", "int4", {"prompt_tokens": 1_100, "new_tokens": 2}, {})
    worker.load(artifact, "NPU", "int4", None, options)

    assert _padded(worker.generate([[5 + number % 900 for number in range(1_100)]], 2)) == 2_048


def test_without_an_npu_nothing_else_is_taken_for_it(venvs: Venvs, artifact: Path, tmp_path: Path) -> None:
    python = venvs.backend(SPEC, "NPU").python
    if python is None:
        pytest.skip("no venv for openvino-genai: `nox -s tests` makes it and hands it on")
    with WorkerProcess(python, f"{STAND_INS}:NpuAlone", tmp_path / "worker") as alone:
        if [device["name"] for device in alone.open().devices].count("NPU") > 1:
            pytest.skip("there is an NPU here")
        with pytest.raises(WorkerError, match="NPU"):
            alone.load(artifact, "NPU", "int4", None, _options("NPU"))


def _padded(generated: Generated) -> int | None:
    padded: int | None = generated.details["padded_prompt_tokens"]
    return padded

"""The main job, run once for all tests of this folder: three real stacks, a small sweep, the real default model."""

from __future__ import annotations

import os
import sys

import pytest

from bench.plan.venvs import VARIABLE
from tests.support.main_jobs import BLOCKS, NEW_TOKENS, PROMPT_TOKENS, REPEATS, WARMUPS, MainJob, main_job

ONE_THREAD = ("--threads=1",)
"""On a busy machine threads wait for each other, which takes most of the time."""

SWEEP = [
    "--backend=openvino-genai,ort-genai,transformers",
    "--precision=int4,fp32",
    f"--prompt-tokens={','.join(map(str, PROMPT_TOKENS))}",
    f"--new-tokens={NEW_TOKENS}",
    f"--blocks={BLOCKS}",
    f"--repeats={REPEATS}",
    f"--warmups={WARMUPS}",
    f"--max-warmups={WARMUPS}",
    "--seed=7",
    *ONE_THREAD,
    # The fp32 artifacts of two stacks take a minute to make and show nothing here that int4 does not.
    "-k=int4 or transformers",
]

ELSEWHERE = [
    "--backend=openvino-genai,ort-genai,optimum-intel",
    "--device=OPENVINO.CPU,AUTO,GPU,NPU",
    "--precision=int4",
    "--prompt-tokens=16",
    "--new-tokens=4",
    "--blocks=1",
    "--repeats=1",
    "--warmups=1",
    "--max-warmups=1",
    "--seed=7",
    "--no-quality",
    *ONE_THREAD,
]
"""Ways to a device that is not simply the CPU; on most machines that run this, only two of them are there."""

if sys.platform != "win32":
    ELSEWHERE[:2] = ["--backend=openvino-genai,ort-genai,optimum-intel,npu", "--device=OPENVINO.CPU,AUTO,GPU,NPU,DML"]


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> MainJob:
    if VARIABLE not in os.environ:
        pytest.skip("there are no venvs of inference stacks; `nox -s tests` makes them")
    return main_job(tmp_path_factory.mktemp("main"), SWEEP)


@pytest.fixture(scope="session")
def elsewhere(job: MainJob, tmp_path_factory: pytest.TempPathFactory) -> MainJob:
    return main_job(tmp_path_factory.mktemp("elsewhere"), ELSEWHERE)


@pytest.fixture(scope="session")
def second_job(job: MainJob, tmp_path_factory: pytest.TempPathFactory) -> MainJob:
    # That a reference is made once is shown where it is made.
    return main_job(tmp_path_factory.mktemp("again"), [*SWEEP, "--blocks=1", "--no-quality"])

"""A model of the hub end to end: the command that a user types, with the file list of the real Phi-3-mini."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.plan.venvs import VARIABLE
from bench.prepare.cache import CACHE_VARIABLE
from tests.support import phi3_repository as phi3
from tests.support.hub_server import Hub, serving
from tests.support.main_jobs import MainJob, main_job

pytestmark = pytest.mark.main_job

NAME, COMMIT = "microsoft/Phi-3-mini-4k-instruct", "0cb88a4f764b7a12671c53f0838cd831a0843b95"
SECRET = "hf_verySecretTokenOfSomebody"
SWEEP = [
    f"--model={NAME}",
    "--backend=openvino-genai,transformers",
    "--precision=int8,bf16",
    "--device=CPU",
    "--prompt-tokens=16",
    "--new-tokens=4",
    *(f"--{count}=1" for count in ("blocks", "repeats", "warmups", "max-warmups", "threads")),
    "--no-quality",
    # int8 of one stack and bf16 of the other show the conversion and the folder as it is.
    "-k=(openvino and int8) or (transformers and bf16)",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cache, the results and the reports lie."""
    return tmp_path_factory.mktemp("hub-job")


@pytest.fixture(scope="module")
def hub(folder: Path) -> Iterator[Hub]:
    python = json.loads(os.environ.get(VARIABLE, "{}")).get("conversion", {}).get("python")
    if not python:
        pytest.skip("there are no venvs of inference stacks; `nox -s tests` makes them")
    phi3.write(folder / "upstream", python)
    with serving() as hub, pytest.MonkeyPatch.context() as patch:
        hub.add(NAME, folder / "upstream", COMMIT, parameters={"BF16": phi3.PARAMETERS})
        patch.setenv("HF_ENDPOINT", hub.address)
        patch.setenv("HF_HOME", str(folder / "hf"))
        patch.setenv("HF_TOKEN", SECRET)
        patch.setenv(CACHE_VARIABLE, str(folder / "cache"))
        for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            patch.delenv(name, raising=False)
        yield hub


@pytest.fixture(scope="module")
def job(hub: Hub, folder: Path) -> MainJob:
    return main_job(folder, SWEEP)


def test_it_ends_in_a_report(job: MainJob) -> None:
    assert job.status == 0, job.output
    assert f"downloading {NAME} at commit {COMMIT[:12]}: {len(phi3.NEEDED)} files" in job.output
    page = (job.report / "index.html").read_text("utf-8")
    assert NAME in page
    assert COMMIT in page


def test_the_run_records_the_model(job: MainJob) -> None:
    model = job.run.record["model"]
    found = (model["name"], model["kind"], model["revision"], model["parameters"], model["vocab_size"])
    assert found == (NAME, "hub", COMMIT, phi3.PARAMETERS, phi3.VOCABULARY)
    statuses = {row["backend"]: row["status"] for row in job.run.table("loads").to_pylist()}
    assert statuses == {"openvino-genai": "ok", "transformers": "ok"}


def test_only_what_is_needed_was_asked_for_and_by_the_download_alone(job: MainJob, hub: Hub) -> None:
    assert hub.files() == sorted(phi3.NEEDED)
    assert len([one for one in hub.asked if one.path.startswith("/api/models/")]) == 1


def test_the_token_is_written_nowhere(job: MainJob, folder: Path) -> None:
    written = [file for file in folder.rglob("*") if file.is_file()]
    assert len(written) > len(phi3.NEEDED)
    assert [file for file in written if SECRET.encode() in file.read_bytes()] == []
    assert SECRET not in job.output

"""All ways to ask OpenVINO what a model thinks of given texts have the answer of transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.measure.worker import WorkerProcess
from bench.plan.venvs import Venvs
from bench.prepare.stage import Preparer
from tests.support.loaded_backends import TIMEOUTS, Case, Ids, interpreter_and_target

pytestmark = pytest.mark.contract

LONG = 1e9
"""Seconds that are never up."""

GENAI = Case("openvino-genai", "CPU")
WAYS: dict[str, tuple[Case, dict[str, str]]] = {
    "transformers": (Case("transformers", "CPU"), {}),
    "openvino-genai with PA": (GENAI, {}),
    "openvino-genai with SDPA": (GENAI, {"attention_backend": "SDPA"}),
    "optimum-intel": (Case("optimum-intel", "CPU"), {}),
}
"""Way -> the backend and the options that lead to it."""

LATER = 20
"""Where the scores of a text begin that is not scored from its first position on."""

ROUNDING = 0.05
"""In nats; paged attention rounds keys and values to f16 before it reads them. Of 2,544 positions 0.014 at most."""


@pytest.fixture(scope="module")
def scored(
    preparer: Preparer, venvs: Venvs, model_prompts: Sequence[Ids], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Mapping[str, Any]]]:
    """By each way, in fp32: two texts, and then the first once more from a later position on."""
    first, second = ({"name": str(ids[0]), "ids": list(ids), "start": 0} for ids in model_prompts)
    texts = [first, second, {**first, "name": "later", "start": LATER}]
    scratch = tmp_path_factory.mktemp("scores")
    return {way: _score(way, preparer, venvs, scratch / str(number), texts) for number, way in enumerate(WAYS)}


def _score(
    way: str, preparer: Preparer, venvs: Venvs, scratch: Path, texts: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    case, given = WAYS[way]
    python, target = interpreter_and_target(case, venvs)
    artifact = preparer.artifact(case.spec.artifact_format, "fp32", case.device).path
    options = {**case.options, **case.as_reference, **given}
    with WorkerProcess(python, target, scratch, timeouts=TIMEOUTS, threads=case.threads) as worker:
        worker.open()
        model = (artifact, case.device, "fp32", case.threads, options)
        return list(worker.score(*model, texts=texts, reference=None, seconds=LONG))


def test_the_log_probabilities_agree(scored: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    values = np.array([[one["log_probs"] for one in texts[:2]] for texts in scored.values()])

    assert values.shape == (4, 2, 31)
    assert np.ptp(values, axis=0).max() < ROUNDING


def test_where_there_are_logits_the_likeliest_ids_agree(scored: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    wanted, of_pipeline, *others = ([one["top_ids"] for one in texts] for texts in scored.values())

    assert of_pipeline == [[], [], []]
    assert others == [wanted, wanted]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_text_is_left_for_the_next(scored: Mapping[str, Sequence[Mapping[str, Any]]], way: str) -> None:
    first, _, later = scored[way]

    assert later["log_probs"] == pytest.approx(first["log_probs"][LATER:], abs=1e-4)

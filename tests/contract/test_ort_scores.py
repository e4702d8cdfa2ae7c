"""ONNX Runtime GenAI thinks the same of a text alone and beside others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bench.measure.worker import WorkerProcess
from bench.plan.venvs import Venvs
from bench.prepare.stage import Preparer
from tests.support.loaded_backends import TIMEOUTS, Case, Ids, interpreter_and_target

pytestmark = pytest.mark.contract

LONG = 1e9
"""Seconds that are never up."""

PADDING = 2
"""The default model's padding and end of sequence."""

UNUSED = 16
"""What stands in for the end of sequence of the default model, unless a text has it."""

ROUNDING = 1e-3
"""In nats, of fp32. The CPU provider's figures are equal in every bit, in int4 as well."""


@pytest.fixture(params=["CPU", "OPENVINO.CPU"])
def case(request: pytest.FixtureRequest) -> Case:
    """The stack on each device that it can run on here."""
    return Case("ort-genai", request.param)


def test_a_text_is_scored_alike_alone_and_beside_others(
    case: Case,
    venvs: Venvs,
    preparer: Preparer,
    model_prompts: Sequence[Ids],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    python, target = interpreter_and_target(case, venvs)
    artifact = preparer.artifact("ort-genai", "fp32", case.device).path
    first, second = model_prompts
    together = [(PADDING, *first[:9]), (*second[:9], PADDING, UNUSED, *first[:5]), first[:12]]
    # Texts of different starts do not go side by side.
    texts = [_text(ids) for ids in together] + [_text(ids, start) for start, ids in enumerate(together, 1)]
    model = (artifact, case.device, "fp32", case.threads, case.options)
    with WorkerProcess(python, target, tmp_path_factory.mktemp("scores"), timeouts=TIMEOUTS) as worker:
        worker.open()
        scored = [one["log_probs"] for one in worker.score(*model, texts=texts, reference=None, seconds=LONG)]

    assert [len(values) for values in scored[:3]] == [len(ids) - 1 for ids in together]
    for start, (beside, alone) in enumerate(zip(scored[:3], scored[3:], strict=True), 1):
        assert alone == pytest.approx(beside[start:], abs=ROUNDING)


def _text(ids: Ids, start: int = 0) -> Mapping[str, Any]:
    return {"name": f"{ids[:2]} from {start}", "ids": list(ids), "start": start}

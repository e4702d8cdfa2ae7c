"""What a stack scores is what it generates by: the same load, asked what it thinks of its own answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from backends.spec import family
from bench.errors import WorkerFailed, WorkerUnsupported
from bench.measure.worker import WorkerProcess
from bench.plan.venvs import Venvs
from tests.support.loaded_backends import TIMEOUTS, Case, Ids, LoadedBackend, interpreter_and_target

pytestmark = pytest.mark.contract

ANSWER = 8
"""Ids of an answer: few enough for the rounding of a whole pass and of single steps to leave them alone."""

BEFORE = 20
"""Where the scores of a text begin that is not scored from its first position on."""

LONG = 1e9
"""Seconds that are never up."""


@pytest.fixture(scope="session")
def scoring(case: Case, venvs: Venvs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A worker that has loaded nothing, of a stack that the table says scores."""
    if case.spec.simulated or family(case.device) not in case.spec.scores:
        pytest.skip(f"{case.label} scores no texts of a model")
    python, target = interpreter_and_target(case, venvs)
    scratch = tmp_path_factory.mktemp("scoring")
    with WorkerProcess(python, target, scratch, timeouts=TIMEOUTS, threads=case.threads) as worker:
        worker.open()
        yield worker


@pytest.fixture(scope="session")
def answered(fp32_backend: LoadedBackend, model_prompts: Sequence[Ids]) -> list[Ids]:
    """Prompts, each with the answer of the model's own weights."""
    return [(*prompt, *fp32_backend.continuation(prompt, ANSWER)) for prompt in model_prompts]


@pytest.fixture(scope="session")
def scored(scoring: WorkerProcess, fp32_backend: LoadedBackend, answered: Sequence[Ids]) -> list[Mapping[str, Any]]:
    """Each of them scored from its first position on, and the first once more from a later one on."""
    texts = [_text(f"text-{number}", ids) for number, ids in enumerate(answered)]
    return _score(scoring, fp32_backend, [*texts, _text("later", answered[0], BEFORE)])


def test_each_position_but_the_last_is_scored(scored: Sequence[Mapping[str, Any]], answered: Sequence[Ids]) -> None:
    wanted = [*(len(ids) - 1 for ids in answered), len(answered[0]) - 1 - BEFORE]

    assert [len(one["log_probs"]) for one in scored] == wanted


def test_log_probabilities_are_finite_and_not_above_zero(scored: Sequence[Mapping[str, Any]]) -> None:
    assert all(value is not None and value <= 0 for one in scored for value in one["log_probs"])


def test_the_likeliest_ids_are_those_that_it_generates(
    scored: Sequence[Mapping[str, Any]], answered: Sequence[Ids]
) -> None:
    if not scored[0]["top_ids"]:
        pytest.skip("the stack gives no logits")

    assert [tuple(one["top_ids"][-ANSWER:]) for one in scored[: len(answered)]] == [ids[-ANSWER:] for ids in answered]


def test_its_own_answer_is_likelier_than_the_prompt(
    scored: Sequence[Mapping[str, Any]], answered: Sequence[Ids]
) -> None:
    for one in scored[: len(answered)]:
        prompt, answer = one["log_probs"][:-ANSWER], one["log_probs"][-ANSWER:]
        assert sum(answer) / len(answer) > sum(prompt) / len(prompt)


def test_from_a_later_position_on_the_scores_are_the_same(scored: Sequence[Mapping[str, Any]]) -> None:
    assert scored[-1]["log_probs"] == pytest.approx(scored[0]["log_probs"][BEFORE:], abs=0.01)


def test_a_text_of_another_vocabulary_is_refused_in_words(scoring: WorkerProcess, fp32_backend: LoadedBackend) -> None:
    with pytest.raises(WorkerFailed, match=r"1000000.*another tokenizer") as failed:
        _score(scoring, fp32_backend, [_text("foreign", (5, 6, 1_000_000, 7))])

    assert failed.value.error_type == "ArtifactError"


def test_an_absent_device_is_unsupported_when_it_is_to_score(
    scoring: WorkerProcess, fp32_backend: LoadedBackend
) -> None:
    with pytest.raises(WorkerUnsupported, match="ABACUS"):
        _score(scoring, fp32_backend, [_text("any", (5, 6, 7))], device="ABACUS")


def test_an_empty_folder_cannot_score(scoring: WorkerProcess, fp32_backend: LoadedBackend, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match="nox -s models") as failed:
        _score(scoring, fp32_backend, [_text("any", (5, 6, 7))], artifact=tmp_path)

    assert failed.value.error_type == "ArtifactError"


def _text(name: str, ids: Ids, start: int = 0) -> dict[str, Any]:
    return {"name": name, "ids": list(ids), "start": start}


def _score(
    worker: WorkerProcess, backend: LoadedBackend, texts: Sequence[Mapping[str, Any]], **other: Any
) -> list[Mapping[str, Any]]:
    """Scores by the model that ``backend`` has loaded; ``other`` says what is to be another one."""
    case = backend.case
    model = {"artifact": backend.artifact, "device": case.device, **other}
    given = (*model.values(), backend.precision, case.threads, {**case.options, **case.as_reference})
    return list(worker.score(*given, texts=texts, reference=None, seconds=LONG))

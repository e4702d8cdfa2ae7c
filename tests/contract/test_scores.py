"""What a stack scores is what it generates by: the same load, asked what it thinks of its own answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from backends.spec import family
from bench.errors import WorkerFailed, WorkerUnsupported
from bench.measure.worker import WorkerProcess
from tests.support.loaded_backends import Case, Ids, LoadedBackend

pytestmark = pytest.mark.contract

ANSWER = 8
"""Ids of an answer: few enough for the rounding of a whole pass and of single steps to leave them alone."""

BEFORE = 20
"""Where the scores of a text begin that is not scored from its first position on."""

LONG = 1e9
"""Seconds that are never up."""

ROUNDING = 0.05
"""In nats; paged attention rounds keys and values to f16 before it reads them. Of 2,544 positions 0.014 at most."""

EXACT = ("transformers", "openvino-genai", "optimum-intel")
"""Stacks that compute a position alike wherever the scores begin."""

Scored = list[Mapping[str, Any]]


@pytest.fixture(scope="session")
def scoring(case: Case, request: pytest.FixtureRequest) -> WorkerProcess:
    """A worker of a stack that the table says scores; it loads a model anew for each request."""
    if case.spec.simulated or family(case.device) not in case.spec.scores:
        pytest.skip(f"{case.label} scores no texts of a model")
    worker: WorkerProcess = request.getfixturevalue("spare")
    return worker


@pytest.fixture(scope="session")
def answered(fp32_backend: LoadedBackend, model_prompts: Sequence[Ids]) -> list[Ids]:
    """Prompts, each with the answer of the model's own weights."""
    return [(*prompt, *fp32_backend.continuation(prompt, ANSWER)) for prompt in model_prompts]


@pytest.fixture(scope="session")
def scored(scoring: WorkerProcess, fp32_backend: LoadedBackend, answered: Sequence[Ids]) -> Scored:
    """Each of them scored from its first position on, and the first once more from a later one on."""
    return _score(scoring, fp32_backend, _texts(answered))


@pytest.fixture(scope="session")
def by_reference(reference: LoadedBackend) -> Callable[..., Scored]:
    """What transformers thinks of the same; most stacks have the same answers."""

    @cache
    def scored(*answered: Ids) -> Scored:
        return _score(reference.worker, reference, _texts(answered))

    return scored


def test_each_position_but_the_last_is_scored(scored: Scored, answered: Sequence[Ids]) -> None:
    wanted = [*(len(ids) - 1 for ids in answered), len(answered[0]) - 1 - BEFORE]

    assert [len(one["log_probs"]) for one in scored] == wanted


def test_log_probabilities_are_finite_and_not_above_zero(scored: Scored) -> None:
    assert all(value is not None and value <= 0 for one in scored for value in one["log_probs"])


def test_the_likeliest_ids_are_those_that_it_generates(scored: Scored, answered: Sequence[Ids]) -> None:
    if not scored[0]["top_ids"]:
        pytest.skip("the stack gives no logits")

    assert [tuple(one["top_ids"][-ANSWER:]) for one in scored[: len(answered)]] == [ids[-ANSWER:] for ids in answered]


def test_its_own_answer_is_likelier_than_the_prompt(scored: Scored, answered: Sequence[Ids]) -> None:
    for one in scored[: len(answered)]:
        prompt, answer = one["log_probs"][:-ANSWER], one["log_probs"][-ANSWER:]
        assert sum(answer) / len(answer) > sum(prompt) / len(prompt)


def test_from_a_later_position_on_the_scores_are_the_same(scored: Scored, fp32_backend: LoadedBackend) -> None:
    rounding = 1e-4 if fp32_backend.spec.name in EXACT else 0.01
    assert scored[-1]["log_probs"] == pytest.approx(scored[0]["log_probs"][BEFORE:], abs=rounding)


def test_the_log_probabilities_are_those_of_transformers(
    scored: Scored, answered: Sequence[Ids], fp32_backend: LoadedBackend, by_reference: Callable[..., Scored]
) -> None:
    if fp32_backend.precision != "fp32":
        pytest.skip(f"{fp32_backend.case.label} does not compute in fp32")

    for one, wanted in zip(scored, by_reference(*answered), strict=True):
        assert one["log_probs"] == pytest.approx(wanted["log_probs"], abs=ROUNDING)


def test_where_openvino_gives_logits_the_likeliest_ids_are_those_of_transformers(
    scored: Scored, answered: Sequence[Ids], fp32_backend: LoadedBackend, by_reference: Callable[..., Scored]
) -> None:
    if fp32_backend.spec.name != "optimum-intel":
        pytest.skip("this is asked of OpenVINO's own logits")

    assert [one["top_ids"] for one in scored] == [one["top_ids"] for one in by_reference(*answered)]


def test_attention_that_gives_logits_scores_as_that_which_gives_none(
    scored: Scored,
    scoring: WorkerProcess,
    answered: Sequence[Ids],
    fp32_backend: LoadedBackend,
    by_reference: Callable[..., Scored],
) -> None:
    if "attention_backend" not in fp32_backend.spec.options:
        pytest.skip(f"{fp32_backend.case.label} has one kind of attention")
    assert [one["top_ids"] for one in scored] == [[] for _ in scored]

    others = _score(scoring, fp32_backend, _texts(answered), given={"attention_backend": "SDPA"})
    for one, other, wanted in zip(scored, others, by_reference(*answered), strict=True):
        assert other["log_probs"] == pytest.approx(one["log_probs"], abs=ROUNDING)
        assert other["log_probs"] == pytest.approx(wanted["log_probs"], abs=ROUNDING)
        assert other["top_ids"] == wanted["top_ids"]
    assert others[-1]["log_probs"] == pytest.approx(others[0]["log_probs"][BEFORE:], abs=1e-4)


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


def _texts(answered: Sequence[Ids]) -> list[dict[str, Any]]:
    texts = [_text(f"text-{number}", ids) for number, ids in enumerate(answered)]
    return [*texts, _text("later", answered[0], BEFORE)]


def _score(
    worker: WorkerProcess,
    backend: LoadedBackend,
    texts: Sequence[Mapping[str, Any]],
    given: Mapping[str, str] = MappingProxyType({}),
    **other: Any,
) -> Scored:
    """Scores by the model that ``backend`` has loaded; ``other`` says what is to be another one, ``given`` options."""
    case = backend.case
    model = {"artifact": backend.artifact, "device": case.device, **other}
    options = {**case.options, **case.as_reference, **given}
    asked = (*model.values(), backend.precision, case.threads, options)
    return list(worker.score(*asked, texts=texts, reference=None, seconds=LONG))

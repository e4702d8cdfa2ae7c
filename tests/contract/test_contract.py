"""What every backend keeps to, shown on a worker process with a real model, over the protocol.

A backend whose venv is not at hand is skipped with the command that makes it; `nox -s tests` has all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from backends.spec import caching_options
from bench.errors import WorkerFailed, WorkerUnsupported
from bench.measure.worker import Generated, WorkerProcess
from bench.plan.venvs import Venvs
from tests.support.loaded_backends import Ids, LoadedBackend, opened
from tests.support.models import lacking_a_weight

pytestmark = pytest.mark.contract

END = 2
"""The default model's ``<|im_end|>``, which ends its answers."""

CAPITAL = (
    *(1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, END),
    *(198, 1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, END, 198, 1, 520, 9531, 198),
)
"""``What is the capital of France?`` in the default model's chat template, which it answers in a short sentence."""

STEPS = 33
"""Of the longest request: more than two blocks of 16, in which some stacks keep what they have seen."""

ANSWER = 6
"""Ids to compare between two stacks: few enough for rounding to leave them alone."""

ASKED = 3
"""Prompts whose times are compared, unless other work of the machine disturbs them."""

CHANGES: dict[str, Callable[[Ids], Ids]] = {
    "an id before": lambda ids: (1, *ids),
    "an id behind": lambda ids: (*ids, END),
    "the first missing": lambda ids: ids[1:],
    "the last missing": lambda ids: ids[:-1],
}

NOWHERE = "ABACUS"

LACKING = "model.layers.1.mlp.down_proj.weight"
"""A weight that no model of the suite can do without."""


@pytest.fixture(scope="session")
def answers(reference: LoadedBackend, model_prompts: Sequence[Ids]) -> list[list[int]]:
    """What the model says, by the reference."""
    return [reference.continuation(ids, ANSWER) for ids in (*model_prompts, CAPITAL)]


@pytest.fixture(scope="session")
def generated(backend: LoadedBackend, prompts: Sequence[Ids]) -> Generated:
    """The first prompt, continued by :data:`STEPS` ids."""
    return backend.worker.generate([prompts[0]], STEPS)


@pytest.fixture(scope="session")
def continued(generated: Generated) -> list[int]:
    """The ids that the first prompt is continued by."""
    return [row[0] for row in generated.token_ids]


# -- steps and ids


def test_as_many_steps_come_as_were_asked_for(generated: Generated) -> None:
    assert (len(generated.stamps_ns), len(generated.token_ids)) == (STEPS, STEPS)


@pytest.mark.parametrize("new_tokens", [1, 2])
def test_as_few_steps_come_as_were_asked_for(backend: LoadedBackend, prompts: Sequence[Ids], new_tokens: int) -> None:
    generated = backend.worker.generate([prompts[0]], new_tokens)

    assert (len(generated.stamps_ns), len(generated.token_ids)) == (new_tokens, new_tokens)


def test_stamps_increase_from_the_submission_on(generated: Generated) -> None:
    assert all(before < after for before, after in pairwise([generated.submitted_ns, *generated.stamps_ns]))


def test_decoding_is_greedy_and_so_repeats_itself(
    backend: LoadedBackend, prompts: Sequence[Ids], continued: Sequence[int]
) -> None:
    assert backend.continuation(prompts[0], 16) == continued[:16]


def test_another_prompt_has_another_continuation(
    backend: LoadedBackend, prompts: Sequence[Ids], continued: Sequence[int]
) -> None:
    continuations = {tuple(continued[:8]), *(tuple(backend.continuation(prompt, 8)) for prompt in prompts[1:])}

    assert len(continuations) == len(prompts)


def test_a_generation_leaves_nothing_for_the_next(
    backend: LoadedBackend, prompts: Sequence[Ids], continued: Sequence[int]
) -> None:
    backend.continuation(prompts[1], 8)

    assert backend.continuation(prompts[0], 8) == continued[:8]


def test_exactly_the_given_ids_go_in(
    real_fp32: LoadedBackend, model_prompts: Sequence[Ids], answers: Sequence[list[int]]
) -> None:
    if real_fp32.spec.name == "transformers":
        pytest.skip("transformers is the reference itself")

    assert [real_fp32.continuation(ids, ANSWER) for ids in (*model_prompts, CAPITAL)] == answers


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_one_id_more_or_less_would_be_noticed(
    reference: LoadedBackend,
    model_prompts: Sequence[Ids],
    answers: Sequence[list[int]],
    change: Callable[[Ids], Ids],
) -> None:
    changed = [reference.continuation(change(ids), ANSWER) for ids in (*model_prompts, CAPITAL)]

    assert changed != answers


# -- the end of sequence


def test_the_end_of_sequence_does_not_end_it(real_fp32: LoadedBackend) -> None:
    answer = real_fp32.continuation(CAPITAL, 24)
    behind = answer[answer.index(END) + 1 :]

    assert set(behind) - {END}


# -- caches


def fastest(asked: Sequence[Sequence[Generated]]) -> list[int]:
    """The least time to first token of each generation of a row, over all rows.

    A machine that does other work makes a time longer and none shorter: the least is not moved by all but one of them.
    """
    return [min(generated.ttft_ns for generated in column) for column in zip(*asked, strict=True)]


def is_computed_again(first_ns: int, again_ns: int) -> bool:
    return again_ns >= 0.5 * first_ns


def is_sooner(history_ns: int, turn_ns: int, again_ns: int) -> bool:
    return turn_ns < 0.7 * history_ns and again_ns < 0.5 * history_ns


def asked_until(
    held: Callable[..., bool], prompts: Sequence[Ids], ask: Callable[[Ids], Sequence[Generated]]
) -> list[Sequence[Generated]]:
    """What :data:`ASKED` of ``prompts`` get, and further ones until ``held`` of the fastest or until there are none."""
    asked: list[Sequence[Generated]] = []
    for prompt in prompts:
        asked.append(ask(prompt))
        if len(asked) >= ASKED and held(*fastest(asked)):
            break
    return asked


@pytest.mark.parametrize(("again_ms", "answered"), [(10, 4), (1, 6)], ids=["computed again", "from a cache"])
def test_stalls_decide_nothing(again_ms: int, answered: int) -> None:
    """Three first asks stand still for a second each, and one repeat."""
    times = iter([(1010, again_ms), (1010, 1000 + again_ms), (1010, again_ms), *[(10, again_ms)] * 3])
    asked = asked_until(is_computed_again, [()] * 6, lambda _: [Generated(0, [ms], [], 0, {}) for ms in next(times)])

    assert (len(asked), is_computed_again(*fastest(asked))) == (answered, answered == 4)


def test_a_prompt_asked_twice_is_computed_twice(backend: LoadedBackend, long_prompts: Sequence[Ids]) -> None:
    warmup, *others = long_prompts
    generate = backend.worker.generate
    generate([warmup], 2)
    asked = asked_until(is_computed_again, others, lambda prompt: (generate([prompt], 1), generate([prompt], 1)))

    assert is_computed_again(*fastest(asked))


@pytest.fixture(scope="session")
def chats(
    fp32_backend: LoadedBackend, venvs: Venvs, long_prompts: Sequence[Ids], tmp_path_factory: pytest.TempPathFactory
) -> list[Sequence[Generated]]:
    """With a prefix cache, of a stack that has one: a prompt without its last 16 ids, then all of it, then again."""
    case = fp32_backend.case
    options = caching_options(case.spec, case.device, {**case.options, **case.as_reference})
    if options is None:
        pytest.skip(f"{case.label} has no prefix cache")
    with opened(case, venvs, tmp_path_factory) as (worker, _):
        worker.load(fp32_backend.artifact, case.device, fp32_backend.precision, case.threads, options)
        warmup, *others = long_prompts
        generate = worker.generate
        generate([warmup], 2)
        return asked_until(
            is_sooner,
            others,
            lambda prompt: (generate([prompt[:-16]], 1), generate([prompt], ANSWER), generate([prompt], 1)),
        )


def test_a_prefix_cache_that_the_table_names_answers_a_repeat_and_a_turn_of_a_chat_sooner(
    chats: Sequence[Sequence[Generated]],
) -> None:
    assert is_sooner(*fastest(chats))


def test_a_chat_is_answered_from_a_prefix_cache_as_without(
    chats: Sequence[Sequence[Generated]], fp32_backend: LoadedBackend, long_prompts: Sequence[Ids]
) -> None:
    answers = [[ids for (ids,) in turn.token_ids] for _, turn, _ in chats[:ASKED]]
    assert answers == [fp32_backend.continuation(prompt, ANSWER) for prompt in long_prompts[1 : 1 + ASKED]]


# -- batches


def test_a_batch_gives_an_id_per_sequence_at_every_step(backend: LoadedBackend, prompts: Sequence[Ids]) -> None:
    if not backend.spec.batches:
        pytest.skip(f"{backend.spec.name} streams no batches")
    generated = backend.worker.generate(prompts[:2], 8)

    assert [len(ids) for ids in generated.token_ids] == [2] * 8


def test_a_batch_keeps_the_order_of_its_sequences(backend: LoadedBackend, prompts: Sequence[Ids]) -> None:
    if not backend.spec.batches:
        pytest.skip(f"{backend.spec.name} streams no batches")
    together = backend.worker.generate(prompts[:2], 1).token_ids[0]

    assert together == [backend.continuation(prompt, 1)[0] for prompt in prompts[:2]]


def test_a_batch_that_cannot_be_streamed_is_unsupported(backend: LoadedBackend, prompts: Sequence[Ids]) -> None:
    if backend.spec.batches:
        pytest.skip(f"{backend.spec.name} streams batches")
    with pytest.raises(WorkerUnsupported, match="batch"):
        backend.worker.generate(prompts[:2], 8)


# -- evidence


def test_the_device_is_known_and_how(real: LoadedBackend) -> None:
    evidence = real.loaded.evidence

    assert (evidence["device"], evidence["device_source"] in ("read-back", "accepted")) == (real.case.device, True)


def test_the_evidence_says_where_it_comes_from(backend: LoadedBackend) -> None:
    assert backend.loaded.evidence["note"].endswith((".", "used"))


def test_the_stack_tells_its_versions(backend: LoadedBackend) -> None:
    versions = backend.loaded.evidence["versions"]

    assert versions
    assert all(versions.values())


def test_the_threads_are_those_asked_for(real: LoadedBackend) -> None:
    assert real.loaded.evidence["threads"] == real.case.threads


def test_activations_that_are_rounded_are_told_with_their_groups(real: LoadedBackend) -> None:
    known = real.loaded.evidence["activation_quantization"]

    assert known in (None, "none") or re.fullmatch(r"int8( allowed)?, (groups of \d+|one group per token)", known)


def test_a_simulated_backend_never_claims_a_device(backend: LoadedBackend) -> None:
    assert (backend.loaded.evidence["device_source"] == "simulated") == backend.spec.simulated


def test_the_device_is_among_those_that_it_lists(backend: LoadedBackend) -> None:
    assert backend.case.device in {device["name"] for device in backend.opened.devices}


def test_a_profile_places_nodes_on_the_devices_provider(backend: LoadedBackend, spare: WorkerProcess) -> None:
    if not backend.case.profiled:
        pytest.skip(f"{backend.case.label} has no profile of its own")
    given = (backend.artifact, backend.case.device, backend.precision, backend.case.threads, backend.case.options)
    profiled = spare.profile(*given, prompt=range(5, 37), new_tokens=4)

    assert (profiled.share > 0, round(sum(profiled.shares.values()), 6)) == (True, 1.0)


def test_weight_formats_that_change_on_load_are_told_by_share(real: LoadedBackend) -> None:
    if real.precision not in real.spec.made_on_load:
        pytest.skip(f"{real.case.label} loads {real.precision} as it is stored")

    evidence = real.loaded.evidence
    assert round(sum(evidence["weight_bits"].values()), 6) == 1.0
    assert evidence["weight_bits"][real.precision] > 0.5
    assert 4 < evidence["bits_per_weight"] <= 32
    assert 0 < (evidence["bits_read_per_weight"] or evidence["bits_per_weight"]) <= evidence["bits_per_weight"]


def test_what_keeps_compiled_models_on_disk_does_not_say_that_it_keeps_none(
    backend: LoadedBackend, prompts: Sequence[Ids]
) -> None:
    backend.continuation(prompts[0], 2)
    kept = {path.name for path in backend.worker.scratch.rglob("*") if path.is_file()} - {backend.worker.log.name}

    assert not kept or backend.loaded.evidence["compile_cache"] != "none"


# -- what cannot be


def test_an_unknown_device_is_unsupported_and_the_known_ones_are_named(backend: LoadedBackend) -> None:
    with pytest.raises(WorkerUnsupported, match=rf"{NOWHERE}.*{backend.case.device}") as refused:
        backend.worker.load(backend.artifact, NOWHERE, backend.precision, backend.case.threads, {})

    assert (refused.value.error_type, "\n" in str(refused.value)) == ("DeviceUnavailableError", False)


@pytest.mark.parametrize("device", ["GPU", "NPU", "DML", "CUDA"])
def test_an_absent_device_is_unsupported_and_never_another_one(backend: LoadedBackend, device: str) -> None:
    if any(str(present["name"]).partition(".")[0] == device for present in backend.opened.devices):
        pytest.skip(f"{backend.spec.name} has a {device} here")
    with pytest.raises(WorkerUnsupported, match=device) as refused:
        backend.worker.load(backend.artifact, device, backend.precision, backend.case.threads, {})

    assert refused.value.error_type == "DeviceUnavailableError"


def test_an_empty_folder_is_no_model_and_the_remedy_is_named(real: LoadedBackend, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match=r"nox -s models") as failed:
        real.worker.load(tmp_path, real.case.device, real.precision, real.case.threads, real.case.options)

    assert (failed.value.error_type, "\n" in str(failed.value)) == ("ArtifactError", False)


def test_a_torn_artifact_is_no_model(real: LoadedBackend, spare: WorkerProcess, tmp_path: Path) -> None:
    assert real.artifact is not None
    torn = _torn(real.artifact, tmp_path / "torn")
    with pytest.raises(WorkerFailed) as failed:
        spare.load(torn, real.case.device, real.precision, real.case.threads, real.case.options)

    assert (failed.value.error_type, "\n" in str(failed.value)) == ("ArtifactError", False)


def test_a_model_that_lacks_a_weight_is_not_measured_with_a_random_one(
    real: LoadedBackend, spare: WorkerProcess, tmp_path: Path
) -> None:
    if real.spec.artifact_format != "huggingface":
        pytest.skip(f"{real.spec.name} loads what a converter made, which refuses such a model")
    assert real.artifact is not None
    lacking = lacking_a_weight(real.artifact, tmp_path / "lacking", LACKING)
    with pytest.raises(WorkerFailed, match=LACKING) as failed:
        spare.load(lacking, real.case.device, real.precision, real.case.threads, real.case.options)

    assert failed.value.error_type == "ArtifactError"


def test_a_refused_load_leaves_the_loaded_model_as_it_was(
    backend: LoadedBackend, prompts: Sequence[Ids], tmp_path: Path
) -> None:
    before = backend.continuation(prompts[0], 4)
    with pytest.raises(WorkerUnsupported):
        backend.worker.load(tmp_path, NOWHERE, backend.precision, backend.case.threads, {})

    assert backend.continuation(prompts[0], 4) == before


def _torn(artifact: Path, copy: Path) -> Path:
    copy.mkdir()
    for file in artifact.iterdir():
        if file.is_file():
            with file.open("rb") as whole:
                data = whole.read(1024 * 1024)
            large = file.stat().st_size > len(data)
            (copy / file.name).write_bytes(data[: len(data) // 2] if large else data)
    return copy

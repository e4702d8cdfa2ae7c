"""Each weight format of each backend still says what the model says: the ids that it chooses, against fp32's.

Of many short texts every backend is asked for the next id alone, so that one early difference does not decide all that
follows it. With the default model the real NPU library agrees with fp32 in 100 % of 40 texts at fp16, 98 % at int8 and
48 % at int4, whose scales are per row; in 3 % where int8 quantized the embedding along with the output layer; and fp32
in 85 % where positions are turned by the wrong base. The most frequent id is right in 8 %.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from tests.support.loaded_backends import CASES, Case, Ids, LoadedBackend, load

pytestmark = pytest.mark.contract

MOST_FORMATS = max(len(case.precisions) for case in CASES)

AT_LEAST = {"int4": 0.25, "int8": 0.8, "original": 0.8}
"""The share of next ids that a working format has in common with fp32."""

AT_LEAST_OF_FLOATS = 0.9

TOGETHER = 8
"""Texts of a batch, where a stack takes batches: its weights are read, or made floats, once for all of them."""


# A module's fixtures are made anew for each backend, of which all modules' tests run together.
@pytest.fixture(scope="session")
def expected(reference: LoadedBackend, many_prompts: Sequence[Ids]) -> list[int]:
    """The next id of each text, by the reference."""
    return _next_ids(reference, many_prompts)


@pytest.fixture(params=range(MOST_FORMATS), ids=lambda place: f"format {place}")
def loaded(request: pytest.FixtureRequest, case: Case) -> LoadedBackend:
    """Each backend with each of its formats; other tests have the narrowest and the widest loaded."""
    if case.spec.simulated:
        pytest.skip("the simulated backend runs no model")
    if request.param >= len(case.precisions):
        pytest.skip(f"{case.label} has fewer formats")
    precision = case.precisions[request.param]
    kept = "backend" if request.param == 0 else "fp32_backend" if precision == case.widest else None
    if kept and not (kept == "fp32_backend" and case.as_reference):
        backend: LoadedBackend = request.getfixturevalue(kept)
        return backend
    return load(case, precision, request.getfixturevalue("opened_spare"), request)


def test_a_format_chooses_the_ids_that_fp32_chooses(
    loaded: LoadedBackend, expected: Sequence[int], many_prompts: Sequence[Ids]
) -> None:
    agreed = _agreement(_next_ids(loaded, many_prompts), expected)

    assert agreed >= AT_LEAST.get(loaded.precision, AT_LEAST_OF_FLOATS)


def test_no_single_answer_would_pass_for_a_format(expected: Sequence[int]) -> None:
    (_, often), *_ = Counter(expected).most_common(1)

    assert often / len(expected) < AT_LEAST["int4"] / 2


def _next_ids(backend: LoadedBackend, prompts: Sequence[Ids]) -> list[int]:
    together = TOGETHER if backend.spec.batches else 1
    batches = [prompts[first : first + together] for first in range(0, len(prompts), together)]
    return [next_id for batch in batches for next_id in backend.worker.generate(batch, 1).token_ids[0]]


def _agreement(ids: Sequence[int], expected: Sequence[int]) -> float:
    return sum(one == other for one, other in zip(ids, expected, strict=True)) / len(expected)

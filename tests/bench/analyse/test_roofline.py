from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.analyse.results import RunAnalysis
from bench.analyse.roofline import Roofline, roofline

MODEL = {"parameters": 1_000_000, "kv_cache_values_per_token": 1000}
KNOWN = {"bits_per_weight": 8.0, "kv_cache_precision": "f16"}


@pytest.fixture
def analysed(tiny_run: Any, make_cell: Callable[..., Any]) -> Callable[..., RunAnalysis]:
    """A cell of 10 prompt tokens and 3 new ones, 2 ms each, on a machine that reads 1 GB/s."""

    def analyse(
        backend: str = "ort-genai",
        model: dict[str, Any] = MODEL,
        bandwidth: float | None = 1e9,
        new_tokens: int = 3,
        **load: Any,
    ) -> RunAnalysis:
        cell = make_cell(backend, new_tokens=new_tokens)
        tiny_run.generation(cell, 0, 10, [2.0] * (new_tokens - 1))
        tiny_run.load(cell.load, 0, **(KNOWN | load))
        analysis: RunAnalysis = tiny_run.analyse()
        record = {**analysis.record, "model": model, "machine": {"memory_read_bytes_per_s": bandwidth}}
        return replace(analysis, record=record)

    return analyse


def roof(analysis: RunAnalysis) -> Roofline:
    found = roofline(analysis)
    assert found is not None
    return found


def test_the_limit_is_the_bandwidth_over_weights_and_kv_cache(analysed: Any) -> None:
    (point,) = roof(analysed()).points
    assert (point.weight_bytes, point.kv_bytes) == (1e6, (10 + 1.5) * 1000 * 2)
    assert point.limit_per_s == pytest.approx(1e9 / 1.023e6)


def test_the_share_is_the_measured_rate_over_the_limit(analysed: Any) -> None:
    (point,) = roof(analysed()).points
    assert point.share == pytest.approx(500 / (1e9 / 1.023e6))


@pytest.mark.parametrize(
    ("model", "load"),
    [
        ({"parameters": 1_000_000}, {}),
        (MODEL, {"kv_cache_precision": None}),
        (MODEL, {"kv_cache_precision": "dynamic"}),
    ],
)
def test_a_kv_cache_that_is_not_known_is_blank_and_not_in_the_limit(analysed: Any, model: Any, load: Any) -> None:
    (point,) = roof(analysed(model=model, **load)).points
    assert (point.kv_bytes, point.limit_per_s) == (None, 1000)


@pytest.mark.parametrize(("stored", "computed", "counted"), [(32, "bf16", 2e6), (32, None, 4e6), (16, "f32", 2e6)])
def test_weights_count_in_the_narrower_of_what_is_stored_and_what_is_computed(
    analysed: Any, stored: float, computed: str | None, counted: float
) -> None:
    (point,) = roof(analysed(bits_per_weight=float(stored), inference_precision=computed)).points
    assert point.weight_bytes == counted


def test_a_table_of_which_a_token_reads_one_row_is_not_counted(analysed: Any) -> None:
    (point,) = roof(analysed(bits_per_weight=16.0, bits_read_per_weight=9.0)).points
    assert point.weight_bytes == 9 * 1e6 / 8


def test_without_bits_per_weight_the_artifact_is_the_weights(analysed: Any) -> None:
    (point,) = roof(analysed(bits_per_weight=None, artifact_bytes=7)).points
    assert point.weight_bytes == 7


def test_without_any_size_of_the_weights_there_is_no_point(analysed: Any) -> None:
    found = roof(analysed(bits_per_weight=None))
    assert (found.points, found.left_out) == ((), {"no weights": 1})


def test_what_ran_on_another_device_is_left_out(analysed: Any) -> None:
    found = roof(analysed(device_verdict="fallback", device_executed="GPU"))
    assert (found.points, found.left_out) == ((), {"not on the CPU": 1})


def test_answers_of_one_token_have_no_decode_step(analysed: Any) -> None:
    assert roof(analysed(new_tokens=1)).left_out == {"one token": 1}


def test_a_run_without_a_measured_bandwidth_has_no_points(analysed: Any) -> None:
    assert roof(analysed(bandwidth=None)) == Roofline(None, (), {})


def test_simulated_cells_are_held_against_nothing(analysed: Any) -> None:
    assert roofline(analysed(backend="simulated")) is None

# ruff: noqa: RUF001 - letters of the Turkish alphabet are meant

from __future__ import annotations

import dataclasses

import pytest

from bench.analyse.results import CellResult, Generation
from bench.cli import LANGUAGES
from bench.metrics import BY_GENERATION, CHARTED, COMPARED, METRICS, RANKED, RATES, STORED
from bench.report import metric_words
from bench.report.language import speaking
from bench.store.schema import GENERATIONS


def test_a_metric_is_an_attribute_of_a_cell() -> None:
    assert set(METRICS) <= {field.name for field in dataclasses.fields(CellResult)}


def test_one_that_is_kept_by_generation_is_an_attribute_of_a_generation() -> None:
    assert set(BY_GENERATION) <= {field.name for field in dataclasses.fields(Generation)}


def test_a_column_is_one_of_the_store() -> None:
    assert set(STORED.values()) <= set(GENERATIONS.names)


def test_what_is_ranked_compared_or_charted_is_a_time_of_which_less_is_better() -> None:
    times = {key for key in METRICS if METRICS[key].unit == "ms" and METRICS[key].better == "lower"}
    assert {*RANKED, *COMPARED, *CHARTED} <= times


def test_what_is_better_higher_is_a_rate() -> None:
    assert {METRICS[key].unit for key in RATES} == {"tokens/s"}


def test_keys_have_the_unit_and_ends_of_intervals_too() -> None:
    found = [(one.key, one.names.format("_low")) for one in (METRICS["ttft_ms"], METRICS["decode_tokens_per_s"])]
    assert found == [("ttft_ms", "ttft_low_ms"), ("decode_tokens_per_s", "decode_low_tokens_per_s")]


def test_every_metric_has_a_name() -> None:
    assert list(metric_words.METRIC_WORDS) == list(METRICS)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "en",
            (
                "Time to first token, ms",
                "Responsiveness: time to first token",
                "responsiveness (TTFT)",
                "TTFT ms (95 %)",
            ),
        ),
        (
            "tr",
            (
                "İlk belirtece kadar geçen süre, ms",
                "Tepki hızı: ilk belirtece kadar geçen süre",
                "tepki hızı (TTFT)",
                "TTFT ms (%95)",
            ),
        ),
    ],
)
def test_titles_and_heads_are_made_from_the_one_entry(code: str, expected: tuple[str, ...]) -> None:
    key = "ttft_ms"
    with speaking(code):
        heading = metric_words.one_line(key)
        made = metric_words.chart_title(key), metric_words.answer_title(key), metric_words.weight_name(key), heading
    assert made == expected


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_metric_without_an_abbreviation_has_its_head_in_the_language(code: str) -> None:
    with speaking(code):
        heads = [metric_words.column(key) for key in ("response_ms", "decode_tokens_per_s", "n")]
    assert (
        heads
        == {
            "en": [("whole answer", "ms"), ("decode", "tokens/s"), ("n", "")],
            "tr": [("tüm yanıt", "ms"), ("üretim", "belirteç/s"), ("n", "")],
        }[code]
    )

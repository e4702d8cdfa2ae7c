"""The tax is the ratio of the two loops, paired."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backends.table import BACKENDS
from bench.errors import WorkerFailed
from bench.prepare.prompts import PromptBook
from studies.overhead.tax import measure_tax, said, tax_of


def pairs(factor: float) -> list[dict[str, list[float]]]:
    return [{"worker": [2 * n * factor, n * factor], "bare": [2 * n, n]} for n in (100.0, 220.0, 170.0)]


def test_what_slows_a_pair_cancels_out() -> None:
    assert tax_of(pairs(1.01)).tpot.value == pytest.approx(1.01)


def test_pairs_that_agree_give_a_narrow_interval() -> None:
    tax = tax_of(pairs(1.01))

    assert [tax.ttft.low, tax.ttft.high] == pytest.approx([1.01, 1.01])


def test_a_line_says_ratio_interval_and_verdict() -> None:
    _, tpot = said("ort-genai", "int4", tax_of(pairs(1.02)))

    assert "TPOT  1.0200  (1.0200 to 1.0200, 3 pairs)  outside the goal" in tpot


@pytest.mark.process
def test_a_stack_that_is_not_there_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    # The harness's own venv has no inference stack.
    with pytest.raises(
        WorkerFailed, match=r"ort_genai:OrtGenAI could not be measured: .*ModuleNotFoundError|ImportError"
    ):
        measure_tax(BACKENDS["ort-genai"], sys.executable, tmp_path, "int4", 1, PromptBook.made_up(), 2)

"""Quality in a comparison and at the gate: what is said of it on the page, in Markdown, JSON and on a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from bench.analyse.gate_rule import Gate, gate
from bench.analyse.quality import Quality
from bench.analyse.results import Answers
from bench.report.compare import comparison_quality, comparison_words
from bench.report.compare.comparison_exports import comparison_json, lines, markdown
from bench.report.compare.comparison_page import page
from bench.report.compare.comparison_view import ComparisonView
from bench.report.compare.gate_exports import gate_json, gate_lines, gate_markdown, headline
from bench.report.language import speaking
from tests.support.analyses import made_quality, with_quality
from tests.support.comparisons import held, run
from tests.support.markup import NO_TURKISH, Tags, left_in_english

TEXTS = (8.0, 12.0, 20.0, 9.0)
SOUND = made_quality(TEXTS)
WORSE = made_quality([1.08 * value for value in TEXTS], "degraded")
BETTER = made_quality([0.9 * value for value in TEXTS])
BROKEN = made_quality([], "broken", reason="not-finite")
FAILED = made_quality([], "unknown", reason="failed", error="<b>no memory</b>")


def compared(
    base: Quality | None, *heads: Quality | None, times: float = 1.0, artifacts: Sequence[str | None] = ("a", "a")
) -> ComparisonView:
    """Heads of these qualities, each taking ``times`` as long as the base."""
    there = with_quality(run("base", 1.0), base, artifacts[0])
    found = [with_quality(run(f"head{n}", times), one, artifacts[1]) for n, one in enumerate(heads)]
    return held(there, *found)


# -- the answer


def test_a_head_that_is_faster_and_worse_is_called_so_in_the_answer() -> None:
    said = comparison_words.answer(compared(SOUND, WORSE, times=0.8)).replace("\u00a0", " ")
    assert "Faster and worse: ort-genai CPU int4: TTFT at " in said
    assert said.endswith("perplexity +8.0 % (+8.0 % to +8.0 %).")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (SOUND, ""),
        (None, ""),
        (WORSE, "Worse: ort-genai CPU int4: perplexity +8.0 % (+8.0 % to +8.0 %)."),
        (BETTER, "Better: ort-genai CPU int4: perplexity -10.0 % (-10.0 % to -10.0 %)."),
        (BROKEN, "Worse: ort-genai CPU int4: it is broken, and was not before."),
    ],
)
def test_a_change_of_quality_is_said_in_a_sentence(head: Quality | None, said: str) -> None:
    assert comparison_quality.answer(compared(SOUND, head)) == said


def test_answers_that_collapsed_are_said_with_their_number() -> None:
    heads = [run(name, 1.0) for name in ("base", "head")]
    base, head = (
        replace(one, cells=tuple(replace(cell, answers=Answers(0.5, collapsed=collapsed)) for cell in one.cells))
        for one, collapsed in zip(heads, (False, True), strict=True)
    )
    assert "the answers of 2 cells are one token repeated" in comparison_quality.answer(held(base, head))


def test_of_several_heads_the_one_is_named_and_the_others_are_counted() -> None:
    said = comparison_quality.answer(compared(SOUND, BETTER, WORSE))
    assert said == (
        "Worse: ort-genai CPU int4 in head 2: perplexity +8.0 % (+8.0 % to +8.0 %). The quality of 1 more load changed."
    )


# -- renderers


def test_a_comparison_without_quality_says_nothing_of_it() -> None:
    view = compared(None, None)
    assert ('id="quality"' in page(view), "quality" in markdown(view), "quality" in "\n".join(lines(view))) == (
        False,
        False,
        False,
    )


def test_the_page_has_a_row_for_each_load() -> None:
    found = page(compared(SOUND, WORSE))
    assert Tags(found).balanced
    section = found[found.index('<section id="quality">') :]
    assert "faithful, now degraded; same artifact</td>" in section


def test_the_page_of_several_heads_names_them() -> None:
    assert Tags(page(compared(SOUND, WORSE, None, FAILED))).balanced


def test_foreign_text_stays_text() -> None:
    view = compared(SOUND, FAILED)
    assert ("<b>no memory" in page(view), "<b>no memory" in markdown(view)) == (False, False)


@pytest.mark.parametrize(
    ("head", "artifact", "said"),
    [
        (
            WORSE,
            "b",
            "worse; perplexity 11.5 -> 12.4 (4 texts), 1.080 (1.080 to 1.080); faithful, now degraded; another",
        ),
        (SOUND, "a", "same; perplexity 11.5 -> 11.5 (4 texts), 1.000 (1.000 to 1.000); faithful"),
        (None, "a", "not compared; the head did not score it"),
        (FAILED, "a", "not compared; it could not be scored in the head; <b>no memory</b>"),
    ],
)
def test_a_terminal_gets_a_line_for_each_load(head: Quality | None, artifact: str, said: str) -> None:
    assert f"quality of ort-genai CPU int4: {said}" in "\n".join(
        lines(compared(SOUND, head, artifacts=("a", artifact)))
    )


def test_markdown_has_a_table() -> None:
    assert "| ort-genai CPU int4 | 11.5 | 12.4 | +8.0 % (+8.0 % to +8.0 %) | 4 | **worse** |" in markdown(
        compared(SOUND, WORSE)
    )


def test_a_program_gets_every_figure() -> None:
    value = json.loads(comparison_json(compared(SOUND, WORSE)))
    (row,) = value["quality"]
    assert value["quality_tolerance"] == 0.01
    assert (row["configuration"], row["head"], row["verdict"], row["reason"]) == (
        "ort-genai CPU int4",
        0,
        "worse",
        "perplexity",
    )
    assert (row["texts"], row["ratio"], row["same_artifact"]) == (4, pytest.approx(1.08), True)
    assert (row["base_verdict"], row["head_verdict"]) == ("faithful", "degraded")


def test_what_was_not_compared_is_null() -> None:
    (row,) = json.loads(comparison_json(compared(SOUND, None)))["quality"]
    assert [row[name] for name in ("base_perplexity", "ratio", "p_value", "head_verdict")] == [None] * 4


SIDES: dict[str, Callable[[], ComparisonView]] = {
    "worse": lambda: compared(SOUND, WORSE, times=0.8),
    "several": lambda: compared(SOUND, BROKEN, BETTER, None, artifacts=("a", "b")),
    "mended": lambda: compared(BROKEN, SOUND),
    "unscored": lambda: compared(FAILED, SOUND, artifacts=("a", "b")),
    "failed": lambda: compared(SOUND, made_quality([], "unknown", reason="failed")),
    "base-none": lambda: compared(None, SOUND),
    "other-texts": lambda: compared(SOUND, replace(SOUND, log_probs={"other": [-1.0]})),
    "no-scores": lambda: compared(*[made_quality([], "unknown", reason="no-scores")] * 2),
    "degraded": lambda: compared(SOUND, made_quality([*TEXTS[:-1], 90.0], "degraded")),
}


@pytest.mark.parametrize("side", SIDES)
def test_in_turkish_nothing_is_said_in_english(side: str) -> None:
    view = SIDES[side]()
    with speaking("tr"):
        found, told = page(view), [line for line in markdown(view).splitlines() if NO_TURKISH.search(line)]
    assert (left_in_english(found), told) == ([], [])


# -- the gate


def gated(head: Quality | None, times: float = 1.0) -> Gate:
    runs = [with_quality(run(f"base{n}", 1.0), SOUND) for n in range(5)]
    return gate(with_quality(run("head", times), head), runs, 0.05)


def test_the_gate_says_what_is_worse_in_words() -> None:
    found = gated(WORSE, 0.8)
    said = "\n".join(gate_lines(found))
    assert headline(found) == "REGRESSION shown: quality of 1 configuration worse"
    assert "QUALITY WORSE ort-genai CPU int4: worse; perplexity 11.5 -> 12.4 (4 texts), 1.080" in said
    assert "perplexity: tolerance 1 %, intervals cover the texts" in said


def test_the_gates_markdown_has_it_too() -> None:
    assert "worse; it is broken, and was not before; its log-probabilities are not finite numbers" in gate_markdown(
        gated(BROKEN)
    )


def test_gate_json_has_every_load() -> None:
    value = json.loads(gate_json(gated(WORSE)))
    assert (value["exit_status"], value["quality_tolerance"], len(value["quality"])) == (1, 0.01, 1)
    assert value["quality"][0]["could_hide_beyond_tolerance"] is False


def test_a_gate_without_quality_says_nothing_of_it() -> None:
    found = gate(run("head", 1.0), [run(f"base{n}", 1.0) for n in range(5)], 0.05)
    assert "quality" not in "\n".join(gate_lines(found)) + gate_markdown(found)

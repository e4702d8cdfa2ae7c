# ruff: noqa: RUF001 - letters of the Turkish alphabet are meant

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.analyse.results import Finding, Occurrence
from bench.findings import MESSAGES, Code
from bench.report import finding_words
from bench.report.language import speaking
from tests.support.messages import sample

CODED = Finding(
    "quota-reached",
    "warning",
    "in English",
    Code.QUOTA_REACHED.advice,
    occurrences=(
        Occurrence("in English", ("quota-reached",), {"periods": 1200, "stopped_s": 2.5, "lasted_s": 60.0}, 1),
    ),
)
OLD = replace(CODED, occurrences=(replace(CODED.occurrences[0], keys=(), values={}),))


def test_what_was_seen_is_rendered_from_its_values() -> None:
    assert finding_words.message(CODED) == (
        "the CPU quota was used up 1,200 times, and stopped CPUs for 2.5 s of 60 s in block 2"
    )


def test_numbers_are_those_of_the_readers_language() -> None:
    with speaking("tr"):
        told = finding_words.message(CODED)
    stopped = "1\N{NARROW NO-BREAK SPACE}200 kez doldu; 60 saniyenin 2,5 saniyesinde CPU’ları durdurdu"
    assert told == f"2. blokta: CPU kotası {stopped}"


@pytest.mark.parametrize("key", MESSAGES)
def test_every_message_has_its_turkish_with_the_same_values(key: str) -> None:
    occurrences = (Occurrence("in English", (key,), sample(MESSAGES[key]), None),)
    english = finding_words.message(replace(CODED, occurrences=occurrences))
    with speaking("tr"):
        assert finding_words.message(replace(CODED, occurrences=occurrences)) != english


@pytest.mark.parametrize("code", Code, ids=lambda code: code.word)
def test_every_kind_has_its_turkish_title_and_advice(code: Code) -> None:
    old = replace(OLD, code=code.word, advice=code.advice)
    english = finding_words.title(code.word), code.advice
    with speaking("tr"):
        turkish = finding_words.title(code.word), finding_words.advice(old)
    assert [one for one, other in zip(turkish, english, strict=True) if one.lower() == other.lower()] == []


def test_a_rewording_loses_no_translation() -> None:
    reworded = replace(CODED, advice="Lift the quota.", message="another sentence")
    with speaking("tr"):
        assert finding_words.advice(reworded) == finding_words.advice(CODED) != Code.QUOTA_REACHED.advice
        assert finding_words.message(reworded) == finding_words.message(CODED)


def test_what_an_older_run_stored_is_quoted_where_the_page_is_in_another_language() -> None:
    with speaking("tr"):
        assert (finding_words.quoted(OLD), finding_words.message(OLD)) == (True, "in English")
        assert not finding_words.quoted(CODED)
    assert not finding_words.quoted(OLD)


def test_a_kind_to_come_keeps_its_word() -> None:
    new = replace(OLD, code="new-kind", advice="Do.")
    with speaking("tr"):
        told = finding_words.title("new-kind", 2), finding_words.advice(new)
        assert finding_words.brief(new, 5) == "new-kind: in En"
    assert told == ("new-kind (2 kez)", "Do.")

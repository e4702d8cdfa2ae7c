"""A translation has every message of the sources, and says of each that it lacks that it lacks it.

``AIPC_BENCH_UPDATE_CATALOGS=1`` brings the files in ``bench/report/locale`` up to date with the sources.
"""

from __future__ import annotations

import ast
import os
import string

import pytest

from bench import PROJECT_ROOT
from bench.report.language import FOLDER, gettext, ngettext, pgettext, speaking
from tests.support.catalogs import (
    KEYWORDS,
    PENDING,
    SAME,
    TRANSLATIONS,
    key,
    messages,
    read,
    sources,
    strings,
    updated,
    written,
)


@pytest.mark.slow
@pytest.mark.parametrize("code", TRANSLATIONS)
def test_a_catalog_has_the_messages_of_the_sources(code: str) -> None:
    file = FOLDER / f"{code}.po"
    if os.environ.get("AIPC_BENCH_UPDATE_CATALOGS"):
        file.write_bytes(written(updated(code)))
    ours, its = ({(key(one), one.context) for one in catalog if one.id} for catalog in (sources(), read(code)))
    assert (ours - its, its - ours) == (set(), set()), "run this test with AIPC_BENCH_UPDATE_CATALOGS=1"


@pytest.mark.slow
@pytest.mark.parametrize("code", TRANSLATIONS)
def test_every_message_is_translated_or_says_that_it_is_not(code: str) -> None:
    lacking = [one for one in messages(code) if not all(strings(one.string)) and key(one) not in SAME]
    missing = [one.id for one in lacking if PENDING not in one.user_comments]
    assert missing == [], f"translate these, or give them the comment '# {PENDING}'"


@pytest.mark.parametrize("code", TRANSLATIONS)
def test_a_translation_has_the_same_places_to_fill(code: str) -> None:
    def places(sentence: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}

    differ = [
        one.id
        for one in messages(code)
        for translation in strings(one.string)
        if translation and places(translation) != places(strings(one.id)[-1])
    ]
    assert differ == []


@pytest.mark.parametrize("code", TRANSLATIONS)
def test_a_translation_is_no_english(code: str) -> None:
    same = [key(one) for one in messages(code) if key(one) in strings(one.string) and key(one) not in SAME]
    assert [one for one in same if any(letter.isalpha() for letter in _without_places(one))] == []


def _without_places(sentence: str) -> str:
    return "".join(text for text, *_ in string.Formatter().parse(sentence))


def test_what_a_catalog_lacks_is_shown_in_english() -> None:
    with speaking("tr"):
        shown = gettext("no such message"), ngettext("one", "many", 2), pgettext("where", "no such message")
    assert shown == ("no such message", "many", "no such message")


@pytest.mark.slow
def test_no_message_stands_in_an_f_string() -> None:
    # Before Python 3.12 an f-string is one token, so that a message in it is not found.
    hidden = [
        f"{path.relative_to(PROJECT_ROOT)}:{call.lineno}"
        for path in sorted((PROJECT_ROOT / "bench").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.JoinedStr)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KEYWORDS
        if any(
            "{count}" in ast.unparse(one) or call.func.id != "plural"
            for one in call.args
            if isinstance(one, ast.Constant)
        )
    ]
    assert hidden == []

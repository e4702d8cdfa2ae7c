"""A translation has every message of the sources, and says of each that it lacks that it lacks it.

``AIPC_BENCH_UPDATE_CATALOGS=1`` brings the files in ``bench/report/locale`` up to date with the sources.
"""

from __future__ import annotations

import io
import os
import string
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from bench import PROJECT_ROOT
from bench.cli import LANGUAGES
from bench.findings import MESSAGES, Code
from bench.report.language import FOLDER, gettext, ngettext, pgettext, speaking

KEYWORDS = {
    "_": None,
    "gettext": None,
    "mark": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "plural": (2, 3),
}
METHODS = [("**.py", "python"), ("**.jinja", "jinja2")]
TRANSLATIONS = tuple(code for code in LANGUAGES if code != "en")
PENDING = "not translated yet"
"""The comment of a message that may stay in English for a while."""
SAME = frozenset(
    [
        "CPU",
        "GPU",
        "NPU",
        "ITL",
        "TTFT",
        "TPOT",
        "MB",
        "J",
        "mJ",
        "MHz",
        "ms",
        "n",
        "%",
        "f16",
        "p95",
        "p99",
        "Model",
        "model",
        "SMT",
        "turbo",
    ]
)
"""Abbreviations of the field, which are the same in every language."""


@cache
def sources() -> Catalog:
    """Every message of ``bench/``."""
    found = Catalog(charset="utf-8")
    folder = str(PROJECT_ROOT / "bench")
    for file, _, message, comments, context in extract_from_dir(folder, METHODS, {}, KEYWORDS, strip_comment_tags=True):
        location = f"bench/{Path(file).as_posix()}", 0
        found.add(message, locations=[location], auto_comments=comments, context=context)
    of_kinds = (text for code in Code for text in (code.title, code.meaning, code.advice))
    for text in (*of_kinds, *MESSAGES.values()):
        found.add(text, locations=[("bench/findings.py", 0)])
    return found


def read(code: str) -> Catalog:
    with (FOLDER / f"{code}.po").open("rb") as stream:
        return read_po(stream, locale=code)


def updated(code: str) -> Catalog:
    """The catalog with exactly the messages of the sources; what is new has no translation."""
    catalog, before = Catalog(locale=code, charset="utf-8", header_comment=f"# AIPC Bench: {code}"), read(code)
    for message in sources():
        if message.id:
            known = before.get(key(message), message.context)
            catalog.add(
                message.id,
                known.string if known else None,
                locations=[(file, 0) for file, _ in dict.fromkeys(message.locations)],
                user_comments=known.user_comments if known else (),
                context=message.context,
            )
    return catalog


def key(message: Message) -> str:
    return str(message.id if isinstance(message.id, str) else message.id[0])


def written(catalog: Catalog) -> bytes:
    stream = io.BytesIO()
    write_po(stream, catalog, width=120, sort_output=True, omit_header=True, include_lineno=False)
    header = f'msgid ""\nmsgstr ""\n"Language: {catalog.locale}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    forms = f'"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    return (header + forms).encode() + stream.getvalue()


def strings(value: object) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())  # type: ignore[call-overload]


def messages(code: str) -> list[Message]:
    return [message for message in read(code) if message.id]


@pytest.mark.parametrize("code", TRANSLATIONS)
def test_a_catalog_has_the_messages_of_the_sources(code: str) -> None:
    file = FOLDER / f"{code}.po"
    if os.environ.get("AIPC_BENCH_UPDATE_CATALOGS"):
        file.write_bytes(written(updated(code)))
    ours, its = ({(key(one), one.context) for one in catalog if one.id} for catalog in (sources(), read(code)))
    assert (ours - its, its - ours) == (set(), set()), "run this test with AIPC_BENCH_UPDATE_CATALOGS=1"


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

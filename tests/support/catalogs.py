"""The catalogs of the report's translations, and the messages that the sources have."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from bench import PROJECT_ROOT
from bench.cli import LANGUAGES
from bench.findings import MESSAGES, Code
from bench.report.language import FOLDER

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
    of_kinds = (text for code in Code for text in (code.title, code.advice))
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

"""The language of what is rendered: message catalogs, plural forms, and how numbers are written.

English stands in the code and the templates; ``locale/<code>.po`` holds translations, and what one lacks is shown in
English. Strings that are defined before the language is chosen are marked with :func:`mark` and looked up where shown.
"""

import gettext as catalogs
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from bench.cli import LANGUAGES

T = TypeVar("T")

FOLDER = Path(__file__).resolve().parent / "locale"


@dataclass(frozen=True, slots=True)
class Language:
    """How a language is called, and how it writes numbers: its signs, its percent, and its capital ``i``."""

    code: str
    decimal: str = "."
    thousands: str = ","
    percent: str = "{} %"
    large_i: str = "I"


ENGLISH = Language("en")
# Turkish uses a point for thousands too, which readers of English figures would take for a decimal one.
_KNOWN = {"en": ENGLISH, "tr": Language("tr", ",", "\N{NARROW NO-BREAK SPACE}", "%{}", large_i="İ")}

_chosen = ContextVar("language", default=ENGLISH)


def chosen() -> Language:
    """The language of what is being rendered; English unless :func:`speaking` says otherwise."""
    return _chosen.get()


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Render in the language of that code, one of :data:`bench.cli.LANGUAGES`."""
    token = _chosen.set(_KNOWN[code])
    try:
        yield
    finally:
        _chosen.reset(token)


def in_each(render: Callable[[], T]) -> dict[str, T]:
    """What ``render`` returns in each language, by its code: for words that are stored before it is known who reads."""
    rendered = {}
    for code in LANGUAGES:
        with speaking(code):
            rendered[code] = render()
    return rendered


def mark(message: str) -> str:
    """Mark a message for translation where it is defined; it is translated where it is shown."""
    return message


def gettext(message: str) -> str:
    """``message`` in the language that is chosen."""
    return _catalog(chosen().code).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """The plural form for ``count`` in the language that is chosen."""
    return _catalog(chosen().code).ngettext(one, many, count)


def pgettext(context: str, message: str) -> str:
    """``message`` in the language that is chosen, where the same English needs several translations."""
    return _catalog(chosen().code).pgettext(context, message)


@cache
def _catalog(code: str) -> catalogs.NullTranslations:
    if code == ENGLISH.code:
        return catalogs.NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - English needs none of it
    from babel.messages.pofile import read_po  # noqa: PLC0415

    compiled = io.BytesIO()
    with (FOLDER / f"{code}.po").open("rb") as stream:
        write_mo(compiled, read_po(stream, locale=code))
    compiled.seek(0)
    return catalogs.GNUTranslations(compiled)

"""Which language a report is in: chosen around its rendering, and asked where words and numbers are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Language:
    """How a language is called, and how it writes numbers.

    Args:
        code: as ``--lang`` and HTML have it.
        decimal: what stands before the decimals.
        thousands: what stands between groups of three digits.
        percent: what a number of percent is put into.
        large_i: the capital letter of ``i``.
    """

    code: str
    decimal: str
    thousands: str
    percent: str
    large_i: str = "I"


ENGLISH = Language("en", ".", ",", "{} %")
# A point is usual too, and who also reads English figures would take it for a decimal one.
TURKISH = Language("tr", ",", "\N{NARROW NO-BREAK SPACE}", "%{}", large_i="İ")

LANGUAGES = {language.code: language for language in (ENGLISH, TURKISH)}

_chosen = ContextVar("language", default=ENGLISH)


def chosen() -> Language:
    """The language of what is being rendered; English unless :func:`speaking` says otherwise."""
    return _chosen.get()


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Render in the language of that code, which is one of :data:`LANGUAGES`."""
    token = _chosen.set(LANGUAGES[code])
    try:
        yield
    finally:
        _chosen.reset(token)


def in_each(say: Callable[[], T]) -> dict[str, T]:
    """What ``say`` says in each language, by its code: for words that are written before it is known who reads them."""
    said = {}
    for code in LANGUAGES:
        with speaking(code):
            said[code] = say()
    return said


def spoken(modules: Mapping[str, ModuleType]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package of words whose names are those of the module of the chosen language.

    Args:
        modules: code of each language -> its words.
    """
    return lambda name: getattr(modules[chosen().code], name)

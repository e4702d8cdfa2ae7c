"""The words of a comparison, ``words.X``, in the language that is chosen while they are looked up.

As :mod:`bench.report.text`: each module beside this one is a language, all with the same names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.compare.words import en, tr
from bench.report.language import spoken

if TYPE_CHECKING:
    from bench.report.compare.words.en import *  # noqa: F403 - a checker takes every language for the English one

_MODULES = {"en": en, "tr": tr}

__getattr__ = spoken(_MODULES)

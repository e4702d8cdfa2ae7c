"""Every sentence of the report: ``text.X`` is the ``X`` of the language that is chosen while it is looked up.

Each module beside this one is a language, all with the same names. So ``from bench.report import text`` and then
``text.X`` where it is shown; a name that is imported from here, or kept by a module, stays in one language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.language import spoken
from bench.report.text import en, tr

if TYPE_CHECKING:
    from bench.report.text.en import *  # noqa: F403 - a checker takes every language for the English one

_MODULES = {"en": en, "tr": tr}

__getattr__ = spoken(_MODULES)

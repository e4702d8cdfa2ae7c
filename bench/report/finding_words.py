"""What a finding is called and says in the language that is chosen, from its codes and values.

In runs before schema 6 what was seen is an English sentence, which is shown as it is.
"""

import string
from typing import Any

from bench.analyse.read_findings import describe
from bench.analyse.results import Finding
from bench.findings import BY_WORD
from bench.report.format import localized, number
from bench.report.language import ENGLISH, chosen, gettext as _


class _Localized(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        shown = str(super().format_field(value, format_spec))
        return shown if isinstance(value, str) else localized(shown)


def _fill(message: str, /, **values: Any) -> str:
    return _Localized().vformat(_(message), (), values)


def title(code: str, times: int = 1) -> str:
    """Of a kind, e.g. ``Other load (6 times)``; its code if this version does not know it."""
    name = _(BY_WORD[code].title) if code in BY_WORD else code
    return _("{title} ({count} times)").format(title=name, count=number(times, 0)) if times > 1 else name


def quoted(finding: Finding) -> bool:
    """Whether what was seen is shown in another language than that of the page."""
    return chosen() is not ENGLISH and not finding.coded


def message(finding: Finding) -> str:
    """What was seen."""
    return describe(finding.occurrences, _fill) if finding.coded else finding.message


def advice(finding: Finding) -> str:
    """What to do about it."""
    # That of older runs is translated as long as nobody reworded it.
    return _(BY_WORD[finding.code].advice if finding.coded and finding.code in BY_WORD else finding.advice)


def brief(finding: Finding, longest: int) -> str:
    """Its kind and what was seen."""
    name = finding.code if chosen() is ENGLISH else title(finding.code)
    return f"{name}: {message(finding)[:longest]}"

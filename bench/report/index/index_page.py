"""index.html of the folder of reports: one file, no request, all of it there without the script, which only sorts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from markupsafe import Markup

import bench.report
from bench.report import finding_words
from bench.report import format as fmt
from bench.report.index.entries import Found
from bench.report.language import chosen
from bench.report.language import gettext as _
from bench.report.template import environment, page_script, source_digest

GENERATOR = "AIPC Bench, index of reports"
"""By what this page is known again, so that no other one is ever written over."""

_HERE = Path(__file__).resolve().parent
_REPORT = Path(bench.report.__file__).resolve().parent


def page(found: Found) -> str:
    """The page of one folder, in the language that is chosen."""
    css = (_REPORT / "page.css").read_text(encoding="utf-8") + (_HERE / "index.css").read_text(encoding="utf-8")
    script = page_script()
    return (
        environment(_HERE)
        .get_template("index.html.jinja")
        .render(
            entries=found.entries,
            unreadable=found.unreadable,
            finding_title=finding_words.title,
            language=chosen().code,
            f=fmt,
            generator=GENERATOR,
            moment=_moment,
            css=Markup(css),  # noqa: S704 - our own files, no data
            css_digest=source_digest(css),
            script=Markup(script),  # noqa: S704 - our own file
            script_digest=source_digest(script),
        )
    )


def _moment(value: datetime | None) -> str:
    return _("not known") if value is None else f"{value:%Y-%m-%d %H:%M}"

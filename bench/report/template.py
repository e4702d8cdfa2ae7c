"""What every page shares: templates that escape, a script, and the digests that let these pass the page's policy."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from bench.report.format import clean, listed, plural
from bench.report.language import ENGLISH, chosen, gettext, ngettext, pgettext

_HERE = Path(__file__).resolve().parent
_COMMAND = re.compile(r"`(nox [^`]*)`")


@cache
def environment(folder: Path) -> jinja2.Environment:
    """The templates in ``folder``; what they are given is escaped, and a name that they lack is an error.

    Kept, because to compile the templates of a page takes as long as a few of its drawings.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
        extensions=["jinja2.ext.i18n"],
    )
    # Messages are filled in with ``format`` here as in code: {{ _("{count} more").format(count=3) }}.
    made.install_gettext_callables(gettext, ngettext, newstyle=False, pgettext=pgettext)  # type: ignore[attr-defined]
    made.globals |= {"plural": plural, "listed": listed}
    made.filters["commands"] = commands
    return made


def commands(words: str) -> Markup:
    """``words`` of ours, with the commands that stand between backticks set as such."""
    parts = _COMMAND.split(clean(words))
    return Markup().join(Markup("<code>{}</code>").format(one) if odd % 2 else one for odd, one in enumerate(parts))


def recorded(words: object) -> Markup:
    """``words`` as they were recorded, in English, which a page of another language says of them."""
    shown = Markup.escape(clean(str(words)))
    return shown if chosen() is ENGLISH else Markup('<span lang="en">{}</span>').format(shown)


def page_script(*names: str) -> str:
    """The script of a page: that of its tables, the files of this folder called ``names``, and their start."""
    parts = ((_HERE / name).read_text(encoding="utf-8") for name in ("tables.js", *names))
    return "".join((*parts, "address.restore();\n"))


def render_page(template: Path, css: str, **values: Any) -> str:
    """A page in the language that is chosen, with the style of all pages and the script of their tables.

    Args:
        template: its file.
        css: what it adds to the style.
        values: what the template is given beside ``language``, ``css``, ``script`` and their digests.
    """
    style, script = (_HERE / "page.css").read_text(encoding="utf-8") + css, page_script()
    return (
        environment(template.parent)
        .get_template(template.name)
        .render(
            language=chosen().code,
            css=Markup(style),  # noqa: S704 - our own files, no data
            css_digest=source_digest(style),
            script=Markup(script),  # noqa: S704 - our own file
            script_digest=source_digest(script),
            **values,
        )
    )


def source_digest(source: str) -> str:
    """The source expression that allows a page this one style, or this one script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")


def _finalize(value: Any) -> Any:
    """Not measured is blank; strings from data lose what could disguise them."""
    if value is None:
        return ""
    return clean(value) if type(value) is str else value

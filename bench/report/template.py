"""What every page shares: templates that escape, a script, and the digests that let these pass the page's policy."""

import base64
import hashlib
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from bench import metrics
from bench.report import finding_words, format as fmt, metric_words, names
from bench.report.code_words import word
from bench.report.format import clean, listed, plural
from bench.report.language import ENGLISH, chosen, gettext, ngettext, pgettext

TEMPLATES = Path(__file__).resolve().parent / "templates"
_SPECIAL = re.compile(r"([\\`*_\[\]|#~$])")
_COMMAND = re.compile(r"`(nox [^`]*)`")


class CompiledTemplates(jinja2.FileSystemBytecodeCache):
    """Keeps templates compiled where Python keeps modules; compiling those of a report takes a third of a second."""

    def __init__(self, folder: Path) -> None:
        # What is compiled depends on how the environment is made, too.
        made_by = jinja2.__version__.encode() + Path(__file__).read_bytes()
        super().__init__(str(folder), f"{hashlib.sha256(made_by).hexdigest()[:16]}-%s.cache")

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Keep what was compiled, where that is possible and wanted."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                Path(self.directory).mkdir(parents=True, exist_ok=True)
                super().dump_bytecode(bucket)


@cache
def environment() -> jinja2.Environment:
    """The templates; what they are given is escaped, and a name that they lack is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(["html.jinja"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=CompiledTemplates(Path(cache_from_source(str(TEMPLATES / "_.py"))).parent),
    )
    # Messages are filled in with ``format`` here as in code: {{ _("{count} more").format(count=3) }}.
    made.install_gettext_callables(gettext, ngettext, newstyle=False, pgettext=pgettext)  # type: ignore[attr-defined]
    made.globals |= {"f": fmt, "word": word, "plural": plural, "listed": listed}
    made.globals |= {"m": metric_words, "metrics": metrics, "names": names, "finding": finding_words}
    made.filters |= {"commands": commands, "recorded": recorded, "md": in_markdown}
    return made


def render_page(name: str, style: str = "", parts: Sequence[str] = (), **values: Any) -> str:
    """A page without requests: it holds its styles and scripts, with the digests that its policy allows.

    ``style`` follows the styles of all pages and those of ``parts``, names of styles and scripts that pages share.
    """
    css = _text("page.css", *(f"{part}.css" for part in (*parts, name))) + style
    script = _text("tables.js", *(f"{part}.js" for part in (*parts, name))) + "address.restore();\n"
    return (
        environment()
        .get_template(f"{name}.html.jinja")
        .render(
            language=chosen().code,
            css=Markup(css),  # noqa: S704 - our own files and the drawings' styles, no data
            css_digest=source_digest(css),
            script=Markup(script),  # noqa: S704 - our own files
            script_digest=source_digest(script),
            **values,
        )
    )


def render_markdown(name: str, **values: Any) -> str:
    """A document in Markdown, of ``NAME.md.jinja``, for a step summary (GitHub: at most 1 MiB)."""
    return environment().get_template(f"{name}.md.jinja").render(**values).rstrip("\n") + "\n"


def in_markdown(value: str) -> str:
    """Foreign text that stays text in Markdown, also within a table."""
    plain = " ".join(clean(value).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", plain)


def commands(words: str) -> Markup:
    """``words`` of ours, with the commands that stand between backticks set as such."""
    parts = _COMMAND.split(clean(words))
    return Markup().join(Markup("<code>{}</code>").format(one) if odd % 2 else one for odd, one in enumerate(parts))


def recorded(words: object) -> Markup:
    """``words`` as they were recorded, in English, which a page of another language says of them."""
    shown = Markup.escape(clean(str(words)))
    return shown if chosen() is ENGLISH else Markup('<span lang="en">{}</span>').format(shown)


def data_uri(content: bytes, media_type: str) -> str:
    """An address that holds a file, which a link saves also from a page that came by mail."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _text(*names: str) -> str:
    files = (TEMPLATES / name for name in names)
    return "".join(file.read_text(encoding="utf-8") for file in files if file.is_file())


def source_digest(source: str) -> str:
    """The source expression that allows a page this one style, or this one script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")


def _finalize(value: Any) -> Any:
    """Not measured is blank; strings from data lose what could disguise them."""
    if value is None:
        return ""
    return clean(value) if type(value) is str else value

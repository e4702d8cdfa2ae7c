"""What every page shares: templates that escape, and the digest that lets its own style pass its policy."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2

from bench.report.format import clean


def environment(folder: Path) -> jinja2.Environment:
    """The templates in ``folder``; what they are given is escaped, and a name that they lack is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )


def source_digest(source: str) -> str:
    """The source expression that allows a page this one style, or this one script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")


def _finalize(value: Any) -> Any:
    """Not measured is blank; strings from data lose what could disguise them."""
    if value is None:
        return ""
    return clean(value) if type(value) is str else value

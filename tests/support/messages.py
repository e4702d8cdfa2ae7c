"""Values for the messages of findings."""

from __future__ import annotations

import string

from bench.findings import Values


def sample(text: str) -> Values:
    """What fills a message: a number where one is formatted, else a word."""
    places = ((name, spec) for _, name, spec, _ in string.Formatter().parse(text) if name)
    return {name: 1234.5 if spec else "some" for name, spec in places}

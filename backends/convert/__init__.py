"""Converters: what runs inside the conversion venv, one file per kind of result, one request per process.

Each has ``convert(source, output, options)``: it writes its result of ``source`` into the empty folder ``output`` and
returns facts for the artifact's manifest. What it cannot do is a :class:`ConversionError`.
"""


class ConversionError(Exception):
    """The conversion cannot be done. The message is one line for the user and names a remedy."""


class RefusedError(ConversionError):
    """The converter takes no such model, which was known before it began."""

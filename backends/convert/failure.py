"""What a converter raises when it can say what is wrong."""

from __future__ import annotations


class ConversionError(Exception):
    """The conversion cannot be done. The message is one line for the user and names a remedy."""

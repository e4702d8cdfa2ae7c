"""What tells one file's content from another's."""

import hashlib
from pathlib import Path


def file_sha256(file: Path) -> str:
    """The SHA-256 of the content, in hex digits; raises OSError where it cannot be read."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

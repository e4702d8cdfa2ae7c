"""Names of files that come from strangers."""

import re

_LONGEST = 255
_DEVICE = re.compile(r"(?i)(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])\s*(\..*)?")
"""What Windows takes for a device, whatever ending it has."""


def is_plain(name: str) -> bool:
    """Whether ``name`` is that of a file or folder in a folder, on Windows and elsewhere, and nothing else."""
    # Windows drops dots and spaces at the end of a name. Elsewhere the limit is in bytes.
    return (
        len(name.encode("utf-8", "replace")) <= _LONGEST
        and name.isprintable()
        and not set(name) & set('/\\:*?"<>|')
        and name == name.rstrip(". ") != ""
        and not _DEVICE.fullmatch(name)
    )

"""What the index of reports says, in English. Another language is a module with the same names."""

from __future__ import annotations

TITLE = "Reports"
OVERLINE = "AIPC Bench"
NONE = "No report is here yet. This makes one:"
NONE_COMMAND = "nox -s bench"
HEADING = "{reports}, the newest first"
TABLE = "All reports"
KINDS = {
    "run": "run",
    "comparison": "comparison",
    "gate": "gate",
    "history": "history",
}
HEADS = (
    ("measured, UTC", ""),
    ("report", ""),
    ("answer", ""),
    ("serious findings", ""),
    ("stacks", ""),
    ("cells", "n"),
    ("model", ""),
    ("machine", ""),
)
"""Words and class of each column."""
SYNTHETIC = "random weights"
SIMULATED = {"some": "partly simulated", "all": "simulated"}
UNFINISHED = "did not come to its end"
UNDATED = "not known"
UNREADABLE_TITLE = "Not readable"
UNREADABLE_NOTE = (
    "These lie here too and cannot be shown. Rendering them again mends those that an older version wrote."
)
NO_PAGE = "{page} is not beside it"
TOO_LARGE = "it is too large to be a report's"
BROKEN = "it is no JSON that can be read ({error})"
OLDER = "it does not say what it is about: an older version wrote it, or something else did"
NOTE = "This page is written again after each report. After one was deleted with its folder, this brings it up to date:"
NOTE_COMMAND = "nox -s report -- --index"

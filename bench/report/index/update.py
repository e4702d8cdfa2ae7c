"""Writing the index: after each report, by several processes at once, and never over a page that is not ours."""

from __future__ import annotations

from pathlib import Path

from bench.errors import MachineError
from bench.report import finding_words
from bench.report.index.entries import Found, read_entries, report_files
from bench.report.redact import Private, address, shown_text
from bench.report.render import write_files

GENERATOR = "AIPC Bench, index of reports"
"""By what this page is known again, so that no other one is ever written over."""

_MOST_TIMES = 10
_HEAD_BYTES = 2048


def update_index(reports: Path) -> Path:
    """Write ``index.html`` of the folder ``reports`` anew, in the language that is chosen; returns its path.

    Raises:
        MachineError: it cannot be written, or a page that is no index of reports has its name.
    """
    index = reports / "index.html"
    for _ in range(_MOST_TIMES):
        _refuse_another(index)
        before = _state(reports)
        write_files(reports, {index: page(read_entries(reports))})
        # Whoever writes last looks again, so no report is left out that was there by then.
        if _state(reports) == before:
            break
    return index


def index_lines(reports: Path, private: Private | None = None) -> list[str]:
    """Write the index, and say where it is, or why it is not; a report does not fail for it.

    Args:
        reports: the folder of reports.
        private: what these lines must not tell; ``None`` for nothing.
    """
    try:
        return [f"reports    {address(update_index(reports), private)}"]
    except MachineError as error:
        return [f"the index of reports is not up to date: {shown_text(str(error), private)}"]


def page(found: Found) -> str:
    """The page of one folder, in the language that is chosen; its script only sorts."""
    from bench.report.template import render_page  # noqa: PLC0415 - jinja2 takes a moment

    return render_page(
        "index",
        found=found,
        finding_title=finding_words.title,
        generator=GENERATOR,
    )


def _state(reports: Path) -> list[tuple[Path, int, int]]:
    found = []
    for path in report_files(reports):
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((path, stat.st_mtime_ns, stat.st_size))
    return found


def _refuse_another(index: Path) -> None:
    try:
        with index.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise MachineError(f"cannot read {index}: {error.strerror or error}") from error
    if f'content="{GENERATOR}"'.encode() not in head:
        raise MachineError(f"{index} is another page and stays; choose another folder with --reports-dir")

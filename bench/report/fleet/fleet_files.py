"""From a fleet to its files and to the lines that a terminal ends with."""

from __future__ import annotations

from pathlib import Path

from bench.report.fleet.fleet_exports import as_csv, as_json, lines, markdown
from bench.report.fleet.fleet_view import FleetView
from bench.report.index import index_lines
from bench.report.redact import Private, address, redacted, redacted_folder
from bench.store.files import write_files


def write_fleet(view: FleetView, folder: Path, private: Private | None = None) -> list[str]:
    """Write ``fleet.html``, ``fleet.md``, ``fleet.csv`` and ``fleet.json``; returns the lines to end with.

    The page and the Markdown are in the language that is chosen, the rest in English always.

    Args:
        view: of the fleet.
        folder: below the folder of reports, whose index is brought up to date.
        private: what is to be taken out of all of them, which then go to a folder of their own.

    Raises:
        MachineError: they cannot be written.
    """
    from bench.report.fleet.fleet_page import page  # noqa: PLC0415 - jinja2 takes a moment

    if private is not None:
        view, folder = redacted(view, private), redacted_folder(folder, private)
    index, csv = folder / "fleet.html", as_csv(view)
    contents = {
        folder / "fleet.md": markdown(view),
        folder / "fleet.csv": csv,
        folder / "fleet.json": as_json(view),
        index: page(view, csv),
    }
    write_files(folder, contents)
    return [*lines(view), "", *index_lines(folder.parent, private), f"fleet      {address(index, private)}"]

"""Estimates in; index.html, summary.md, summary.csv and summary.json out."""

from __future__ import annotations

import webbrowser
from pathlib import Path

__all__ = ["finish_run"]


def finish_run(run_dir: Path, reports_dir: Path, *, open_report: bool = False) -> list[str]:
    """Render the run in ``run_dir`` and return the lines that end it: the table, and the report's address.

    Args:
        run_dir: a folder with a stored run.
        reports_dir: gets a folder of the same name.
        open_report: open the page in the user's browser.

    Raises:
        StoreError: there is no readable run.
        MachineError: ``reports_dir`` cannot be written to.
    """
    from bench.analyse.run import analyse_run  # noqa: PLC0415 - this package is cheap to import until it is used
    from bench.report.render import render_analysis  # noqa: PLC0415
    from bench.report.terminal import table_of  # noqa: PLC0415
    from bench.store.reader import open_run  # noqa: PLC0415

    analysis = analyse_run(open_run(run_dir))
    paths = render_analysis(analysis, reports_dir / run_dir.resolve().name)
    address = paths.index.resolve().as_uri()
    if open_report:
        webbrowser.open(address)
    return ["", *table_of(analysis).splitlines(), "", f"report     {address}"]

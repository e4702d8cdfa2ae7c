"""The end of a run: render its report, and tell the user where it is."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from bench.report.render import render
from bench.report.terminal import terminal_table


def finish_run(run: Path, reports_dir: Path, *, open_report: bool) -> list[str]:
    """Render the report of ``run`` and return the lines that the terminal ends with.

    Raises:
        StoreError: the run cannot be read, or the report cannot be written.
    """
    paths = render(run, reports_dir)
    if open_report:
        webbrowser.open(paths.index.as_uri())
    return ["", *terminal_table(run).splitlines(), "", f"results    {run}", f"report     {paths.index.as_uri()}"]

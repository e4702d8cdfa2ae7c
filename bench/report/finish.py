"""The end of a run: render its report, and tell the user where it is."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from bench.analyse.run import analyse_run
from bench.report.render import render_analysis
from bench.report.terminal import table_of
from bench.store.reader import open_run


def finish_run(run: Path, reports_dir: Path, *, open_report: bool) -> list[str]:
    """Render the report of ``run`` and return the lines that the terminal ends with; both paths are absolute.

    Raises:
        StoreError: the run cannot be read, or the report cannot be written.
    """
    analysis = analyse_run(open_run(run))
    paths = render_analysis(analysis, reports_dir / run.name)
    if open_report:
        webbrowser.open(paths.index.as_uri())
    return ["", *table_of(analysis).splitlines(), "", f"results    {run}", f"report     {paths.index.as_uri()}"]

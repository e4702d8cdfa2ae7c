"""The end of a run: render its report, bring the index of reports up to date, and tell the user where they are."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from bench.analyse.run import analyse_run
from bench.report.index.update import index_lines
from bench.report.redact import address, of_this_machine, redacted, redacted_folder, shown_path
from bench.report.render import render_view
from bench.report.run_table import run_table
from bench.report.run_view import view_run
from bench.store.reader import open_run


def finish_run(run: Path, reports_dir: Path, *, open_report: bool, redact: bool = False) -> list[str]:
    """Render the report of ``run`` and return the lines that the terminal ends with; both paths are absolute.

    Args:
        run: its folder.
        reports_dir: where reports lie.
        open_report: whether to show it in the browser.
        redact: whether names and paths are taken out of it; it is then written to a folder of its own.

    Raises:
        StoreError: the run cannot be read, or the report cannot be written.
    """
    analysis, folder = analyse_run(open_run(run)), reports_dir / run.name
    private = of_this_machine(run.parent, reports_dir) if redact else None
    if private is not None:
        analysis, folder = redacted(analysis, private), redacted_folder(folder, private)
    view = view_run(analysis)
    paths = render_view(view, folder)
    if open_report:
        webbrowser.open(paths.index.as_uri())
    return [
        "",
        *run_table(view).splitlines(),
        "",
        f"results    {shown_path(run, private)}",
        *index_lines(reports_dir, private),
        f"report     {address(paths.index, private)}",
    ]

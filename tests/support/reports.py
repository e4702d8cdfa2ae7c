"""Reports of stored runs and of analyses, written into a folder."""

from __future__ import annotations

from pathlib import Path

from bench.analyse.results import RunAnalysis
from bench.report.render import ReportPaths, analysed, write_report
from bench.report.run_view import view_run


def render(run_dir: Path, reports_dir: Path) -> ReportPaths:
    """The report of a stored run, in the folder of its name below ``reports_dir``."""
    return render_analysis(analysed(run_dir), reports_dir / run_dir.name)


def render_analysis(analysis: RunAnalysis, folder: Path) -> ReportPaths:
    """The report of a run that was analysed already."""
    return write_report(view_run(analysis), folder)

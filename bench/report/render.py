"""From a stored run to the files of its report, and to the lines that a terminal ends with."""

import webbrowser
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.errors import StoreError
from bench.report.exports.summary_json import summary_json
from bench.report.exports.summary_rows import cell_rows, summary_csv, summary_xlsx
from bench.report.index import index_lines
from bench.report.language import ENGLISH, in_each, speaking
from bench.report.redact import address, of_this_machine, redacted, redacted_folder, shown_path
from bench.report.run_table import run_table
from bench.report.run_view import RunView, on_a_page, view_run
from bench.report.run_words import all_sentences, nothing_measured
from bench.store.files import write_files
from bench.store.reader import open_run, without_damaged

_UNKNOWN = datetime(1980, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReportPaths:
    """The files of one report."""

    index: Path = Path("index.html")
    summary_md: Path = Path("summary.md")
    summary_csv: Path = Path("summary.csv")
    summary_xlsx: Path = Path("summary.xlsx")
    summary_json: Path = Path("summary.json")
    table: Path = Path("table.html")
    pytest_benchmark: Path = Path("pytest-benchmark.json")
    action_benchmark: Path = Path("github-action-benchmark.json")

    @classmethod
    def below(cls, folder: Path) -> Self:
        return cls(*(folder / name for name in astuple(cls())))


def analysed(run_dir: Path) -> RunAnalysis:
    """The analysis of a run, without the files that are damaged.

    Raises:
        StoreError: ``run_dir`` holds no readable run.
    """
    run = open_run(run_dir, rest=True)
    try:
        return analyse_run(run)
    except StoreError:
        left = without_damaged(run)
        if left.damaged == run.damaged:
            raise
        return analyse_run(left)


def write_report(view: RunView, folder: Path) -> ReportPaths:
    """Write the report of a run into ``folder``; what stood there is replaced.

    It is in the language that is chosen, but for what programs read: that is in English always.

    Raises:
        MachineError: ``folder`` cannot be written to.
    """
    from bench.report.exports.benchmarks import action_json, pytest_json  # noqa: PLC0415 - pytest-benchmark
    from bench.report.run_page import run_page, summary_markdown, table_html  # noqa: PLC0415 - matplotlib, jinja2

    paths = ReportPaths.below(folder)
    headlines = in_each(lambda: next(iter(all_sentences(view)), nothing_measured()))
    with speaking(ENGLISH.code):
        rows = cell_rows(view)
        csv, xlsx = summary_csv(rows), summary_xlsx(rows, view.begun or _UNKNOWN)
        contents: dict[Path, str | bytes] = {
            paths.summary_csv: csv,
            paths.summary_xlsx: xlsx,
            paths.summary_json: summary_json(view, rows, headlines),
            paths.pytest_benchmark: pytest_json(view),
            paths.action_benchmark: action_json(view),
        }
    shown = on_a_page(view)
    contents[paths.summary_md] = summary_markdown(shown)
    contents[paths.table] = table_html(shown)
    contents[paths.index] = run_page(shown, csv, xlsx)
    write_files(folder, contents)
    return paths


def finish_run(run: Path, reports_dir: Path, *, open_report: bool, redact: bool = False) -> list[str]:
    """Render the report of ``run`` and return the lines that the terminal ends with; both paths are absolute.

    With ``redact`` names and paths are taken out of it, and it is written to a folder of its own.

    Raises:
        StoreError: the run cannot be read, or the report cannot be written.
    """
    analysis, folder = analysed(run), reports_dir / run.name
    private = of_this_machine(run.parent, reports_dir) if redact else None
    if private is not None:
        analysis, folder = redacted(analysis, private), redacted_folder(folder, private)
    view = view_run(analysis)
    paths = write_report(view, folder)
    if open_report:
        webbrowser.open(paths.index.as_uri())
    return [
        "",
        *run_table(on_a_page(view)).splitlines(),
        "",
        f"results    {shown_path(run, private)}",
        *index_lines(reports_dir, private),
        f"report     {address(paths.index, private)}",
    ]

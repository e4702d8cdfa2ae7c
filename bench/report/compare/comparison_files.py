"""From a comparison, or a gate, to its files and to the lines that a terminal ends with."""

from __future__ import annotations

from pathlib import Path

from bench.analyse.comparison import Comparison, compare_variants
from bench.analyse.run import analyse_run
from bench.report.compare.comparison_json import comparison_json
from bench.report.compare.comparison_markdown import markdown
from bench.report.compare.comparison_text import lines
from bench.report.compare.comparison_view import comparison_view
from bench.report.index import publish
from bench.report.redact import Private, redacted, redacted_folder
from bench.store.reader import open_run

THRESHOLD = 0.03
"""Half the width of what counts as the same, unless said otherwise."""


def write_comparison(comparison: Comparison, folder: Path, private: Private | None = None) -> list[str]:
    """Write ``compare.html``, ``compare.md`` and ``compare.json`` into ``folder``; returns the lines to end with.

    The page and the Markdown are in the language that is chosen, the JSON and the lines in English always.

    Args:
        comparison: of one base with its heads.
        folder: below the folder of reports, whose index is brought up to date.
        private: what is to be taken out of the comparison, which then goes to a folder of its own.

    Raises:
        MachineError: they cannot be written.
    """
    from bench.report.compare.comparison_page import page  # noqa: PLC0415 - jinja2 takes a moment

    if private is not None:
        comparison, folder = redacted(comparison, private), redacted_folder(folder, private)
    view = comparison_view(comparison)
    files = {"compare.md": markdown(view), "compare.json": comparison_json(view), "compare.html": page(view)}
    return [*lines(view), "", *publish(folder, files, "compare.html", private)]


def write_variants(run: Path, reports_dir: Path, private: Private | None = None) -> list[str]:
    """The same for the two variants of the run in the folder ``run``, beside its report.

    Raises:
        StoreError: the run cannot be read.
        MachineError: the files cannot be written.
    """
    return write_comparison(compare_variants(analyse_run(open_run(run)), THRESHOLD), reports_dir / run.name, private)

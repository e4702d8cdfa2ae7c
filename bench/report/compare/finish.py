"""From a comparison to its files and to the lines that a terminal ends with."""

from __future__ import annotations

from pathlib import Path

from bench.analyse.compare import compare_variants
from bench.analyse.run import analyse_run
from bench.analyse.side_by_side import SideBySide, side_by_side
from bench.report.compare.export_json import as_json
from bench.report.compare.export_markdown import markdown
from bench.report.compare.terminal import lines
from bench.report.index.update import index_lines
from bench.report.redact import Private, address, redacted, redacted_folder
from bench.report.render import write_files
from bench.store.reader import open_run

THRESHOLD = 0.03
"""Half the width of what counts as the same, unless said otherwise."""


def finish_variants(
    run: Path, reports_dir: Path, threshold: float = THRESHOLD, *, private: Private | None = None
) -> list[str]:
    """Compare the two variants of ``run``, write that beside its report, and return the lines to end with.

    Args:
        run: its folder.
        reports_dir: where reports lie.
        threshold: half the width of what counts as the same, as a share.
        private: see :func:`finish`.

    Raises:
        StoreError: the run cannot be read.
        MachineError: the files cannot be written.
    """
    comparison = compare_variants(analyse_run(open_run(run)), threshold)
    return finish(side_by_side([comparison]), reports_dir / run.name, private)


def finish(side: SideBySide, folder: Path, private: Private | None = None) -> list[str]:
    """Write ``compare.html``, ``compare.md`` and ``compare.json`` into ``folder``; returns the lines to end with.

    The page and the Markdown are in the language that is chosen, the JSON and the lines in English always.

    Args:
        side: one or more comparisons with one base.
        folder: below the folder of reports, whose index is brought up to date.
        private: what is to be taken out of the comparisons, which then go to a folder of their own.

    Raises:
        MachineError: they cannot be written.
    """
    from bench.report.compare.page import page  # noqa: PLC0415 - matplotlib and jinja2 take a second

    if private is not None:
        side, folder = redacted(side, private), redacted_folder(folder, private)
    index = folder / "compare.html"
    contents = {
        folder / "compare.md": markdown(side),
        folder / "compare.json": as_json(side),
        index: page(side),
    }
    write_files(folder, contents)
    return [
        *lines(side),
        "",
        *index_lines(folder.parent, private),
        f"comparison {address(index, private)}",
    ]

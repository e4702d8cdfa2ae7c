"""From a comparison to its files and to the lines that a terminal ends with."""

from __future__ import annotations

from pathlib import Path

from bench.analyse.compare import Comparison, compare_variants
from bench.analyse.run import analyse_run
from bench.compare.render import as_json, lines, markdown
from bench.report.render import write_files
from bench.store.reader import open_run

THRESHOLD = 0.03
"""Half the width of what counts as the same, unless said otherwise."""


def finish_variants(run: Path, reports_dir: Path, threshold: float = THRESHOLD) -> list[str]:
    """Compare the two variants of ``run``, write that beside its report, and return the lines to end with.

    Raises:
        StoreError: the run cannot be read.
        MachineError: the files cannot be written.
    """
    return finish(compare_variants(analyse_run(open_run(run)), threshold), reports_dir / run.name)


def finish(comparison: Comparison, folder: Path) -> list[str]:
    """Write ``compare.html``, ``compare.md`` and ``compare.json`` into ``folder``; returns the lines to end with.

    Raises:
        MachineError: they cannot be written.
    """
    from bench.compare.page import page  # noqa: PLC0415 - matplotlib and jinja2 take a second

    index = folder / "compare.html"
    contents = {
        folder / "compare.md": markdown(comparison),
        folder / "compare.json": as_json(comparison),
        index: page(comparison),
    }
    write_files(folder, contents)
    return [*lines(comparison), "", f"comparison {index.resolve().as_uri()}"]

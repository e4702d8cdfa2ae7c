"""One flat row per cell, units in the names: summary.csv, summary.xlsx, and the cells of summary.json.

A CSV file says neither what separates its columns nor which sign its decimals have, so a spreadsheet goes by the
system's settings, and reads one column where these are those of Turkish or German. summary.xlsx has numbers as numbers.
"""

import csv
import dataclasses
import io
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import xlsxwriter

from bench.analyse.read_findings import seen_of
from bench.analyse.results import AskedCell, CellResult, Finding, LoadResult, LoadTimes
from bench.findings import SEVERITIES
from bench.metrics import EXPORTED, METRICS
from bench.report.exports.fields import attributes, turn_of, with_ends
from bench.report.format import clean
from bench.report.names import Naming
from bench.report.run_view import RunView
from bench.report.run_words import quantiles_missing

_FORMULA = re.compile(r"(^|[;\t\n])(?=\s*[=+\-@\t＝＋－＠])")  # noqa: RUF001
"""Where a spreadsheet takes text for a formula: also behind what separates cells where a comma is for decimals."""

_OF_LOAD = (
    *("variant", "backend", "backend_version", "device_requested", "device_executed", "device_verdict"),
    *("device_share", "precision", "bits_per_weight", "weight_recipe", "inference_precision", "kv_cache_precision"),
    *("activation_quantization", "options", "environment"),
)
_SIZES = ("peak_memory_bytes", "private_memory_bytes", "device_memory_bytes", "artifact_bytes")
"""Attributes of :class:`bench.analyse.results.LoadResult`, each a column."""

_AGREEMENT = {
    "answers_compared": "compared",
    "tokens_compared": "compared_tokens",
    "first_difference_tokens": "first_difference",
    "first_difference_tokens_mean": "mean_first_difference",
    "answers_alike": "alike",
    "distinct_share": "distinct",
    "answers_collapsed": "collapsed",
    "answers_repeated": "repeated",
    "repeats_that_differ": "repeats_that_differ",
}
"""Column -> attribute of :class:`bench.analyse.agreement.Answers`."""


def summary_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows of :func:`cell_rows` as CSV; what was not measured is empty."""
    written = io.StringIO()
    if rows:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(written, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    return written.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        shown = clean(value)
        return _FORMULA.sub(r"\1'", shown)
    return value


def cell_rows(view: RunView) -> list[dict[str, Any]]:
    """Measured cells first, then the others, all with the same keys; ``None`` where nothing was measured."""
    analysis = view.analysis
    name = view.model.get("name")
    model = {
        "run_id": view.record.get("run_id"),
        "model": None if name is None else clean(str(name)),
        "synthetic_model": bool(view.model.get("synthetic")),
    }
    of_run = _seen("run_", [one for one in analysis.findings if one.about is None])
    # One that failed for several reasons is asked for once.
    seen = seen_of(analysis.findings, {cell.cell_key: cell for cell in analysis.asked}.values())

    def row(cell: AskedCell, status: str, more: Mapping[str, Any]) -> dict[str, Any]:
        own = _seen("", seen.get(cell.cell_key, []))
        return {**_identity(view.names, cell, status), **more, **own, **of_run}

    rows = [row(cell, "ok", _figures(cell)) for cell in analysis.cells]
    known = {cell.cell_key for cell in analysis.cells}
    for failure in analysis.failures:
        reason = {"error_type": failure.error_type, "error_message": clean(failure.message)}
        for cell in failure.cells:
            if cell.cell_key not in known:
                known.add(cell.cell_key)
                rows.append(row(cell, failure.status, reason))
    rows += [row(cell, "not reached", {}) for cell in analysis.unreached]
    columns = dict.fromkeys(name for one in rows for name in one)
    return [model | {name: one.get(name) for name in columns} for one in rows]


def _seen(prefix: str, findings: Sequence[Finding]) -> dict[str, str | None]:
    """What the guard saw: kinds, and the weightiest severity."""
    severities = {one.severity for one in findings}
    return {
        f"{prefix}findings": " ".join(dict.fromkeys(one.code for one in findings)) or None,
        f"{prefix}findings_severity": next((weight for weight in SEVERITIES if weight in severities), None),
    }


def _identity(naming: Naming, cell: AskedCell, status: str) -> dict[str, Any]:
    load = cell.load
    described = attributes(load, *_OF_LOAD)
    for name, value in described.items():
        text = json.dumps(dict(value), sort_keys=True) if isinstance(value, Mapping) else value
        described[name] = clean(text) if isinstance(text, str) else text
    return {
        "configuration": naming.of(load),
        "simulated": load.simulated,
        "status": status,
        "cell_key": cell.cell_key,
        **described,
        **attributes(cell, "prompt_tokens", "new_tokens", "batch_size", "ask"),
        **turn_of(cell.shape),
        **quality(load),
        **_times("", load.fresh),
        **_times("cached_", load.cached),
        **attributes(load, *_SIZES),
    }


def _times(prefix: str, times: LoadTimes | None) -> dict[str, Any]:
    """The times of loads that compiled, and with a prefix those of loads that a compile cache served."""
    names = ("process_start_s", "import_s", "load_s", "first_generation_s")
    found = attributes(times, *names)
    request = times.first_request if times else None
    found |= {f"first_{name}": getattr(request, name, None) for name in ("prompt_tokens", "new_tokens", "batch_size")}
    found |= {
        "first_loads": times.first_processes if times else 0,
        "steady_s": times.steady_s if times else None,
        "loads": times.processes if times else 0,
    }
    return {f"{prefix}{name}": value for name, value in found.items()}


def _figures(cell: CellResult) -> dict[str, Any]:
    metrics: dict[str, float | None] = {}
    for key in EXPORTED:
        measured = getattr(cell, key)
        metrics |= with_ends(METRICS[key].names, measured.estimate if measured else None)
    return {
        "padded_prompt_tokens": cell.padded_prompt_tokens,
        "blocks": cell.blocks,
        "generations": cell.generations,
        "excluded_generations": cell.excluded,
        **metrics,
        **{f"itl_{name}_ms": value for name, value in cell.itl_ms.items()},
        "itl_samples": cell.itl_samples,
        "itl_note": quantiles_missing(cell) or None,
        **agreement(cell),
        **dataclasses.asdict(cell.costs),
    }


def agreement(cell: CellResult) -> dict[str, float | None]:
    """How far the answers of a cell agree with the reference's, and what they are by themselves."""
    return {name: getattr(cell.answers, field) if cell.answers else None for name, field in _AGREEMENT.items()}


def quality(load: LoadResult) -> dict[str, Any]:
    """The verdict on a load's words and the figures behind it; ``None`` where nothing is known."""
    known = load.quality
    return {
        "quality": known.verdict if known else None,
        **attributes(known, "perplexity"),
        **with_ends("perplexity_ratio{}", known.ratio if known else None),
        **attributes(known, "kl_mean", "kl_p99", "same_top"),
    }


_LONGEST_TEXT = 32_767
"""Characters that a cell can hold."""
_WIDEST = 300
"""Of a column, in pixels."""


def summary_xlsx(rows: Sequence[Mapping[str, Any]], created: datetime) -> bytes:
    """The rows of summary.csv as a workbook of one sheet; what was not measured is an empty cell, and text stays text.

    ``created`` is kept in the file, so that the same run gives the same bytes.
    """
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        book.set_properties({"created": created})
        sheet = book.add_worksheet("summary")
        if rows:
            head = book.add_format({"bold": True})
            for column, name in enumerate(rows[0]):
                sheet.write_string(0, column, name, head)
            for line, row in enumerate(rows, start=1):
                for column, value in enumerate(row.values()):
                    _write(sheet, line, column, value)
            sheet.freeze_panes(1, 0)
            sheet.autofilter(0, 0, len(rows), len(rows[0]) - 1)
            sheet.autofit(_WIDEST)
    return written.getvalue()


def _write(sheet: Any, line: int, column: int, value: object) -> None:
    if isinstance(value, bool):
        sheet.write_boolean(line, column, value)
    elif isinstance(value, int | float):
        sheet.write_number(line, column, value)
    elif value not in (None, ""):
        sheet.write_string(line, column, clean(str(value))[:_LONGEST_TEXT])

"""github-action-benchmark.json: the list that github-action-benchmark reads as ``customSmallerIsBetter``.

The action keeps a chart per name, so a name holds all that makes two nights comparable, the model included, and is the
same in every language of the report.
"""

from __future__ import annotations

from typing import Any

from bench.analyse.results import CellResult, Measured
from bench.metrics import METRICS, RANKED
from bench.report.exports.fields import json_text
from bench.report.format import clean, interval
from bench.report.names import shape_name
from bench.report.run_view import RunView
from bench.report.run_words import device_words


def action_json(view: RunView) -> str:
    """One entry per measured cell and ranked metric; what was not measured has none."""
    model = clean(str(view.model.get("name")))
    entries = [
        _entry(view, f"{model}, {view.names.marked(cell.load)}", cell, metric, measured)
        for cell in view.analysis.cells
        for metric in RANKED
        if (measured := getattr(cell, metric)) is not None
    ]
    return json_text(entries)


def _entry(view: RunView, name: str, cell: CellResult, metric: str, measured: Measured) -> dict[str, Any]:
    shape = shape_name(*cell.shape)
    ends = interval(measured.estimate)
    return {
        "name": f"{name}, {shape}: {METRICS[metric].short}",
        "unit": METRICS[metric].unit,
        "value": measured.estimate.value,
        # Shown as it is; the interval is not symmetric, so there is no plus-minus.
        **({"range": f"95 %: {ends}"} if ends else {}),
        "extra": _extra(view, cell),
    }


def _extra(view: RunView, cell: CellResult) -> str:
    version = cell.load.backend_version
    lines = [
        f"run {view.record.get('run_id')}",
        f"{cell.load.backend} {version}" if version else "",
        f"device {device_words(cell.load)}",
        f"generations {cell.generations}, blocks {cell.blocks}",
    ]
    return clean("\n".join(line for line in lines if line))

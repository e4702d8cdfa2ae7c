"""github-action-benchmark.json: the list that github-action-benchmark reads as ``customSmallerIsBetter``.

The action keeps a chart per name, so a name holds all that makes two nights comparable, the model included, and is the
same in every language of the report.
"""

from __future__ import annotations

import json
from typing import Any

from bench.analyse.results import CellResult, Measured, RunAnalysis
from bench.metrics import METRICS, RANKED
from bench.report.format import clean, interval
from bench.report.names import Naming, marked_name, shape_name, verdict_words


def action_json(analysis: RunAnalysis, naming: Naming) -> str:
    """One entry per measured cell and ranked metric; what was not measured has none."""
    model = clean(str((analysis.record.get("model") or {}).get("name")))
    entries = [
        _entry(analysis, f"{model}, {marked_name(naming, cell.load)}", cell, metric, measured)
        for cell in analysis.cells
        for metric in RANKED
        if (measured := getattr(cell, metric)) is not None
    ]
    return json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _entry(analysis: RunAnalysis, name: str, cell: CellResult, metric: str, measured: Measured) -> dict[str, Any]:
    shape = shape_name(cell.prompt_tokens, cell.new_tokens, cell.batch_size)
    ends = interval(measured.estimate)
    return {
        "name": f"{name}, {shape}: {METRICS[metric].short}",
        "unit": METRICS[metric].unit,
        "value": measured.estimate.value,
        # Shown as it is; the interval is not symmetric, so there is no plus-minus.
        **({"range": f"95 %: {ends}"} if ends else {}),
        "extra": _extra(analysis, cell),
    }


def _extra(analysis: RunAnalysis, cell: CellResult) -> str:
    version = cell.load.backend_version
    lines = [
        f"run {analysis.record.get('run_id')}",
        f"{cell.load.backend} {version}" if version else "",
        f"device {verdict_words(cell.load)}",
        f"generations {cell.generations}, blocks {cell.blocks}",
    ]
    return clean("\n".join(line for line in lines if line))

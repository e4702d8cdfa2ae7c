"""A run for two other programs: pytest-benchmark.json and github-action-benchmark.json.

``pytest-benchmark compare`` reads the first. One value there is one generation: a time to first token, or the mean time
per output token. Its statistics take the generations of a process for independent; the interval that does not stands in
``extra_info``. github-action-benchmark reads the second as ``customSmallerIsBetter`` and keeps a chart per name, so a
name holds all that makes two nights comparable, the model included.
"""

import json
from collections.abc import Sequence
from typing import Any

import pytest_benchmark
from pytest_benchmark.stats import Stats

from bench.analyse.interval import Estimate
from bench.analyse.results import CellResult, Measured
from bench.metrics import METRICS, RANKED
from bench.plan.cells import Cell, Load
from bench.report.exports.fields import attributes, json_text, turn_of
from bench.report.exports.summary_rows import agreement, quality
from bench.report.format import clean, interval
from bench.report.language import gettext as _
from bench.report.names import mark_of, shape_name
from bench.report.run_view import RunView
from bench.report.run_words import device_words

_MS_PER_S = 1e3


def pytest_json(view: RunView) -> str:
    """One benchmark per measured cell and metric, in seconds; what was not measured has none."""
    record = view.record
    machine = record.get("machine") or {}
    cpu = machine.get("cpu") or {}
    commit = str((record.get("project") or {}).get("git_commit") or "")
    value = {
        # Nothing of where this is rendered: it may be another machine.
        "machine_info": {
            "machine": cpu.get("architecture"),
            "system": machine.get("os"),
            "release": machine.get("kernel"),
            "cpu": {"brand_raw": cpu.get("name"), "count": cpu.get("logical_cores")},
            "machine_id": record.get("machine_id"),
        },
        "commit_info": {
            "id": commit.removesuffix("-dirty") or "unknown",
            "time": record.get("created_at"),
            "dirty": commit.endswith("-dirty") if commit else None,
            "project": "aipc-bench",
        },
        "benchmarks": [
            _benchmark(view, cell, METRICS[key].name, values_ms, measured)
            for cell in view.analysis.cells
            for key, values_ms in cell.timed.items()
            if values_ms and (measured := getattr(cell, key)) is not None
        ],
        "datetime": record.get("created_at"),
        "version": pytest_benchmark.__version__,
    }
    return json_text(value)


def _benchmark(
    view: RunView, cell: CellResult, metric: str, values_ms: Sequence[float], measured: Measured
) -> dict[str, Any]:
    load = cell.load
    planned = Cell(
        Load(load.backend, load.device_requested, load.precision, load.options, load.variant),
        cell.prompt_tokens,
        cell.new_tokens,
        cell.batch_size,
        cell.ask,
        cell.turn,
    )
    mark = mark_of(load)
    options = ",".join(f"{key}={value}" for key, value in sorted(load.options.items()))
    own = f"[{options}]" if options else ""
    name = f"{metric}[{load.label}{own}-{planned.shape}]{mark}"
    stats = Stats()
    for value_ms in values_ms:
        stats.update(value_ms / _MS_PER_S)
    return {
        # Groups are what is set side by side: simulated times never stand beside measured ones.
        "group": f"{metric} {planned.shape}{mark}",
        "name": name,
        "fullname": f"bench/{name}",
        "params": {
            "variant": load.variant,
            "backend": load.backend,
            "device": load.device_requested,
            "precision": load.precision,
            "options": json.dumps(dict(load.options), sort_keys=True),
            **attributes(cell, "prompt_tokens", "new_tokens", "batch_size", "ask"),
            **turn_of(cell.shape),
        },
        "param": f"{load.label}{own}-{planned.shape}",
        "extra_info": _extra(view, cell, metric, measured.estimate),
        "options": {},
        "stats": {**stats.as_dict(), "iterations": 1},
    }


def _extra(view: RunView, cell: CellResult, metric: str, estimate_ms: Estimate) -> dict[str, Any]:
    low, high = (None if end is None else end / _MS_PER_S for end in (estimate_ms.low, estimate_ms.high))
    return {
        "configuration": view.names.marked(cell.load),
        "run_id": view.record.get("run_id"),
        "model": view.model.get("name"),
        "unit": "seconds per request" if metric == "ttft" else "seconds per token",
        **attributes(cell.load, "simulated", "device_executed", "device_verdict", "device_share"),
        "estimate_s": estimate_ms.value / _MS_PER_S,
        "interval_low_s": low,
        "interval_high_s": high,
        "blocks": cell.blocks,
        **agreement(cell),
        **quality(cell.load),
    }


def action_json(view: RunView) -> str:
    """One entry per measured cell and ranked metric; what was not measured has none."""
    model = clean(str(view.model.get("name") or _("unknown model")))
    entries = []
    for cell in view.analysis.cells:
        version = cell.load.backend_version
        beside = [
            f"run {view.record.get('run_id')}",
            f"{cell.load.backend} {version}" if version else "",
            f"device {device_words(cell.load)}",
            f"generations {cell.generations}, blocks {cell.blocks}",
        ]
        for metric in RANKED:
            if (measured := getattr(cell, metric)) is None:
                continue
            ends = interval(measured.estimate)
            name = f"{model}, {view.names.marked(cell.load)}, {shape_name(cell.shape)}: {METRICS[metric].short}"
            entries.append(
                {
                    "name": name,
                    "unit": METRICS[metric].unit,
                    "value": measured.estimate.value,
                    # Shown as it is; the interval is not symmetric, so there is no plus-minus.
                    **({"range": f"95 %: {ends}"} if ends else {}),
                    "extra": clean("\n".join(filter(None, beside))),
                }
            )
    return json_text(entries)

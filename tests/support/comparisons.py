"""Runs and analyses that are compared."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.analyse.compare import Difference, compare
from bench.analyse.interval import Contrast, Estimate
from bench.analyse.results import Finding, RunAnalysis
from bench.plan.cells import Load
from bench.report.compare.comparison_view import ComparisonView, comparison_view
from tests.support.analyses import made_cell, made_run
from tests.support.stored_runs import FakeRun

SPECS = {
    "a": {"spec": "openvino-genai==2026.3", "kind": "packages", "backend": "openvino-genai"},
    "b": {"spec": "openvino-genai==2026.4", "kind": "packages", "backend": "openvino-genai"},
}


def ab_run(folder: Path, loads: Sequence[Load] = (), **changes: Any) -> Path:
    both = loads or [Load("openvino-genai", "CPU", "int4", variant=side) for side in "ab"]
    venvs = {f"openvino-genai ({side})": {"packages": {"openvino-genai": SPECS[side]["spec"]}} for side in "ab"}
    path = FakeRun(loads=both, prompt_tokens=(32, 128), blocks=5, venvs=venvs, **changes).write(folder, "ab-run")
    record = json.loads((path / "run.json").read_text("utf-8"))
    record["plan"]["variants"] = SPECS
    (path / "run.json").write_text(json.dumps(record), "utf-8")
    return path


SMALL: dict[str, Any] = {"loads": [Load("ort-genai", "CPU", "int4")], "prompt_tokens": (8,)}


def run(name: str, times: Mapping[int, float] | float, prompts: Sequence[int] = (8, 16), **record: Any) -> RunAnalysis:
    """A run of ten quiet blocks whose cells take ``times`` as long as a plain one."""
    noise = random.Random(name)
    cells = []
    for prompt in prompts:
        factor = times if isinstance(times, float) else times.get(prompt, 1.0)
        cells.append(made_cell([100 * factor * (1 + noise.gauss(0, 0.002)) for _ in range(10)], prompt))
    return made_run(name, cells, **record)


def held(base: RunAnalysis, *heads: RunAnalysis, threshold: float = 0.03) -> ComparisonView:
    return comparison_view(compare(base, heads, threshold))


def finding(severity: str = "serious", **about: Any) -> Finding:
    return Finding("suspended", severity, "it slept for 9 s", "Switch sleep off.", **about)


def with_findings(analysis: RunAnalysis, *findings: Finding) -> RunAnalysis:
    return replace(analysis, findings=findings)


def difference(value: float, low: float | None = None, high: float | None = None) -> Difference:
    return Difference("ttft_ms", 1, value, Contrast(Estimate(value, low, high, 5), None), "inconclusive")

"""Stored runs of one machine, a night apart, whose latencies the test decides."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.plan.cells import Load
from bench.store.schema import QUALITY
from tests.support.rows import quality_row
from tests.support.stored_runs import FakeRun

FIRST = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


def run_id(night: int) -> str:
    return f"{FIRST + timedelta(days=night):%Y%m%dT%H%M%SZ}-{night:06x}"


def run_day(night: int) -> str:
    return f"{FIRST + timedelta(days=night):%Y-%m-%d}"


def write_night(
    results: Path,
    night: int,
    slower: Mapping[str, float] | None = None,
    versions: Mapping[str, str] | None = None,
    record: Mapping[str, Any] | None = None,
    **fake: Any,
) -> Path:
    """One run.

    Args:
        results: the folder of all runs.
        night: which one, from 0.
        slower: backend -> how many times as long it takes.
        versions: backend -> version of its package of that name.
        record: replaces parts of run.json.
        fake: attributes of :class:`FakeRun`.
    """
    loads = [Load(backend, "CPU", "int4") for backend in ("openvino-genai", "ort-genai")]
    settings = {"loads": loads, "prompt_tokens": (32, 128), "blocks": 3, "repeats": 2, **fake}
    venvs = {load.backend: {"packages": {load.backend: "1.0", "numpy": "2.4"}} for load in settings["loads"]}
    for backend, version in (versions or {}).items():
        venvs[backend]["packages"][backend] = version
    run = FakeRun(**settings, venvs=venvs, slower=slower or {})
    folder = run.write(results, run_id(night))
    path = folder / "run.json"
    written = json.loads(path.read_text("utf-8"))
    written |= {"created_at": (FIRST + timedelta(days=night)).isoformat(), **(record or {})}
    path.write_text(json.dumps(written), "utf-8")
    return folder


def write_upgrade(results: Path, nights: int = 10, at: int = 6, **options: Any) -> Path:
    """Nights of two stacks; from one on, OpenVINO GenAI is another version and takes 1.2 times as long."""
    for night in range(nights):
        new = night >= at
        write_night(
            results,
            night,
            slower={"openvino-genai": 1.2 if new else 1.0},
            versions={"openvino-genai": "2.0" if new else "1.0"},
            **options,
        )
    return results


def ask(run: Path, text: str) -> None:
    """Write into a stored run what its prompts were: cut from ``text``, each named as a run names them."""
    (file,) = (run / "generations").glob("*.parquet")
    table = pq.read_table(file)
    rows = table.select(["prompt_tokens", "block", "iteration"]).to_pylist()
    names = [f"{row['prompt_tokens']}/{row['block']}/{row['iteration']}/0" for row in rows]
    for column, values in {"prompt_id": names, "prompt_digest": [f"{text} {name}" for name in names]}.items():
        place = table.schema.get_field_index(column)
        table = table.set_column(place, table.schema.field(column), pa.array(values, pa.string()))
    pq.write_table(table, file)


def score(run: Path, load: Load, ratio: float, texts: int = 6) -> None:
    """Write into a stored run that ``load`` scored fixed texts, with ``ratio`` times the perplexity of a reference."""
    rows = []
    for text in range(texts):
        right = [-1.0 - text / 10, -2.0, -0.5]
        beside = {"reference": "transformers fp32", "reference_log_probs": right}
        log_probs = [value - math.log(ratio) for value in right]
        rows.append(quality_row(load, text=f"chat-{text}", run_id=run.name, log_probs=log_probs, **beside))
    folder = run / "quality"
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=QUALITY), folder / f"{load.key}.parquet")

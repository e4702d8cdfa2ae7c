"""run.json: the options, the plan, the model, the machine, the packages. All of it from an allow-list."""

import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from backends.no_secrets import scrubbed, without_secrets
from bench import PROJECT_ROOT
from bench.measure.attempt import RunFacts
from bench.observe.machine import machine_facts
from bench.observe.packages import without_home
from bench.plan.cells import Cell
from bench.plan.options import COUNTS, RECORDED, Options
from bench.plan.variants import Variant
from bench.prepare.model_facts import kv_values_per_token
from bench.prepare.model_source import ModelSource
from bench.prepare.preparation import PreparedModel


@dataclass(frozen=True, slots=True)
class Selection:
    """What narrowed a run.

    Args:
        by: the options, as they were typed; empty where it was something else, such as a plugin.
        selected: cells that are left, each counted once per block.
        planned: cells of the whole plan, likewise.
    """

    by: str
    selected: int
    planned: int

    def record(self) -> dict[str, Any]:
        """As it stands in run.json."""
        return {**asdict(self), "by": without_secrets(without_home(self.by))}


def run_record(
    command: str,
    options: Options,
    cells: Sequence[Cell],
    model: Mapping[str, Any],
    facts: RunFacts,
    venvs: Mapping[str, Mapping[str, Any]],
    memory_read_bytes_per_s: float | None,
    network: str | None = None,
) -> dict[str, Any]:
    """The record of a run, without its id and schema version.

    Args:
        cells: all requested cells, also those that are not supported.
        venvs: backend -> its Python and packages.
        memory_read_bytes_per_s: see :func:`bench.observe.bandwidth.read_bandwidth`; ``None`` if no model is run.
        network: why workers keep the network of the machine; ``None`` where they have none.
    """
    loads = {cell.load.key: cell.load for cell in cells}
    record = {
        "created_at": datetime.now(UTC).isoformat(),
        "command": without_home(command),
        "options": recorded_options(options),
        "seed": options.seed,
        "project": {"version": project_version(), "git_commit": git_commit()},
        "model": model,
        "plan": {
            **{name: getattr(options, name) for name in COUNTS},
            "threads": facts.threads,
            "variants": {name: recorded_variant(variant) for name, variant in options.variants.items()},
            "loads": [{"load_key": key, "label": load.label, **load.identity} for key, load in loads.items()],
            "cells": [recorded_cell(cell) for cell in cells],
        },
        "machine": {**machine_facts(), "memory_read_bytes_per_s": memory_read_bytes_per_s},
        "machine_id": facts.machine_id,
        "workers": {"network": network or "none", "memory_cap_bytes": facts.memory_cap_bytes},
        "venvs": venvs,
    }
    scrub: dict[str, Any] = scrubbed(record)
    return scrub


def recorded_options(options: Options) -> dict[str, Any]:
    """The options as they stand in run.json."""
    recorded = {name: getattr(options, name) for name in RECORDED}
    return {**recorded, "model": without_home(options.model), "load_options": dict(options.load_options)}


def _model(name: str, kind: str, note: str | None, **known: Any) -> dict[str, Any]:
    sizes = ("context_tokens", "vocab_size", "parameters", "embedding_parameters", "kv_cache_values_per_token")
    facts = ("revision", "digest", *sizes)
    return {"name": name, "kind": kind, "synthetic": kind == "synthetic", **dict.fromkeys(facts), "note": note, **known}


def model_record(model: PreparedModel) -> dict[str, Any]:
    """What a run records of its model, without its folder."""
    facts = ("context_tokens", "vocab_size", "parameters", "embedding_parameters")
    return _model(
        model.source.label,
        model.source.kind,
        model.note,
        revision=model.revision,
        digest=model.digest,
        **{name: getattr(model.facts, name) for name in facts},
        kv_cache_values_per_token=kv_values_per_token(model.path),
    )


def measured_model(record: Mapping[str, Any], spec: str) -> str:
    """``spec``, the model of a stored run, with the commit that was measured: of a branch the newest may be another."""
    model = record.get("model") or {}
    if model.get("kind") != "hub" or not model.get("revision"):
        return spec
    return f"{model['name']}@{model['revision']}"


def unprepared_record(source: ModelSource) -> dict[str, Any]:
    """What a run records of a model that no stack here can run."""
    note = "not prepared: no stack that was asked for can run here"
    return _model(source.label, source.kind, note, revision=source.revision)


NO_MODEL = _model("none (simulated)", "simulated", "latencies were played, no model was run")
"""What a run of simulated backends alone records as its model."""

OWN_MODEL = _model("none", "none", "these backends bring their own")
"""What a run records whose backends need none of its models."""


def recorded_variant(variant: Variant) -> dict[str, str]:
    """A variant as it stands in the plan of run.json."""
    spec = without_secrets(without_home(variant.spec))
    return {"spec": spec, "kind": variant.kind, "backend": variant.backend}


def recorded_cell(cell: Cell) -> dict[str, Any]:
    """A cell as it stands in the plan of run.json."""
    return {
        "cell_key": cell.key,
        "load_key": cell.load.key,
        "label": cell.label,
        "prompt_tokens": cell.prompt_tokens,
        "new_tokens": cell.new_tokens,
        "batch_size": cell.batch_size,
        "ask": cell.ask,
        **({"turn": cell.turn} if cell.turn else {}),
    }


def project_version() -> str:
    """The version of this project."""
    text = (PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def git_commit() -> str | None:
    """The commit of this checkout, with ``-dirty`` where files differ from it; ``None`` without git."""
    with suppress(OSError, subprocess.SubprocessError):
        shown = subprocess.run(
            ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            timeout=10,
            check=True,
        )
        return shown.stdout.decode("ascii", "replace").strip() or None
    return None

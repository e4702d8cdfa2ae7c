from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bench.errors import WorkerCrashed
from bench.measure.attempt import Attempt, LoadPlan, RunFacts
from bench.measure.store_rows import failure_row, impossible_rows, load_row, success_row
from bench.measure.verdict import Counters, Placement
from bench.measure.worker import Generated, Loaded, Timeouts
from bench.observe.busy import Busy
from bench.observe.clocks import Moment
from bench.observe.gauges import Gauged
from bench.observe.memory import MemoryUse
from bench.plan.cells import Cell, Load
from bench.plan.plan import PlannedVisit
from bench.plan.venvs import Venv
from bench.prepare.prompts import Prompt
from bench.store.schema import GENERATIONS, LOADS

LOAD = Load("openvino-genai", "CPU", "int4", {"b": 1, "a": None}, variant="old")
CELL = Cell(LOAD, 8, 3, 2)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
FACTS = RunFacts("0" * 16, "model", "f" * 64, 4, Timeouts(), Path())
PROMPTS = (Prompt((1,), "8/0/0/0", "d0", "chat"), Prompt((2,), "8/0/0/1", "d1", "code"))
GENERATED = Generated(100, (150, 160, 175), ((1, 2), (3, 4), (5, 6)), 90, {"setup_ns": 7, "padded_prompt_tokens": 16})


@dataclass(frozen=True, slots=True)
class StandIn:
    """What a row takes from an artifact."""

    weight_bits: dict[str, float] | None
    bits_per_weight: float | None
    bits_read_per_weight: float | None
    digest: str
    bytes: int
    manifest: Mapping[str, Any] = field(default_factory=dict)


def attempt(**known: Any) -> Attempt:
    return Attempt("b0/1/key/a1", 1, Moment(NOW), **known)


def load_of(one: Attempt, artifact: StandIn | None = None) -> dict[str, Any]:
    plan = LoadPlan(Venv("python"), artifact)  # type: ignore[arg-type]
    return load_row(FACTS, PlannedVisit(2, 1, LOAD, (CELL,)), plan, one, "last words")


def loaded(**evidence: Any) -> Loaded:
    told = {"device": "CPU", "device_source": "read-back", "note": "Read back.", "versions": {"x": "1.2", "y": "3"}}
    return Loaded(0.5, told | evidence)


def test_a_generation_has_its_times() -> None:
    row = success_row(CELL, CELL.request, 0, attempt(), PROMPTS, GENERATED, NOW)
    assert (row["ttft_ns"], row["itl_ns"], row["setup_ns"], row["cpu_time_ns"]) == (50, [10, 15], 7, 90)


def test_a_generation_names_the_prompts_of_its_batch() -> None:
    row = success_row(CELL, CELL.request, 0, attempt(), PROMPTS, GENERATED, NOW)
    assert (row["prompt_id"], row["prompt_digest"]) == ("8/0/0/0+8/0/0/1", "d0+d1")


def test_a_padded_prompt_is_told() -> None:
    assert success_row(CELL, CELL.request, 0, attempt(), PROMPTS, GENERATED, NOW)["padded_prompt_tokens"] == 16


def test_a_cell_is_named_within_its_visit() -> None:
    row = success_row(CELL, CELL.request, 0, attempt(), PROMPTS, GENERATED, NOW)
    assert (row["cell_id"], row["cell_key"], row["variant"]) == ("b0/1/key/a1/p8-n3-b2", CELL.key, "old")


def test_a_failure_has_no_times() -> None:
    row = failure_row(CELL, 0, "load", 1, WorkerCrashed("it died", exit_code=1))
    assert not {"ttft_ns", "itl_ns", "token_ids"} & set(row)


def test_a_failure_has_its_reason() -> None:
    row = failure_row(CELL, 0, "load", 1, WorkerCrashed("it died"), 2)
    assert (row["status"], row["error_type"], row["error_message"], row["iteration"]) == (
        "crashed",
        "WorkerCrashed",
        "it died",
        2,
    )


def test_what_cannot_be_has_a_load_and_a_cell_that_belong_together() -> None:
    load, generation = impossible_rows(CELL, "why not", FACTS)
    assert load["load_id"] == generation["load_id"]


def test_what_cannot_be_is_unsupported_with_the_reason() -> None:
    found = [(row["status"], row["error_message"]) for row in impossible_rows(CELL, "why not", FACTS)]
    assert found == [("unsupported", "why not")] * 2


def test_rows_have_columns_of_the_schema_only() -> None:
    loads = [load_of(attempt(loaded=loaded())), impossible_rows(CELL, "", FACTS)[0]]
    generations = [
        success_row(CELL, CELL.request, 0, attempt(), PROMPTS, GENERATED, NOW),
        impossible_rows(CELL, "", FACTS)[1],
    ]
    unknown = {name for row in loads for name in row} - set(LOADS.names)
    assert unknown | {name for row in generations for name in row} - set(GENERATIONS.names) == set()


@pytest.mark.parametrize("row", [load_of(attempt()), impossible_rows(CELL, "", FACTS)[0]], ids=["failed", "impossible"])
def test_a_load_of_which_nothing_is_known_has_what_may_not_be_null(row: dict[str, Any]) -> None:
    required = {field.name for field in LOADS if not field.nullable} - {"run_id"}
    assert {name for name in required if row.get(name) is None} == set()


def test_a_load_has_the_options_as_sorted_json() -> None:
    assert load_of(attempt())["options"] == '{"a": null, "b": 1}'


def test_the_first_version_that_a_stack_names_is_its_own() -> None:
    assert load_of(attempt(loaded=loaded()))["backend_version"] == "1.2"


def test_a_stack_without_versions_has_none() -> None:
    assert load_of(attempt(loaded=loaded(versions={})))["backend_version"] is None


def test_weights_are_those_of_the_artifact() -> None:
    row = load_of(attempt(loaded=loaded()), StandIn({"int4": 0.8, "int8": 0.2}, 5.1, 4.1, "d" * 64, 99))
    assert (row["weight_bits"], row["bits_per_weight"], row["bits_read_per_weight"]) == (
        [("int4", 0.8), ("int8", 0.2)],
        5.1,
        4.1,
    )
    assert (row["artifact_digest"], row["artifact_bytes"]) == ("d" * 64, 99)


def test_a_stack_that_changes_weights_on_load_has_the_last_word() -> None:
    row = load_of(attempt(loaded=loaded(weight_bits={"fp32": 1.0})), StandIn({"int4": 1.0}, 4.5, 4.0, "d", 9))
    assert (row["weight_bits"], row["bits_per_weight"], row["bits_read_per_weight"]) == ([("fp32", 1.0)], None, None)


def test_a_stack_that_changes_weights_tells_their_size() -> None:
    told = loaded(weight_bits={"int8": 1.0}, bits_per_weight=8.1, bits_read_per_weight=7.1)
    row = load_of(attempt(loaded=told), StandIn({"fp32": 1.0}, 32.0, 32.0, "d", 9))
    assert (row["bits_per_weight"], row["bits_read_per_weight"]) == (8.1, 7.1)


def test_memory_is_that_of_the_attempt() -> None:
    row = load_of(attempt(memory=MemoryUse(20, 10)))
    assert (row["peak_memory_bytes"], row["private_memory_bytes"]) == (20, 10)


def test_the_verdict_counts_the_cpu_time_of_all_timed_regions() -> None:
    row = load_of(attempt(loaded=loaded(), counters=Counters(timed=1, cpu_ns=3 * 10**9, over_ns=2 * 10**9)))
    assert (row["device_verdict"], "3.00 s" in row["device_evidence"]) == ("verified", True)


def test_the_share_is_kept_with_the_load() -> None:
    row = load_of(attempt(loaded=loaded(), counters=Counters(timed=1, cpu_ns=3 * 10**9, over_ns=2 * 10**9)))
    assert row["device_share"] == 1.5


def test_a_generation_has_the_busy_time_of_its_timed_region() -> None:
    one = attempt(gauged=Gauged(Busy(npu_ns=6)))
    row = success_row(CELL, CELL.request, 0, one, PROMPTS, GENERATED, NOW)
    assert (row["npu_busy_ns"], row["gpu_busy_ns"]) == (6, None)


def test_a_profile_is_kept_with_the_load() -> None:
    placement = Placement("GpuProvider", {"GpuProvider": 0.75, "CpuProvider": 0.25})
    row = load_of(attempt(loaded=loaded(), placement=placement))
    assert row["node_placement"] == [("GpuProvider", 0.75), ("CpuProvider", 0.25)]


def test_a_hint_that_was_changed_is_kept_with_the_load() -> None:
    row = load_of(attempt(loaded=loaded(changed_hints={"INFERENCE_PRECISION_HINT": "asked f16, got f32"})))
    assert row["changed_hints"] == [("INFERENCE_PRECISION_HINT", "asked f16, got f32")]


def test_how_weights_were_quantized_is_kept_with_the_load() -> None:
    made = StandIn({"int4": 1.0}, 4.5, 4.5, "d", 9, {"recipe": {"task": "openvino-ir", "group_size": 64}})
    assert load_of(attempt(loaded=loaded()), made)["weight_recipe"] == [("group_size", "64")]


def test_a_stack_that_quantizes_on_load_has_not_the_recipe_of_its_artifact() -> None:
    made = StandIn({"int4": 1.0}, 4.5, 4.5, "d", 9, {"recipe": {"task": "openvino-ir", "group_size": 64}})
    assert load_of(attempt(loaded=loaded(weight_bits={"int8": 1.0})), made)["weight_recipe"] is None


def test_a_simulated_load_has_no_device_that_executed() -> None:
    row = load_of(attempt(loaded=loaded(device_source="simulated")))
    assert (row["device_requested"], row["device_executed"], row["device_verdict"]) == ("CPU", None, "simulated")


def test_a_load_that_went_well_keeps_no_last_words() -> None:
    assert "stderr_tail" not in load_of(attempt(loaded=loaded()))


def test_a_load_that_failed_keeps_the_last_words() -> None:
    row = load_of(attempt(error=WorkerCrashed("it died", exit_code=70)))
    assert (row["status"], row["exit_code"], row["stderr_tail"]) == ("crashed", 70, "last words")


def test_a_status_of_windows_fits_into_the_row() -> None:
    row = load_of(attempt(error=WorkerCrashed("it died", exit_code=0xC0000005)))
    assert pa.array([row["exit_code"]], pa.int32()).to_pylist() == [-1073741819]

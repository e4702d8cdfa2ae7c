"""The contract of what is kept: names, types and units of every column, version 8.

Version 2 added ``node_placement`` and ``changed_hints`` to the loads; version 3 ``cpu_temperature_c`` to the loads and
``ask`` and ``cpu_frequency_mhz`` to the generations; version 4 ``bits_read_per_weight`` to the loads; version 5
``device_share``, ``environment``, ``first_prompt_tokens``, ``first_new_tokens`` and ``first_batch_size`` to the loads;
version 6 ``message_keys`` and ``message_values`` to the findings; version 7 defined the columns of ``quality``, a table
that no version before had written, and added ``weight_recipe`` and ``activation_quantization`` to the loads; version 8
``turn`` to the generations.

A reader of version v reads every version up to v. Columns are only ever added; a new one raises the version.
``null`` means not measured, never zero. Times in ``_ns`` are whole nanoseconds, in ``_s`` seconds.
"""

from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 8

UTC = pa.timestamp("us", tz="UTC")
_BITS = pa.map_(pa.string(), pa.float64())

LOADS = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("machine_id", pa.string(), nullable=False),
        pa.field("load_id", pa.string(), nullable=False),
        pa.field("load_key", pa.string(), nullable=False),
        pa.field("variant", pa.string(), nullable=False),
        pa.field("attempt", pa.int32(), nullable=False),
        pa.field("block", pa.int32(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("model_digest", pa.string()),
        pa.field("backend", pa.string(), nullable=False),
        pa.field("backend_version", pa.string()),
        pa.field("device_requested", pa.string(), nullable=False),
        pa.field("device_executed", pa.string()),
        pa.field("device_verdict", pa.string(), nullable=False),
        pa.field("device_evidence", pa.string()),
        pa.field("device_share", pa.float64()),
        pa.field("node_placement", _BITS),
        pa.field("changed_hints", pa.map_(pa.string(), pa.string())),
        pa.field("precision", pa.string(), nullable=False),
        pa.field("weight_bits", _BITS),
        pa.field("weight_recipe", pa.map_(pa.string(), pa.string())),
        pa.field("bits_per_weight", pa.float64()),
        pa.field("bits_read_per_weight", pa.float64()),
        pa.field("inference_precision", pa.string()),
        pa.field("kv_cache_precision", pa.string()),
        pa.field("activation_quantization", pa.string()),
        pa.field("attention_backend", pa.string()),
        pa.field("options", pa.string(), nullable=False),
        pa.field("threads", pa.int32()),
        pa.field("affinity", pa.list_(pa.int32())),
        pa.field("environment", pa.map_(pa.string(), pa.string())),
        pa.field("artifact_digest", pa.string()),
        pa.field("artifact_bytes", pa.int64()),
        pa.field("process_start_s", pa.float64()),
        pa.field("import_s", pa.float64()),
        pa.field("load_s", pa.float64()),
        pa.field("compile_cache", pa.string()),
        pa.field("first_generation_s", pa.float64()),
        pa.field("first_prompt_tokens", pa.int32()),
        pa.field("first_new_tokens", pa.int32()),
        pa.field("first_batch_size", pa.int32()),
        pa.field("peak_memory_bytes", pa.int64()),
        pa.field("private_memory_bytes", pa.int64()),
        pa.field("device_memory_bytes", pa.int64()),
        pa.field("cpu_temperature_c", pa.float64()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error_type", pa.string()),
        pa.field("error_message", pa.string()),
        pa.field("exit_code", pa.int32()),
        pa.field("stderr_tail", pa.string()),
        pa.field("started_at", UTC, nullable=False),
        pa.field("ended_at", UTC, nullable=False),
    ]
)
"""One row per worker process: a visit of a load in a block, or a new attempt after the process died."""

GENERATIONS = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("load_id", pa.string(), nullable=False),
        pa.field("cell_id", pa.string(), nullable=False),
        pa.field("cell_key", pa.string(), nullable=False),
        pa.field("variant", pa.string(), nullable=False),
        pa.field("attempt", pa.int32(), nullable=False),
        pa.field("block", pa.int32(), nullable=False),
        pa.field("iteration", pa.int32(), nullable=False),
        pa.field("warmup", pa.bool_(), nullable=False),
        pa.field("prompt_tokens", pa.int32(), nullable=False),
        pa.field("padded_prompt_tokens", pa.int32()),
        pa.field("new_tokens", pa.int32(), nullable=False),
        pa.field("batch_size", pa.int32(), nullable=False),
        pa.field("ask", pa.string()),
        pa.field("turn", pa.int32()),
        pa.field("prompt_id", pa.string()),
        pa.field("prompt_digest", pa.string()),
        pa.field("setup_ns", pa.int64()),
        pa.field("ttft_ns", pa.int64()),
        pa.field("itl_ns", pa.list_(pa.int64())),
        pa.field("token_ids", pa.list_(pa.list_(pa.int32()))),
        pa.field("tokenize_ns", pa.int64()),
        pa.field("cpu_time_ns", pa.int64()),
        pa.field("npu_busy_ns", pa.int64()),
        pa.field("gpu_busy_ns", pa.int64()),
        pa.field("energy_j", pa.float64()),
        pa.field("energy_source", pa.string()),
        pa.field("cpu_frequency_mhz", pa.float64()),
        pa.field("peak_memory_bytes", pa.int64()),
        pa.field("started_at", UTC, nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("invalid_reason", pa.string()),
        pa.field("error_type", pa.string()),
        pa.field("error_message", pa.string()),
    ]
)
"""One row per generation, warm-ups included, and one per cell that could not be measured (with its error).

``cell_id`` is the cell within its visit: ``<load_id>/<shape>``. ``iteration`` counts from 0, warm-ups on their own.
A cell of a load that failed has one row with ``iteration`` 0, the load's status and its error.
"""

FINDINGS = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("code", pa.string(), nullable=False),
        pa.field("severity", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("load_id", pa.string()),
        pa.field("cell_key", pa.string()),
        pa.field("block", pa.int32()),
        pa.field("message", pa.string(), nullable=False),
        pa.field("advice", pa.string(), nullable=False),
        pa.field("message_keys", pa.list_(pa.string())),
        pa.field("message_values", pa.string()),
        pa.field("seen_at", UTC, nullable=False),
    ]
)
"""What the guard saw, about which row, with advice. ``subject`` is ``run``, ``load`` or ``cell``.

``message`` and ``advice`` are English; keys and values are what they are rendered from, see :mod:`bench.findings`.
"""

QUALITY = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("load_key", pa.string(), nullable=False),
        pa.field("device", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("text_digest", pa.string()),
        pa.field("first_position", pa.int32()),
        pa.field("positions", pa.int32()),
        pa.field("log_probs", pa.list_(pa.float64())),
        pa.field("top_ids", pa.list_(pa.int32())),
        pa.field("reference", pa.string()),
        pa.field("reference_log_probs", pa.list_(pa.float64())),
        pa.field("kl", pa.list_(pa.float64())),
        pa.field("same_top", pa.list_(pa.bool_())),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error_type", pa.string()),
        pa.field("error_message", pa.string()),
        pa.field("started_at", UTC, nullable=False),
        pa.field("ended_at", UTC, nullable=False),
    ]
)
"""What a load thinks of given texts: one row per text, each list with one value per scored position.

``device`` is where it was scored: the load's own, or ``CPU`` where the same artifact was scored there too, to tell a
fault of the device from one of the weights. Position ``p`` is the one whose logits predict token ``p + 1`` of the text;
the lists begin at ``first_position`` and have fewer than ``positions`` values where the time for it was up.
``log_probs`` are natural logarithms; ``kl`` is in nats. ``reference`` says what ``reference_log_probs``, ``kl`` and
``same_top`` are of. A load that could not be scored has one row without a text, with its status and error.
"""

LONGEST = "longest-prompt"
"""Name and kind of the text that is the longest prompt of a run, and none of the fixed texts."""

ANSWERS = "answers.json"
"""File in the folder of a run: what its loads' answers are compared with, where that is none of them."""

PIECES = "pieces.json"
"""File in the folder of a run: token id -> the text of that token, of all ids of its answers."""

TABLES: dict[str, pa.Schema] = {
    "loads": LOADS,
    "generations": GENERATIONS,
    "findings": FINDINGS,
    "quality": QUALITY,
}


def in_columns(rows: Any, schema: pa.Schema) -> Any:
    """``rows``, a table or a batch, in the columns of ``schema``: one that they lack, as in an older run, is null."""
    there = rows.schema.names
    arrays = [rows[one.name] if one.name in there else pa.nulls(rows.num_rows, one.type) for one in schema]
    return type(rows).from_arrays(arrays, schema=schema)

"""Inter-token latencies counted in bins, from which quantiles over any number of runs are merged.

The edges of the bins are powers of :data:`BASE`, so bins are 1 % wide: a quantile is told as the centre of the bin
that holds it, and is at most 0.5 % away.
"""

from functools import cache

import duckdb
import pyarrow as pa

from bench.store.dataset import LATENCIES

BASE = 1.01
"""Bin b holds latencies from BASE**b to BASE**(b + 1) ns; its centre, on a logarithmic axis, is BASE**(b + 0.5)."""

MACROS = (
    """ran_on(verdict, requested, executed) AS CASE
        WHEN verdict = 'fallback' THEN coalesce(executed, 'unknown device')
        WHEN requested = 'AUTO' THEN coalesce(executed, requested)
        ELSE requested END""",
    """counted(status, warmup, invalid_reason, ttft_ns, itl_ns, new_tokens) AS coalesce(
        status = 'ok' AND NOT warmup AND invalid_reason IS NULL AND ttft_ns > 0 AND len(itl_ns) = new_tokens - 1, false
    )""",
    f"bin_of(ns) AS floor(ln(greatest(ns, 1)) / ln({BASE}))",
    f"bin_centre(bin) AS pow({BASE}, bin + 0.5)",
)
"""What queries say as well as :attr:`bench.analyse.results.LoadResult.ran_on`, and which generations count, by the rule
of :class:`bench.analyse.samples.Generations`; latencies below the clock's resolution are in the first bin."""

_OF_GENERATIONS = [
    *("run_id", "load_id", "cell_key", "prompt_tokens", "new_tokens", "batch_size", "turn"),
    *("status", "warmup", "invalid_reason", "ttft_ns", "itl_ns"),
]
_OF_LOADS = ["load_id", "model", "backend", "device_requested", "device_executed", "device_verdict", "precision"]

_OF_CELL = "run_id, cell_key, model, backend, device, precision, prompt_tokens, new_tokens, batch_size, turn"
_QUERY = f"""
    WITH own AS (
        SELECT *, ran_on(device_verdict, device_requested, device_executed) AS device
        FROM generations LEFT JOIN loads USING (load_id)
        WHERE counted(status, warmup, invalid_reason, ttft_ns, itl_ns, new_tokens)
    ), latencies AS (SELECT {_OF_CELL}, bin_of(unnest(itl_ns)) AS bin FROM own),
    bins AS (SELECT *, count(*) AS tokens FROM latencies GROUP BY ALL)
    SELECT {_OF_CELL}, list(bin::SMALLINT ORDER BY bin) AS bin, list(tokens::INTEGER ORDER BY bin) AS tokens
    FROM bins
    GROUP BY ALL
    ORDER BY cell_key, device"""  # noqa: S608 - our own words


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    """Kept, since opening one takes longer than a query."""
    connection = duckdb.connect()
    for macro in MACROS:
        connection.execute(f"CREATE MACRO {macro}")
    return connection


def count_latencies(generations: pa.Table, loads: pa.Table) -> pa.Table:
    """The rows of :data:`bench.store.dataset.LATENCIES` of one run; raises ValueError for rows that no run writes."""
    connection = _connection()
    connection.register("generations", generations.select(_OF_GENERATIONS))
    connection.register("loads", loads.select(_OF_LOADS))
    try:
        return connection.sql(_QUERY).to_arrow_table().cast(LATENCIES)
    except duckdb.Error as error:
        raise ValueError(str(error)) from error
    finally:
        connection.unregister("generations")
        connection.unregister("loads")

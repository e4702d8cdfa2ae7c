"""From a cell's samples to its result."""

import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.analyse.results import (
    MILESTONES,
    QUANTILES,
    Arrival,
    CellResult,
    Costs,
    Histogram,
    LoadResult,
    Measured,
    Quantiles,
    TokenSeries,
)
from bench.analyse.samples import CellSamples
from bench.metrics import BY_GENERATION, STORED

_NS_PER_MS = 1e6
_MS_PER_S = 1e3
_MOST_POINTS = 128
_MOST_BINS = 48
_MOST_ARRIVALS = 48


def cell_result(samples: CellSamples, load: LoadResult, *, levels_only: bool = False) -> CellResult | None:
    """The result of one cell, ``None`` if no generation counts; ``levels_only``: estimates and costs alone."""
    generations = len(samples.ttft_ns)
    if generations == 0:
        return None
    prompt_tokens, new_tokens, batch_size, _ = samples.shape
    itl = samples.itl_ns / _NS_PER_MS
    after = itl.sum(axis=1)
    times = {key: samples.durations[column] / _NS_PER_MS for key, column in STORED.items()}
    times["tpot_ms"] = after / (new_tokens - 1) if new_tokens > 1 else np.empty(0)
    times["response_ms"] = times["ttft_ms"] + after
    found: dict[str, Any] = {key: _measured(samples.block, values) for key, values in times.items() if len(values)}
    ttft, tpot = found["ttft_ms"], found.setdefault("tpot_ms", None)
    if ttft is None:
        return None
    if not levels_only:
        found |= {
            "itl_ms": _quantiles(itl.ravel()),
            "along": _along(itl),
            "histogram": _histogram(itl.ravel()),
            "arrival_ms": arrival(times["ttft_ms"], itl),
            "timed": {key: tuple(times[key].tolist()) for key in BY_GENERATION},
            "series": tuple(samples.series()),
        }
    return CellResult(
        cell_key=samples.cell_key,
        load=load,
        **samples.shape._asdict(),
        ask=samples.ask,
        padded_prompt_tokens=samples.padded_prompt_tokens,
        generations=generations,
        warmups=samples.warmups,
        excluded=samples.excluded,
        blocks=len(ttft.by_block),
        **found,
        prefill_tokens_per_s=ttft.rate(_MS_PER_S * batch_size * prompt_tokens) if samples.ask == "first" else None,
        decode_tokens_per_s=tpot.rate(_MS_PER_S * batch_size) if tpot else None,
        itl_p95_ms=_block_p95(samples.block, itl),
        itl_samples=itl.size,
        costs=costs(samples.counters, samples.energy_source, batch_size * new_tokens),
    )


def _measured(blocks: Any, values: Any) -> Measured | None:
    """Block medians and the estimate over them; NaN is not measured."""
    known = np.isfinite(values)
    blocks, values = blocks[known], values[known]
    by_block: dict[int, list[float]] = {}
    for block, value in sorted(zip(blocks.tolist(), values.tolist(), strict=True)):
        by_block.setdefault(block, []).append(value)
    # Of so few values numpy's takes ten times as long.
    return Measured.over({block: statistics.median(own) for block, own in by_block.items()})


def _block_p95(blocks: Any, itl: Any) -> Measured | None:
    """The 95th percentile of each block's inter-token latencies, where every block has enough of them to carry one."""
    share, needed = QUANTILES["p95"]
    names, counts = np.unique(blocks, return_counts=True)
    if len(names) == 0 or counts.min() * itl.shape[1] < needed:
        return None
    in_order = itl[np.argsort(blocks, kind="stable")]
    if counts.min() == counts.max():
        # One call for all: a history has tens of thousands of blocks.
        found = np.quantile(in_order.reshape(len(names), -1), share, axis=1)
    else:
        found = np.array([np.quantile(own, share) for own in np.split(in_order, np.cumsum(counts)[:-1])])
    return Measured.over(dict(zip(names.tolist(), found.tolist(), strict=True)))


def _quantiles(values: Any) -> Quantiles:
    told = {name: share for name, (share, needed) in QUANTILES.items() if len(values) >= needed}
    found = np.quantile(values, [*told.values()]).tolist() if told else []
    return {**dict.fromkeys(QUANTILES), **dict(zip(told, found, strict=True))}


def _along(itl: Any) -> TokenSeries | None:
    generations, steps = itl.shape
    if steps == 0:
        return None
    width = -(-steps // _MOST_POINTS)
    whole = steps - steps % width
    binned = itl[:, :whole].reshape(generations, -1, width).swapaxes(0, 1).reshape(whole // width, -1)
    quantiles = np.quantile(binned, (0.1, 0.5, 0.9), axis=1)
    centres = np.arange(whole).reshape(-1, width).mean(axis=1) + 1
    if whole < steps:
        quantiles = np.column_stack((quantiles, np.quantile(itl[:, whole:], (0.1, 0.5, 0.9))))
        centres = np.append(centres, (whole + steps - 1) / 2 + 1)
    p10, median, p90 = quantiles.tolist()
    return TokenSeries(tuple(centres.tolist()), tuple(median), tuple(p10), tuple(p90))


def _histogram(values: Any) -> Histogram | None:
    positive = values[values > 0]
    if len(positive) == 0:
        return None
    low, high = float(positive.min()), float(positive.max())
    # A series that does not vary still has a place on the axis.
    if high / low < 1.02:
        low, high = low / 1.01, high * 1.01
    bins = int(max(8, min(_MOST_BINS, np.sqrt(len(positive)) * 1.5)))
    edges = np.geomspace(low, high, bins + 1)
    edges[0], edges[-1] = low, high
    counts, _ = np.histogram(positive, edges)
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))


def arrival(ttft_ms: Any, itl_ms: Any) -> Arrival:
    """TTFT [generations] and the inter-token latencies [generations, new tokens - 1] after it, added up."""
    times = np.cumsum(np.column_stack((ttft_ms, itl_ms)), axis=1)
    last = times.shape[1]
    spaced = np.linspace(1, last, min(last, _MOST_ARRIVALS)).round().astype(int).tolist()
    tokens = sorted({*spaced, *(one for one in MILESTONES if one <= last)})
    medians = np.median(times[:, np.array(tokens) - 1], axis=0)
    return Arrival(tuple(tokens), tuple(medians.tolist()))


def costs(counters: Mapping[str, Any], energy_source: str | None, new_tokens: int) -> Costs:
    """The costs of one cell; ``new_tokens`` are those of a generation, over its whole batch.

    ``counters``: name -> float array [generations], NaN where the counter was not read.
    """
    medians: dict[str, Any] = {name.replace("_ns", "_ms"): _middle(name, values) for name, values in counters.items()}
    energy_j = medians.get("energy_j")
    if energy_j is None:
        return Costs(**medians)
    return Costs(**medians, energy_j_per_token=energy_j / new_tokens, energy_source=energy_source)


def _middle(name: str, values: Any) -> float | None:
    # A counter that went backwards was reset in between.
    known = values[np.isfinite(values) & (values >= 0)]
    if len(known) == 0:
        return None
    return float(np.median(known)) / (_NS_PER_MS if name.endswith("_ns") else 1)

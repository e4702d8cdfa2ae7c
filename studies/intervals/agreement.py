"""A/A: how often the same software, measured twice, is called different from itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from backends.noise import Noise
from studies.intervals import ways
from studies.intervals.chance import Share, generator, shared
from studies.intervals.play import Shape, mappings, play
from studies.intervals.settings import BETWEEN_RUNS, HALF_CORRELATED, NOISES, QUIET, Setting
from studies.intervals.tables import Table, percent, percent_range
from studies.intervals.ways import COMPARE_THRESHOLD, GATE_THRESHOLD, Calls
from studies.overhead.figures import mean_interval

RUN_SPREADS = (0.01, 0.02)
BASELINES = (5, 12)
HISTORY = 10
"""How many earlier runs tell `compare` how much runs vary, where it is told."""
_RUNS = 1 + max(*BASELINES, HISTORY + 1)

_LAYOUT = Shape()
_BEFALLS = {
    "all cells alike": (1, 1),
    "each load for itself": (_LAYOUT.loads, _LAYOUT.loads),
    "each variant for itself": (_LAYOUT.loads, 2 * _LAYOUT.loads),
}
"""What a run slows or speeds -> how many groups of loads that makes, of a run and of an A/B run."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A noise to be played.

    Args:
        name: of it.
        noise: what is played.
        run_groups: how many groups of loads a run befalls each for itself,
        variant_groups: and how many of an A/B run, which has twice the loads.
    """

    name: str
    noise: Noise
    run_groups: int = 1
    variant_groups: int = 1


@dataclass(frozen=True, slots=True)
class Agreement:
    """What one way said of identical software.

    Args:
        way: ``compare``, ``ab``, ``gate, 5 runs`` …
        cells: per comparison, the share of its cells (TTFT and TPOT) that were called.
        slower: per comparison, the share of them that were called slower.
        any_call: comparisons in which any cell was called.
        any_slower: comparisons in which any was called slower.
    """

    scenario: Scenario
    way: str
    cells: tuple[float, ...]
    slower: tuple[float, ...]
    any_call: Share
    any_slower: Share


def scenarios(setting: Setting) -> list[Scenario]:
    """Every noise without anything between runs, and the quiet and the restless one with it."""
    alone = [Scenario(name, noise) for name, noise in setting.with_fitted({**NOISES, **HALF_CORRELATED}).items()]
    between = [
        Scenario(f"quiet, {100 * spread:g} % between runs, {how}", replace(QUIET, run_spread=spread), *groups)
        for spread in RUN_SPREADS
        for how, groups in _BEFALLS.items()
    ]
    # Both variants of an A/B run were slow and fast together there.
    how = "each load for itself"
    real = [Scenario(f"{name}, {how}", noise, *_BEFALLS[how]) for name, noise in BETWEEN_RUNS.items()]
    return [*alone, *between, *real]


def agreement_tables(setting: Setting) -> list[Table]:
    """One table for each question that is asked of identical runs."""
    work = [
        partial(agreements, scenario, setting.counts.comparisons, setting.seed, setting.block_s)
        for scenario in scenarios(setting)
    ]
    return [_table([one for several in shared(work, setting.jobs) for one in several])]


def agreements(scenario: Scenario, comparisons: int, seed: int, block_s: float = 200.0) -> list[Agreement]:
    """What each way says of ``comparisons`` comparisons of identical software, 21 cells each, 10 blocks."""
    drawn = generator(seed, "agreement", scenario.name)
    said: dict[str, list[Mapping[str, Calls]]] = defaultdict(list)
    layout = replace(_LAYOUT, block_s=block_s)
    for _ in range(comparisons):
        runs = play(scenario.noise, layout, _RUNS, drawn, scenario.run_groups)
        both = play(scenario.noise, layout.with_variants(), 1, drawn, scenario.variant_groups)
        for way, found in _said(runs.medians(), both.medians()):
            said[way].append(found)
    return [_counted(scenario, way, found) for way, found in said.items()]


def _said(runs: Mapping[str, Any], both: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Calls]]]:
    """Way -> metric -> calls, the first of ``runs`` being the one in question."""
    found: dict[str, dict[str, Calls]] = defaultdict(dict)
    measured = {
        metric: [[ways.measured(cell) for cell in mappings(run)] for run in of_metric]
        for metric, of_metric in runs.items()
    }
    for metric, of_metric in measured.items():
        head, base = ([cell.by_block for cell in run] for run in of_metric[:2])
        variants = mappings(both[metric][0])
        found["compare"][metric] = ways.calls(ways.compare(head, base), COMPARE_THRESHOLD)
        found["ab"][metric] = ways.calls(ways.ab(variants[: len(head)], variants[len(head) :]), COMPARE_THRESHOLD)
        for count in BASELINES:
            against = ways.gate(of_metric[0], of_metric[1 : 1 + count])
            found[f"gate, {count} runs"][metric] = ways.calls(against, GATE_THRESHOLD)
    newest, other = ({metric: of_metric[place] for metric, of_metric in measured.items()} for place in (0, 1))
    history = {metric: of_metric[2 : 2 + HISTORY] for metric, of_metric in measured.items()}
    found[f"compare, {HISTORY} earlier runs known"] = ways.with_history(newest, other, history)
    yield from found.items()


def _counted(scenario: Scenario, way: str, found: Sequence[Mapping[str, Calls]]) -> Agreement:
    tried = len(found)
    cells = 2 * _LAYOUT.cells
    either = [sum(calls.either for calls in one.values()) for one in found]
    slower = [sum(calls.slower for calls in one.values()) for one in found]
    return Agreement(
        scenario,
        way,
        tuple(count / cells for count in either),
        tuple(count / cells for count in slower),
        Share(sum(count > 0 for count in either), tried),
        Share(sum(count > 0 for count in slower), tried),
    )


def _table(found: Sequence[Agreement]) -> Table:
    rows = []
    for one in found:
        mean, low, high = mean_interval(one.cells)
        slower, _, _ = mean_interval(one.slower)
        rows.append(
            (
                one.scenario.name,
                one.way,
                percent(mean, 2),
                percent_range(max(0.0, low), high, 2),
                percent(one.any_call.value),
                percent(slower, 2),
                percent(one.any_slower.value),
            )
        )
    return Table(
        "A/A: identical software called different",
        (
            "noise",
            "way",
            "cells called",
            "95 % of that share",
            "comparisons with a call",
            "cells called slower",
            "comparisons with one called slower",
        ),
        tuple(rows),
        f"{found[0].any_call.tries:,} comparisons a row, each of 21 cells in two metrics (TTFT, TPOT), 10 blocks of 3; "
        f"compare and ab at {percent(COMPARE_THRESHOLD, 0)}, gate at {percent(GATE_THRESHOLD, 0)}, after Holm's "
        "adjustment. A gate fails only by what is slower.",
    )

"""The usual ways to tell two versions apart, on the same simulated machine, beside this project's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from backends.noise import Noise
from studies.intervals import ways
from studies.intervals.chance import Share, generator, shared
from studies.intervals.play import Played, Shape, mappings, play
from studies.intervals.settings import BETWEEN_RUNS, QUIET, RESTLESS, SLOW_DRIFT, Setting
from studies.intervals.tables import Table, percent, percent_range
from studies.intervals.ways import COMPARE_THRESHOLD
from studies.overhead.figures import mean_interval

SLOWDOWN = 0.05
SIGNIFICANT = 0.05
LIMITS = (0.03, 0.05)
"""How much slower is too slow, where a way has no test of its own."""

Latencies = Any
"""TPOT per token, array [cells, blocks, repeats, tokens]."""
Way = Callable[[Latencies, Latencies], Any]
"""(head, base) -> array [cells], whether a cell is called slower (1), faster (-1) or not (0)."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What a way said of identical software, and of software of which one cell takes 5 % longer.

    Args:
        cells: per comparison of identical runs, the share of cells called.
        any_call: of such comparisons, those with a cell called.
        found: comparisons in which the slowed cell was called slower.
    """

    noise: str
    way: str
    cells: tuple[float, ...]
    any_call: Share
    found: Share


def usual_tables(setting: Setting) -> list[Table]:
    """Each way on each noise."""
    noises = setting.with_fitted(
        {
            "quiet": QUIET,
            "quiet, slow drift": SLOW_DRIFT,
            "quiet, 1 % between runs": replace(QUIET, run_spread=0.01),
            "restless": RESTLESS,
            **BETWEEN_RUNS,
        }
    )
    work = [
        partial(usual, name, noise, setting.counts.comparisons, setting.seed, setting.block_s)
        for name, noise in noises.items()
    ]
    return [_table([one for several in shared(work, setting.jobs) for one in several])]


def mean_of_three(limit: float) -> Way:
    """Start the program three times, ask once each, compare the means."""

    def way(head: Latencies, base: Latencies) -> Any:
        return _beyond(head[:, :3, 0].mean(axis=(1, 2)), base[:, :3, 0].mean(axis=(1, 2)), limit)

    return way


def median_of_five(limit: float) -> Way:
    """Start it once, ask five times, compare the medians."""

    def way(head: Latencies, base: Latencies) -> Any:
        there, here = (np.median(of[:, 0, :5].mean(axis=-1), axis=-1) for of in (base, head))
        return _beyond(here, there, limit)

    return way


def t_over(kind: str, *, equal: bool) -> Way:
    """A t test over all tokens, or all generations, of a run, as if they were independent."""

    def way(head: Latencies, base: Latencies) -> Any:
        there, here = (_pooled(of, kind) for of in (base, head))
        tested = stats.ttest_ind(here, there, axis=1, equal_var=equal)
        return np.where(tested.pvalue < SIGNIFICANT, np.sign(tested.statistic), 0)

    return way


def compare_fail(statistic: str, limit: float) -> Way:
    """pytest-benchmark's ``--benchmark-compare-fail``, which fails by a mean or minimum of all tokens that grew."""

    def way(head: Latencies, base: Latencies) -> Any:
        reduce = np.mean if statistic == "mean" else np.min
        there, here = (reduce(_pooled(of, "tokens"), axis=1) for of in (base, head))
        return np.where(here > there * (1 + limit), 1, 0)

    return way


WAYS: Mapping[str, Way] = {
    **{f"mean of three runs, > {100 * limit:g} %": mean_of_three(limit) for limit in LIMITS},
    **{f"median of five generations, > {100 * limit:g} %": median_of_five(limit) for limit in LIMITS},
    "Student's t over tokens": t_over("tokens", equal=True),
    "Welch's t over tokens": t_over("tokens", equal=False),
    "Student's t over generations": t_over("generations", equal=True),
    "compare-fail mean:5%": compare_fail("mean", 0.05),
    "compare-fail min:5%": compare_fail("min", 0.05),
}
"""What people do; none of them adjusts for the number of cells."""


def usual(name: str, noise: Noise, comparisons: int, seed: int, block_s: float = 200.0) -> list[Usual]:
    """What each way says of ``comparisons`` pairs of runs of 21 cells, 10 blocks of 5 generations.

    This project's ways take the first three of the five, as profile ``standard`` has them.
    """
    drawn = generator(seed, "usual", name)
    shape = Shape(repeats=5, block_s=block_s)
    said: dict[str, list[tuple[float, bool]]] = {}
    for _ in range(comparisons):
        base, head = _two(play(noise, shape, 2, drawn))
        both = play(noise, shape.with_variants(), 1, drawn)
        for way, called, found in _asked(head, base, _two(both)):
            said.setdefault(way, []).append((called, found))
    return [
        Usual(
            name,
            way,
            tuple(called for called, _ in outcomes),
            Share(sum(called > 0 for called, _ in outcomes), comparisons),
            Share(sum(found for _, found in outcomes), comparisons),
        )
        for way, outcomes in said.items()
    ]


def _two(played: Played) -> tuple[Latencies, Latencies]:
    """Two runs, or the two halves of the one that has both variants."""
    itl = played.itl
    head, base = itl if len(itl) == 2 else np.split(itl[0], 2)
    return head, base


def _asked(head: Latencies, base: Latencies, both: tuple[Latencies, Latencies]) -> Iterator[tuple[str, float, bool]]:
    """(way, share of identical cells called, whether the slowed cell was found)."""
    slowed = head.copy()
    slowed[0] *= 1 + SLOWDOWN
    for name, way in WAYS.items():
        called, with_slowdown = way(head, base), way(slowed, base)
        yield name, float(np.mean(called != 0)), bool(with_slowdown[0] > 0)
    yield ("compare", *_ours(ways.compare, head, slowed, base))
    first, second = both
    slower = first.copy()
    slower[0] *= 1 + SLOWDOWN
    yield ("ab", *_ours(ways.ab, first, slower, second))


def _ours(way: Callable[..., Any], head: Latencies, slowed: Latencies, base: Latencies) -> tuple[float, bool]:
    there, here, later = (_medians(of) for of in (base, head, slowed))
    called = ways.calls(way(here, there), COMPARE_THRESHOLD)
    found = ways.verdicts(way(later, there), COMPARE_THRESHOLD)
    return called.either / len(here), found[0] == "slower"


def _medians(latencies: Latencies) -> list[dict[int, float]]:
    generations = latencies[:, :, :3].mean(axis=-1, dtype=np.float64)
    return mappings(np.median(generations, axis=-1))


def _pooled(latencies: Latencies, kind: str) -> Any:
    kept = latencies if kind == "tokens" else latencies.mean(axis=-1)
    return kept.reshape(len(kept), -1)


def _beyond(head: Any, base: Any, limit: float) -> Any:
    return np.where(head > base * (1 + limit), 1, np.where(head < base / (1 + limit), -1, 0))


def _table(found: Sequence[Usual]) -> Table:
    rows = []
    for one in found:
        mean, low, high = mean_interval(one.cells)
        rows.append(
            (
                one.noise,
                one.way,
                percent(mean, 2),
                percent_range(max(0.0, low), high, 2),
                percent(one.any_call.value),
                percent(one.found.value),
                percent_range(one.found.low, one.found.high),
            )
        )
    return Table(
        "The usual ways on the same runs",
        (
            "noise",
            "way",
            "identical cells called",
            "95 % of that share",
            "comparisons with a false call",
            f"{percent(SLOWDOWN, 0)} slowdown found",
            "95 % of that share ",
        ),
        tuple(rows),
        f"TPOT of 21 cells, 10 blocks, {found[0].found.tries:,} comparisons a row; the slowdown is in one cell. "
        "The usual ways do not adjust for the number of cells; the last two rows of each noise are this project's.",
    )

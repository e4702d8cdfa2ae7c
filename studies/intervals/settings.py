"""The noises that the study plays, and how often."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from backends.noise import Noise
from bench.errors import UsageError

QUIET = Noise(process_spread=0.01, generation_spread=0.02, spread=0.005)
"""A quiet machine: 1 % between processes, 2 % within."""

RESTLESS = Noise(process_spread=0.061, generation_spread=0.039, spread=0.037, tail_share=0.009, tail_factor=1.67)
"""A shared virtual machine, as `fit` found it in twelve identical runs; docs/statistics.md says which."""

BETWEEN_RUNS = {"restless, 5.6 % between runs": replace(RESTLESS, run_spread=0.056)}
"""The same with what those runs differed by beside that, which blocks do not sample."""

ONE_LOAD = {
    "restless, one load": replace(RESTLESS, process_spread=0.0, correlated_spread=0.061, correlation_time_s=4.4)
}
"""The same machine where no other loads are visited between the blocks of one: neighbours are correlated by 0.5."""

ONE_LOAD_BLOCK_S = 2.3
"""What a block of those runs took."""


def _correlated(alike: float) -> Noise:
    """Blocks of 200 s that are correlated by ``alike`` with their neighbours."""
    time_s = -200.0 / math.log(alike)
    return Noise(correlated_spread=0.06, correlation_time_s=time_s, generation_spread=0.01, spread=0.005)


CORRELATED = {f"blocks correlated by {alike:g}": _correlated(alike) for alike in (0.3, 0.5, 0.7)}
HALF_CORRELATED = {name: noise for name, noise in CORRELATED.items() if name.endswith("0.5")}

TAILS = replace(QUIET, tail_share=0.02, tail_factor=3.0)
FAST_DRIFT = replace(QUIET, drift=0.02, drift_period_s=300.0)
SLOW_DRIFT = replace(QUIET, drift=0.02)
SLOW_MODE = replace(QUIET, slow_share=0.2, slow_factor=1.15)

NOISES = {
    "quiet": QUIET,
    "restless": RESTLESS,
    "quiet, heavy tails": TAILS,
    "quiet, fast drift": FAST_DRIFT,
    "quiet, slow drift": SLOW_DRIFT,
    "quiet, slow mode": SLOW_MODE,
}

DESCRIPTIONS = {
    "quiet": "1 % between processes, 2 % between generations, 0.5 % between steps",
    "restless": "6.1 % between processes, 3.9 % between generations, 3.7 % between steps, and 0.9 % of these take 1.67 "
    "times as long: fitted to real runs",
    "quiet, heavy tails": "quiet, and 2 % of the steps take three times as long",
    "quiet, fast drift": "quiet, and the machine rises and falls by 2 % every five minutes: several times within a run",
    "quiet, slow drift": "quiet, and the machine rises and falls by 2 % once an hour: a run sees a part of it",
    "quiet, slow mode": "quiet, and 20 % of the processes take 15 % longer",
    "restless, 5.6 % between runs": "restless, and whole runs differ by 5.6 % beside",
    "restless, one load": "restless, the 6.1 % an AR(1) series whose correlation is down to 1 / e after 4.4 s, in "
    "blocks of 2.3 s: neighbouring blocks are correlated by 0.5",
    **{
        name: f"an AR(1) series with a spread of 6 %, correlated by {name[-3:]} over a block of 200 s; 1 % between "
        "generations, 0.5 % between steps"
        for name in CORRELATED
    },
}


@dataclass(frozen=True, slots=True)
class Counts:
    """How often things are played.

    Args:
        coverage: runs of one cell, per noise and number of blocks.
        comparisons: of 21 cells, of identical software.
        power: comparisons per candidate of a slowdown.
    """

    coverage: int = 20_000
    comparisons: int = 1_000
    power: int = 400


QUICK = Counts(coverage=2_000, comparisons=100, power=60)


@dataclass(frozen=True, slots=True)
class Setting:
    """What every part of the simulation is told.

    Args:
        counts: how often things are played.
        seed: the same seed gives the same figures, however many processes share the work.
        jobs: processes that share it.
        block_s: how long one block of 21 cells takes, in seconds.
        fitted: a noise that was fitted to stored runs, played beside the built-in ones.
    """

    counts: Counts = Counts()
    seed: int = 1
    jobs: int = 1
    block_s: float = 200.0
    fitted: Noise | None = None

    def with_fitted(self, noises: Mapping[str, Noise]) -> dict[str, Noise]:
        """``noises``, and the fitted one if there is one."""
        return dict(noises) if self.fitted is None else {**noises, "fitted": self.fitted}


def read_noise(path: Path) -> Noise:
    """A noise as ``fit`` wrote it.

    Raises:
        UsageError: the file holds none.
    """
    problem = f"--noise: {path} holds no noise as `fit --write` writes it"
    names = {part.name for part in fields(Noise)}
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(told, dict) and told.keys() <= names:
            return Noise(**{name: float(value) for name, value in told.items()})
    except (OSError, TypeError, ValueError) as error:
        raise UsageError(f"{problem}: {error}") from error
    raise UsageError(f"{problem}: it may hold {', '.join(sorted(names))}")


def written_noise(noise: Noise) -> str:
    """A noise as :func:`read_noise` reads it, to four digits."""
    return json.dumps({name: float(f"{value:.4g}") for name, value in asdict(noise).items()}, indent=2) + "\n"

"""The replay suite: hands what was recorded to pytest-benchmark, so that its tables and files show exactly that.

pytest-benchmark's own statistics pool all tokens of all processes. They describe the samples; the intervals that the
report gives take the process as the unit, and are the ones to compare by.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from bench.test_measure import SESSION

METRICS = ("ttft", "itl")
MOST_CELLS = 1000
"""pytest-benchmark prints a table for each, and keeps all samples."""


class ReplayClock:
    """A clock that makes pytest-benchmark measure given durations: it reads 0, d0, 0, d1, …."""

    __name__ = "recorded"

    def __init__(self) -> None:
        self._readings: Iterator[float] = iter(())

    def wind(self, durations_ns: Sequence[float]) -> None:
        """Set what the next rounds will take."""
        self._readings = iter([reading for ns in durations_ns for reading in (0.0, ns / 1e9)])

    def __call__(self) -> float:
        return next(self._readings)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item per cell and metric; ids carry neither block nor run, so that runs can be compared."""
    parameters = []
    cells = metafunc.config.stash[SESSION].plan.cells
    if len(cells) > MOST_CELLS:
        parameters.append(pytest.param("", "", id="left-out"))
    for cell in cells if len(cells) <= MOST_CELLS else ():
        for metric in METRICS if cell.new_tokens > 1 else METRICS[:1]:
            marks = pytest.mark.benchmark(timer=ReplayClock(), group=f"{metric} {cell.shape}")
            parameters.append(pytest.param(cell.label, metric, id=f"{metric}-{cell.label}", marks=marks))
    metafunc.parametrize(("cell", "metric"), parameters)


def test_recorded(request: pytest.FixtureRequest, cell: str, metric: str) -> None:
    """Replay one cell's samples of one metric; its parameters are texts, since pytest-benchmark writes them down."""
    bench = request.config.stash[SESSION]
    if not cell:
        why = f"more than {MOST_CELLS} cells: pytest-benchmark's tables are left out, the report has its file"
        bench.say(why)
        pytest.skip(why)
    samples = bench.samples_ns(cell, metric)
    if not samples:
        pytest.skip(f"{cell} recorded no {metric}")
    request.node.get_closest_marker("benchmark").kwargs["timer"].wind(samples)
    benchmark: Any = request.getfixturevalue("benchmark")
    benchmark.extra_info["unit"] = "seconds per request" if metric == "ttft" else "seconds per token"
    benchmark.pedantic(lambda: None, rounds=len(samples), iterations=1)

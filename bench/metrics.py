"""The metrics of a cell: one entry each. Tables, rankings, comparisons, histories and exports go through them.

To add one: an entry here, a field of :class:`bench.analyse.results.CellResult`, and its name in ``METRIC_WORDS`` of
``bench/report/metric_words.py``. One that no stored column holds is computed in ``bench/analyse/cell_result.py``.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of a cell: an estimate over blocks, with an interval.

    Args:
        name: as options, names of exports and addresses of the page have it.
        short: its abbreviation, the same in every language, for programs and narrow tables.
        column: of the table ``generations`` that holds it, one value a generation in nanoseconds; ``None``: computed.
        by_generation: kept for each generation, so that the details of a cell draw it.
        ranked: answers say who is lowest, and the table of results marks that one.
        compared: from run to run, by ``compare``, ``gate`` and ``history``.
        exported: to ``summary.csv`` and ``summary.json``; the details of a cell tell it too, where they do not draw it.
    """

    name: str
    short: str
    unit: Literal["ms", "tokens/s"]
    better: Literal["lower", "higher"] = "lower"
    column: str | None = None
    by_generation: bool = False
    ranked: bool = False
    compared: bool = False
    exported: bool = True
    charted: bool = False

    @property
    def key(self) -> str:
        """The attribute of :class:`bench.analyse.results.CellResult`, and the column of exports."""
        return self.names.format("")

    @property
    def names(self) -> str:
        """Of its value and of the ends of its interval: ``ttft{}_ms`` for ``ttft_ms``, ``ttft_low_ms`` and so on."""
        return f"{self.name}{{}}_{self.unit.replace('/', '_per_')}"


_ENTRIES = (
    Metric(
        name="ttft",
        short="TTFT",
        unit="ms",
        column="ttft_ns",
        by_generation=True,
        ranked=True,
        compared=True,
        charted=True,
    ),
    Metric(name="tpot", short="TPOT", unit="ms", by_generation=True, ranked=True, compared=True, charted=True),
    Metric(name="response", short="whole answer", unit="ms", ranked=True, charted=True),
    # Exports have the percentile of all of a cell's tokens under this name, see bench.analyse.results.Quantiles.
    Metric(name="itl_p95", short="p95 ITL", unit="ms", compared=True, exported=False),
    Metric(name="prefill", short="prefill", unit="tokens/s", better="higher"),
    Metric(name="decode", short="decode", unit="tokens/s", better="higher"),
    Metric(name="setup", short="set-up", unit="ms", column="setup_ns"),
)

METRICS = {metric.key: metric for metric in _ENTRIES}
"""Key -> metric, in the order in which they are shown."""

RANKED = tuple(key for key, one in METRICS.items() if one.ranked)
COMPARED = tuple(key for key, one in METRICS.items() if one.compared)
EXPORTED = tuple(key for key, one in METRICS.items() if one.exported)
CHARTED = tuple(key for key, one in METRICS.items() if one.charted)
BY_GENERATION = tuple(key for key, one in METRICS.items() if one.by_generation)
RATES = tuple(key for key, one in METRICS.items() if one.better == "higher")
STORED = {key: one.column for key, one in METRICS.items() if one.column}
"""Key -> column of those that are stored as they are."""

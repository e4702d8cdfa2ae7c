"""A plugin of pytest for the sweeps that tests start: what takes long and shows these tests nothing is left out.

The reports at their end have blank charts; the machine, which other tests keep busy, is hardly watched before, and
what its counters cost is measured on few readings.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest


def pytest_sessionstart() -> None:
    """Watch the machine for a tenth of a second instead of a whole one, and its counters briefly too."""
    from bench.observe import reading_costs  # noqa: PLC0415 - when the harness has loaded it
    from bench.run.guard import before  # noqa: PLC0415 - likewise

    before._WATCH_S = 0.1
    reading_costs._READINGS = 3


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish() -> Iterator[None]:
    """Leave out what takes most of the time of a report."""
    # Only here: what draws charts is loaded at the end of a run.
    from tests.support.charts import blank_charts  # noqa: PLC0415

    with blank_charts():
        return (yield)

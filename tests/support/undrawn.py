"""A plugin of pytest for the sweeps that tests start: what takes long and shows these tests nothing is left out.

The reports at their end have blank charts, and the machine, which other tests keep busy, is hardly watched before.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest


def pytest_sessionstart() -> None:
    """Watch the machine for a tenth of a second instead of a whole one."""
    from bench.run.guard import before  # noqa: PLC0415 - when the harness has loaded it

    before._WATCH_S = 0.1


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish() -> Iterator[None]:
    """Leave out what takes most of the time of a report."""
    # Only here: what draws charts is loaded at the end of a run.
    from tests.support.charts import blank_charts  # noqa: PLC0415

    with blank_charts():
        return (yield)

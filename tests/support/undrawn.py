"""A plugin of pytest for the sweeps that tests start: the reports at their end have blank charts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish() -> Iterator[None]:
    """Leave out what takes most of the time of a report."""
    # Only here: what draws charts is loaded at the end of a run.
    from tests.support.charts import blank_charts  # noqa: PLC0415

    with blank_charts():
        return (yield)

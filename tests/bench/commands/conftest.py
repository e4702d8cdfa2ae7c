"""Commands about stored runs analyse equal runs once, and draw nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.charts import blank_charts
from tests.support.shared_analyses import shared_analyses


@pytest.fixture(scope="module", autouse=True)
def shared() -> Iterator[None]:
    """Runs with the same files have one analysis, and charts are blank."""
    with shared_analyses(), blank_charts():
        yield

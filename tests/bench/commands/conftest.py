"""Commands about stored runs analyse equal runs once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.shared_analyses import shared_analyses


@pytest.fixture(scope="module", autouse=True)
def shared() -> Iterator[None]:
    """Runs with the same files have one analysis."""
    with shared_analyses():
        yield

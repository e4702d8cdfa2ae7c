"""Facts of a run beside its figures."""

from __future__ import annotations

from typing import Any

import pytest

from bench.report.run_details import packages

TRUE: dict[str, Any] = {"locked": True}
WHY = {"locked": False, "unlocked_reason": "by name: torch 2+cpu"}


@pytest.mark.parametrize(
    ("venvs", "said"),
    [
        ({"x": {"python": "3.12"}, "y": None}, ""),
        ({"harness": TRUE, "x": {**TRUE, "packages": {}}}, "all installed by the hashes of the lock files"),
        (
            {"harness": TRUE, "x": WHY, "y": WHY},
            "not all installed by the hashes of the lock files: x, y: by name: torch 2+cpu",
        ),
    ],
)
def test_what_was_not_installed_by_hash_is_told_with_its_reason(venvs: dict[str, Any], said: str) -> None:
    assert packages({"venvs": venvs}) == said

"""What a latency may hang on, and what of it differs between two runs."""

from __future__ import annotations

from typing import Any

import pytest

from bench.analyse.environment import Change, changes, surroundings


def differing(before: dict[str, Any], after: dict[str, Any]) -> tuple[Change, ...]:
    return changes(surroundings(before), surroundings(after))


def machine(**facts: Any) -> dict[str, Any]:
    return {"machine": facts}


def packages(**versions: dict[str, str]) -> dict[str, Any]:
    return {"venvs": {backend: {"packages": found} for backend, found in versions.items()}}


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (machine(kernel="6.17"), machine(kernel="6.18"), "kernel"),
        (machine(os="Ubuntu 26.04"), machine(os="Ubuntu 26.10"), "system"),
        (machine(governor="powersave"), machine(governor="performance"), "governor"),
        (machine(power_source="mains"), machine(power_source="battery"), "power source"),
        (
            machine(npus=[{"name": "NPU", "driver": "1"}]),
            machine(npus=[{"name": "NPU", "driver": "2"}]),
            "driver of NPU",
        ),
        ({"project": {"git_commit": "a"}}, {"project": {"git_commit": "b"}}, "AIPC Bench"),
        ({"plan": {"warmups": 1}}, {"plan": {"warmups": 3}}, "warmups"),
    ],
)
def test_what_the_whole_run_has_in_common_is_compared(before: dict[str, Any], after: dict[str, Any], what: str) -> None:
    assert [(one.what, one.backends) for one in differing(before, after)] == [(what, ())]


def test_a_package_that_changed_alike_in_two_venvs_is_one_change() -> None:
    before, after = (packages(one={"numpy": version}, two={"numpy": version}) for version in "12")
    assert differing(before, after) == (Change("numpy", "1", "2", ("one", "two")),)


def test_a_package_that_came_or_went_is_a_change() -> None:
    before, after = packages(one={"a": "1", "old": "1"}), packages(one={"a": "1", "new": "1"})
    assert differing(before, after) == (Change("new", None, "1", ("one",)), Change("old", "1", None, ("one",)))


def test_a_venv_that_one_run_lacks_is_no_change() -> None:
    assert differing(packages(one={"a": "1"}), packages(two={"b": "1"})) == ()


def test_what_only_one_run_records_is_no_change() -> None:
    assert differing(machine(kernel="6.17"), machine(kernel="6.17", governor="powersave")) == ()


def test_a_record_without_anything_has_no_surroundings() -> None:
    assert surroundings({"machine": None, "plan": None, "venvs": None, "project": None, "options": None}) == {}

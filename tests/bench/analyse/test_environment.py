"""What a latency may hang on, and what of it differs between two runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bench.analyse.environment import Change, changes, recorded, run_changes, surroundings, variant_changes
from bench.analyse.results import RunAnalysis
from tests.support.analyses import made_load, made_run


def run_of(
    record: Mapping[str, Any], *environments: Mapping[str, str] | None, variants: Sequence[str] = ("",)
) -> RunAnalysis:
    """A run without cells, whose loads got ``environments``, one load each."""
    loads = (
        (
            replace(made_load("one", variant=variant), environment=environment)
            for environment, variant in zip(environments, variants, strict=True)
        )
        if environments
        else ()
    )
    return replace(made_run("run", ()), record=record, loads=tuple(loads))


def differing(before: dict[str, Any], after: dict[str, Any]) -> tuple[Change, ...]:
    return changes(surroundings(run_of(before)), surroundings(run_of(after)))


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
        (machine(settings={"smt": "on"}), machine(settings={"smt": "off"}), "setting smt"),
        (machine(power_source="mains"), machine(power_source="battery"), "power source"),
        (
            machine(npus=[{"name": "NPU", "driver": "1"}]),
            machine(npus=[{"name": "NPU", "driver": "2"}]),
            "driver of NPU",
        ),
        ({"project": {"git_commit": "a"}}, {"project": {"git_commit": "b"}}, "AIPC Bench"),
        ({"plan": {"warmups": 1}}, {"plan": {"warmups": 3}}, "warmups"),
        ({"plan": {"warmups": 2}}, {"plan": {"warmups": 2, "warmup_new_tokens": 4}}, "warmup_new_tokens"),
        ({"schema_version": 3}, {"schema_version": 4}, "schema"),
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
    assert surroundings(run_of({"machine": None, "plan": None, "venvs": None, "project": None, "options": None})) == {}


# -- by name, as a comparison lists it


def test_what_changed_between_two_runs_is_listed_by_name() -> None:
    before, after = (
        {**machine(npus=[{"name": "NPU", "driver": version}]), **packages(one={"a": version}, two={"a": version})}
        for version in "12"
    )
    assert run_changes(run_of(before), run_of(after)) == {"driver of NPU": ("1", "2"), "a (one, two)": ("1", "2")}


def test_a_package_that_one_run_lacks_is_none_there() -> None:
    before, after = packages(one={"a": "1", "old": "1"}), packages(one={"a": "1"})
    assert run_changes(run_of(before), run_of(after)) == {"old (one)": ("1", "none")}


def test_what_is_said_as_a_mismatch_is_not_listed_again() -> None:
    before, after = (machine(power_source=source, governor=source) for source in ("mains", "battery"))
    assert run_changes(run_of({**before, "schema_version": 2}), run_of({**after, "schema_version": 3})) == {}


def test_variants_differ_in_what_lies_in_their_venvs() -> None:
    venvs = {
        "ort-genai (a)": {"python": "3.12.1", "packages": {"onnxruntime-genai": "0.17", "numpy": "2.4", "gone": "1"}},
        "ort-genai (b)": {"python": "3.13.0", "packages": {"onnxruntime-genai": "0.18", "numpy": "2.4"}},
        "transformers": {"packages": {"torch": "2"}},
    }
    assert variant_changes(run_of({"venvs": venvs})) == {
        "Python (ort-genai)": ("3.12.1", "3.13.0"),
        "gone (ort-genai)": ("1", "none"),
        "onnxruntime-genai (ort-genai)": ("0.17", "0.18"),
    }


def test_variants_with_a_venv_per_device_differ_in_each() -> None:
    venvs = {f"ort-genai ({side}, DML)": {"packages": {"numpy": side}} for side in "ab"}
    assert variant_changes(run_of({"venvs": venvs})) == {"numpy (ort-genai, DML)": ("a", "b")}


def test_a_variant_whose_packages_are_not_known_differs_in_nothing() -> None:
    venvs = {"ort-genai (a)": {"packages": {"numpy": "2"}}, "ort-genai (b)": {"failed": ["it does not list them"]}}
    assert variant_changes(run_of({"venvs": venvs})) == {}


def test_an_empty_venv_of_a_record_edited_by_hand_breaks_nothing() -> None:
    assert run_changes(run_of({"venvs": {"one": None}}), run_of(packages(one={"a": "1"}))) == {}


def test_what_a_run_records_is_found_by_the_name_of_a_change() -> None:
    venvs = {"x": {"packages": {"numpy": "1"}}, "y": {"packages": {"numpy": "1"}}, "z": {"packages": {"numpy": "2"}}}
    record = run_of({"machine": {"kernel": "6.8"}, "venvs": venvs})

    assert recorded(record, "kernel") == "6.8"
    assert recorded(record, "numpy (x, y)") == "1"
    assert recorded(record, "numpy (x, z)") == "1 and 2"
    assert recorded(record, "numpy (w)") is None


# -- variables of the environment


def test_a_variable_that_was_set_in_one_run_alone_is_a_change() -> None:
    before, after = run_of({}, {"OMP_NUM_THREADS": "2"}), run_of({}, {"OMP_NUM_THREADS": "2", "KMP_BLOCKTIME": "0"})
    assert run_changes(before, after) == {"KMP_BLOCKTIME (one)": ("none", "0")}


def test_a_variable_of_another_value_is_a_change() -> None:
    before, after = run_of({}, {"OMP_NUM_THREADS": "2"}), run_of({}, {"OMP_NUM_THREADS": "4"})
    assert changes(surroundings(before), surroundings(after)) == (Change("OMP_NUM_THREADS", "2", "4", ("one",)),)


def test_where_no_variable_was_set_one_that_is_set_later_is_a_change() -> None:
    assert run_changes(run_of({}, {}), run_of({}, {"LD_PRELOAD": "x.so"})) == {"LD_PRELOAD (one)": ("none", "x.so")}


def test_a_run_that_recorded_no_variables_differs_in_none() -> None:
    record = packages(one={"a": "1"})
    assert run_changes(run_of(record, None), run_of(record, {"OMP_NUM_THREADS": "2"})) == {}


def test_variants_differ_in_their_variables_too() -> None:
    run = run_of({}, {"MKL_CBWR": "AVX2"}, {}, variants=("a", "b"))
    assert variant_changes(run) == {"MKL_CBWR (one)": ("AVX2", "none")}


def test_a_limit_that_was_lifted_is_a_change() -> None:
    usable = {"logical_cores": 4, "cpus": "0-3", "memory_bytes": 8}
    held, whole = (
        machine(cpu={"logical_cores": 4}, memory_bytes=8, usable=found)
        for found in (usable | {"cpu_quota": 1.5}, usable)
    )
    assert differing(held, whole) == (Change("CPU quota", "1.5", "none", ()),)

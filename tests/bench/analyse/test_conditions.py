from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bench.analyse.conditions import (
    NO_ID,
    Change,
    Interruption,
    Mismatch,
    alike,
    changes,
    interruptions,
    mismatches,
    other_machine,
    prompts_differ,
    recorded,
    run_changes,
    surroundings,
    variant_changes,
    venv_of,
)
from bench.analyse.results import RunAnalysis
from tests.support.analyses import made_load, made_run, packages

RECORD: dict[str, Any] = {
    "machine_id": "m",
    "schema_version": 3,
    "model": {"name": "tiny", "digest": "d"},
    "plan": {"threads": 4},
    "machine": {"kernel": "6.17", "power_source": "mains", "gpus": [{"name": "Arc", "driver": "xe"}], "npus": None},
    "project": {"git_commit": "aaa"},
    "venvs": packages(numpy="2.4"),
}


def ends(found: Sequence[Change]) -> dict[str, tuple[str, str]]:
    return {one.name: one.ends for one in found}


@pytest.mark.parametrize(
    ("change", "what", "fatal"),
    [
        ({"machine_id": "n"}, "machine", True),
        ({"plan": {"threads": 8}}, "threads", False),
        ({"schema_version": 2}, "schema", False),
        ({"model": {"name": "tiny", "digest": "e"}}, "model digest", True),
    ],
)
def test_what_differs_is_named(change: dict[str, Any], what: str, fatal: bool) -> None:
    assert [(one.what, one.fatal) for one in mismatches(RECORD, RECORD | change)] == [(what, fatal)]


def machine(
    name: str | None = "Core Ultra 7", cores: int | None = 8, memory: int | None = 16 * 2**30
) -> dict[str, Any]:
    cpu = {"name": name, "physical_cores": cores, "logical_cores": 16}
    return {"machine_id": "m", "machine": {"cpu": cpu, "memory_bytes": memory}}


@pytest.mark.parametrize(
    ("head", "what", "values"),
    [
        (machine("Core i5"), "machine", ("Core Ultra 7", "Core i5")),
        (machine(cores=4), "cores", (8, 4)),
        (machine(memory=32 * 2**30), "memory", (16 * 2**30, 32 * 2**30)),
        (machine() | {"machine_id": "n"}, "machine", (("Core Ultra 7", "m"), ("Core Ultra 7", "n"))),
    ],
)
def test_a_machine_is_known_by_its_id_processor_cores_and_memory(
    head: dict[str, Any], what: str, values: tuple[Any, Any]
) -> None:
    assert mismatches(machine(), head) == (Mismatch(what, *values, True),)


@pytest.mark.parametrize("head", [machine(None), machine(cores=None), machine(memory=None), machine(memory=15 * 2**30)])
def test_what_is_not_recorded_or_hardly_differs_tells_of_no_other_machine(head: dict[str, Any]) -> None:
    assert other_machine(machine(), head if head["machine"]["cpu"]["physical_cores"] else without_cores(head)) is None


def without_cores(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"machine": record["machine"] | {"cpu": {"name": "Core Ultra 7"}}}


def test_two_machines_without_an_id_are_told_apart_by_the_rest() -> None:
    found = [
        other_machine(machine() | {"machine_id": NO_ID}, one | {"machine_id": NO_ID})
        for one in (machine(), machine("x"))
    ]
    assert [one is None for one in found] == [True, False]


def test_the_fatal_comes_first() -> None:
    found = mismatches(RECORD, RECORD | {"machine_id": "n", "model": {"name": "tiny", "digest": "e"}})
    assert [one.what for one in found] == ["model digest", "machine"]


def test_records_without_a_section_differ_in_it_and_break_nothing() -> None:
    assert {one.what for one in mismatches({}, {"model": None, "machine": None})} == set()


def limited_to(**usable: Any) -> dict[str, Any]:
    """A record of a machine of four CPUs of which the run could use what is given."""
    whole = {"logical_cores": 4, "cpus": "0-3", "cpu_quota": None, "memory_bytes": 8}
    machine = {"cpu": {"logical_cores": 4}, "memory_bytes": 8, "usable": whole | usable}
    return {"machine": machine}


@pytest.mark.parametrize(
    ("usable", "what", "values"),
    [
        ({"logical_cores": 1, "cpus": "0"}, "usable CPUs", ("all", "0")),
        ({"cpu_quota": 1.5}, "CPU quota", ("none", "1.5")),
        ({"memory_bytes": 2}, "memory limit", ("none", "2")),
    ],
)
def test_runs_under_other_limits_are_told_apart(usable: dict[str, Any], what: str, values: tuple[str, str]) -> None:
    base, head = limited_to(), limited_to(**usable)
    assert [(one.what, (one.base, one.head), one.fatal) for one in mismatches(base, head)] == [(what, values, False)]
    assert alike(base, made_load()) != alike(head, made_load())


def test_a_run_that_recorded_no_limits_differs_in_none() -> None:
    before = {"machine": {"cpu": {"logical_cores": 4}, "memory_bytes": 8}}
    assert mismatches(before, limited_to()) == ()
    assert alike(before, made_load()) == alike(limited_to(), made_load())


def test_another_environment_tells_runs_apart() -> None:
    loads = [replace(made_load(), environment=found) for found in ({"KMP_BLOCKTIME": "0"}, {"KMP_BLOCKTIME": "200"})]
    assert alike(RECORD, loads[0]) != alike(RECORD, loads[1])


@pytest.mark.parametrize(
    ("base", "head", "counts"),
    [
        ({"a": "1", "b": "2"}, {"a": "1", "b": "2"}, None),
        ({"a": "1", "b": "2"}, {"b": "2", "c": "3"}, None),
        ({"a": "1", "b": "2"}, {"a": "1", "b": "9"}, (2, 1)),
    ],
    ids=["the same", "others beside", "one has other ids"],
)
def test_prompts_of_one_name_must_have_the_same_ids(
    base: dict[str, str], head: dict[str, str], counts: tuple[int, int] | None
) -> None:
    found = prompts_differ({8: base}, {8: head})
    assert (found and (found.base, found.head)) == counts


@pytest.mark.parametrize(
    "change",
    [
        {"venvs": packages(numpy="2.5")},
        {"machine": RECORD["machine"] | {"kernel": "6.18"}},
        {"machine": RECORD["machine"] | {"settings": {"huge_pages": "never"}}},
        {"machine": RECORD["machine"] | {"power_source": "battery"}},
        {"plan": {"threads": 8}},
    ],
)
def test_what_could_make_a_load_faster_tells_runs_apart(change: dict[str, Any]) -> None:
    assert alike(RECORD, made_load()) != alike(RECORD | change, made_load())


@pytest.mark.parametrize(
    "change",
    [
        {"project": {"git_commit": "bbb"}},
        {"venvs": {**packages(numpy="2.4"), "transformers": {"packages": {"torch": "2"}}}},
    ],
)
def test_what_leaves_a_load_as_it_was_does_not(change: dict[str, Any]) -> None:
    assert alike(RECORD, made_load()) == alike(RECORD | change, made_load())


def test_a_variant_has_the_packages_of_its_own_venv() -> None:
    venvs = {f"ort-genai ({side})": {"packages": {"numpy": side}} for side in "ab"}
    record = RECORD | {"venvs": venvs}
    assert alike(record, made_load(variant="a")) != alike(record, made_load(variant="b"))


@pytest.mark.parametrize(
    ("venvs", "device", "variant", "found"),
    [
        (["ort-genai", "openvino-genai"], "DML", "", "ort-genai"),
        (["ort-genai (CPU)", "ort-genai (DML)"], "DML", "", "ort-genai (DML)"),
        (["ort-genai (OPENVINO.CPU)", "ort-genai (DML)"], "OPENVINO.GPU", "", "ort-genai (OPENVINO.CPU)"),
        (["ort-genai (a, CPU)", "ort-genai (a, DML)", "ort-genai (b)"], "DML", "a", "ort-genai (a, DML)"),
        (["ort-genai (a, CPU)", "ort-genai (a, DML)", "ort-genai (b)"], "DML", "b", "ort-genai (b)"),
        ([], "DML", "", "ort-genai"),
    ],
)
def test_the_venv_of_a_load_is_told_by_its_device_where_a_stack_has_several(
    venvs: Sequence[str], device: str, variant: str, found: str
) -> None:
    assert venv_of({"venvs": dict.fromkeys(venvs)}, "ort-genai", device, variant) == found


def test_packages_of_a_device_with_a_venv_of_its_own_tell_runs_apart() -> None:
    records = [
        RECORD | {"venvs": {f"ort-genai ({device})": {"packages": {"numpy": own}} for device, own in versions.items()}}
        for versions in ({"CPU": "1", "DML": "1"}, {"CPU": "1", "DML": "2"})
    ]
    on_cpu, on_gpu = (replace(made_load(), device_requested=device) for device in ("CPU", "DML"))
    assert alike(records[0], on_cpu) == alike(records[1], on_cpu)
    assert alike(records[0], on_gpu) != alike(records[1], on_gpu)


FIRST = {"began_at": "2026-11-22T10:00:00+00:00", "ended_at": "2026-11-22T10:40:00+00:00", "reason": "killed"}
SECOND = {"began_at": "2026-11-22T10:45:00+00:00", "block": 1, "position": 2, "changed": {"driver": ["1", None]}}


def test_what_lies_between_two_sittings() -> None:
    (found,) = interruptions({"sittings": [FIRST, SECOND]})
    at = datetime(2026, 11, 22, 10, 40, tzinfo=UTC)
    assert found == Interruption("killed", at, 300.0, 1, within_block=True, changed={"driver": ("1", None)})


def test_a_sitting_that_begins_with_a_block_shares_none() -> None:
    (found,) = interruptions({"sittings": [FIRST, {**SECOND, "position": 0}]})
    assert not found.within_block


def test_what_is_not_recorded_is_not_known() -> None:
    first, second = interruptions({"sittings": [{}, {}, {"began_at": "never"}]})
    assert (first.at, first.pause_s, first.block, first.changed) == (None, None, None, {})
    assert second.pause_s is None


def test_a_clock_that_was_set_back_makes_no_negative_pause() -> None:
    (found,) = interruptions({"sittings": [FIRST, {"began_at": "2026-11-22T09:00:00+00:00"}]})
    assert found.pause_s == 0


@pytest.mark.parametrize("alone", [None, [], [FIRST]])
def test_a_run_that_was_measured_at_once_has_none(alone: Any) -> None:
    assert interruptions({"sittings": alone}) == ()


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


def recorded_machine(**facts: Any) -> dict[str, Any]:
    return {"machine": facts}


def venvs_with(**versions: dict[str, str]) -> dict[str, Any]:
    return {"venvs": {backend: {"packages": found} for backend, found in versions.items()}}


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (recorded_machine(kernel="6.17"), recorded_machine(kernel="6.18"), "kernel"),
        (recorded_machine(os="Ubuntu 26.04"), recorded_machine(os="Ubuntu 26.10"), "system"),
        (recorded_machine(governor="powersave"), recorded_machine(governor="performance"), "governor"),
        (
            recorded_machine(settings={"smt": "on"}),
            recorded_machine(settings={"smt": "off"}),
            "setting smt",
        ),
        (recorded_machine(power_source="mains"), recorded_machine(power_source="battery"), "power source"),
        (
            recorded_machine(npus=[{"name": "NPU", "driver": "1"}]),
            recorded_machine(npus=[{"name": "NPU", "driver": "2"}]),
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
    before, after = (venvs_with(one={"numpy": version}, two={"numpy": version}) for version in "12")
    assert differing(before, after) == (Change("numpy", "1", "2", ("one", "two")),)


def test_a_package_that_came_or_went_is_a_change() -> None:
    before, after = venvs_with(one={"a": "1", "old": "1"}), venvs_with(one={"a": "1", "new": "1"})
    assert differing(before, after) == (Change("new", None, "1", ("one",)), Change("old", "1", None, ("one",)))


def test_a_venv_that_one_run_lacks_is_no_change() -> None:
    assert differing(venvs_with(one={"a": "1"}), venvs_with(two={"b": "1"})) == ()


def with_venvs(versions: Mapping[str, str], devices: Sequence[str], *environments: Mapping[str, str]) -> RunAnalysis:
    """A run of ort-genai on ``devices``, by the version of one package in each of its venvs."""
    found = run_of({"venvs": {name: {"packages": {"ort": version}} for name, version in versions.items()}})
    loads = [replace(made_load(), load_key=device, device_requested=device) for device in devices]
    if environments:
        loads = [replace(load, environment=own) for load, own in zip(loads, environments, strict=True)]
    return replace(found, loads=tuple(loads))


def test_a_venv_is_the_same_whatever_other_venvs_of_its_stack_a_run_has() -> None:
    alone = with_venvs({"ort-genai": "1"}, ["CPU"])
    beside = with_venvs({"ort-genai (CPU)": "2", "ort-genai (DML)": "3"}, ["CPU", "DML"])
    on_gpu = with_venvs({"ort-genai": "4"}, ["DML"])

    assert ends(run_changes(alone, beside)) == {"ort (ort-genai)": ("1", "2")}
    assert ends(run_changes(beside, on_gpu)) == {"ort (ort-genai (DML))": ("3", "4")}
    assert run_changes(alone, on_gpu) == ()
    assert recorded(beside, "ort", ("ort-genai",)) == "2"


def test_an_interpreter_that_runs_a_stack_on_all_devices_is_compared_with_the_venv_of_each() -> None:
    own = with_venvs({"ort-genai": "1"}, ["CPU", "DML"])
    made = with_venvs({"ort-genai (CPU)": "2", "ort-genai (DML)": "2"}, ["CPU", "DML"])
    assert ends(run_changes(own, made)) == {"ort (ort-genai, ort-genai (DML))": ("1", "2")}


def test_a_variable_is_that_of_the_workers_of_one_venv() -> None:
    versions = {"ort-genai (CPU)": "1", "ort-genai (DML)": "1"}
    before, after = (with_venvs(versions, ["CPU", "DML"], {"X": "0"}, {"X": value}) for value in "01")
    assert ends(run_changes(before, after)) == {"X (ort-genai (DML))": ("0", "1")}


def test_what_only_one_run_records_is_no_change() -> None:
    assert differing(recorded_machine(kernel="6.17"), recorded_machine(kernel="6.17", governor="powersave")) == ()


def test_a_record_without_anything_has_no_surroundings() -> None:
    assert surroundings(run_of({"machine": None, "plan": None, "venvs": None, "project": None, "options": None})) == {}


# -- by name, as a comparison lists it


def test_what_changed_between_two_runs_is_listed_by_name() -> None:
    before, after = (
        {
            **recorded_machine(npus=[{"name": "NPU", "driver": version}]),
            **venvs_with(one={"a": version}, two={"a": version}),
        }
        for version in "12"
    )
    assert ends(run_changes(run_of(before), run_of(after))) == {"driver of NPU": ("1", "2"), "a (one, two)": ("1", "2")}


def test_a_package_that_one_run_lacks_is_none_there() -> None:
    before, after = venvs_with(one={"a": "1", "old": "1"}), venvs_with(one={"a": "1"})
    assert ends(run_changes(run_of(before), run_of(after))) == {"old (one)": ("1", "none")}


def test_what_is_said_as_a_mismatch_is_not_listed_again() -> None:
    before, after = (recorded_machine(power_source=source, governor=source) for source in ("mains", "battery"))
    assert ends(run_changes(run_of({**before, "schema_version": 2}), run_of({**after, "schema_version": 3}))) == {}


def test_variants_differ_in_what_lies_in_their_venvs() -> None:
    venvs = {
        "ort-genai (a)": {"python": "3.12.1", "packages": {"onnxruntime-genai": "0.17", "numpy": "2.4", "gone": "1"}},
        "ort-genai (b)": {"python": "3.13.0", "packages": {"onnxruntime-genai": "0.18", "numpy": "2.4"}},
        "transformers": {"packages": {"torch": "2"}},
    }
    assert ends(variant_changes(run_of({"venvs": venvs}))) == {
        "Python (ort-genai)": ("3.12.1", "3.13.0"),
        "gone (ort-genai)": ("1", "none"),
        "onnxruntime-genai (ort-genai)": ("0.17", "0.18"),
    }


def test_variants_with_a_venv_per_device_differ_in_each() -> None:
    venvs = {f"ort-genai ({side}, DML)": {"packages": {"numpy": side}} for side in "ab"}
    assert ends(variant_changes(run_of({"venvs": venvs}))) == {"numpy (ort-genai, DML)": ("a", "b")}


def test_a_variant_whose_packages_are_not_known_differs_in_nothing() -> None:
    venvs = {"ort-genai (a)": {"packages": {"numpy": "2"}}, "ort-genai (b)": {"failed": ["it does not list them"]}}
    assert ends(variant_changes(run_of({"venvs": venvs}))) == {}


def test_an_empty_venv_of_a_record_edited_by_hand_breaks_nothing() -> None:
    assert ends(run_changes(run_of({"venvs": {"one": None}}), run_of(venvs_with(one={"a": "1"})))) == {}


def test_what_a_run_records_is_found_by_what_a_change_is_of() -> None:
    venvs = {"x": {"packages": {"numpy": "1"}}, "y": {"packages": {"numpy": "1"}}, "z": {"packages": {"numpy": "2"}}}
    record = run_of({"machine": {"kernel": "6.8"}, "venvs": venvs})

    assert recorded(record, "kernel", ()) == "6.8"
    assert recorded(record, "numpy", ("x", "y")) == "1"
    assert recorded(record, "numpy", ("x", "z")) == "1 and 2"
    assert recorded(record, "numpy", ("w",)) is None


def test_a_venv_whose_name_holds_a_comma_is_found_too() -> None:
    record = run_of({"venvs": {"ort-genai (a, DML)": {"packages": {"numpy": "1"}}}})
    assert recorded(record, "numpy", ("ort-genai (a, DML)",)) == "1"


# -- variables of the environment


def test_a_variable_that_was_set_in_one_run_alone_is_a_change() -> None:
    before, after = run_of({}, {"OMP_NUM_THREADS": "2"}), run_of({}, {"OMP_NUM_THREADS": "2", "KMP_BLOCKTIME": "0"})
    assert ends(run_changes(before, after)) == {"KMP_BLOCKTIME (one)": ("none", "0")}


def test_a_variable_of_another_value_is_a_change() -> None:
    before, after = run_of({}, {"OMP_NUM_THREADS": "2"}), run_of({}, {"OMP_NUM_THREADS": "4"})
    assert changes(surroundings(before), surroundings(after)) == (Change("OMP_NUM_THREADS", "2", "4", ("one",)),)


def test_where_no_variable_was_set_one_that_is_set_later_is_a_change() -> None:
    assert ends(run_changes(run_of({}, {}), run_of({}, {"LD_PRELOAD": "x.so"}))) == {
        "LD_PRELOAD (one)": ("none", "x.so")
    }


def test_a_run_that_recorded_no_variables_differs_in_none() -> None:
    record = venvs_with(one={"a": "1"})
    assert ends(run_changes(run_of(record, None), run_of(record, {"OMP_NUM_THREADS": "2"}))) == {}


def test_variants_differ_in_their_variables_too() -> None:
    run = run_of({}, {"MKL_CBWR": "AVX2"}, {}, variants=("a", "b"))
    assert ends(variant_changes(run)) == {"MKL_CBWR (one)": ("AVX2", "none")}


def test_a_limit_that_was_lifted_is_a_change() -> None:
    usable = {"logical_cores": 4, "cpus": "0-3", "memory_bytes": 8}
    held, whole = (
        recorded_machine(cpu={"logical_cores": 4}, memory_bytes=8, usable=found)
        for found in (usable | {"cpu_quota": 1.5}, usable)
    )
    assert differing(held, whole) == (Change("CPU quota", "1.5", "none", ()),)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.findings import Code
from bench.observe.cgroup import Throttling
from bench.observe.machine_conditions import Conditions
from bench.observe.power import PowerState
from bench.run.guard.during import judge_visit
from bench.run.guard.found import Found

MakeConditions = Callable[..., Conditions]


def judged(before: Conditions, after: Conditions) -> list[Found]:
    return list(judge_visit(before, after, PowerState()))


def test_a_quiet_visit_has_no_findings(moment: MakeConditions) -> None:
    assert judged(moment(), moment(10, busy=0.52, own=0.5)) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"busy": 0.6, "own": 0.5}, Code.OTHER_LOAD),
        ({"stolen_s": 1.0}, Code.STOLEN_TIME),
        ({"swapped_bytes": 5 * 10**6}, Code.SWAPPING),
        ({"page_faults": 4000}, Code.PAGED_FROM_DISK),
        ({"available_bytes": 10**9}, Code.LITTLE_MEMORY),
        ({"temperature_c": 97.0}, Code.HOT),
        ({"throttles": 3}, Code.THROTTLED),
        ({"speed_limit_percent": 80.0}, Code.THROTTLED),
        ({"power": PowerState("battery")}, Code.POWER_CHANGED),
        ({"power": PowerState(None, "governor powersave")}, Code.POWER_CHANGED),
        ({"slept_s": 60.0, "wall_s": 1070.0}, Code.SUSPENDED),
        ({"wall_s": 4610.0}, Code.CLOCK_JUMPED),
        ({"wall_s": 900.0}, Code.CLOCK_JUMPED),
    ],
)
def test_what_happened_is_found(moment: MakeConditions, changed: dict[str, Any], code: Code) -> None:
    assert [one.code for one in judged(moment(throttles=0), moment(10, **changed))] == [code]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (PowerState("mains"), PowerState("battery"), "the power source has changed to battery since the run began"),
        (PowerState("battery"), PowerState("mains"), "the power source has changed to mains since the run began"),
        (PowerState("mains"), PowerState(), "the power source has become unknown since the run began"),
        (PowerState(None, "a"), PowerState(None, "b"), "the power mode is b and was a when the run began"),
        (PowerState(), PowerState(None, "b"), "the power mode is b and was unknown when the run began"),
        (PowerState(None, "a"), PowerState(), "the power mode is unknown and was a when the run began"),
    ],
)
def test_a_change_of_power_is_told(moment: MakeConditions, before: PowerState, after: PowerState, message: str) -> None:
    (found,) = judge_visit(moment(), moment(10, power=after), before)
    assert found.message == message


@pytest.mark.parametrize(
    "changed",
    [
        {"speed_limit_percent": 100.0},
        {"swapped_bytes": 100},
        {"page_faults": 3},
        {"temperature_c": 80.0},
        {"wall_s": 1010.4},
    ],
)
def test_little_of_it_is_not_worth_a_word(moment: MakeConditions, changed: dict[str, Any]) -> None:
    assert judged(moment(), moment(10, **changed)) == []


@pytest.mark.parametrize("lost", ["swapped_bytes", "page_faults", "slept_s", "temperature_c"])
def test_what_the_machine_does_not_tell_is_not_judged(moment: MakeConditions, lost: str) -> None:
    assert judged(moment(**{lost: None}), moment(10, **{lost: None})) == []


@pytest.mark.parametrize(
    ("changed", "severity"),
    [
        ({"busy": 0.3}, "serious"),
        ({"busy": 0.1}, "warning"),
        ({"stolen_s": 1.0}, "warning"),
        ({"stolen_s": 8.0}, "serious"),
        ({"swapped_bytes": 10**9}, "serious"),
        ({"throttling": Throttling(7, 0.9)}, "warning"),
        ({"throttling": Throttling(60, 4.0)}, "serious"),
    ],
)
def test_how_much_it_weighs_depends_on_its_size(moment: MakeConditions, changed: dict[str, Any], severity: str) -> None:
    before = moment(throttling=Throttling(5, 0.5))
    assert [one.weight for one in judged(before, moment(10, **changed))] == [severity]


def test_a_quota_that_was_used_up_is_found_with_its_periods(moment: MakeConditions) -> None:
    (found,) = judged(moment(throttling=Throttling(5, 0.5)), moment(10, throttling=Throttling(17, 2.5)))
    assert (found.code, found.message) == (
        Code.QUOTA_REACHED,
        "the CPU quota was used up 12 times, and stopped CPUs for 2.0 s of 10 s",
    )


def test_a_quota_that_was_used_up_before_the_visit_alone_is_not_found(moment: MakeConditions) -> None:
    assert judged(moment(throttling=Throttling(5, 0.5)), moment(10, throttling=Throttling(5, 0.5))) == []


def test_the_message_counts_in_cpus(moment: MakeConditions) -> None:
    assert judged(moment(), moment(10, busy=0.42))[0].message == "other programs used 1.68 CPUs out of 4"


@pytest.mark.parametrize("cpus", [2, 4, 16, 22, 64, 256])
def test_a_whole_cpu_that_others_use_is_serious_on_any_machine(moment: MakeConditions, cpus: int) -> None:
    (found,) = judged(moment(), moment(10, cpus=cpus, busy=0.5 + 1.001 / cpus, own=0.5))
    assert (found.code, found.weight, found.message) == (
        Code.OTHER_LOAD,
        "serious",
        f"other programs used 1.00 CPUs out of {cpus}",
    )


@pytest.mark.parametrize(
    ("cpus", "taken", "severities"),
    [
        (22, 0.2, []),
        (22, 0.3, ["warning"]),
        (22, 0.9, ["warning"]),
        (64, 0.3, ["warning"]),
        # On a machine of few CPUs a share counts that is less.
        (2, 0.05, []),
        (2, 0.12, ["warning"]),
        (2, 0.6, ["serious"]),
    ],
)
def test_other_load_is_counted_in_cpus(moment: MakeConditions, cpus: int, taken: float, severities: list[str]) -> None:
    assert [one.weight for one in judged(moment(), moment(10, cpus=cpus, busy=taken / cpus))] == severities


@pytest.mark.parametrize(
    ("cpus", "stolen", "severities"),
    [(64, 0.2, []), (64, 0.3, ["warning"]), (64, 1.1, ["serious"]), (4, 0.1, ["warning"]), (4, 0.5, ["serious"])],
)
def test_stolen_time_is_counted_in_cpus(
    moment: MakeConditions, cpus: int, stolen: float, severities: list[str]
) -> None:
    found = judged(moment(), moment(10, cpus=cpus, stolen_s=10 * stolen))
    assert [one.weight for one in found] == severities
    assert all(one.message == f"the hypervisor gave {stolen:.2f} CPUs out of {cpus} to others" for one in found)


@pytest.mark.fault("suspend")
def test_a_machine_that_slept_did_not_have_its_clock_set(moment: MakeConditions) -> None:
    found = judged(moment(), moment(10, slept_s=60.0, wall_s=1070.0))
    assert [one.message for one in found] == ["the machine was suspended for 60 s"]

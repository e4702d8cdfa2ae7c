from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from bench.findings import Code
from bench.observe.energy_meter import FoundMeter
from bench.observe.gauges import Instruments
from bench.observe.machine_conditions import Conditions, others_share
from bench.observe.power import PowerState
from bench.run.guard.before import check_machine, judge_before, judge_machine
from bench.run.guard.found import Found

MakeConditions = Callable[..., Conditions]


def codes(found: Iterable[Found]) -> list[Code]:
    return [one.code for one in found]


def test_a_quiet_machine_on_mains_is_fit(moment: MakeConditions) -> None:
    assert codes(judge_before(moment(), moment(1, busy=0.01, power=PowerState("mains", "balanced")))) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"power": PowerState("battery")}, Code.ON_BATTERY),
        ({"power": PowerState("mains", "quiet", ("platform-profile", "quiet"))}, Code.SAVING_POWER),
        ({"busy": 0.06}, Code.BUSY_BEFORE),
        ({"available_bytes": 10**9}, Code.LITTLE_MEMORY),
        ({"swap_used_bytes": 10**9}, Code.SWAP_IN_USE),
    ],
)
def test_what_may_spoil_a_run_is_found(moment: MakeConditions, changed: dict[str, Any], code: Code) -> None:
    assert codes(judge_before(moment(), moment(1, **changed))) == [code]


@pytest.mark.parametrize(("busy", "severity"), [(0.1, "warning"), (0.5, "serious")])
def test_much_other_load_weighs_more(moment: MakeConditions, busy: float, severity: str) -> None:
    assert [one.weight for one in judge_before(moment(), moment(1, busy=busy))] == [severity]


@pytest.mark.parametrize(
    ("cpus", "taken", "severities"), [(22, 0.2, []), (22, 0.3, ["warning"]), (22, 1.001, ["serious"])]
)
def test_what_others_use_is_counted_in_cpus(
    moment: MakeConditions, cpus: int, taken: float, severities: list[str]
) -> None:
    found = list(judge_before(moment(), moment(1, cpus=cpus, busy=taken / cpus)))
    assert [one.weight for one in found] == severities
    assert all(
        one.message == f"other programs used {taken:.2f} CPUs out of {cpus} before the run began" for one in found
    )


def test_our_own_work_is_no_other_load(moment: MakeConditions) -> None:
    assert others_share(moment(), moment(1, busy=0.5, own=0.5)) == 0.0


def test_a_time_too_short_tells_no_share(moment: MakeConditions) -> None:
    assert others_share(moment(), moment(0.2, busy=0.5)) is None


def test_two_readings_at_once_are_no_division_by_zero(moment: MakeConditions) -> None:
    assert others_share(moment(), moment()) is None


@pytest.mark.parametrize(
    "setting", ["platform-profile", "energy-preference", "governor", "battery-saver", "power-mode", "power-plan"]
)
def test_every_setting_that_saves_power_has_its_message(moment: MakeConditions, setting: str) -> None:
    (found,) = judge_before(moment(), moment(1, power=PowerState("mains", None, (setting, "some"))))
    assert found.message


def test_a_virtual_machine_is_noted() -> None:
    (found,) = judge_machine("KVM", FoundMeter(None))
    assert (found.code, found.weight) == (Code.VIRTUAL_MACHINE, "info")


def test_energy_that_is_locked_says_how_to_allow_it() -> None:
    (found,) = judge_machine(None, FoundMeter(None, "rapl", "sudo chmod"))
    assert found.code is Code.ENERGY_LOCKED
    assert found.message == "RAPL is there, but only root may read it (`sudo chmod` allows it)"


@pytest.mark.slow
def test_this_machine_can_be_looked_at() -> None:
    assert all(one.row()["subject"] == "run" for one in check_machine(Instruments()))

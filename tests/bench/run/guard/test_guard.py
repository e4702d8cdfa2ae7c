from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.findings import Code
from bench.observe.gauges import Instruments
from bench.observe.machine_conditions import Conditions, Watched
from bench.run.guard import guard as module
from bench.run.guard.found import Found
from bench.run.guard.guard import Guard, strict_failure
from bench.store.reader import open_run
from bench.store.writer import RunWriter

MakeConditions = Callable[..., Conditions]


class Sleepless:
    """Plays the system's lock against sleep."""

    def __init__(self, refusal: tuple[str, str] | None = None) -> None:
        self.refusal = refusal
        self.released = False

    def begin(self) -> tuple[str, str] | None:
        return self.refusal

    def end(self) -> None:
        self.released = True


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    writer = RunWriter(tmp_path, "run")
    writer.begin({})
    return writer


def make(said: list[str] | None = None, awake: Sleepless | None = None) -> Guard:
    return Guard(Instruments(), (said if said is not None else []).append, awake or Sleepless())  # type: ignore[arg-type]


def stored(writer: RunWriter) -> list[dict[str, Any]]:
    return list(open_run(writer.path).table("findings").to_pylist())


def test_what_is_found_before_is_said_and_stored(writer: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "check_machine", lambda _: [Found(Code.ON_BATTERY)])
    said: list[str] = []
    make(said).begin(writer)
    assert (said[0][:7], [row["code"] for row in stored(writer)]) == ("warning", ["on-battery"])


def test_a_run_that_is_carried_on_keeps_what_it_found_and_finds_nothing_twice(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "check_machine", lambda _: [Found(Code.ON_BATTERY)])
    first = make()
    first.begin(writer)
    first.warm_up_unsettled("cell", "b0/0/load/a1", 0, 6)
    again = make()
    again.begin(writer)
    assert [row["code"] for row in stored(writer)] == ["on-battery", "warm-up-unsettled"]
    assert {Code.ON_BATTERY, Code.WARM_UP_UNSETTLED} <= {one.code for one in again.found}


def test_a_finding_of_a_visit_names_its_load_and_block(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch, moment: MakeConditions
) -> None:
    monkeypatch.setattr(module, "check_machine", lambda _: [])
    guard = make()
    guard.begin(writer)
    guard._power = moment().power
    guard.visit_ended(Watched("b2/0/load/a1", 2, moment(), moment(10, busy=0.5)))
    (row,) = stored(writer)
    assert (row["code"], row["subject"], row["load_id"], row["block"]) == ("other-load", "load", "b2/0/load/a1", 2)


def test_a_limit_that_came_while_the_run_went_on_is_found_with_the_visit_that_ended_then(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch, moment: MakeConditions
) -> None:
    monkeypatch.setattr(module, "check_machine", lambda _: [])
    guard = make()
    guard.begin(writer)
    guard._power = moment().power
    guard.visit_ended(Watched("b0/0/load/a1", 0, moment(), moment(10)))
    monkeypatch.setattr(module, "limits", lambda: replace(guard._usable, cpu_quota=0.5))
    guard.visit_ended(Watched("b1/0/load/a1", 1, moment(), moment(10)))
    (row,) = stored(writer)
    assert (row["code"], row["severity"], row["load_id"], row["block"]) == ("limited", "serious", "b1/0/load/a1", 1)


def test_a_warm_up_that_did_not_settle_names_its_cell_process_and_block(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "check_machine", lambda _: [])
    guard = make()
    guard.begin(writer)
    guard.warm_up_unsettled("cell", "b2/0/load/a1", 2, 6)
    (row,) = stored(writer)
    assert {name: row[name] for name in ("code", "severity", "subject", "load_id", "cell_key", "block", "message")} == {
        "code": "warm-up-unsettled",
        "severity": "warning",
        "subject": "cell",
        "load_id": "b2/0/load/a1",
        "cell_key": "cell",
        "block": 2,
        "message": "still getting faster after 6 warm-ups",
    }


def test_a_warm_up_that_did_not_settle_fails_a_strict_run(writer: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "check_machine", lambda _: [])
    guard = make()
    guard.begin(writer)
    guard.warm_up_unsettled("cell", "load", 0, 6)
    assert strict_failure(guard.found) is not None


def test_the_end_judges_the_series_and_lets_the_machine_sleep(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch, generation_row: Callable[..., dict[str, Any]]
) -> None:
    monkeypatch.setattr(module, "check_machine", lambda _: [])
    times = [4.0, 4.1, 4.2, 4.3, 4.4, 4.5, 4.6]
    rows = [generation_row(block=n, ttft_ns=round(t * 1e6), itl_ns=[10**6] * 3) for n, t in enumerate(times)]
    writer.rows("generations", rows)
    awake = Sleepless()
    guard = make(awake=awake)
    guard.begin(writer)
    guard.finish()
    assert ([row["code"] for row in stored(writer)], awake.released) == (["drift", "alike-blocks"], True)


def test_a_run_that_never_began_has_nothing_to_judge() -> None:
    guard = make()
    guard.finish()
    assert guard.found == []


@pytest.mark.parametrize(("source", "expected"), [("battery", [Code.NOT_KEPT_AWAKE]), (None, [])])
def test_a_machine_with_a_battery_that_may_sleep_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, source: str | None, expected: list[Code]
) -> None:
    monkeypatch.setattr("bench.observe.power.power_source", lambda: source)
    guard = make(awake=Sleepless(("inhibitor-refused", "systemd-inhibit")))
    guard.keep_awake()
    assert [one.code for one in guard.found] == expected
    assert all(one.message.endswith(": systemd-inhibit was refused") for one in guard.found)


def test_strict_names_how_many_and_the_first() -> None:
    found = [Found(Code.VIRTUAL_MACHINE), Found(Code.ON_BATTERY), Found(Code.DRIFT)]
    first = "the machine runs on battery"
    assert strict_failure(found) == f"error: --strict: 2 findings of severity warning or serious; the first: {first}"


def test_strict_passes_what_chance_explains_in_a_run_of_many_cells() -> None:
    assert strict_failure([Found(Code.DRIFT, severity="info", cell_key="c")]) is None


def test_strict_passes_what_is_merely_good_to_know() -> None:
    assert strict_failure([Found(Code.VIRTUAL_MACHINE)]) is None

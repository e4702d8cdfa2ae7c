"""Processes that are started in several ways in turn, and what their spread is."""

from __future__ import annotations

import contextlib
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bench.errors import UsageError, WorkerFailed
from bench.measure.child_process import Launch
from bench.measure.worker import WorkerProcess
from studies.intervals import variance
from studies.intervals.__main__ import main
from studies.intervals.stack import Medians, Request, Start, Target, find_target, measure_process, started
from studies.intervals.variance import (
    BASELINE,
    Reading,
    Readings,
    chosen,
    conditions,
    deviation_interval,
    measure,
    order_of,
    ratio_interval,
    table_of,
)

TINY = Request(prompt_tokens=4, new_tokens=3, warmups=0, repeats=1)
FAST = ("simulated.ttft_ms=1", "simulated.itl_ms=1")


def quiet(line: str) -> None:
    """Say nothing."""


@pytest.fixture
def target() -> Target:
    return find_target("simulated", "int4", "default", FAST, quiet)


def readings(**values: list[float]) -> Readings:
    found = [
        Reading(name.replace("_", " "), 0, Medians(2 * value, value))
        for name, list_ in values.items()
        for value in list_
    ]
    return Readings(found)


@pytest.mark.process
def test_a_process_is_measured_by_the_worker_that_a_run_uses(target: Target) -> None:
    found = measure_process(target, Start(), TINY, 0)

    # A step may be late, and the next then seems early; the whole is never early.
    assert found.ttft_ms + 2 * found.tpot_ms >= 3


@pytest.mark.process
def test_a_process_is_started_as_the_condition_says(target: Target, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    program = "import os, pathlib, subprocess, sys; pathlib.Path(os.environ['MARK']).touch(); "
    program += "sys.exit(subprocess.call(sys.argv[1:]))"
    launch = Launch(prefix=(sys.executable, "-c", program), environment={"MARK": str(mark)})
    measure_process(target, Start(launch=launch), TINY, 0)

    assert mark.exists()


@pytest.mark.process
def test_a_process_that_cannot_be_kept_to_a_cpu_says_so(target: Target) -> None:
    with pytest.raises(WorkerFailed, match="cannot be kept to the CPUs 100000"):
        measure_process(target, Start(cpus=(100_000,)), TINY, 0)


@pytest.mark.process
def test_a_process_is_put_before_others_or_says_that_it_cannot_be(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(process: psutil.Process, value: int | None = None) -> None:
        asked.append(value)
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "nice", refuse)
    with pytest.raises(WorkerFailed, match="cannot be put before other processes"):
        measure_process(target, Start(urgent=True), TINY, 0)
    assert len(asked) == 1


@pytest.mark.process
def test_what_others_did_meanwhile_is_a_share_of_all_cpus() -> None:
    slow = find_target("simulated", "int4", "default", ("simulated.ttft_ms=600", "simulated.itl_ms=1"), quiet)
    found = measure_process(slow, Start(), TINY, 0)

    assert found.others is not None
    assert 0 <= found.others <= 1


@pytest.mark.process
def test_a_process_that_is_kept_starts_once(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []

    @contextlib.contextmanager
    def counted(target: Target, start: Start) -> Iterator[WorkerProcess]:
        starts.append(start)
        with started(target, start) as worker:
            yield worker

    monkeypatch.setattr(variance, "started", counted)
    found = measure(target, {"kept": Start(kept=True)}, TINY, 3, random.Random(1), quiet)

    assert (len(starts), [one.condition for one in found.found]) == (1, ["kept"] * 3)


def test_an_option_that_a_backend_does_not_have_is_named() -> None:
    with pytest.raises(UsageError, match=r"wobble=1: expected simulated\.KEY=VALUE"):
        find_target("simulated", None, "default", ("simulated.wobble=1",), quiet)


def test_every_round_starts_each_condition_once(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variance, "measure_process", lambda *_: Medians(1, 1))
    found = measure(target, {"a": Start(), "b": Start()}, TINY, 3, random.Random(1), quiet).found

    assert [{one.condition for one in found[n : n + 2]} for n in (0, 2, 4)] == [{"a", "b"}] * 3


def test_a_condition_that_fails_is_not_tried_again(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(target: Target, start: Start, request: Request, number: int) -> Medians:
        if start.threads:
            raise WorkerFailed("no such call")
        return Medians(1, 1)

    monkeypatch.setattr(variance, "measure_process", fail)
    found = measure(target, {"a": Start(), "b": Start(threads=1)}, TINY, 3, random.Random(1), quiet)

    assert (len(found.found), found.failed) == (3, {"b": "no such call"})


def test_the_interval_of_a_spread_is_that_of_chi_square() -> None:
    assert deviation_interval(1.0, 10) == pytest.approx((0.6878, 1.8256), abs=1e-4)


def test_the_interval_of_a_ratio_of_spreads_is_that_of_f() -> None:
    assert ratio_interval(1.0, 10, 10) == pytest.approx((1 / math.sqrt(4.026), math.sqrt(4.026)), abs=1e-3)


def test_a_spread_is_set_beside_that_of_the_baseline() -> None:
    found = readings(as_it_is=[1.0, math.e], one_thread=[1.0, math.e**2])
    row = table_of(found, [BASELINE, "one thread"], "tpot_ms", "").rows[1]

    assert row[5] == "2.00"


def test_processes_that_are_all_alike_have_no_interval() -> None:
    (row,) = table_of(readings(as_it_is=[1.0, 1.0]), [BASELINE], "tpot_ms", "").rows

    assert row[3:] == ("0.00 %", "", "", "")


def test_a_condition_that_failed_says_why_in_the_table() -> None:
    found = readings(as_it_is=[1.0, 2.0])
    found.failed["huge pages"] = "not here"

    assert table_of(found, [BASELINE, "huge pages"], "tpot_ms", "").rows[1][0] == "huge pages: not here"


def test_processes_that_follow_the_one_before_are_told() -> None:
    found = readings(as_it_is=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7])
    row = order_of(found).rows[0]

    assert (float(row[1]) > 0.9, row[3]) == (True, "1.00")


def test_a_process_that_others_slowed_is_told_and_where_nothing_was_counted_it_is_blank() -> None:
    busy = [Medians(1 + share, 1 + share, share) for share in (0.1, 0.5, 0.2, 0.4, 0.3)]
    row = order_of(Readings([Reading(BASELINE, number, one) for number, one in enumerate(busy)])).rows[0]

    assert (row[5], row[7]) == ("1.00", "")


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0, 1.0, 1.0, 1.0], [2.0, 1.0, 1.0, 1.0, 1.0]])
def test_too_little_to_tell_an_order_from_is_no_nan(values: list[float]) -> None:
    assert "nan" not in str(order_of(readings(as_it_is=values)).rows)


def test_conditions_are_chosen_by_how_their_names_begin() -> None:
    ways = chosen(conditions((0, 1), 2), ["one thread, kept"])

    assert list(ways) == [BASELINE, "one thread, kept to CPU 0"]


def test_a_condition_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="no condition 'luck' on this system; there are as it is"):
        chosen(conditions((0, 1), 2), ["luck"])


@pytest.mark.process
def test_the_command_measures_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [part for option in FAST for part in ("--load-option", option)]
    counts = ["--processes", "2", "--prompt-tokens", "4", "--new-tokens", "3", "--repeats", "1"]
    only = ["--only", "one thread", "--write", str(tmp_path / "found.md")]
    status = main(["variance", "--backend", "simulated", *options, *counts, *only])

    assert (status, "TPOT of fresh processes" in capsys.readouterr().out) == (0, True)
    assert "Processes in the order of time" in (tmp_path / "found.md").read_text("utf-8")

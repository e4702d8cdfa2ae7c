from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock

from bench.errors import UsageError
from bench.measure.visit import Outcome
from bench.plan.options import Options
from bench.plan.plan import make_plan
from bench.run import between_visits
from bench.run.between_visits import Cooling, InterimReport, Progress, Stopper
from bench.run.session import BenchSession
from tests.support.reports import render
from tests.support.stored_runs import FakeRun

MakeOptions = Callable[..., Options]
SWEEP = ("--backend", "simulated", "--prompt-tokens", "8", "--seed", "1")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bench.run.between_visits.time.monotonic", clock)
    return clock


def lines(options: Options, clock: Clock, settled: str = "", before_s: float = 0.0) -> list[str]:
    """What a run says whose visits take ten seconds each; from block 10 on, ``settled`` loads need no more."""
    visits = make_plan(options).visits
    adaptive = options.interval_target is not None
    done: set[str] = set()
    still_open = (lambda keys: not done.issuperset(keys)) if adaptive else None
    progress = Progress(options, visits, still_open, before_s=before_s)
    said = []
    for visit in visits:
        if visit.block == 10:
            done = {cell.key for one in visits for cell in one.cells if one.load.precision == settled}
        if not done.issuperset(cell.key for cell in visit.cells):
            said.append(progress.begin(visit))
            clock.now_s += 10
    return said


def test_a_visit_is_named_with_its_place(make_options: MakeOptions, clock: Clock) -> None:
    said = lines(make_options(*SWEEP, "--precision", "int4", "--blocks", "3"), clock)
    assert said[0] == "visit 1 of 3, block 1 of 3: simulated CPU int4"


def test_the_time_left_is_said_after_the_first_block(make_options: MakeOptions, clock: Clock) -> None:
    said = lines(make_options(*SWEEP, "--precision", "int4,int8", "--blocks", "2"), clock)
    found = [re.search(r"\((.*)\)$", line) for line in said]
    assert [one and one[1] for one in found] == [None, None, "about 20 s left", "about 10 s left"]


def test_a_run_that_adds_blocks_says_at_most(make_options: MakeOptions, clock: Clock) -> None:
    options = make_options(*SWEEP, "--precision", "int4", "--interval-target", "5%", "--max-blocks", "11")
    assert lines(options, clock)[1] == (
        "visit 2 of at most 11, block 2 of 10 to 11: simulated CPU int4 (at most about 2 min left)"
    )


def test_loads_that_need_no_more_take_no_more_time(make_options: MakeOptions, clock: Clock) -> None:
    options = make_options(*SWEEP, "--precision", "int4,int8", "--interval-target", "5%", "--max-blocks", "12")
    assert lines(options, clock, settled="int4")[20:] == [
        "visit 21 of at most 24, block 11 of 10 to 12: simulated CPU int8 (at most about 20 s left)",
        "visit 22 of at most 24, block 12 of 10 to 12: simulated CPU int8 (at most about 10 s left)",
    ]


def test_no_more_time_is_left_than_may_be_spent(make_options: MakeOptions, clock: Clock) -> None:
    options = make_options(*SWEEP, "--precision", "int4", "--interval-target", "5%", "--max-time", "60s")
    assert lines(options, clock)[3].endswith("(at most about 30 s left)")


def test_what_an_earlier_process_took_may_not_be_spent_again(make_options: MakeOptions, clock: Clock) -> None:
    options = make_options(*SWEEP, "--precision", "int4", "--interval-target", "5%", "--max-time", "60s")
    assert lines(options, clock, before_s=20.0)[3].endswith("(at most about 10 s left)")


def test_a_run_that_is_carried_on_counts_the_visits_before(make_options: MakeOptions, clock: Clock) -> None:
    options = make_options(*SWEEP, "--precision", "int4", "--blocks", "4")
    visits = make_plan(options).visits
    progress = Progress(options, visits, before=2)
    said = []
    for visit in visits[2:]:
        said.append(progress.begin(visit))
        clock.now_s += 10
    assert said == [
        "visit 3 of 4, block 3 of 4: simulated CPU int4",
        "visit 4 of 4, block 4 of 4: simulated CPU int4 (about 10 s left)",
    ]


MakeOptions_of_cooling = Callable[..., Options]


class Laptop:
    """A CPU that cools by a degree a second; its clock moves by what is slept."""

    def __init__(self) -> None:
        self.temperature_c: float | None = 50.0
        self.now_s = 0.0
        self.breaks_at_s: float | None = None

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        if self.temperature_c is not None:
            self.temperature_c -= seconds
        if self.breaks_at_s is not None and self.now_s >= self.breaks_at_s:
            self.temperature_c = None

    def read(self) -> float | None:
        return self.temperature_c


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch) -> Laptop:
    made = Laptop()
    monkeypatch.setattr(between_visits, "time", made)
    monkeypatch.setattr(between_visits, "cpu_temperature_c", made.read)
    return made


@pytest.fixture
def cooler(laptop: Laptop, make_options: MakeOptions_of_cooling) -> Callable[..., Cooling]:
    def make(*arguments: str, stopping: Callable[[], bool] = lambda: False) -> Cooling:
        return Cooling(make_options("--backend", "simulated", *arguments), stopping)

    return make


def test_a_visit_begins_when_the_cpu_is_near_its_temperature_at_the_start(
    laptop: Laptop, cooler: Callable[..., Cooling]
) -> None:
    made = cooler("--cooldown-c", "3")
    laptop.temperature_c = 80.0
    assert (made.wait(first=False), laptop.now_s) == (", after 27 s of cooling to 53 °C", 27.0)


def test_the_first_visit_waits_for_a_machine_that_has_converted_a_model(
    laptop: Laptop, cooler: Callable[..., Cooling]
) -> None:
    made = cooler("--cooldown-c", "3", "--cooldown-s", "10")
    laptop.temperature_c = 63.0
    assert made.wait(first=True) == ", after 10 s of cooling to 53 °C"


def test_a_cool_machine_does_not_wait(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    assert (cooler("--cooldown-c", "3").wait(first=False), laptop.now_s) == (", after 0 s of cooling to 50 °C", 0.0)


def test_it_waits_so_long_at_most(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    made = cooler("--cooldown-c", "3", "--cooldown-max-s", "7.5")
    laptop.temperature_c = 80.0
    assert (made.wait(first=False), laptop.now_s) == (", after 8 s of cooling: still 72 °C, not 53 °C", 7.5)


def test_five_minutes_are_the_most_by_default(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    made = cooler("--cooldown-c", "3")
    laptop.temperature_c = 1000.0
    made.wait(first=False)
    assert laptop.now_s == 300.0


def test_the_fixed_pause_comes_before_and_counts_for_itself(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    made = cooler("--cooldown-c", "3", "--cooldown-s", "20")
    laptop.temperature_c = 80.0
    assert (made.wait(first=False), laptop.now_s) == (", after 7 s of cooling to 53 °C", 27.0)


def test_the_fixed_pause_is_between_visits_and_needs_no_sensor(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    laptop.temperature_c = None
    made = cooler("--cooldown-s", "20")
    assert (made.wait(first=True), laptop.now_s) == ("", 0.0)
    assert (made.wait(first=False), laptop.now_s) == ("", 20.0)


def test_a_machine_without_a_sensor_is_refused_with_the_remedy(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    laptop.temperature_c = None
    with pytest.raises(UsageError, match=r"--cooldown-c: .* cannot be read on this machine; .* --cooldown-s 30$"):
        cooler("--cooldown-c", "3")


def test_a_sensor_that_is_lost_ends_the_wait(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    made = cooler("--cooldown-c", "3")
    laptop.temperature_c, laptop.breaks_at_s = 80.0, 5.0
    assert made.wait(first=False) == ", after 5 s of cooling: the CPU's temperature can no longer be read"


def test_a_request_to_stop_ends_the_wait(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    made = cooler("--cooldown-c", "3", stopping=lambda: laptop.now_s >= 4)
    laptop.temperature_c = 80.0
    made.wait(first=False)
    assert laptop.now_s == 4.0


def test_a_request_to_stop_ends_the_fixed_pause_too(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    made = cooler("--cooldown-s", "300", stopping=lambda: laptop.now_s >= 4)
    made.wait(first=False)
    assert laptop.now_s == 4.0


RELOADS = '<meta http-equiv="refresh"'


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(between_visits, "_EARLIEST_S", 0.0)


def small_run(folder: Path) -> Path:
    return FakeRun(prompt_tokens=(32,), new_tokens=(4,), blocks=1, repeats=1, end=None).write(folder)


@pytest.mark.process
def test_the_page_says_that_the_run_goes_on_and_reloads_until_its_end(
    make_options: Callable[..., Options], tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    run = small_run(tmp_path / "results")
    options = make_options("--results-dir", str(run.parent), "--reports-dir", str(reports))
    page = reports / run.name / "index.html"
    with FileLock(run / ".lock"):
        line = InterimReport(run, options).render(1)
    assert line is not None
    assert line.startswith(f"so far     {page.as_uri()} (after block 1, made in ")
    text = page.read_text("utf-8")
    assert (RELOADS in text, "this run still goes on" in text, "carries on" in text) == (True, True, False)
    render(run, reports)
    assert RELOADS not in page.read_text("utf-8")


@pytest.mark.process
def test_a_report_that_cannot_be_made_is_said_and_no_more(make_options: Callable[..., Options], tmp_path: Path) -> None:
    line = InterimReport(tmp_path / "nothing", make_options("--reports-dir", str(tmp_path))).render(1)
    assert line is not None
    assert line.startswith("so far     no report, and the run goes on: error: there is no run")


@pytest.mark.process
def test_a_report_that_takes_too_long_is_said_in_words(
    make_options: Callable[..., Options], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(between_visits, "_TIMEOUT_S", 0)
    line = InterimReport(tmp_path / "nothing", make_options("--reports-dir", str(tmp_path))).render(1)
    assert line is not None
    assert line.startswith("so far     no report, and the run goes on: it was not made within 0 s")


def test_reports_take_a_twentieth_of_the_time_at_most(
    make_options: Callable[..., Options], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    made = []

    def makes(self: InterimReport) -> tuple[str, None]:
        clock[0] += 3.0
        made.append(clock[0])
        return "file:///page", None

    monkeypatch.setattr(InterimReport, "_made", makes)
    monkeypatch.setattr(between_visits, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    report = InterimReport(tmp_path, make_options())
    assert report.render(1) == "so far     file:///page (after block 1, made in 3 s)"
    clock[0] += 59
    assert report.render(2) is None
    clock[0] += 2
    assert report.render(3) == "so far     file:///page (after block 3, made in 3 s)"


def test_a_short_run_has_none(
    make_options: Callable[..., Options], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(between_visits, "_EARLIEST_S", 3600.0)
    assert InterimReport(tmp_path, make_options()).render(1) is None


def test_it_is_made_where_a_block_has_ended_that_measured_something(make_options: Callable[..., Options]) -> None:
    class Recorded:
        def __init__(self) -> None:
            self.blocks: list[int] = []

        def render(self, block: int) -> None:
            self.blocks.append(block)

    sweep = ("--backend", "simulated", "--precision", "int4,int8", "--prompt-tokens", "8", "--blocks", "3")
    plan = make_plan(make_options(*sweep))
    session: Any = BenchSession(make_options(*sweep), plan, "", lambda line: None)
    session._interim = recorded = Recorded()
    for visit in plan.visits:
        session._report_so_far(visit.block)
        # The first block measures nothing.
        if visit.block:
            session.outcome(visit, visit.cells[0], Outcome((1.0,), (0.5,)))
    assert recorded.blocks == [2]


def test_a_report_that_ctrl_c_ended_is_not_said_to_be_of_a_run_that_goes_on(
    make_options: Callable[..., Options],
) -> None:
    sweep = ("--backend", "simulated", "--precision", "int4", "--prompt-tokens", "8", "--blocks", "2")
    plan = make_plan(make_options(*sweep))
    said: list[str] = []
    session: Any = BenchSession(make_options(*sweep), plan, "", said.append)
    session.measured = 1

    def ended_by_ctrl_c(_: int) -> str:
        session.stopper.requested = True
        return "so far     no report, and the run goes on: exit status 130"

    session._interim = SimpleNamespace(render=ended_by_ctrl_c)
    for visit in plan.visits:
        session._report_so_far(visit.block)
    assert (session.stopper.requested, said) == (True, [])


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """Ctrl-C as Python has it, which a shell that starts this in the background takes away."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def stopper(usual: None, said: list[str]) -> Iterator[Stopper]:
    made = Stopper(said.append)
    made.install()
    yield made
    made.remove()


def test_nothing_is_requested_at_first(stopper: Stopper) -> None:
    assert not stopper.requested


def test_once_is_a_request(stopper: Stopper) -> None:
    signal.raise_signal(signal.SIGINT)
    assert stopper.requested


def test_once_is_answered_with_what_twice_would_do(stopper: Stopper, said: list[str]) -> None:
    signal.raise_signal(signal.SIGINT)
    assert said == ["stopping after this generation; Ctrl-C again stops at once"]


def test_twice_stops_at_once(stopper: Stopper) -> None:
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_after_removal_ctrl_c_means_what_it_meant_before(stopper: Stopper) -> None:
    before = signal.getsignal(signal.SIGINT)
    stopper.remove()
    assert (before == signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGINT)) == (
        False,
        signal.default_int_handler,
    )


def test_removing_twice_is_no_fault(stopper: Stopper) -> None:
    stopper.remove()
    stopper.remove()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_line_that_cannot_be_written_just_now_does_not_end_the_run() -> None:
    def say(_: str) -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stdout>'>")

    stopper = Stopper(say)
    stopper.install()
    signal.raise_signal(signal.SIGINT)
    stopper.remove()
    assert stopper.requested

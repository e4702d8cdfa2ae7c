"""Fresh processes in pairs, one with full warm-ups and one with short ones, and how their timed answers compare."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.analyse.interval import Estimate, paired
from bench.errors import UsageError, WorkerError
from bench.measure.prompt_keys import warmup_ordinals
from bench.measure.settling import warm_up
from bench.measure.worker import Generated
from bench.plan.flags import PROFILES
from bench.plan.options import DEFAULT_MAX_WARMUPS, DEFAULT_WARMUPS
from bench.prepare.prompts import PromptKey
from studies.intervals.stack import Start, Target, started
from studies.overhead.figures import verdict

GOAL = 0.005
REPEATS = PROFILES["quick"][1]
"""Answers that a run would time after the warm-ups."""
LATER = 3
"""Answers after these, by when both processes of a pair have given at least as many full answers as a warm-up asks."""
METRICS = {"ttft_ms": "TTFT", "tpot_ms": "TPOT"}
FULL, SHORT = "full", "short"
ARMS = (FULL, SHORT)


@dataclass(frozen=True, slots=True)
class Asked:
    """What each process is asked.

    Args:
        prompt_tokens: ids of each prompt, of warm-ups too.
        new_tokens: tokens of an answer, two at least.
        short: tokens of a short warm-up.
    """

    prompt_tokens: int
    new_tokens: int
    short: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One process.

    Args:
        load: backend and precision.
        pair: both processes of a pair have the same prompts.
        arm: one of :data:`ARMS`.
        warmups: how many it took.
        warmup_s: how long they took together.
        ttft_ms: of the answers after them: those that a run would time, then :data:`LATER` more.
        tpot_ms: of the same.
        asked: what it was asked.
    """

    load: str
    pair: int
    arm: str
    warmups: int
    warmup_s: float
    ttft_ms: Sequence[float]
    tpot_ms: Sequence[float]
    asked: Asked


def read_process(load: str, target: Target, asked: Asked, arm: str, pair: int) -> Reading:
    """Start a process, load, warm up as ``arm`` says and as long as a run would, and ask.

    Raises:
        WorkerError: it could not be done.
    """
    ordinals = [*warmup_ordinals(DEFAULT_WARMUPS, DEFAULT_MAX_WARMUPS), *range(REPEATS + LATER)]
    keys = {ordinal: PromptKey(asked.prompt_tokens, ordinal, 0) for ordinal in ordinals}
    prompts = target.book.prompts_for_visit(pair, list(keys.values()))
    of_warmup = asked.new_tokens if arm == FULL else asked.short
    with started(target, Start()) as worker:

        def ask(ordinal: int) -> Generated:
            return worker.generate([prompts[keys[ordinal]].ids], of_warmup if ordinal < 0 else asked.new_tokens)

        begun = time.perf_counter()
        warmups, _ = warm_up(ask, DEFAULT_WARMUPS, DEFAULT_MAX_WARMUPS)
        warmup_s = time.perf_counter() - begun
        answers = [ask(ordinal) for ordinal in range(REPEATS + LATER)]
    ttft = [answer.ttft_ns / 1e6 for answer in answers]
    tpot = [statistics.fmean(answer.itl_ns) / 1e6 for answer in answers]
    return Reading(load, pair, arm, warmups, warmup_s, ttft, tpot, asked)


class Readings:
    """What was measured, in a file as well if there is one, so that a later session adds to it.

    Raises:
        UsageError: the file cannot be used, or holds what was asked otherwise.
    """

    def __init__(self, asked: Asked, file: Path | None = None) -> None:
        self.asked = asked
        self.found: list[Reading] = []
        self.failed: dict[str, str] = {}
        self._file = file
        if file is None:
            return
        try:
            lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
            told = [json.loads(line) for line in lines]
            self.found = [Reading(**{**one, "asked": Asked(**one["asked"])}) for one in told]
            file.parent.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UsageError(f"--readings: {file} cannot be used: {error}") from error
        if any(one.asked != asked for one in self.found):
            raise UsageError(f"--readings: {file} holds answers to other requests; name another file")

    def add(self, pair: Sequence[Reading]) -> None:
        """Add both processes of a pair."""
        self.found += pair
        if self._file is not None:
            lines = "".join(json.dumps(dataclasses.asdict(one)) + "\n" for one in pair)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(lines)

    def of(self, load: str, arm: str) -> dict[int, Reading]:
        """Number of a pair -> its process of ``arm``."""
        return {one.pair: one for one in self.found if (one.load, one.arm) == (load, arm)}

    def next_pair(self, load: str) -> int:
        """The number of the pair that comes next."""
        return max((one.pair + 1 for one in self.found if one.load == load), default=0)


def measure(
    targets: Mapping[str, Target], readings: Readings, seconds: float, drawn: random.Random, say: Callable[[str], None]
) -> None:
    """Measure pairs of all loads in turn until ``seconds`` are over; a load that failed is not tried again.

    No pair is begun that would end later, judged by the load's last one, or by the longest of other loads.
    """
    until = time.monotonic() + seconds
    lasted: dict[str, float] = {}

    def fits(load: str) -> bool:
        longest = max(lasted.values(), default=0.0)
        return load not in readings.failed and time.monotonic() + lasted.get(load, longest) <= until

    while fitting := list(filter(fits, targets)):
        drawn.shuffle(fitting)
        for load in filter(fits, fitting):
            begun, pair = time.monotonic(), readings.next_pair(load)
            arms = drawn.sample(ARMS, k=2)
            try:
                readings.add([read_process(load, targets[load], readings.asked, arm, pair) for arm in arms])
            except WorkerError as error:
                readings.failed[load] = str(error)
                continue
            lasted[load] = time.monotonic() - begun
            say(f"{load:<22} pair {pair + 1}, {lasted[load]:.0f} s; {max(0, until - time.monotonic()):.0f} s left")


@dataclass(frozen=True, slots=True)
class Bias:
    """What short warm-ups do to a metric of a load; ratios of short over full.

    Args:
        as_measured: of the medians that a run would time.
        beside_later: of the same medians over those of the answers that follow in the same process. What one process
            has and the other does not cancels out; both arms are taken to be alike by then. The interval is narrower
            only where processes differ by more than the answers of one process do.
    """

    metric: str
    as_measured: Estimate
    beside_later: Estimate

    @property
    def said(self) -> str:
        """Whether the bias is at most :data:`GOAL`."""
        verdicts = [verdict(one, GOAL) for one in (self.as_measured, self.beside_later)]
        if "outside the goal" in verdicts:
            return "biased: keep the full warm-up"
        if verdicts[1] == "within the goal":
            return f"no bias above {GOAL:.1%}: adopt"
        half = self.beside_later.half_width
        if half is None:
            return "not resolved: one pair has no interval"
        # With so many pairs the interval has half the width that is allowed.
        wanted = math.ceil(self.beside_later.blocks * (2 * half / GOAL) ** 2)
        return f"not resolved: about {wanted} pairs would do"


def biases(readings: Readings, load: str) -> Iterator[Bias]:
    """The bias of each metric of a load, if there is a pair of it."""
    arms = {arm: readings.of(load, arm) for arm in ARMS}
    for metric in METRICS:
        times = {arm: {pair: getattr(one, metric) for pair, one in arms[arm].items()} for arm in ARMS}
        timed, beside_later = (
            {arm: {pair: of(times[arm][pair]) for pair in times[arm]} for arm in ARMS} for of in (_timed, _beside_later)
        )
        contrasts = [paired(one[SHORT], one[FULL]) for one in (timed, beside_later)]
        ratios = [contrast.ratio for contrast in contrasts if contrast is not None]
        if len(ratios) == len(contrasts):
            yield Bias(metric, *ratios)


def _timed(times: Sequence[float]) -> float:
    return statistics.median(times[:REPEATS])


def _beside_later(times: Sequence[float]) -> float:
    return _timed(times) / statistics.median(times[REPEATS:])

"""The simulated backend plays what it is given, and never passes for a measurement."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backends.contract import BackendError, DeviceUnavailableError, LoadOptions, Text, UnsupportedError
from backends.scoring import Scored, score_texts
from backends.simulated import Simulated, SimulatedSession
from backends.table import BACKENDS

PROMPT = tuple(range(1, 33))
MS = 1_000_000


class MishapError(Exception):
    """Stands in for the end of the process, or of a sleep without end."""


def session(precision: str = "int4", **extra: Any) -> SimulatedSession:
    return Simulated().load(Path(), "CPU", LoadOptions(precision, None, extra))


def schedule_ms(steps: int = 5, precision: str = "int4", prompt_tokens: int = 32, **extra: Any) -> list[float]:
    return [ns / MS for ns in session(precision, **extra).schedule_ns(prompt_tokens, steps)]


def ids(of: SimulatedSession, prompts: Sequence[Sequence[int]], steps: int) -> list[list[int]]:
    seen: list[list[int]] = []
    of.generate(prompts, steps, lambda step: seen.append(list(step)))
    return seen


def test_constant_latencies_are_played_as_given() -> None:
    assert schedule_ms(4, ttft_ms=7, itl_ms=2) == [7, 2, 2, 2]


def test_a_series_is_played_in_turn_and_repeated_from_its_second_value() -> None:
    assert schedule_ms(6, series_ms="9;1;2") == [9, 1, 2, 1, 2, 1]


def test_a_series_of_one_value_is_that_value() -> None:
    assert schedule_ms(3, series_ms="4") == [4, 4, 4]


def test_without_latencies_given_a_longer_prompt_takes_longer_to_begin() -> None:
    assert schedule_ms(1, prompt_tokens=512)[0] > schedule_ms(1, prompt_tokens=32)[0]


def test_without_latencies_given_a_wider_format_is_slower() -> None:
    assert schedule_ms(2, "fp32")[1] > schedule_ms(2, "int4")[1]


def test_the_noise_of_a_seed_is_always_the_same() -> None:
    assert schedule_ms(20, spread=0.1, seed=3) == schedule_ms(20, spread=0.1, seed=3)


def test_the_noise_of_another_seed_is_another() -> None:
    assert schedule_ms(20, spread=0.1, seed=3) != schedule_ms(20, spread=0.1, seed=4)


def test_the_noise_has_the_spread_that_was_asked_for() -> None:
    latencies = schedule_ms(20_000, ttft_ms=10, itl_ms=10, spread=0.2)

    assert statistics.stdev(latencies) / statistics.mean(latencies) == pytest.approx(0.2, rel=0.05)


def test_a_process_is_slower_or_faster_as_a_whole() -> None:
    latencies = schedule_ms(3, ttft_ms=10, itl_ms=10, process_spread=0.5, process_seed=1)

    assert set(latencies) == {latencies[0]} != {10}


def test_processes_of_one_seed_are_alike() -> None:
    asked: dict[str, Any] = {"process_spread": 0.5, "process_seed": 8}

    assert schedule_ms(3, **asked) == schedule_ms(3, **asked)


def test_processes_of_one_run_share_its_moments() -> None:
    asked: dict[str, Any] = {"ttft_ms": 10, "itl_ms": 10, "correlated_spread": 0.5, "correlation_time_s": 1e9}
    one, same, other = (schedule_ms(3, **asked, run_seed=seed) for seed in (3, 3, 4))

    assert one == same != other
    assert set(one) == {one[0]} != {10}


def test_no_step_comes_before_its_time() -> None:
    moments: list[int] = []
    begun = time.perf_counter_ns()
    session(ttft_ms=3, itl_ms=2).generate([PROMPT], 3, lambda _: moments.append(time.perf_counter_ns() - begun))

    assert all(moment >= due * MS for moment, due in zip(moments, (3, 5, 7), strict=True))


def test_each_step_gives_one_id_per_sequence() -> None:
    assert [len(step) for step in ids(session(itl_ms=0), [PROMPT] * 3, 4)] == [3, 3, 3, 3]


def test_the_ids_depend_on_the_prompt() -> None:
    other = (*PROMPT[:-1], 999)

    assert ids(session(), [PROMPT], 2) != ids(session(), [other], 2)


def test_the_ids_depend_on_the_order_of_the_prompt() -> None:
    assert ids(session(), [PROMPT], 2) != ids(session(), [PROMPT[::-1]], 2)


@pytest.mark.parametrize(("extra", "steps"), [(2, 6), (-3, 1), (0, 4)])
def test_more_or_fewer_tokens_come_when_asked_for(extra: int, steps: int) -> None:
    assert len(ids(session(itl_ms=0, extra_tokens=extra), [PROMPT], 4)) == steps


def test_a_failure_comes_at_its_step() -> None:
    seen: list[Sequence[int]] = []
    with pytest.raises(BackendError, match="told to fail at step 2"):
        session(itl_ms=0, fail_at=2).generate([PROMPT], 5, seen.append)

    assert len(seen) == 2


def test_a_crash_ends_the_process_at_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(code: int) -> None:
        raise MishapError(code)

    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(MishapError):
        session(itl_ms=0, crash_at=1).generate([PROMPT], 5, lambda _: None)


def test_a_hang_sleeps_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            raise MishapError

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(MishapError):
        session(ttft_ms=0, itl_ms=0, hang_at=0).generate([PROMPT], 5, lambda _: None)


def test_a_mishap_can_be_kept_to_one_prompt_length() -> None:
    told = session(ttft_ms=0, itl_ms=0, fail_at=0, only_prompt_tokens=64)

    assert len(ids(told, [PROMPT], 3)) == 3


def test_a_mishap_comes_at_the_prompt_length_that_it_is_kept_to() -> None:
    with pytest.raises(BackendError):
        session(ttft_ms=0, itl_ms=0, fail_at=0, only_prompt_tokens=32).generate([PROMPT], 3, lambda _: None)


def test_a_load_fails_with_the_message_that_it_is_told() -> None:
    with pytest.raises(BackendError, match=r"^no such luck$"):
        session(fail_load="no such luck")


def test_a_device_that_nobody_has_is_refused() -> None:
    with pytest.raises(DeviceUnavailableError, match=r"ABACUS.*CPU, GPU, NPU"):
        Simulated().load(Path(), "ABACUS", LoadOptions("int4"))


def test_the_evidence_says_that_nothing_ran() -> None:
    evidence = session().evidence()

    assert (evidence.device_source, evidence.note.partition(":")[0]) == ("simulated", "Simulated")


def test_every_option_of_the_table_is_taken() -> None:
    options: dict[str, Any] = {name: option.default for name, option in BACKENDS["simulated"].options.items()}

    assert len(ids(session(**options), [PROMPT], 2)) == 2


def first_step_ms(of: SimulatedSession, prompts: Sequence[Sequence[int]]) -> float:
    stamps: list[int] = []
    began = time.perf_counter_ns()
    of.generate(prompts, 1, lambda _: stamps.append(time.perf_counter_ns()))
    return (stamps[0] - began) / MS


def test_a_prompt_asked_twice_takes_as_long_again_without_a_prefix_cache() -> None:
    played = session(ttft_ms=20)
    assert min(first_step_ms(played, [PROMPT]) for _ in range(2)) >= 20


def test_with_a_prefix_cache_a_tenth_is_left_to_do_for_a_prompt_that_it_knows() -> None:
    played = session(prefix_caching="on")
    assert [played._left_to_do([PROMPT]), played._left_to_do([PROMPT])] == [1.0, 0.1]


def test_a_batch_hits_the_prefix_cache_only_as_a_whole() -> None:
    played = session(prefix_caching="on")
    played._left_to_do([PROMPT])
    assert played._left_to_do([PROMPT, PROMPT[::-1]]) == 1.0


class Clock:
    """A time that passes while it is looked at, and by nothing else that the machine does."""

    def __init__(self) -> None:
        self.now_ns = 0

    def perf_counter_ns(self) -> int:
        self.now_ns += 1000
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)

    def time(self) -> float:
        return self.now_ns / 1e9


def test_a_prefix_cache_shortens_the_first_token_of_a_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("backends.simulated.time", clock)
    monkeypatch.setattr(time, "perf_counter_ns", clock.perf_counter_ns)
    played = session(ttft_ms=200, prefix_caching="on")
    assert [first_step_ms(played, [PROMPT]) for _ in range(2)] == pytest.approx([200, 20], rel=0.01)


def test_a_generation_is_slower_or_faster_as_a_whole() -> None:
    played = session(ttft_ms=10, itl_ms=10, generation_spread=0.5, seed=1)
    first, second = (set(played.schedule_ns(32, 3)) for _ in range(2))

    assert (len(first), len(second), first == second) == (1, 1, False)


def test_processes_of_one_run_share_what_befalls_the_run(tmp_path: Path) -> None:
    def played(run: str, process: str) -> int:
        options = LoadOptions("int4", None, {"ttft_ms": 10, "run_spread": 0.5})
        return next(Simulated().load(tmp_path / run / process, "CPU", options).schedule_ns(32, 1))

    assert played("a", "1") == played("a", "2") != played("b", "1")


def test_a_run_of_one_seed_is_always_the_same() -> None:
    assert schedule_ms(1, run_spread=0.5, run_seed=3) == schedule_ms(1, run_spread=0.5, run_seed=3)


def test_noise_that_cannot_be_fails_the_load_with_its_option() -> None:
    with pytest.raises(BackendError, match="cannot play that noise: tail_share cannot be 2"):
        session(tail_share=2)


def test_each_process_has_noise_of_its_own_when_asked() -> None:
    assert schedule_ms(20, spread=0.1, seed=-1) != schedule_ms(20, spread=0.1, seed=-1)


# -- quality


TEXTS = [Text("a", range(100, 300), 50), Text("b", range(500, 700))]


def scored(texts: Sequence[Text] = TEXTS, precision: str = "int4", **extra: Any) -> list[Scored]:
    options = LoadOptions(precision, None, extra)
    return score_texts(Simulated().score(Path(), "CPU", options, texts), texts, None, 60)


def ratios(of: Sequence[Scored], over: Sequence[Scored]) -> list[float]:
    """Perplexity of each text over that of the other."""
    return [perplexity(one.log_probs) / perplexity(other.log_probs) for one, other in zip(of, over, strict=True)]


def perplexity(log_probs: Sequence[float | None]) -> float:
    return math.exp(-statistics.fmean(value for value in log_probs if value is not None))


def test_every_position_is_scored() -> None:
    assert [len(one.log_probs) for one in scored(perplexity_ratio=1.0)] == [text.positions for text in TEXTS]


@pytest.mark.parametrize("ratio", [0.9, 1.0, 1.284, 50.0])
def test_the_ratio_of_perplexities_is_the_one_asked_for(ratio: float) -> None:
    base = scored(precision="fp32", perplexity_ratio=1.0)

    assert ratios(scored(perplexity_ratio=ratio), base) == pytest.approx([ratio, ratio])


@pytest.mark.slow
def test_texts_differ_by_the_spread_that_was_asked_for() -> None:
    texts = [Text(str(number), range(number, number + 9)) for number in range(2000)]
    base = scored(texts, precision="fp32", perplexity_ratio=1.0)
    found = ratios(scored(texts, perplexity_ratio=1.3, perplexity_spread=0.1), base)

    assert statistics.stdev(map(math.log, found)) == pytest.approx(0.1, rel=0.1)
    assert statistics.geometric_mean(found) == pytest.approx(1.3, rel=0.01)


def test_garbage_begins_at_its_position() -> None:
    good, bad = scored(perplexity_ratio=1.0), scored(perplexity_ratio=1.0, broken_from=60)

    assert [one.log_probs[:10] for one in bad] == [one.log_probs[:10] for one in good]
    assert {*bad[0].log_probs[10:], *bad[1].log_probs[60:]} == {-11.0}


def test_without_a_ratio_there_is_nothing_to_score() -> None:
    with pytest.raises(UnsupportedError, match="perplexity_ratio"):
        scored()

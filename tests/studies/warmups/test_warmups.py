"""Pairs of processes with full and short warm-ups, and what is said of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import UsageError, WorkerFailed
from bench.measure.worker import Generated, WorkerProcess
from studies.intervals.stack import Target, find_target
from studies.warmups import measured
from studies.warmups.__main__ import main, table_of, verdicts
from studies.warmups.measured import ARMS, FULL, SHORT, Asked, Reading, Readings, biases, measure, read_process

ASKED = Asked(prompt_tokens=4, new_tokens=3, short=2)
LOAD = "simulated int4"


def quiet(line: str) -> None:
    """Say nothing."""


@pytest.fixture
def target() -> Target:
    return find_target("simulated", "int4", "default", ("simulated.ttft_ms=1", "simulated.itl_ms=1"), quiet)


def reading(pair: int, arm: str, timed: float = 1.0, later: float = 1.0, warmup_s: float = 1.0) -> Reading:
    times = [timed] * measured.REPEATS + [later] * measured.LATER
    return Reading(LOAD, pair, arm, 2, warmup_s, [10 * one for one in times], times, ASKED)


def readings(*pairs: tuple[Reading, Reading]) -> Readings:
    found = Readings(ASKED)
    for pair in pairs:
        found.add(pair)
    return found


def slowed(factor: float, processes: Sequence[float] = (1.0, 1.3, 0.9, 1.1)) -> Readings:
    """Pairs whose processes differ; the answers after a short warm-up take ``factor`` times as long."""
    return readings(
        *(
            (reading(pair, FULL, one, one), reading(pair, SHORT, factor * other, other, warmup_s=0.25))
            for pair, (one, other) in enumerate(zip(processes, reversed(processes), strict=True))
        )
    )


@pytest.mark.process
def test_a_process_is_asked_short_warm_ups_and_then_full_answers(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    generate = WorkerProcess.generate

    def told(worker: WorkerProcess, prompts: Sequence[Sequence[int]], new_tokens: int) -> Generated:
        asked.append((len(prompts[0]), new_tokens))
        return generate(worker, prompts, new_tokens)

    monkeypatch.setattr(WorkerProcess, "generate", told)
    found = read_process(LOAD, target, ASKED, SHORT, 0)
    count = measured.REPEATS + measured.LATER

    assert asked == [(4, 2)] * found.warmups + [(4, 3)] * count
    assert (len(found.ttft_ms), len(found.tpot_ms), found.arm) == (count, count, SHORT)


def test_what_one_process_has_and_the_other_does_not_cancels_out_beside_later_answers() -> None:
    ttft, tpot = biases(slowed(1.02), LOAD)

    assert (ttft.metric, tpot.metric) == ("ttft_ms", "tpot_ms")
    assert [tpot.beside_later.value, tpot.beside_later.low, tpot.beside_later.high] == pytest.approx([1.02] * 3)
    assert tpot.as_measured.high is not None
    assert tpot.as_measured.high > 1.1


@pytest.mark.parametrize(
    ("factor", "processes", "said"),
    [
        (1.001, (1.0, 1.0, 1.0), "no bias above 0.5%: adopt"),
        (1.02, (1.0, 1.3, 0.9, 1.1), "biased: keep the full warm-up"),
        (1.0, (1.0,), "not resolved: one pair has no interval"),
    ],
)
def test_a_verdict_needs_an_interval_on_one_side_of_the_line(
    factor: float, processes: Sequence[float], said: str
) -> None:
    assert {bias.said for bias in biases(slowed(factor, processes), LOAD)} == {said}


def test_an_interval_that_is_too_wide_says_how_many_pairs_would_do() -> None:
    pairs = [(reading(pair, FULL), reading(pair, SHORT, one)) for pair, one in enumerate((0.99, 1.0, 1.01, 1.0))]
    (bias, _) = biases(readings(*pairs), LOAD)

    assert bias.said == "not resolved: about 110 pairs would do"


def test_the_table_and_the_lines_say_what_the_warm_ups_take() -> None:
    found = slowed(1.001)
    found.failed["ort-genai int4"] = "it is not there"
    rows = table_of(found).rows

    assert [row[:3] for row in rows] == [
        (LOAD, "TTFT", "4"),
        (LOAD, "TPOT", "4"),
        ("ort-genai int4: it is not there", "", ""),
    ]
    assert rows[0][-2:] == ("1.00 s (2.0)", "0.25 s (2.0)")
    assert list(verdicts(found))[-1].startswith("short warm-ups save 0.8 s of 1.0 s")


def test_pairs_are_measured_until_the_time_is_over(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("studies.warmups.measured.time.monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(measured, "read_process", lambda load, _, asked, arm, pair: reading(pair, arm))
    found = Readings(ASKED)
    measure({LOAD: target}, found, 20.0, random.Random(1), quiet)

    assert 1 < len(found.found) / 2 < 20
    assert found.of(LOAD, FULL).keys() == found.of(LOAD, SHORT).keys() == set(range(found.next_pair(LOAD)))


def test_a_load_that_failed_is_not_tried_again(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Reading:
        raise WorkerFailed("no such device")

    monkeypatch.setattr(measured, "read_process", fail)
    found = Readings(ASKED)
    measure({LOAD: target}, found, 1e9, random.Random(1), quiet)

    assert (found.found, found.failed) == ([], {LOAD: "no such device"})


def test_a_later_session_adds_to_the_readings_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "readings.jsonl"
    for pair in range(2):
        held = Readings(ASKED, file)
        assert held.next_pair(LOAD) == pair
        held.add([reading(pair, arm) for arm in ARMS])

    assert Readings(ASKED, file).found == [reading(pair, arm) for pair in range(2) for arm in ARMS]


def test_readings_of_other_requests_are_not_mixed_in(tmp_path: Path) -> None:
    file = tmp_path / "readings.jsonl"
    Readings(ASKED, file).add([reading(0, arm) for arm in ARMS])
    with pytest.raises(UsageError, match="holds answers to other requests"):
        Readings(replace(ASKED, short=1), file)


@pytest.mark.parametrize("text", ["not json", '{"load": 1}', "[]"])
def test_a_file_of_something_else_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "readings.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"--readings: .*readings\.jsonl cannot be used"):
        Readings(ASKED, file)


@pytest.mark.parametrize(
    "wrong",
    [
        *(("--minutes", "0"), ("--short", "0"), ("--new-tokens", "1"), ("--short", "64"), ("--prompt-tokens", "0")),
        ("--backend", "transformers", "--precision", "int4"),
    ],
)
def test_what_cannot_be_is_refused(wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wrong) == 4
    assert "error: " in capsys.readouterr().err


@pytest.mark.process
def test_a_stack_that_is_there_is_measured_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    options = ("--load-option", "simulated.ttft_ms=1", "--load-option", "simulated.itl_ms=1")
    counts = ("--backend", "simulated", "--precision", "int4", "--minutes", "0.001", "--prompt-tokens", "4")
    assert main([*counts, *options, "--write", str(page)]) == 0

    said = capsys.readouterr().out
    assert f"{LOAD} TTFT: not resolved: one pair has no interval" in said
    assert "Short warm-ups over full ones" in page.read_text(encoding="utf-8")

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.plan.cells import Request
from bench.plan.estimate import counted, format_duration, generation_seconds, guess_seconds, quality_seconds
from bench.plan.options import Options
from bench.plan.plan import make_plan

MakeOptions = Callable[..., Options]


def guess(options: Options, parameters: int = 135_000_000) -> float:
    return guess_seconds(make_plan(options), options, parameters)


def test_twice_the_blocks_take_twice_the_time(make_options: MakeOptions) -> None:
    base = ("--backend", "simulated", "--blocks")
    assert guess(make_options(*base, "4")) == pytest.approx(2 * guess(make_options(*base, "2")))


def test_a_pause_between_visits_is_counted(make_options: MakeOptions) -> None:
    base = ("--backend", "simulated", "--precision", "int4", "--blocks", "5")
    pause = guess(make_options(*base, "--cooldown-s", "10")) - guess(make_options(*base))
    assert pause == pytest.approx(50)


def test_shorter_warm_ups_take_less(make_options: MakeOptions) -> None:
    base = ("--backend", "simulated", "--precision", "int4", "--warmups", "2")
    assert guess(make_options(*base, "--warmup-new-tokens", "4")) < guess(make_options(*base))
    assert guess(make_options(*base, "--warmup-new-tokens", "64")) == pytest.approx(guess(make_options(*base)))


@pytest.mark.parametrize("longer", [("int4", 256, 64), ("int4", 128, 65), ("int8", 128, 64)])
def test_a_longer_prompt_more_tokens_and_wider_weights_take_longer(longer: tuple[str, int, int]) -> None:
    precision, prompt_tokens, new_tokens = longer
    base = generation_seconds(Request(128, 64, 1), "int4", 10**9)
    assert generation_seconds(Request(prompt_tokens, new_tokens, 1), precision, 10**9) > base


def test_a_chat_whose_history_is_cached_computes_each_token_of_its_prompt_once(make_options: MakeOptions) -> None:
    chat = ("--backend", "transformers", "--precision", "fp32", "--prompt-tokens", "512", "--turns", "4")
    first, again = (guess(make_options(*chat, "--ask", ask)) for ask in ("first", "again"))
    assert first < again < 1.1 * first


@pytest.mark.parametrize(("count", "words"), [(0, "0 loads"), (1, "1 load"), (2, "2 loads")])
def test_one_thing_is_no_plural(count: int, words: str) -> None:
    assert counted(count, "load") == words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (40, "40 s"),
        (89.4, "89 s"),
        (91, "2 min"),
        (540, "9 min"),
        (4800, "80 min"),
        (5400, "1 h 30 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations_are_said_in_the_unit_that_people_use(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("blocks", "measured_s", "seconds"), [(3, 600, 60), (1, 5, 60), (3, 7200, 360), (10, 2000, 300)]
)
def test_scoring_texts_takes_a_minute_or_a_part_of_the_measuring(
    blocks: int, measured_s: float, seconds: float
) -> None:
    assert quality_seconds(blocks, measured_s) == pytest.approx(seconds)

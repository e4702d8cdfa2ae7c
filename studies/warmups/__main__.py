"""``python -m studies warmups``: whether warm-ups of a few tokens bias what is timed after them.

Fresh processes in pairs, one with warm-ups as long as what is timed and one with short ones, in random order, all loads
in turn. Ratios are short over full, with 95 % intervals over pairs.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.cli import INTERRUPTED, Parser, command
from bench.errors import BenchError, UsageError
from bench.plan.backends import BACKENDS
from bench.plan.options import DEFAULT_BACKENDS
from studies import say
from studies.intervals.stack import DEVICE, find_target
from studies.intervals.tables import Table, as_lines, write_markdown
from studies.settings.measured import shown
from studies.warmups.measured import ARMS, FULL, METRICS, SHORT, Asked, Readings, biases, measure


@command
def main(arguments: Sequence[str]) -> int:
    """Measure until the time is over, then print what was found; after Ctrl-C too."""
    asked = _parser().parse_args(arguments)
    request = _request(asked)
    readings = Readings(request, asked.readings)
    targets = {}
    for backend, precision in _loads(asked):
        name = f"{backend} {precision}"
        try:
            targets[name] = find_target(backend, precision, asked.model, asked.load_option or (), say)
        except BenchError as error:
            readings.failed[name] = str(error)
    status = 0
    try:
        measure(targets, readings, 60 * asked.minutes, random.Random(asked.seed), say)
    except KeyboardInterrupt:
        status = INTERRUPTED
    table = table_of(readings)
    say("\n" + "\n".join(as_lines(table)))
    for line in verdicts(readings):
        say(line)
    if asked.write is not None:
        write_markdown(asked.write, [table])
    return status


def table_of(readings: Readings) -> Table:
    """The ratios of each load and metric, and what the warm-ups took."""
    rows = []
    for load in _measured(readings):
        seconds = [statistics.median(one.warmup_s for one in readings.of(load, arm).values()) for arm in ARMS]
        warmups = [statistics.fmean(one.warmups for one in readings.of(load, arm).values()) for arm in ARMS]
        took = [f"{one:.2f} s ({count:.1f})" for one, count in zip(seconds, warmups, strict=True)]
        for bias in biases(readings, load):
            ratios = (shown(one, 4) for one in (bias.as_measured, bias.beside_later))
            rows += [(load, METRICS[bias.metric], str(bias.as_measured.blocks), *ratios, *took)]
    rows += [(f"{load}: {why}", *[""] * 6) for load, why in readings.failed.items()]
    one = readings.asked
    return Table(
        f"Short warm-ups over full ones: prompts of {one.prompt_tokens} tokens, {one.new_tokens} new tokens, "
        f"{one.short} in a short warm-up",
        ("load", "metric", "pairs", "ratio (95 %)", "beside later answers (95 %)", "warm-up, full", "short"),
        tuple(rows),
        "The second ratio holds the answers that a run would time against those that follow in the same process. "
        "Warm-ups: median time of a process, and how many there were on average.",
    )


def verdicts(readings: Readings) -> Iterator[str]:
    """A line for each load and metric, and one for the time."""
    saved = dict.fromkeys(ARMS, 0.0)
    for load in _measured(readings):
        for bias in biases(readings, load):
            yield f"{load} {METRICS[bias.metric]}: {bias.said}"
        for arm in ARMS:
            saved[arm] += statistics.median(one.warmup_s for one in readings.of(load, arm).values())
    if saved[FULL]:
        yield (
            f"short warm-ups save {saved[FULL] - saved[SHORT]:.1f} s of {saved[FULL]:.1f} s, summed over the loads, "
            "per cell and block"
        )


def _measured(readings: Readings) -> list[str]:
    return sorted({one.load for one in readings.found})


def _loads(asked: argparse.Namespace) -> list[tuple[str, str]]:
    found = [
        (backend, precision)
        for backend in asked.backend or DEFAULT_BACKENDS
        for precision in asked.precision or BACKENDS[backend].default_precisions
        if precision in (BACKENDS[backend].precisions(DEVICE) or ())
    ]
    if not found:
        raise UsageError(f"--precision: none of these stacks has {', '.join(asked.precision)}")
    return found


def _request(asked: argparse.Namespace) -> Asked:
    counts = (
        ("--prompt-tokens", asked.prompt_tokens, 1),
        ("--new-tokens", asked.new_tokens, 2),
        ("--short", asked.short, 1),
    )
    for flag, value, least in counts:
        if value < least:
            raise UsageError(f"{flag}: expected at least {least}, got {value}")
    if not asked.minutes > 0:
        raise UsageError(f"--minutes: expected more than 0, got {asked.minutes:g}")
    if asked.short >= asked.new_tokens:
        raise UsageError(f"--short: {asked.short} tokens are no fewer than the {asked.new_tokens} that are timed")
    return Asked(asked.prompt_tokens, asked.new_tokens, asked.short)


def _parser() -> Parser:
    parser = Parser(prog="nox -s studies -- warmups", description=__doc__)
    parser.add_argument("--minutes", type=float, default=14, metavar="N", help="for how long (default: 14)")
    parser.add_argument(
        "--backend", action="append", choices=tuple(BACKENDS), metavar="NAME", help="only this stack; repeatable"
    )
    parser.add_argument("--precision", action="append", metavar="NAME", help="only this weight format; repeatable")
    parser.add_argument("--prompt-tokens", type=int, default=32, metavar="N", help="of each prompt (default: 32)")
    parser.add_argument("--new-tokens", type=int, default=32, metavar="N", help="of each answer (default: 32)")
    parser.add_argument("--short", type=int, default=4, metavar="N", help="of a short warm-up (default: 4)")
    parser.add_argument("--model", default="default", help="as in `nox -s bench` (default: default)")
    parser.add_argument("--load-option", action="append", metavar="BACKEND.KEY=VALUE", help="of the one stack")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the order (default: 1)")
    parser.add_argument(
        "--readings", type=Path, metavar="FILE", help="append what is measured to FILE; what is there already counts"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table to this page, too")
    return parser

"""``python -m studies intervals``: what the intervals and verdicts are worth, in figures."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.cli import Parser, command
from bench.observe.limits import limits
from bench.plan.backends import BACKENDS
from studies.intervals import fit, histories, real, simulate, variance


@command
def main(arguments: Sequence[str]) -> int:
    """Do what was asked for; returns the exit status."""
    given = list(arguments)
    if not given or (given[0] not in _COMMANDS and given[0] not in ("-h", "--help")):
        given.insert(0, "simulate")
    asked = _parser().parse_args(given)
    _COMMANDS[asked.command](asked)
    return 0


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "simulate": simulate.run,
    "fit": fit.run,
    "real": real.run,
    "variance": variance.run,
    "history": histories.run,
}


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s studies -- intervals",
        description="What the intervals and verdicts of this project are worth. Without a command: simulate.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, what: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")

    simulated_options(command("simulate", "coverage, false calls and power on noise whose truth is known"))
    fitted_options(command("fit", "the parameters of the noise, from stored runs"))
    real_options(command("real", "false calls among identical runs of a stack, and a slowdown put in on purpose"))
    variance_options(command("variance", "where the variance between processes comes from"))
    history_options(command("history", "false calls and power of the change points of a history"))
    return parser


def fitted_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``fit``."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="ids, folders or globs of stored runs")
    parser.add_argument(
        "--results-dir", type=Path, default=Path("results"), metavar="DIR", help="where runs lie (default: results)"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the noise, for `simulate --noise FILE`")


def stack_options(parser: argparse.ArgumentParser) -> None:
    """Which load of which stack is measured."""
    parser.add_argument("--backend", choices=tuple(BACKENDS), default="ort-genai", help="default: ort-genai")
    parser.add_argument("--precision", metavar="FORMAT", help="weight format (default: the backend's first)")
    parser.add_argument("--model", default="default", help="as in `nox -s bench` (default: default)")
    parser.add_argument("--load-option", action="append", metavar="BACKEND.KEY=VALUE", help="as in `nox -s bench`")
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="write the tables as Markdown")


def real_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``real``."""
    stack_options(parser)
    parser.add_argument("--only", action="append", choices=tuple(real.PARTS), help="only this part; repeatable")
    parser.add_argument("--comparisons", type=_at_least(1), default=20, metavar="N", help="A/B runs (default: 20)")
    parser.add_argument(
        "--runs", type=_at_least(real.BASELINES + 1), default=12, metavar="N", help="runs (default: 12)"
    )
    parser.add_argument("--prompt-tokens", default="64", metavar="N,...", help="default: 64")
    parser.add_argument("--new-tokens", default="32", metavar="N", help="default: 32")
    parser.add_argument("--blocks", type=_at_least(2), default=10, metavar="N", help="default: 10")
    parser.add_argument("--repeats", type=_at_least(1), default=3, metavar="N", help="default: 3")
    parser.add_argument(
        "--share", type=_share, default=0.1, metavar="SHARE", help="what is put in per token (default: 10%%)"
    )
    parser.add_argument(
        "--results-dir",
        type=Path,
        default=Path("results") / "study",
        metavar="DIR",
        help="where its runs lie; those that are there already count (default: results/study)",
    )


def variance_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``variance``."""
    stack_options(parser)
    parser.add_argument(
        "--only",
        action="append",
        metavar="CONDITION",
        help="only conditions that begin so, and the baseline; repeatable",
    )
    parser.add_argument(
        "--processes", type=_at_least(2), default=12, metavar="N", help="fresh ones per condition (default: 12)"
    )
    parser.add_argument("--cpus", type=_cpus, metavar="N,...", help="logical CPUs to keep to (default: from the first)")
    parser.add_argument("--prompt-tokens", type=_at_least(1), default=64, metavar="N", help="default: 64")
    parser.add_argument("--new-tokens", type=_at_least(2), default=32, metavar="N", help="default: 32")
    parser.add_argument("--repeats", type=_at_least(1), default=5, metavar="N", help="answers per process (default: 5)")
    parser.add_argument("--seed", type=_at_least(0), default=1, help="of the order (default: 1)")


def history_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``history``."""
    parser.add_argument("--histories", type=_at_least(2), default=1000, metavar="N", help="per figure (default: 1000)")
    parser.add_argument("--seed", type=_at_least(0), default=1, help="of chance (default: 1)")
    parser.add_argument(
        "--jobs", type=_at_least(1), default=limits().most_threads, help="processes (default: all usable CPUs)"
    )
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="write the tables as Markdown")


def _share(text: str) -> float:
    value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 < value <= 10:
        raise argparse.ArgumentTypeError("has to be above 0, such as 10%")
    return value


def _cpus(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def simulated_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``simulate``."""
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts: a look in a minute")
    parser.add_argument("--only", action="append", choices=tuple(simulate.PARTS), help="only this part; repeatable")
    parser.add_argument(
        "--seed", type=_at_least(0), default=1, help="the same seed gives the same figures (default: 1)"
    )
    parser.add_argument(
        "--jobs",
        type=_at_least(1),
        default=limits().most_threads,
        help="processes that share the work (default: all CPUs that it may use)",
    )
    for name, what in (
        ("coverage", "runs per noise and number of blocks"),
        ("comparisons", "comparisons of identical software per noise"),
        ("power", "comparisons per candidate of a slowdown"),
    ):
        # An interval of a share over comparisons needs two of them.
        parser.add_argument(f"--{name}", type=_at_least(2), metavar="N", help=f"{what}, in place of the usual count")
    parser.add_argument(
        "--block-seconds",
        type=_at_least(1),
        default=200,
        metavar="S",
        help="how long a block of 21 cells takes on your machine (default: 200)",
    )
    parser.add_argument("--noise", type=Path, metavar="FILE", help="play a fitted noise too, as `fit --write` wrote it")
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="write the tables as Markdown")
    parser.add_argument("--charts", type=Path, metavar="DIR", help="draw power and coverage as SVG")


def _at_least(least: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"has to be {least} at least")
        return value

    return count

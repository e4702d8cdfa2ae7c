"""``python -m studies architectures``: which architecture runs on which stack, as a Markdown table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.cli import Parser, command
from bench.plan.options import read_workers
from bench.plan.venvs import Venvs
from studies.architectures.measured import STACKS, Study
from studies.architectures.tiny import MODELS
from studies.intervals.tables import as_row


@command
def main(arguments: Sequence[str]) -> int:
    """Print the table, each row as soon as it is known, then the reasons and the versions."""
    asked = _parser().parse_args(arguments)
    names, stacks = asked.only or list(MODELS), asked.stack or list(STACKS)
    venvs = Venvs.from_environment(read_workers(asked.worker or [], "--worker"))
    with Study(asked.folder.resolve(), venvs, _say) as study:
        _print_table(study, names, stacks)
    return 0


def _print_table(study: Study, names: Sequence[str], stacks: Sequence[str]) -> None:
    columns = ("model", *stacks)
    print(as_row(columns), "|---" * len(columns) + "|", sep="\n", flush=True)
    reasons: dict[str, int] = {}
    versions: dict[str, str] = {}
    for number, model in enumerate(study.models(names), start=1):
        _say(f"{number} of {len(names)}: {model.name}")
        cells = []
        for stack in stacks:
            outcome = study.outcome(model, stack)
            note = f" ({reasons.setdefault(outcome.reason, len(reasons) + 1)})" if outcome.reason else ""
            cells.append(outcome.said + note)
            versions |= outcome.versions
        print(as_row((model.name, *cells)), flush=True)
    print()
    for reason, number in reasons.items():
        print(f"{number}. {reason}")
    print("\nVersions: " + ", ".join(f"{package} {version}" for package, version in sorted(versions.items())))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> Parser:
    parser = Parser(prog="nox -s studies -- architectures", description=__doc__)
    parser.add_argument("--only", action="append", choices=MODELS, help="only this model; repeatable")
    parser.add_argument("--stack", action="append", choices=STACKS, help="only this stack; repeatable")
    parser.add_argument("--worker", action="append", metavar="BACKEND=PYTHON", help="as in `nox -s bench`; repeatable")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("results") / "architectures",
        metavar="DIR",
        help="where models and artifacts are made and kept (default: results/architectures)",
    )
    return parser

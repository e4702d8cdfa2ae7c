"""``python -m bench.commands fleet_report [RUN …]``: the machines of a lab side by side, on one page."""

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from bench.analyse.grouping import group_by
from bench.analyse.read_fleet import NEWEST, Wanted, read_fleet
from bench.cli import Parser, add_language, command, one_line, print_lines
from bench.commands.stored_runs import add_folders, add_redact, add_runs, add_share, asked_for, print_left_out
from bench.dataset.machines import Machines
from bench.errors import StoreError, UsageError
from bench.report.fleet.fleet_exports import as_csv, as_json, lines, markdown, page
from bench.report.fleet.fleet_view import view_fleet
from bench.report.index import publish
from bench.report.language import speaking
from bench.report.redact import Private, redacted, redacted_folder, shown_text
from bench.store.dataset import is_dataset, open_dataset
from bench.store.lookup import readable, runs_meant
from bench.store.machine_names import MACHINES, MachineName, machine_names
from bench.store.reader import open_run


@command
def main(arguments: Sequence[str]) -> int:
    """Read, write and print; returns the exit status."""
    with asked_for(_parser(), arguments) as (asked, private):
        folders, named = runs_meant(asked.runs, asked.results_dir)
        known = machine_names(asked.results_dir)
        wanted = Wanted(asked.base, asked.model, asked.prompt_tokens, asked.new_tokens, asked.batch_size)
        machines = _by_machine(folders, named, private)
        if asked.label is not None:
            machines = _labelled(machines, known, asked.label)
        # Names of machines may be those of people and rooms.
        fleet = read_fleet(machines, {} if private else known, wanted, asked.newest, asked.threshold)
        view = view_fleet(fleet, wanted)
        folder = asked.reports_dir / "fleet"
        if private is not None:
            view, folder = redacted(view, private), redacted_folder(folder, private)
        with speaking(asked.lang):
            files = {"fleet.md": markdown(view), "fleet.csv": as_csv(view), "fleet.json": as_json(view)}
            files["fleet.html"] = page(view, files["fleet.csv"])
            print_lines([*lines(view), "", *publish(folder, files, "fleet.html", private)])
    return 0


def _by_machine(folders: Sequence[Path], named: Collection[Path], private: Private | None) -> dict[str, list[Path]]:
    """Machine id -> the folders of its runs, oldest first; a copy of a run is left out.

    Runs of a dataset are not opened: it knows their machines, and their ids sort by time.
    """
    machines = Machines({})

    def place(folder: Path) -> tuple[str, str, Path]:
        if not (folder / "run.json").is_file() and is_dataset(folder.parent):
            return folder.name, open_dataset(folder.parent).held(folder.name).machine, folder
        run = open_run(folder)
        machine, shared = machines.of(run.record)
        if shared:
            print(one_line(shown_text(f"note: {shared}", private)), file=sys.stderr)
        return run.run_id, machine, folder

    runs: dict[str, tuple[str, Path]] = {}
    for run_id, machine, folder in readable(folders, place, lambda error: print_left_out(error, private), named):
        runs.setdefault(run_id, (machine, folder))
    if not runs:
        raise StoreError(f"none of {len(folders)} runs can be read")
    by_machine = group_by(sorted(runs), lambda run_id: runs[run_id][0])
    return {machine: [runs[run_id][1] for run_id in own] for machine, own in sorted(by_machine.items())}


def _labelled(
    machines: Mapping[str, list[Path]], known: Mapping[str, MachineName], label: str
) -> dict[str, list[Path]]:
    labels = {machine: known[machine].labels if machine in known else () for machine in machines}
    found = {machine: folders for machine, folders in machines.items() if label in labels[machine]}
    if not found:
        there = sorted({one for own in labels.values() for one in own})
        raise UsageError(f"--label {label}: no machine has it in {MACHINES}; there is {', '.join(there) or 'none'}")
    return found


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise UsageError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s fleet -- report",
        description=(
            "All machines side by side: the fastest configuration of each, every configuration beside a chosen "
            "machine, devices per generation of processor, what changed, and what failed where."
        ),
    )
    add_runs(parser, "ids, folders or globs (default: all that lie in --results-dir)")
    parser.add_argument(
        "--base",
        metavar="MACHINE",
        help="name or id of the machine that others are compared with (default: the one that shares most with them)",
    )
    parser.add_argument("--label", metavar="LABEL", help=f"machines that have it in {MACHINES} alone (default: all)")
    parser.add_argument("--model", metavar="NAME", help="requests of this model alone (default: all)")
    for option, what in (("prompt-tokens", "prompts"), ("new-tokens", "answers"), ("batch-size", "batches")):
        parser.add_argument(
            f"--{option}", type=_positive, metavar="N", help=f"{what} of this size alone (default: all)"
        )
    parser.add_argument(
        "--newest",
        type=_positive,
        default=NEWEST,
        metavar="N",
        help=f"how many runs of each machine are read, the newest (default: {NEWEST})",
    )
    add_share(parser, "--threshold", "differences within it count as the same", "3%")
    add_language(parser)
    add_redact(parser)
    add_folders(parser)
    return parser

"""``python -m bench.commands fleet_report [RUN …]``: the machines of a lab side by side, on one page."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.analyse.read_fleet import NEWEST, Wanted, read_fleet
from bench.cli import Parser, add_language, command, one_line, print_lines
from bench.commands.stored_runs import add_folders, add_redact, add_runs, add_share, asked_for, print_left_out
from bench.dataset.machines import Machines
from bench.errors import StoreError, UsageError
from bench.report.fleet.fleet_exports import as_csv, as_json, lines, markdown
from bench.report.fleet.fleet_view import view_fleet
from bench.report.index import publish
from bench.report.language import speaking
from bench.report.redact import Private, redacted, redacted_folder, shown_text
from bench.store.dataset import is_dataset, open_dataset
from bench.store.lookup import all_folders, find_folders, is_glob
from bench.store.machine_names import MACHINES, MachineName, machine_names
from bench.store.reader import open_run


@command
def main(arguments: Sequence[str]) -> int:
    """Read, write and print; returns the exit status."""
    with asked_for(_parser(), arguments) as (asked, private):
        from bench.report.fleet.fleet_page import page  # noqa: PLC0415 - matplotlib and jinja2 take a second

        folders = find_folders(asked.runs, asked.results_dir) if asked.runs else all_folders(asked.results_dir)
        alone = {*find_folders([name for name in asked.runs if not is_glob(name)], asked.results_dir)}
        known = machine_names(asked.results_dir)
        wanted = Wanted(asked.base, asked.model, asked.prompt_tokens, asked.new_tokens, asked.batch_size)
        machines = _by_machine(folders, alone, private)
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


def _by_machine(folders: Sequence[Path], alone: set[Path], private: Private | None) -> dict[str, list[Path]]:
    """Machine id -> the folders of its runs, oldest first; a copy of a run is left out.

    Runs of a dataset are not opened: it knows their machines, and their ids sort by time.
    """
    found: dict[str, list[tuple[str, Path]]] = {}
    machines, seen = Machines({}), set[str]()
    for folder in folders:
        if not (folder / "run.json").is_file() and is_dataset(folder.parent):
            place = folder.name, open_dataset(folder.parent).held(folder.name).machine
        else:
            try:
                run = open_run(folder)
            except StoreError as error:
                if folder in alone:
                    raise
                print_left_out(error, private)
                continue
            machine, shared = machines.of(run.record)
            if shared:
                print(one_line(shown_text(f"note: {shared}", private)), file=sys.stderr)
            place = run.run_id, machine
        if place[0] not in seen:
            seen.add(place[0])
            found.setdefault(place[1], []).append((place[0], folder))
    if not found:
        raise StoreError(f"none of {len(folders)} runs can be read")
    return {machine: [folder for _, folder in sorted(own)] for machine, own in sorted(found.items())}


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

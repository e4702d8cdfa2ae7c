"""``nox -s fleet -- run --on MACHINES …``: measure on many machines, collect what they measured, judge and show it."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from distributed import Security

from bench.analyse.conditions import mismatches, prompts_differ
from bench.analyse.gate_rule import LEAST_BASELINES
from bench.analyse.samples import prompts_of
from bench.cli import INTERRUPTED, Parser, add_folder, command, command_line, print_refusal
from bench.commands import fleet, gate, say
from bench.commands.fleet_scheduler import DASHBOARD
from bench.commands.stored_runs import add_reports_folder
from bench.dataset.collect import collect
from bench.errors import BenchError, MachineError, UsageError, cause
from bench.fleet.connection import HERE, address_of, configure, connect, security_for
from bench.fleet.desk import ALL, Desk, Machine, Request
from bench.fleet.scheduler import serve
from bench.plan import values
from bench.plan.flags import BY_NAME, raw_values
from bench.plan.options import resolve_options
from bench.prepare.cache import cache_root
from bench.store.dataset import open_dataset
from bench.store.machine_names import MACHINES, machine_names
from bench.store.reader import StoredRun, open_run
from bench.store.remote import is_url
from bench.store.writer import new_run_id

_CANNOT_TELL = 2
_WORST = (INTERRUPTED, UsageError.exit_status, BenchError.exit_status, _CANNOT_TELL)
"""Exit statuses, the worst first; any other one stands before these, and 0 after."""
_KEPT = 10
"""How many earlier runs of a machine its gate takes, the newest."""
_LOOKED_AT = 100
_KEPT_BY_AGAIN = ("scheduler", "certs", "into", "reports_dir", "folder")
"""Options without which ``--again`` would ask elsewhere, or collect elsewhere."""
_OF_THE_MACHINE = ("results_dir", "reports_dir", "cache_dir", "open", "resume", "shared")
"""Options of ``bench`` that are a machine's own affair."""


@command
def main(arguments: Sequence[str]) -> int:
    """Measure; returns the worst exit status of all machines."""
    asked, others = _parser().parse_known_args(arguments)
    request, wanted = _again(asked, others) if asked.again else _new(asked, others)
    collection = Collection(asked, request)
    address, security = _scheduler(asked)
    desk = Desk(address, security, request, asked.wait, say, collection.take)
    # A dataset that cannot be written is refused before anything is measured.
    collect([], asked.into, collection.said, cache_root())
    desk.choose(wanted)
    _keep(asked.folder, request, [one.name for one in desk.machines])
    say(f"request    {request.id} to {', '.join(one.name for one in desk.machines)}")
    try:
        if asked.prepare_once is not None:
            desk.prepare(asked.prepare_once)
        desk.measure()
    except KeyboardInterrupt:
        say(
            f"interrupted: {collection.taken} of {len(desk.machines)} machines are collected; machines that had begun "
            f"go on with it, and `{collection.again}` picks up what they have measured"
        )
        return INTERRUPTED
    return collection.finish(desk.machines)


class Collection:
    """What becomes of what machines give back."""

    def __init__(self, asked: Namespace, request: Request) -> None:
        self._asked = asked
        self._waiting: list[tuple[Machine, Mapping[str, Any]]] = []
        self.taken = 0
        parser, own = _parser(), ["--again", request.id]
        for name in _KEPT_BY_AGAIN:
            given = getattr(asked, name, None)
            if given is not None and given != parser.get_default(name):
                own += [f"--{name.replace('_', '-')}", str(given)]
        self.again = command_line(["nox", "-s", "fleet", "--", "run", *own])
        """The command that asks for the same once more, at the same scheduler and into the same dataset."""

    @staticmethod
    def said(what: str, line: str) -> None:
        """Print what became of a run, where that is not as it should be."""
        if what not in ("taken", "replaced"):
            say(f"{what:<10} {line}")

    def take(self, machine: Machine) -> None:
        """Collect the run of a machine, and say how it ended."""
        answer = machine.answer
        if answer is None:
            return
        failed = f", exit status {answer['status']}: {answer['error']}" if answer["status"] else ""
        say(f"{machine.name:<10} has ended{failed}")
        if answer["run"] is None:
            machine.why_not = "began no run"
            return
        try:
            self._collect(machine, answer)
        except (BenchError, OSError) as error:
            say(f"{machine.name:<10} not collected yet: {cause(error)}")
            self._waiting.append((machine, answer))

    def _collect(self, machine: Machine, answer: Mapping[str, Any]) -> None:
        into = self._asked.into
        with tempfile.TemporaryDirectory(prefix="aipc-bench-fleet-", ignore_cleanup_errors=True) as folder:
            file = Path(folder, f"{machine.name}.zip")
            file.write_bytes(answer["run"])
            # A run that was stopped and carried on with has other files than before.
            outcome = collect([str(file)], into, self.said, cache_root(), again=True)
        if outcome.refused or outcome.later:
            machine.why_not = "its run is not collected: the reason stands above"
            return
        self.taken += 1
        if not is_url(into):
            _name_machine(Path(into), machine, outcome.manifest.runs[answer["run_id"]].machine)

    def finish(self, machines: Sequence[Machine]) -> int:
        """Judge each machine's run where there are earlier ones, draw the page; returns the worst exit status.

        What could not be collected, such as while another process wrote the dataset, is tried once more before.
        """
        for machine, answer in self._waiting:
            try:
                self._collect(machine, answer)
            except (BenchError, OSError) as error:
                machine.why_not = f"its run is not collected: {cause(error)}"
        statuses = [self._status(one) for one in machines]
        for one, status in zip(machines, statuses, strict=True):
            outcome = one.why_not or ("ok" if status == 0 else f"exit status {status}")
            say(f"{one.name:<10} {outcome}")
        uncollected = [one for one in machines if one.answer is None] + [one for one, _ in self._waiting if one.why_not]
        if uncollected:
            names = ", ".join(one.name for one in uncollected)
            say(f"note       what {names} measured lies there, and `{self.again}` asks for it")
        if self.taken:
            where = ["--results-dir", self._asked.into, "--reports-dir", str(self._asked.reports_dir)]
            try:
                statuses.append(_part(fleet.main, "report", *where))
            except Exception as error:  # noqa: BLE001 - all is collected, and what each machine has is not to be hidden
                failed = MachineError(f"the page could not be made: {type(error).__name__}: {error}")
                statuses.append(print_refusal(failed))
        return worst(statuses)

    def _status(self, machine: Machine) -> int:
        answer = machine.answer
        if answer is None or answer["run"] is None or machine.why_not is not None:
            return int(answer["status"]) or 1 if answer is not None else MachineError.exit_status
        return worst([int(answer["status"]), self._gate(answer["run_id"])])

    def _gate(self, run_id: str) -> int:
        into = self._asked.into
        if is_url(into):
            return 0
        where = ["--results-dir", into, "--reports-dir", str(self._asked.reports_dir), "--head", run_id]
        try:
            head = open_run(Path(into, run_id))
            if (head.record.get("plan") or {}).get("variants"):
                return _part(gate.main, *where)
            baselines = _baselines(Path(into), head)
        except BenchError as error:
            say(f"{run_id} is held against no earlier run: {error}")
            return _CANNOT_TELL
        if not baselines:
            return 0
        status = _part(gate.main, *where, "--baseline", *baselines)
        return 0 if status == _CANNOT_TELL and len(baselines) < LEAST_BASELINES else status


def _part(main: Callable[[Sequence[str]], int], *arguments: str) -> int:
    """Run another command as a part of this one; the Ctrl-C that ends it ends this one too."""
    status = main(arguments)
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    return status


def worst(statuses: Sequence[int]) -> int:
    """The worst of several exit statuses."""
    unknown = [one for one in statuses if one and one not in _WORST]
    return next((one for one in (*unknown, *_WORST) if one in statuses), 0)


def _baselines(dataset: Path, head: StoredRun) -> list[str]:
    """The newest earlier runs of the machine of ``head`` that measured the same under conditions that compare."""
    held = open_dataset(dataset).manifest.runs
    own = [name for name, one in held.items() if one.machine == held[head.run_id].machine and name < head.run_id]
    found: list[str] = []
    for name in sorted(own, reverse=True)[:_LOOKED_AT]:
        run = open_run(dataset / name)
        alike = not run.unfinished and _asked_of(run) == _asked_of(head)
        if (
            alike
            and not any(one.fatal for one in mismatches(run.record, head.record))
            and not prompts_differ(prompts_of(run), prompts_of(head))
        ):
            found.append(name)
    return found[:_KEPT]


def _asked_of(run: StoredRun) -> tuple[list[str], Any]:
    cells = (run.record.get("plan") or {}).get("cells") or ()
    return sorted(str(one.get("cell_key")) for one in cells), (run.record.get("selection") or {}).get("by")


def _name_machine(dataset: Path, machine: Machine, machine_id: str) -> None:
    """Write name and labels of a machine into the dataset's machines.toml, if it has none and the name is free."""
    try:
        known = machine_names(dataset)
        if machine_id in known or machine.name in {one.name for one in known.values()}:
            return
        labels = f"labels = {json.dumps(list(machine.labels))}\n" if machine.labels else ""
        with (dataset / MACHINES).open("a", encoding="utf-8") as stream:
            stream.write(f"\n[{machine_id}]\nname = {json.dumps(machine.name)}\n{labels}")
    except (OSError, UsageError) as error:
        say(f"note       {machine.name} is not named in {dataset / MACHINES}: {cause(error, dataset / MACHINES)}")


# -- what is asked for ------------------------------------------------------------------------------------------------


def _new(asked: Namespace, others: Sequence[str]) -> tuple[Request, list[str]]:
    if not asked.on:
        raise UsageError("--on names the machines, by names or labels with commas between, or all")
    arguments = [one for one in others if one != "--"]
    given = raw_values(arguments)
    if odd := [BY_NAME[name].option for name in _OF_THE_MACHINE if given[name] is not None]:
        raise UsageError(f"{odd[0]} is each machine's own affair: leave it out")
    # What cannot be is refused here, and not by each machine.
    resolve_options({**given, "config": asked.config}, Path.cwd())
    config = None if asked.config is None else Path(asked.config).read_bytes().decode("utf-8-sig")
    return Request(new_run_id(), tuple(arguments), config), asked.on


def _again(asked: Namespace, others: Sequence[str]) -> tuple[Request, list[str]]:
    if others or asked.config:
        raise UsageError(f"--again asks for what was asked before: leave {(*others, '--config')[0]} out")
    file = asked.folder / "requests" / f"{asked.again}.json"
    try:
        held = json.loads(file.read_text("utf-8"))
        request = Request(held["id"], tuple(held["arguments"]), held["config"])
        return request, asked.on or held["machines"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"--again {asked.again}: {file} cannot be read ({cause(error, file)}); name one of {file.parent}"
        ) from error


def _keep(folder: Path, request: Request, machines: Sequence[str]) -> None:
    file = folder / "requests" / f"{request.id}.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**asdict(request), "machines": [*machines]}, indent=1), "utf-8")
    except OSError as error:
        raise MachineError(f"cannot write to {file.parent}: {error.strerror or error}") from error


def _scheduler(asked: Namespace) -> tuple[str, Security]:
    """The scheduler that is named; else that of this machine, which is started if there is none."""
    address = address_of(asked.scheduler or HERE)
    security = security_for(address, asked.certs)
    configure()
    if asked.scheduler is None:
        try:
            connect(address, security).close()
        except MachineError as none:
            listens, failures = threading.Event(), list[MachineError]()

            def said(line: str) -> None:
                say(line)
                listens.set()

            def keep() -> None:
                try:
                    asyncio.run(serve(address, security, DASHBOARD, said))
                except MachineError as error:
                    failures.append(error)
                    listens.set()

            threading.Thread(target=keep, daemon=True, name="scheduler").start()
            listens.wait(30)
            if failures:
                raise MachineError(f"{none}; and {failures[0]}") from none
    return address, security


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s fleet -- run",
        description="Measure on machines that have joined a scheduler, collect each run as it ends, hold it against "
        "earlier ones of its machine, and draw the page of all. Takes the options of `nox -s bench`.",
    )
    parser.add_argument("--on", type=_names, metavar="NAME[,NAME]", help=f"names or labels of machines, or {ALL}")
    parser.add_argument("--again", metavar="ID", help="ask again for what was asked under this id, and was interrupted")
    parser.add_argument("--config", metavar="FILE", help="a sweep file of this machine, which goes to all")
    parser.add_argument(
        "--wait",
        type=lambda text: values.duration(text, "--wait"),
        default=1800.0,
        metavar="TIME",
        help="how long a machine may be away before it is given up, e.g. 2h (default: 30m)",
    )
    parser.add_argument(
        "--prepare-once",
        metavar="NAME",
        help="have this machine convert the models, and those that are there by then copy what it has made",
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help=f"tls://HOST:PORT (default: that of this machine, {HERE}, or a new one)"
    )
    parser.add_argument("--certs", type=Path, metavar="DIR", help="the folder of this machine's certificate")
    parser.add_argument(
        "--into",
        default="dataset",
        metavar="DATASET",
        help="what runs are collected into, a folder or a URL (default: dataset)",
    )
    add_reports_folder(parser)
    add_folder(parser, "--folder", "where requests are kept", "fleet")
    return parser


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(f"--on {text}: a name is empty")
    return names

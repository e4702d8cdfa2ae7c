"""``python -m studies fleet faults | desk``: a lab of four machines in which everything breaks, or one of two hundred.

Only the stack is simulated. ``faults`` gives each machine a network of its own where the user may make some (root on
Linux), and cuts one of them off for a minute. ``desk`` measures nothing and says what asking and collecting cost.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.cli import Parser, command
from bench.fleet.certificates import make_certificates
from studies import say
from studies.costs import cost_of
from studies.fleet.lab import QUICK, Lab, wait_until
from studies.fleet.networks import Networks
from studies.fleet.played import play

MACHINES = ("steady", "killed", "cut", "slow")
_LONG_S = 1800.0


@command
def main(arguments: Sequence[str]) -> int:
    """Print what happened; returns 1 if anything was lost or is there twice."""
    asked = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="aipc-fleet-", ignore_cleanup_errors=True) as folder:
        return int(asked.study(Path(folder), asked))


# -- what breaks ------------------------------------------------------------------------------------------------------


def break_everything(folder: Path, asked: Namespace) -> int:
    """Four machines: one is killed, one cut off, one slow; the scheduler is killed too."""
    make_certificates(folder / "certs", [*MACHINES, "scheduler", "desk"])
    networks = Networks(MACHINES)
    lab = Lab(folder, folder / "certs", networks.host, networks.inside)
    try:
        networks.make()
        say(f"networks of their own: {'yes' if networks.made else 'no (root on Linux makes them)'}")
        _measure(lab, networks, asked.blocks, asked.cut_s)
    finally:
        lab.close()
        networks.remove()
        for place in ("scheduler", *MACHINES, "desk"):
            say(f"--- {place}\n{lab.output(place)}")
    faults = [fault for name in MACHINES for fault in lab.faults_of(name)]
    say("\n".join([*faults, f"{len(faults)} faults on {len(MACHINES)} machines"]))
    return 1 if faults else 0


def _measure(lab: Lab, networks: Networks, blocks: int, cut_s: float) -> None:
    scheduler = lab.scheduler()
    workers = {name: lab.worker(name) for name in MACHINES if name != "slow"}
    workers["slow"] = lab.worker("slow", load_options=("--load-option", "simulated.ttft_ms=800"))
    wait_until(lambda: lab.output("scheduler").count("joined") == len(MACHINES), "the joining of all machines", 180)
    desk = lab.desk("--on", ",".join(MACHINES), *QUICK, "--blocks", str(blocks), "--repeats", "2")
    wait_until(lambda: all(map(lab.has_rows, MACHINES)), "the first visit of each", 180)
    began = time.monotonic()
    lab.kill(workers["killed"])
    say("killed is killed, with all that it started")
    _away(networks, workers["cut"], cut_s)
    lab.worker("killed")
    say(f"killed starts again after {time.monotonic() - began:.0f} s")
    lab.kill(scheduler)
    time.sleep(5)
    lab.scheduler()
    say("the scheduler was killed, and started again after 5 s")
    status = desk.wait(_LONG_S)
    say(f"the desk ended with {status}, {time.monotonic() - began:.0f} s after the first fault")


def _away(networks: Networks, worker: subprocess.Popen[bytes], cut_s: float) -> None:
    """Cut a machine off; without a network of its own its worker is halted, which looks the same to the others."""
    say(f"cut is cut off for {cut_s:g} s")
    if networks.made:
        networks.cut("cut", cut_s)
        return
    halted = psutil.Process(worker.pid)
    halted.suspend()
    time.sleep(cut_s)
    halted.resume()


# -- what a desk costs ------------------------------------------------------------------------------------------------


def ask_many(folder: Path, asked: Namespace) -> int:
    """Machines in one process, each of which has a run ready; what asking them and collecting takes at the desk."""
    lab = Lab(folder)
    process = None
    try:
        lab.scheduler()
        process = play(folder / "machines", lab.address, asked.machines)
        wait_until(lambda: lab.output("scheduler").count("joined") == asked.machines, "the joining of all", _LONG_S)
        where = ("--into", str(folder / "dataset"), "--reports-dir", str(folder), "--folder", str(folder / "requests"))
        cost = cost_of("fleet", "run", "--scheduler", lab.address, "--on", "all", *QUICK, *where)
        peak = "unknown" if cost.peak_bytes is None else f"{cost.peak_bytes / 1e6:.0f} MB"
        say(
            f"{asked.machines} machines: {cost.wall_s:.0f} s by the clock, {cost.cpu_s:.1f} s of CPU time at the desk, "
            f"{peak} at most; {len(list((folder / 'dataset').rglob('loads/**/*.parquet')))} machines in the dataset"
        )
    finally:
        if process is not None:
            lab.kill(process)
        lab.close()
    return 0


def _parser() -> Parser:
    parser = Parser(prog="nox -s studies -- fleet", description=__doc__)
    studies = parser.add_subparsers(required=True, metavar="faults | desk")
    faults = studies.add_parser("faults", help="kill, cut off and slow down machines")
    faults.add_argument("--blocks", type=int, default=30, metavar="N", help="of each machine's sweep (default: 30)")
    faults.add_argument("--cut-s", type=float, default=60, metavar="S", help="how long one is cut off (default: 60)")
    faults.set_defaults(study=break_everything)
    desk = studies.add_parser("desk", help="ask many machines that measure nothing")
    desk.add_argument("--machines", type=int, default=200, metavar="N", help="(default: 200)")
    desk.set_defaults(study=ask_many)
    return parser

"""Stored runs of several machines: a small lab in which everything happens that the fleet's page tells apart."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.analyse.fleet import build_fleet
from bench.analyse.fleet_machine import LAKES, Machine
from bench.analyse.machine_runs import MachineRun
from bench.analyse.read_fleet import Wanted
from bench.analyse.results import RunAnalysis
from bench.analyse.variation import variation
from bench.plan.cells import Cell, Load
from bench.report.fleet.fleet_view import FleetView, view_fleet
from tests.support.analyses import made_cell, made_load, made_run
from tests.support.nights import FIRST, ask, run_id
from tests.support.stored_runs import FakeRun

LOADS = tuple(Load("openvino-genai", device, "int4") for device in ("CPU", "GPU", "NPU"))
LOADS += (Load("ort-genai", "CPU", "int4"),)
QUICKER = {"CPU": 1.0, "GPU": 0.5, "NPU": 0.7}


@dataclass
class FleetRun(FakeRun):
    """A run whose devices differ: how many times as long each takes as a CPU, and the machine as a whole."""

    loads: Sequence[Load] = LOADS
    prompt_tokens: Sequence[int] = (32, 128)
    blocks: int = 3
    repeats: int = 2
    machine: str = "a" * 16
    takes: float = 1.0
    devices: Mapping[str, float] = field(default_factory=lambda: QUICKER)

    def _latencies(self, cell: Cell, shift: float, noise: random.Random) -> tuple[int, list[int]]:
        ttft, itl = super()._latencies(cell, shift, noise)
        times = self.takes * self.devices.get(cell.load.device, 1.0)
        return round(ttft * times), [round(one * times) for one in itl]

    def load_row(self, load: Load, block: int, position: int) -> dict[str, Any]:
        """Of a process that failed, one that did not even load."""
        row = super().load_row(load, block, position)
        return row if row["status"] == "ok" else {**row, "load_s": None, "first_generation_s": None}


def write_machine_run(
    results: Path, machine: str, night: int = 0, record: Mapping[str, Any] | None = None, **fake: Any
) -> Path:
    """One run of a machine; ``record`` goes into ``machine`` of run.json."""
    run = FleetRun(machine=machine, **fake)
    name = run_id(night)[:-6] + f"{zlib.crc32(machine.encode()) % 2**24:06x}"
    folder = run.write(results, name)
    path = folder / "run.json"
    written = json.loads(path.read_text("utf-8"))
    written |= {"machine_id": machine, "created_at": (FIRST + timedelta(days=night)).isoformat(), "run_id": name}
    written["machine"] |= {"npus": [{"name": "Intel AI Boost", "driver": "1.16"}], **(record or {})}
    path.write_text(json.dumps(written), "utf-8")
    (folder / "digests.json").unlink(missing_ok=True)
    return folder


LUNAR, METEOR, OTHER = "1" * 16, "2" * 16, "3" * 16


def write_lab(results: Path) -> Path:
    """Three machines.

    The Lunar Lake, ``nuc-1``, was measured ten times, with energy, and is slower on its GPU since a driver of the sixth
    night. On the Meteor Lake, ``nuc-2``, the NPU loads nothing, and the GPU fails at the longer prompt. The third, of
    an unknown processor, was measured on battery, without GPU and NPU; one of its two loads is broken.
    """
    for night in range(10):
        new = night >= 5
        write_machine_run(
            results,
            LUNAR,
            night,
            {"gpus": [{"name": "Intel Arc 140V", "driver": "32.6881" if new else "32.6790"}]},
            devices={**QUICKER, "GPU": 0.65 if new else 0.5},
            counters={"energy_j": 12.5, "energy_source": "RAPL package"},
        )
    failing = FleetRun()
    failing.break_cells("openvino-genai-NPU", "failed", "Level Zero: no device <b>found</b>")
    failing.break_cells("openvino-genai-GPU-int4-p128", "crashed", "out of memory")
    write_machine_run(
        results, METEOR, 9, takes=1.4, cpu_name="Intel(R) Core(TM) Ultra 7 155H", broken=failing.broken, stderr="no"
    )
    write_machine_run(
        *(results, OTHER, 3, {"power_source": "battery"}),
        takes=0.8,
        cpu_name="Some CPU",
        loads=LOADS[:1] + LOADS[3:],
        perplexity={"openvino-genai-CPU-int4": 40.0, "ort-genai-CPU-int4": 1.01},
    )
    names = f'[{LUNAR}]\nname = "nuc-1"\nlabels = ["lunar-lake", "driver-beta"]\n\n[{METEOR}]\nname = "nuc-2"\n'
    (results / "machines.toml").write_text(names, "utf-8")
    return results


def ask_otherwise(run: Path) -> None:
    """Give the prompts of a run other ids than another run's have."""
    ask(run, f"other {run.name}")


def made_machine(name: str, runs: Sequence[RunAnalysis], generation: str = "Lunar Lake") -> Machine:
    """A machine of these runs, the newest first, without a history."""
    begun = FIRST + timedelta(days=len(runs))
    standing = [MachineRun(str(run.record["run_id"]), begun - timedelta(days=age), run) for age, run in enumerate(runs)]
    return Machine(
        *(name, name, (), f"{generation} CPU", generation, len(runs), len(runs)),
        standing=tuple(standing),
        tried=(),
        history=None,
        variation=variation(()),
    )


def large_fleet(machines: int, configurations: int) -> FleetView:
    """Machines of four generations that measured one request, each a little slower than the one before."""
    loads = [made_load(f"stack-{place}") for place in range(configurations)]
    made = []
    for number in range(machines):
        times = [
            [(10 + place) * (1 + number / 100) * (1 + block / 50) for block in range(10)] for place in range(len(loads))
        ]
        cells = [made_cell(own, 128, load) for own, load in zip(times, loads, strict=True)]
        made.append(
            made_machine(f"machine-{number:02d}", [made_run(f"run-{number}", cells)], LAKES[number % len(LAKES)])
        )
    return view_fleet(build_fleet(made, made[0], 0.03), Wanted())

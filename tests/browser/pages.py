"""The comparisons, histories and index that are opened, in the language that is chosen: usual ones, and hard ones."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.analyse.build_history import build_history
from bench.analyse.comparison import compare
from bench.analyse.machine_runs import machine_run
from bench.analyse.read_history import MachineHistory
from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.commands.fleet_report import main as fleet_main
from bench.commands.history import main as history_main
from bench.plan.cells import Load
from bench.report.compare.comparison_exports import write_comparison
from bench.report.fleet.fleet_exports import page as fleet_page
from bench.report.history.history_page import page as history_page
from bench.report.index import update_index
from bench.report.language import chosen
from bench.store.reader import open_run
from tests.browser.runs import STACKS, hostile, not_numbers, one_cell
from tests.support.analyses import made_cell, made_load, made_quality, made_run, with_quality
from tests.support.fleets import large_fleet, write_lab, write_machine_run
from tests.support.nights import write_night, write_upgrade
from tests.support.stored_runs import FakeRun

EVIL = "<script>alert(5)</script>"


def compared(folder: Path, base: Path, head: Path) -> Path:
    """The page of two stored runs."""
    there, here = (analyse_run(open_run(run)) for run in (base, head))
    write_comparison(compare(there, [here], 0.03), folder)
    return folder / "compare.html"


def fakes_compared(folder: Path, base: FakeRun, head: FakeRun) -> Path:
    """The page of two runs to be."""
    return compared(folder, base.write(folder, "base"), head.write(folder, "head"))


def usual_comparison(folder: Path) -> Path:
    """Two stacks, one of which became another version and slower, measured in seven blocks."""
    base = write_night(folder, 0, blocks=7)
    head = write_night(folder, 1, {"ort-genai": 1.2}, {"ort-genai": "2.0"}, blocks=7)
    return compared(folder, base, head)


def hostile_comparison(folder: Path) -> Path:
    """Names of markup and script, on both sides and among the packages."""
    runs = hostile(), hostile()
    for version, run in enumerate(runs):
        run.venvs = {EVIL: {"packages": {EVIL: f"{version}{EVIL}", "w" * 200: str(version)}}}
    return fakes_compared(folder, *runs)


def nothing_in_common(folder: Path) -> Path:
    """Two runs of other prompts."""
    load = (Load("ort-genai", "CPU", "int4"),)
    return fakes_compared(folder, *(FakeRun(loads=load, prompt_tokens=(length,)) for length in (8, 16)))


def several_compared(folder: Path) -> Path:
    """Three heads and 46 cells: nothing differs in the first, cells of the second are slower, the third lacks some."""
    prompts = range(1, 47)

    def made(name: str, slower: Mapping[int, float], only: Sequence[int] = prompts) -> RunAnalysis:
        noise = random.Random(name)
        times = {n: 100 * slower.get(n, 1.0) for n in only}
        cells = [made_cell([time * noise.lognormvariate(0, 0.002) for _ in range(10)], n) for n, time in times.items()]
        return made_run(name, cells)

    sound = made_quality([8.0, 12.0, 20.0])
    worse, failed = made_quality([9.0, 13.0, 23.0], "degraded"), made_quality([], "unknown", error="no logits")
    heads = made("twin", {}), made("slower", {4: 1.1, 7: 1.4, 9: 1.2}), made("lacking", {11: 0.8}, prompts[9:])
    scored = [with_quality(*one) for one in zip(heads, (sound, worse, failed), strict=True)]
    write_comparison(compare(with_quality(made("base", {}), sound), scored, 0.03), folder)
    return folder / "compare.html"


def far_apart(folder: Path) -> Path:
    """A cell that takes ten times as long."""
    base, head = (made_run(name, [made_cell([time, 1.02 * time, 0.98 * time])]) for name, time in (("a", 1), ("b", 10)))
    write_comparison(compare(base, [head], 0.03), folder)
    return folder / "compare.html"


def large_comparison(folder: Path) -> Path:
    """300 cells."""
    loads = [Load(s, d, p) for s in STACKS for d in ("CPU", "GPU", "NPU") for p in ("int4", "int8", "fp16", "fp32")]
    runs = (
        FakeRun(loads=loads, prompt_tokens=(32, 128, 512, 1024, 2048), new_tokens=(4,), blocks=2, repeats=1)
        for _ in range(2)
    )
    return fakes_compared(folder, *runs)


def told(folder: Path) -> Path:
    """The history of the runs in ``folder/results``."""
    folders = ["--results-dir", str(folder / "results"), "--reports-dir", str(folder / "reports")]
    history_main([*folders, "--lang", chosen().code])
    return next((folder / "reports").glob("history-*/history.html"))


def usual_history(folder: Path) -> Path:
    """Ten nights with an upgrade before the seventh."""
    write_upgrade(folder / "results")
    return told(folder)


def hostile_history(folder: Path) -> Path:
    """Names of markup and script, one of a package that changed where a stack became slower."""
    loads = [Load("<b>evil</b> `nox x`", "CPU", "int4"), Load("a" * 200, "G'PU", "\u202etni")]
    for night in range(10):
        write_night(
            folder / "results",
            night,
            record={"venvs": {"ort-genai": {"packages": {f"{EVIL}`nox": "2" if night > 4 else "1"}}}},
            slower={"ort-genai": 1.5 if night > 4 else 1.0},
            loads=[Load("ort-genai", "CPU", "int4"), *loads],
            prompt_tokens=(32,),
            cpu_name="<img src=x onerror=alert(1)>" + "W" * 300,
        )
    return told(folder)


def history_without_numbers(folder: Path) -> Path:
    """A stack that told NaN where seconds belong, and a run without an interval."""
    for night in range(3):
        write_night(folder / "results", night, more={"load_s": math.nan}, blocks=1 + night)
    return told(folder)


def short_history(folder: Path) -> Path:
    """One cell in one run."""
    write_night(folder / "results", 0, loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(8,), new_tokens=(1,))
    return told(folder)


def large_history(folder: Path) -> Path:
    """300 cells in nine runs, a third of which became slower before the sixth."""
    loads = [made_load(f"stack-{stack}", precision) for stack in range(20) for precision in ("int4", "int8", "fp32")]
    first = datetime(2026, 11, 1, tzinfo=UTC)
    runs = []
    for night in range(9):
        cells = [
            made_cell([(10 + place % 7) * (1.2 if night > 4 and place % 3 == 0 else 1.0)] * 3, prompt, load)
            for place, load in enumerate(loads)
            for prompt in (32, 128, 512, 1024, 2048)
        ]
        run = with_quality(made_run(f"run{night}", cells), made_quality([8.0 if night < 5 else 9.0, 12.0]))
        runs.append(machine_run(f"run{night}", first + timedelta(days=night), run, scores=True))
    path = folder / "history.html"
    path.write_text(
        history_page(MachineHistory("m" * 16, "a machine", build_history(runs, 0.03))), encoding="utf-8", newline="\n"
    )
    return path


def usual_fleet(folder: Path) -> Path:
    """Three machines on which everything happens that a fleet's page tells apart."""
    return fleet_told(write_lab(folder / "results"))


def fleet_told(results: Path) -> Path:
    """The page of the machines whose runs lie in ``results``."""
    reports = results.parent / "reports"
    fleet_main(["--results-dir", str(results), "--reports-dir", str(reports), "--lang", chosen().code])
    return reports / "fleet" / "fleet.html"


def hostile_fleet(folder: Path) -> Path:
    """Two machines whose names, labels, processors, drivers, stacks and failures are markup and script."""
    results = folder / "results"
    for number, machine in enumerate("ab"):
        write_machine_run(
            *(results, machine, number, {"gpus": [{"name": EVIL, "driver": EVIL}]}),
            loads=[Load("<b>evil</b> `nox x`", "GPU", "int4"), Load("a" * 200, "CPU", "int4")],
            prompt_tokens=(32, 64),
            cpu_name="<img src=x onerror=alert(1)>" + "W" * 300,
            broken={"a" * 200: ("crashed", EVIL + "w" * 300, None)},
        )
    name = json.dumps(EVIL + "W" * 100)
    (results / "machines.toml").write_text(f"[a]\nname = {name}\nlabels = [{name}]\n", "utf-8")
    return fleet_told(results)


def large_fleet_page(folder: Path) -> Path:
    """60 machines with 12 configurations each."""
    path = folder / "fleet.html"
    path.write_text(fleet_page(large_fleet(60, 12), "machine\n"), encoding="utf-8", newline="\n")
    return path


LONG = "</td><script>alert(1)</script>" + "W" * 150
INDEXED = ("newest", "middle", "oldest")


def index_of_reports(reports: Path) -> Path:
    """The index of three reports, one of them with hostile texts, and of a file that cannot be read."""
    for day, (name, cells) in enumerate(zip(reversed(INDEXED), (20, 3, 100), strict=True), start=1):
        folder = reports / name
        folder.mkdir()
        (folder / "index.html").write_text(f"<title>{name}</title>", encoding="utf-8")
        about = {
            "created_at": f"2026-11-0{day}T10:00:00+00:00",
            "machine": LONG if name == "middle" else "Intel(R) Core(TM) Ultra 7 258V",
            "model": LONG if name == "middle" else "SmolLM2-135M-Instruct",
            "backends": ["openvino-genai", "ort-genai"],
            "simulated": "all" if name == "oldest" else "none",
            "cells": cells,
            "headline": "Lowest time to first token at every prompt length: ort-genai CPU int4.",
            "serious": ["power-changed"] if name == "middle" else [],
            "ended": name != "oldest",
        }
        (folder / "summary.json").write_text(json.dumps({"about": about}), encoding="utf-8")
    (reports / "broken").mkdir()
    (reports / "broken" / "index.html").write_text("", encoding="utf-8")
    (reports / "broken" / "summary.json").write_text("{", encoding="utf-8")
    return update_index(reports)


PAGES: dict[str, Callable[[Path], Path]] = {
    "comparison": usual_comparison,
    "comparison of several": several_compared,
    "hostile comparison": hostile_comparison,
    "comparison, not numbers": lambda folder: fakes_compared(folder, not_numbers(), not_numbers()),
    "comparison, one cell": lambda folder: fakes_compared(folder, one_cell(), one_cell()),
    "comparison, nothing in common": nothing_in_common,
    "comparison, far apart": far_apart,
    "large comparison": large_comparison,
    "history": usual_history,
    "hostile history": hostile_history,
    "history, not numbers": history_without_numbers,
    "short history": short_history,
    "large history": large_history,
    "fleet": usual_fleet,
    "hostile fleet": hostile_fleet,
    "large fleet": large_fleet_page,
}

"""The simulated part of the study, wired together: its parts, their tables, and where these go."""

from __future__ import annotations

import argparse
import time

from studies.intervals.agreement import agreement_tables
from studies.intervals.charts import write_charts
from studies.intervals.coverage import Coverage, coverage_tables
from studies.intervals.power import Point, power_tables
from studies.intervals.settings import DESCRIPTIONS, QUICK, Counts, Setting, read_noise
from studies.intervals.tables import Table, as_lines, write_markdown
from studies.intervals.usual import usual_tables

PARTS = ("coverage", "agreement", "power", "usual")


def run(asked: argparse.Namespace) -> None:
    """Play, print, and write what was asked for."""
    setting = setting_of(asked)
    tables = [noises(setting)]
    coverage: list[Coverage] = []
    points: list[Point] = []
    _say(tables[0])
    for name in asked.only or PARTS:
        begun = time.perf_counter()
        if name == "coverage":
            made, coverage = coverage_tables(setting)
        elif name == "power":
            made, points = power_tables(setting)
        else:
            made = agreement_tables(setting) if name == "agreement" else usual_tables(setting)
        for table in made:
            _say(table)
        print(f"  ({name}: {time.perf_counter() - begun:.0f} s)", flush=True)
        tables += made
    if asked.write is not None:
        write_markdown(asked.write, tables)
        print(f"\nwritten    {asked.write}")
    if asked.charts is not None:
        for path in write_charts(asked.charts, coverage, points):
            print(f"written    {path}")


def setting_of(asked: argparse.Namespace) -> Setting:
    """What the command line says."""
    usual = QUICK if asked.quick else Counts()
    counts = Counts(
        coverage=asked.coverage or usual.coverage,
        comparisons=asked.comparisons or usual.comparisons,
        power=asked.power or usual.power,
    )
    fitted = None if asked.noise is None else read_noise(asked.noise)
    return Setting(counts, asked.seed, asked.jobs, float(asked.block_seconds), fitted)


def noises(setting: Setting) -> Table:
    """What the names of the noises stand for."""
    rows = list(DESCRIPTIONS.items())
    if setting.fitted is not None:
        rows.append(("fitted", str(setting.fitted).removeprefix("Noise(").removesuffix(")")))
    return Table("The noises that are played", ("noise", "what it is"), tuple(rows))


def _say(table: Table) -> None:
    print()
    for line in as_lines(table):
        print(line)

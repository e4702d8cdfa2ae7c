"""The simulated part of the study, wired together: its parts, their tables, and where these go."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping

from studies.intervals.agreement import agreement_tables
from studies.intervals.charts import write_charts
from studies.intervals.coverage import Coverage, coverage_tables
from studies.intervals.power import Point, power_tables
from studies.intervals.settings import DESCRIPTIONS, QUICK, Counts, Setting, read_noise
from studies.intervals.tables import Table, as_lines, write_markdown
from studies.intervals.usual import usual_tables

Curves = tuple[list[Coverage], list[Point]]
"""What the charts draw."""


def _coverage(setting: Setting) -> tuple[list[Table], Curves]:
    tables, found = coverage_tables(setting)
    return tables, (found, [])


def _agreement(setting: Setting) -> tuple[list[Table], Curves]:
    return agreement_tables(setting), ([], [])


def _power(setting: Setting) -> tuple[list[Table], Curves]:
    tables, points = power_tables(setting)
    return tables, ([], points)


def _usual(setting: Setting) -> tuple[list[Table], Curves]:
    return usual_tables(setting), ([], [])


PARTS: Mapping[str, Callable[[Setting], tuple[list[Table], Curves]]] = {
    "coverage": _coverage,
    "agreement": _agreement,
    "power": _power,
    "usual": _usual,
}


def run(asked: argparse.Namespace) -> None:
    """Play, print, and write what was asked for."""
    setting = setting_of(asked)
    tables = [noises(setting)]
    coverage: list[Coverage] = []
    points: list[Point] = []
    _say(tables[0])
    for name in asked.only or PARTS:
        begun = time.perf_counter()
        made, (covered, curves) = PARTS[name](setting)
        for table in made:
            _say(table)
        print(f"  ({name}: {time.perf_counter() - begun:.0f} s)", flush=True)
        tables, coverage, points = tables + made, coverage + covered, points + curves
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

"""An A/B run, driven as a user drives it: two variants of the simulated backend in one run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

pytestmark = pytest.mark.process

# What these fixtures give is defined in the conftest beside this file.
Sweep = Any

VARIANTS = ("--a", "simulated.itl_ms=2", "--b", "simulated.itl_ms=2.2")


@dataclass(frozen=True, slots=True)
class Compared:
    """A run of two loads per variant, two cells each, in three blocks."""

    sweep: Sweep
    process: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory, measured: Any) -> Compared:
    sweep = type(measured.sweep)(tmp_path_factory.mktemp("compared"))
    return Compared(sweep, sweep.run(*VARIANTS, "--precision", "int4,int8", "--blocks", "3"))


def test_an_a_b_run_that_goes_well_exits_0(compared: Compared) -> None:
    assert compared.process.returncode == 0


def test_the_variants_of_a_load_are_measured_one_after_the_other(compared: Compared) -> None:
    rows = compared.sweep.loads()
    visits = [(row["block"], row["precision"], row["variant"]) for row in rows]
    assert [
        (one[:2] == other[:2], {one[2], other[2]}) for one, other in zip(visits[::2], visits[1::2], strict=True)
    ] == [(True, {"a", "b"})] * 6


def test_each_variant_has_its_options(compared: Compared) -> None:
    latencies = {(row["variant"], json.loads(row["options"])["itl_ms"]) for row in compared.sweep.loads()}
    assert latencies == {("a", 2), ("b", 2.2)}


def test_both_variants_are_asked_the_same_prompts(compared: Compared) -> None:
    asked: dict[str, set[tuple[int, str]]] = {}
    for row in compared.sweep.generations():
        asked.setdefault(row["variant"], set()).add((row["block"], row["prompt_digest"]))
    assert (asked["a"] == asked["b"], len(asked["a"])) == (True, 12)


def test_the_record_says_what_the_variants_are(compared: Compared) -> None:
    assert compared.sweep.stored.record["plan"]["variants"] == {
        "a": {"spec": "simulated.itl_ms=2", "kind": "options", "backend": "simulated"},
        "b": {"spec": "simulated.itl_ms=2.2", "kind": "options", "backend": "simulated"},
    }


def test_the_record_says_how_to_repeat_it(compared: Compared) -> None:
    assert re.match(r"nox -s ab -- .*--a simulated.itl_ms=2 --b", compared.sweep.stored.record["command"])


def test_progress_says_which_variant_is_measured(compared: Compared) -> None:
    visits = re.findall(r"^visit \d+ of 12, block \d of 3: ([ab]): simulated", compared.process.stdout, re.MULTILINE)
    assert sorted(visits) == ["a"] * 6 + ["b"] * 6


def test_the_table_tells_the_variants_apart_and_says_what_they_are(compared: Compared) -> None:
    lines = compared.process.stdout.splitlines()
    rows = [line[:11] for line in lines if re.match(r"[ab]:simulated ", line)]
    assert (sorted(set(rows)), "a: simulated.itl_ms=2" in lines) == (["a:simulated", "b:simulated"], True)


def test_a_run_without_variants_records_none(measured: Any) -> None:
    assert measured.sweep.stored.record["plan"]["variants"] == {}


def test_the_same_variant_twice_is_measured_twice(sweep: Sweep) -> None:
    process = sweep.run("--a", "same", "--b", "same")
    assert (process.returncode, {row["variant"] for row in sweep.loads()}) == (0, {"a", "b"})


def test_two_interpreters_are_variants(sweep: Sweep) -> None:
    process = sweep.run("--a", sys.executable, "--b", "current")
    venvs = sweep.stored.record["venvs"]
    assert (process.returncode, list(venvs)) == (0, ["simulated (a)", "simulated (b)"])


def test_ten_blocks_are_the_default_of_two_variants(sweep: Sweep) -> None:
    command = sweep.command(*VARIANTS, "--collect-only")
    place = command.index("--blocks")
    listed = sweep.run_pytest([*command[3:place], *command[place + 2 :]]).stdout
    assert {int(number) for number in re.findall(r"::block(\d+)-", listed)} == set(range(1, 11))


def test_variants_that_cannot_be_exit_4_in_one_line(sweep: Sweep) -> None:
    process = sweep.run("--a", "numpie==1", "--b", "current")
    lines = [line for line in (process.stdout + process.stderr).splitlines() if line.startswith("ERROR")]
    assert (process.returncode, len(lines), sweep.runs) == (4, 1, 0)


def test_the_run_ends_with_the_comparison_of_its_variants(compared: Compared) -> None:
    after = compared.process.stdout.partition("report     file://")[2]
    assert re.search(r"^comparison file://\S+compare\.html\s*$", after, re.MULTILINE)


def test_the_comparison_lies_beside_the_report(compared: Compared) -> None:
    folder = compared.sweep.home / "reports" / compared.sweep.stored.run_id
    assert {path.name for path in folder.glob("compare.*")} == {"compare.html", "compare.json", "compare.md"}


def test_a_run_without_variants_has_no_comparison(measured: Any) -> None:
    folder = measured.sweep.home / "reports" / measured.sweep.stored.run_id
    assert not list(folder.glob("compare.*"))

"""Carrying on with a run, as a user does it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bench.store.writer import replace_rows
from tests.support.sweeps import INTERRUPTING

pytestmark = pytest.mark.process

# What this fixture gives is defined in the conftest beside this file.
Sweep = Any
Edit = Callable[[dict[str, Any]], object]

LONG = (
    *("--precision", "int4,int8", "--blocks", "2"),
    *("--load-option", "simulated.ttft_ms=200", "--load-option", "simulated.perplexity_ratio=1.3"),
)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, measured: Any) -> Sweep:
    """A run that nothing interrupted: two loads, two cells each, two blocks."""
    sweep = type(measured.sweep)(tmp_path_factory.mktemp("whole"))
    sweep.run(*LONG)
    return sweep


@pytest.fixture
def copied(sweep: Sweep, whole: Sweep) -> Sweep:
    """The same in a folder of this test's own."""
    shutil.copytree(whole.home / "results", sweep.home / "results")
    return sweep


def again(sweep: Sweep, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Carry on with the newest run, or the one that is named."""
    what = arguments if "--resume" in arguments else ("--resume", *arguments)
    folders = ("--results-dir", str(sweep.home / "results"), "--reports-dir", str(sweep.home / "reports"))
    ran: subprocess.CompletedProcess[str] = sweep.run_pytest(["bench/", *sweep.plugin, *what, *folders])
    return ran


def cut(sweep: Sweep, visits: int, cells: int = 0) -> None:
    """Leave of a finished run what it had after some visits, and after some cells of the next one."""
    run = sweep.stored
    ids = [row["load_id"] for row in run.table("loads").to_pylist()]
    made = [one for one in ids if not one.startswith("none/")]
    gone = set(made[visits:])
    begun = list(dict.fromkeys(row["cell_id"] for row in sweep.generations() if row["load_id"] == made[visits]))
    replace_rows(run, "generations", among("load_id", set(ids) - gone) | among("cell_id", begun[:cells]), [])
    replace_rows(run, "loads", among("load_id", set(ids) - gone), [])
    replace_rows(run, "quality", among("load_key", ()), [])
    (run.path / "end.json").unlink()


def among(column: str, values: Iterable[str]) -> pc.Expression:
    return pc.field(column).isin(pa.array(sorted(values), pa.string()))


def sweep_ids(sweep: Sweep) -> list[str]:
    return [row["load_id"] for row in sweep.loads()]


def keys(sweep: Sweep) -> list[tuple[Any, ...]]:
    names = ("cell_id", "warmup", "iteration", "attempt", "prompt_id", "prompt_digest", "token_ids", "status")
    return [tuple(map(repr, (row[name] for name in names))) for row in sweep.generations()]


def edit(sweep: Sweep, change: Edit) -> None:
    file = sweep.stored.path / "run.json"
    record = json.loads(file.read_text("utf-8"))
    change(record)
    file.write_text(json.dumps(record), "utf-8")


def refusal(process: subprocess.CompletedProcess[str]) -> str:
    return " ".join((process.stdout + process.stderr).split())


@pytest.mark.fault("kill")
def test_what_is_missing_is_measured_and_what_is_there_stays(copied: Sweep, whole: Sweep) -> None:
    cut(copied, visits=2)
    edit(copied, lambda record: record["machine"].update(kernel="0.1", power_source="a bicycle"))
    before = copied.generations()
    ran = again(copied)
    assert (ran.returncode, keys(copied), sweep_ids(copied)) == (0, keys(whole), sweep_ids(whole))
    assert (copied.generations()[: len(before)], copied.reported) == (before, True)
    first, second = copied.stored.record["sittings"]
    assert (first["reason"], second["block"], second["position"]) == ("killed", 1, 0)
    # A machine may be restarted for another kernel or driver.
    assert (second["changed"]["kernel"][0], second["changed"]["power source"][0]) == ("0.1", "a bicycle")
    assert copied.stored.end["detail"]["sittings"] == [first, second]
    assert "It was killed on " in ran.stdout
    scored = [[row["load_key"] for row in one.stored.table("quality").to_pylist()] for one in (copied, whole)]
    assert scored[0] == scored[1] != []


@pytest.mark.fault("kill")
def test_a_visit_that_is_not_whole_is_measured_again_and_its_rows_are_set_aside(copied: Sweep, whole: Sweep) -> None:
    cut(copied, visits=2, cells=1)
    half = copied.generations()[-1]
    assert (again(copied).returncode, keys(copied)) == (0, keys(whole))
    aside = copied.stored.path / "interrupted" / "1-generations.parquet"
    assert half in pq.read_table(aside).to_pylist()
    assert half not in copied.generations()


@pytest.mark.fault("ctrl-c")
def test_a_run_that_was_interrupted_is_carried_on(sweep: Sweep, whole: Sweep) -> None:
    sweep.run(*INTERRUPTING, *LONG, INTERRUPT_AT="bench.run.between_visits:Progress.begin 3")
    assert sweep.stored.end["reason"] == "interrupted"
    assert (again(sweep).returncode, keys(sweep), sweep.runs) == (0, keys(whole), 1)
    assert [one.get("reason") for one in sweep.stored.record["sittings"]] == ["interrupted", None]


@pytest.mark.fault("kill")
def test_a_visit_whose_worker_died_just_before_the_harness_is_measured_again(sweep: Sweep) -> None:
    sweep.run(
        "--blocks", "2", "--load-option", "simulated.crash_at=2", "--load-option", "simulated.only_prompt_tokens=8"
    )
    expected = keys(sweep)
    cut(sweep, visits=2)
    assert {row["block"] for row in sweep.generations()} == {0}
    again(sweep)
    assert (keys(sweep), sweep.stored.record["sittings"][1]["block"]) == (expected, 0)


@pytest.mark.fault("kill")
def test_both_variants_of_a_pair_are_measured_again(sweep: Sweep) -> None:
    sweep.run("--a", "simulated.itl_ms=2", "--b", "simulated.itl_ms=3", "--blocks", "2")
    expected = keys(sweep)
    cut(sweep, visits=3)
    assert (again(sweep).returncode, keys(sweep)) == (0, expected)
    assert sweep.stored.record["sittings"][1]["position"] == 0


@pytest.mark.fault("kill")
def test_a_run_that_adds_blocks_goes_on_to_its_target(sweep: Sweep) -> None:
    played = ("--load-option", "simulated.ttft_ms=40", "--load-option", "simulated.itl_ms=20", "--repeats", "3")
    sweep.run("--prompt-tokens", "8", "--interval-target", "99%", "--blocks", "10", "--max-blocks", "12", *played)
    expected, end = keys(sweep), sweep.stored.end["detail"]["adaptive"]
    cut(sweep, visits=8)
    assert (again(sweep).returncode, keys(sweep)) == (0, expected)
    assert sweep.stored.end["detail"]["adaptive"] == end


@pytest.mark.fault("kill")
def test_loads_that_were_not_scored_are_scored_and_others_are_not_again(copied: Sweep) -> None:
    run = copied.stored
    scored = run.table("quality").to_pylist()
    first = scored[0]["load_key"]
    replace_rows(run, "quality", pc.field("load_key") == first, [])
    (run.path / "end.json").unlink()
    ran = again(copied)
    assert (ran.returncode, "quality 1 of 1" in ran.stdout) == (0, True)
    now = copied.stored.table("quality").to_pylist()
    assert [row for row in now if row["load_key"] == first] == [row for row in scored if row["load_key"] == first]
    assert len(now) == len(scored)


@pytest.mark.fault("disk-full")
def test_a_run_that_filled_the_disk_is_carried_on_when_there_is_room(sweep: Sweep, small_disk: Path) -> None:
    sizes = ("--new-tokens", "2000", "--blocks", "3", "--load-option", "simulated.itl_ms=0.001", "--no-quality")
    sweep.run(*sizes)
    expected = keys(sweep)
    needed = sum(file.stat().st_size for file in sweep.stored.path.rglob("*") if file.is_file())
    full = type(sweep)(small_disk)
    (small_disk / "other data").write_bytes(bytes(2**20 - needed // 2))
    filled = full.run(*sizes, "--reports-dir", str(sweep.home / "reports"))
    assert "No space left on device" in filled.stdout
    assert 0 < len(keys(full)) < len(expected)
    (small_disk / "other data").unlink()
    assert (again(full).returncode, keys(full)) == (0, expected)


@pytest.mark.fault("changed")
def test_a_narrowed_run_with_a_cell_that_cannot_be_is_carried_on_by_the_same_selection_alone(sweep: Sweep) -> None:
    sweep.run("--precision", "int4,int8", "--device", "CPU,XPU", "--blocks", "2", "-k", "int4")
    expected = keys(sweep)
    assert {row["status"] for row in sweep.generations()} == {"ok", "unsupported"}
    cut(sweep, visits=1)
    assert "narrowed by -k int4" in refusal(again(sweep))
    assert (again(sweep, "-k", "int4").returncode, keys(sweep)) == (0, expected)


def test_a_run_is_offered_at_the_next_start(copied: Sweep) -> None:
    cut(copied, visits=2, cells=1)
    name = copied.stored.run_id
    offered = f"run {name} was interrupted after 5 of 8 cells: `nox -s bench -- --resume "
    assert offered in copied.run().stdout


@pytest.mark.fault("changed")
def test_what_has_changed_is_named_and_nothing_is_touched(copied: Sweep) -> None:
    def change(record: dict[str, Any]) -> None:
        record["machine"]["cpu"]["name"] = "8086"
        record["model"]["digest"] = "d"
        record["venvs"]["simulated"]["packages"]["numpy"] = "0.1"
        record["project"]["git_commit"] = "0123"
        record["plan"]["threads"] = 77
        record["plan"]["cells"].pop()

    cut(copied, visits=2)
    edit(copied, change)
    before = copied.generations()
    ran = again(copied)
    text = refusal(ran)
    assert ran.returncode == 4
    named = text.partition("cannot be carried on, because this has changed: ")[2]
    for part in ("machine (8086, now ", "model digest (d, now None)", "threads (77, now ", "the plan, in 1 cells"):
        assert part in named
    for part in ("packages of simulated (numpy ", " (was 0.1)", "AIPC Bench (", "Have it as it was, or measure anew"):
        assert part in named
    assert (copied.generations(), copied.stored.end) == (before, None)
    assert not (copied.stored.path / ".lock").exists()

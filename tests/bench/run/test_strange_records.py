"""Whatever a stranger's run.json holds, `--resume` takes it or refuses it in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.run import analyse_run
from bench.errors import BenchError, UsageError
from bench.observe.machine import machine_id
from bench.plan.flags import raw_values
from bench.plan.options import resolve_options
from bench.run.changes import other_conditions, refuse_changes
from bench.run.planning import plan_for
from bench.run.resume import Earlier
from bench.store.reader import open_run

RUN = Path(__file__).parents[2] / "golden" / "runs" / "20261128T235531Z-1ef3b9"
ODD: tuple[Any, ...] = (None, 7, "x", [1], {"a": 1})
CHANGED = {"driver of Intel Arc 140V": ["1", None]}
FURTHER = {"began_at": "2026-11-22T10:45:00+00:00", "block": 1, "position": 2, "changed": CHANGED}


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RUN / "run.json").read_text("utf-8"))
    options = asdict(resolve_options(raw_values(["--backend", "simulated"]), tmp_path))
    return found | {
        # That of another machine is refused before anything else is read.
        "machine_id": machine_id(),
        "options": json.loads(json.dumps(options, default=str)),
        "selection": {"by": "-k x", "selected": 1, "planned": 2},
        "sittings": [{"began_at": "2026-11-22T10:00:00+00:00", "reason": "killed"}, FURTHER],
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(RUN, tmp_path / "results" / RUN.name))
    (folder / "end.json").unlink()
    return folder


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every part of a record, of a list the first entry alone."""
    keys = value if isinstance(value, dict) else range(min(1, len(value))) if isinstance(value, list) else ()
    for key in keys:
        yield (*place, key)
        yield from places(value[key], (*place, key))


def carry_on(run: Path, record: dict[str, Any], whole: dict[str, Any]) -> None:
    (run / "run.json").write_text(json.dumps(record), "utf-8")
    with suppress(BenchError):
        options, _ = plan_for({**raw_values([]), "resume": str(run)}, run.parents[1])
        earlier = Earlier(open_run(run), options.repeats)
        earlier._sittings_before()
        other_conditions(record, whole)
        refuse_changes(earlier, whole, {})


@pytest.mark.parametrize(
    ("variant", "named"),
    [(None, "a is no object"), (7, "a is no object"), ({}, "a.spec is missing"), ({"spec": [1]}, "a.spec is no text")],
)
def test_a_variant_of_another_kind_is_named(run: Path, record: dict[str, Any], variant: Any, named: str) -> None:
    record["plan"]["variants"] = {"a": variant, "b": {"spec": "current"}}
    (run / "run.json").write_text(json.dumps(record), "utf-8")
    with pytest.raises(BenchError, match=rf"run\.json: plan\.variants\.{named}.*: put a copy of it back"):
        plan_for({**raw_values([]), "resume": str(run)}, run.parents[1])
    assert list(analyse_run(open_run(run, rest=True)).damaged) == ["run.json"]


@pytest.mark.slow
def test_no_part_of_a_record_breaks_it(run: Path, record: dict[str, Any]) -> None:
    for *above, last in places(record):
        for odd in ODD:
            strange = deepcopy(record)
            part = strange
            for key in above:
                part = part[key]
            part[last] = odd
            carry_on(run, strange, record)


@pytest.mark.parametrize(
    ("sittings", "named"),
    [
        ("two", "sittings is no list"),
        ({}, "sittings is no list"),
        ([1, 2], r"sittings\[0\] is no object"),
        ([{}], r"sittings\[0\].began_at is missing"),
        ([FURTHER | {"changed": {"a": 1}}], r"sittings\[0\].changed.a is no list"),
        ([FURTHER | {"block": "x"}], r"sittings\[0\].block is no whole number"),
    ],
)
def test_sittings_of_another_kind_are_named(run: Path, record: dict[str, Any], sittings: Any, named: str) -> None:
    (run / "run.json").write_text(json.dumps(record | {"sittings": sittings}), "utf-8")
    with pytest.raises(BenchError, match=rf"run\.json: {named}.*: put a copy of it back"):
        open_run(run)
    assert list(analyse_run(open_run(run, rest=True)).damaged) == ["run.json"]


def test_a_run_of_another_machine_is_refused_before_what_it_names_is_looked_at(
    run: Path, record: dict[str, Any]
) -> None:
    spec = {"spec": str(run / "python")}
    (run / "run.json").write_text(json.dumps(record | {"machine_id": "another", "plan": {"variants": {"a": spec}}}))
    with pytest.raises(UsageError, match="was measured on another machine: carry it on there"):
        plan_for({**raw_values([]), "resume": str(run)}, run.parents[1])

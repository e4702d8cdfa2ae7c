"""Files of a stored run that were cut, or a bit of which has turned."""

from __future__ import annotations

import json
import random
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from bench.analyse.run import analyse_run
from bench.commands import compare, report, verify
from bench.errors import StoreError
from bench.report.run_table import run_table
from bench.report.run_view import view_run
from bench.store.digests import differences, record_digests
from bench.store.reader import REMEDY, open_run, without_damaged
from bench.store.schema import TABLES
from bench.store.writer import replace_rows
from tests.support.stored_runs import FakeRun

FLIPS = 300


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return FakeRun(prompt_tokens=(32,), new_tokens=(4,), blocks=2, repeats=1).write(tmp_path / "results")


def flipped(data: bytes, draw: random.Random) -> bytes:
    at, bit = draw.randrange(len(data)), 1 << draw.randrange(8)
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


@pytest.mark.fault("disk-damaged")
@pytest.mark.slow
def test_any_bit_that_turns_is_named_or_changes_no_number(run: Path) -> None:
    file, draw = run / "generations" / "all.parquet", random.Random(1)
    data, columns = file.read_bytes(), ["cell_key", "block", "ttft_ns", "itl_ns", "token_ids", "status"]
    whole = open_run(run).table("generations", columns).to_pylist()
    for _ in range(FLIPS):
        file.write_bytes(flipped(data, draw))
        damaged = without_damaged(open_run(run)).damaged
        if damaged:
            assert set(damaged) == {file}
            with suppress(StoreError):
                open_run(run).table("generations", columns)
            continue
        rows = open_run(run).table("generations", columns).to_pylist()
        # The name of a column may have turned, which is then null; no value is another one.
        for row, before in zip(rows, whole, strict=True):
            assert all(value in (None, before[name]) for name, value in row.items())


@pytest.mark.fault("disk-damaged")
def test_any_bit_that_turns_in_any_file_is_found(run: Path) -> None:
    draw = random.Random(1)
    for file in sorted(path for path in run.rglob("*") if path.is_file() and path.name != "digests.json"):
        data = file.read_bytes()
        file.write_bytes(flipped(data, draw))
        assert differences(run) == [f"{file.relative_to(run).as_posix()} has changed"]
        file.write_bytes(data)
    assert differences(run) == []


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.fault("disk-damaged")
def test_a_file_that_was_cut_is_named_and_the_rest_is_reported(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], share: float
) -> None:
    file = run / "findings" / "all.parquet"
    file.parent.mkdir(exist_ok=True)
    data = (run / "loads" / "all.parquet").read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    assert report.main([str(run), "--reports-dir", str(tmp_path / "reports")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "findings/all.parquet of this run is damaged (" in said
    assert "its rows are left out. " in said
    assert str(file) not in said


BESIDE = ["end.json", "answers.json", "pieces.json", "digests.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"reason": 1, "answers": [], "x": 2}', "\x00", "[" * 100_000])
@pytest.mark.parametrize("name", BESIDE)
def test_another_json_file_that_is_damaged_is_left_out(run: Path, name: str, content: str) -> None:
    (run / name).write_text(content, "utf-8")
    opened = open_run(run)
    assert set(opened.damaged) == {run / name}
    assert (opened.end is None) == (name == "end.json")


@pytest.mark.slow
def test_damaged_json_files_are_named_and_the_rest_is_reported(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in BESIDE:
        (run / name).write_text("{", "utf-8")
    assert report.main([str(run), "--reports-dir", str(tmp_path / "reports")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for name in BESIDE:
        assert f"{name} of this run is damaged (Expecting property name" in said
    assert "what it holds is left out. This run has no end" in said
    assert "openvino-genai" in said


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema_version": 1e999}', '{"schema_version": "7"}'])
def test_a_damaged_record_is_one_line_with_a_remedy(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (run / "run.json").write_text(content, "utf-8")
    assert report.main([str(run), "--reports-dir", str(tmp_path / "reports")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(run / "run.json") in line
    assert line.endswith(REMEDY)


@pytest.mark.parametrize("name", ["plan", "machine", "venvs", "model", "options", "created_at", "machine_id"])
def test_a_part_of_the_record_that_is_damaged_is_named_and_the_rest_is_reported(run: Path, name: str) -> None:
    record = json.loads((run / "run.json").read_text("utf-8"))
    (run / "run.json").write_text(json.dumps({**record, name: 5}), "utf-8")
    view = view_run(analyse_run(open_run(run, rest=True)))
    said = " ".join(run_table(view).split())
    assert f"run.json of this run is damaged ({name} is no " in said
    assert "openvino-genai" in said


@pytest.mark.parametrize(
    "changed",
    [
        {"new_tokens": -5},
        {"new_tokens": 2**31 - 1},
        {"options": "[" * 100_000},
        {"iteration": -1, "prompt_tokens": 0, "device_verdict": "x"},
    ],
)
def test_rows_that_no_run_writes_end_in_one_line_or_in_a_report(tmp_path: Path, changed: dict[str, Any]) -> None:
    fake = FakeRun(prompt_tokens=(32,), new_tokens=(4,), blocks=2, repeats=1)
    fake.more = {name: value for name, value in changed.items() if name in TABLES["loads"].names}
    run = fake.write(tmp_path)
    of_generations = {name: value for name, value in changed.items() if name in TABLES["generations"].names}
    rows = [{**row, **of_generations} for row in open_run(run).table("generations").to_pylist()]
    replace_rows(open_run(run), "generations", pc.scalar(value=False), rows)
    with suppress(StoreError):
        run_table(view_run(analyse_run(open_run(run))))


@pytest.mark.slow
def test_of_many_runs_a_damaged_one_is_named_and_the_others_are_compared(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        shutil.copytree(run, run.with_name(f"run{number}"))
        record = json.loads((run / "run.json").read_text("utf-8")) | {"run_id": f"run{number}"}
        (run.with_name(f"run{number}") / "run.json").write_text(json.dumps(record), "utf-8")
    (run.with_name("run1") / "run.json").write_text("{", "utf-8")
    file = run.with_name("run2") / "generations" / "all.parquet"
    file.write_bytes(file.read_bytes()[:900])
    folders = ["--results-dir", str(run.parent), "--reports-dir", str(tmp_path / "reports"), "--no-history"]
    assert compare.main([run.name, "run*", *folders]) == 0
    left_out = capsys.readouterr().err.splitlines()
    assert [line.startswith("note: left out: cannot read ") for line in left_out] == [True, True]
    assert str(file) in left_out[1]
    for named in ("run1", "run2"):
        assert compare.main([run.name, named, *folders]) == 1
        assert capsys.readouterr().err.startswith("error: cannot read ")
    assert compare.main([run.name, "run[12]", *folders]) == 4


@pytest.mark.fault("disk-damaged")
def test_a_run_is_verified_by_its_name(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--results-dir", str(run.parent)]
    assert verify.main([run.name, *folders]) == 0
    assert "as it was recorded at its end" in capsys.readouterr().out
    (run / "loads" / "all.parquet").unlink()
    (run / "note.txt").write_text("", "utf-8")
    assert verify.main(folders) == 1
    said = capsys.readouterr().out
    assert said == f"{run.name}: loads/all.parquet is missing\n{run.name}: note.txt was not there\n"


def test_a_run_without_digests_cannot_be_verified(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "digests.json").unlink()
    assert verify.main([str(run)]) == 1
    assert "has no digests.json" in capsys.readouterr().err


def test_what_is_written_anew_is_recorded_anew_and_nothing_else(run: Path) -> None:
    shutil.copyfile(run / "loads" / "all.parquet", run / "pieces.json")
    (run / "loads" / "all.parquet").write_bytes(b"")
    record_digests(run, ("pieces.json", "quality"))
    assert differences(run) == ["loads/all.parquet has changed"]

"""Files of a stored run that were cut, or a bit of which has turned."""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from bench.commands import report, verify
from bench.errors import StoreError
from bench.store.digests import differences, record_digests
from bench.store.reader import open_run, without_damaged
from tests.support.stored_runs import FakeRun

FLIPS = 300


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return FakeRun(prompt_tokens=(32,), new_tokens=(4,), blocks=2, repeats=1).write(tmp_path / "results")


def flipped(data: bytes, draw: random.Random) -> bytes:
    at, bit = draw.randrange(len(data)), 1 << draw.randrange(8)
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


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

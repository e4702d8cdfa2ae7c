"""Parquet files of strangers that say more than they hold are refused in one line, before that much is allocated."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pytest

from bench.commands import report
from bench.errors import StoreError
from bench.store.files import write_table
from bench.store.reader import StoredRun, without_damaged
from bench.store.schema import TABLES
from bench.store.writer import as_table
from tests.support.bombs import BOMBS, miscounted
from tests.support.rows import NOW
from tests.support.stored_runs import FakeRun

LARGE = ("a page that unpacks to 300 MB", "metadata of megabytes")
NAMES = ("code", "severity", "subject", "message", "advice")


def bomb(name: str, folder: Path, table: str = "generations") -> Path:
    (folder / table).mkdir(exist_ok=True)
    file = folder / table / "part-00099.parquet"
    BOMBS[name][0](file)
    return file


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in BOMBS]
)
def test_it_is_refused_with_the_file_and_the_reason(tmp_path: Path, name: str) -> None:
    table = "loads" if "maps" in name else "generations"
    file, run = bomb(name, tmp_path, table), StoredRun(tmp_path, {}, None)
    assert file.stat().st_size < 100 * 2**20
    columns = {"generations": "status", "loads": "status"}[table]
    for read in (lambda: run.table(table), lambda: list(run.batches(table, [columns]))):
        with pytest.raises(StoreError) as refused:
            read()
        assert str(refused.value).startswith(f"cannot read {file}: ")
        assert BOMBS[name][1] in str(refused.value)
        assert "\n" not in str(refused.value)
    assert list(without_damaged(run).damaged) == [file]


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by RLIMIT_DATA")
def test_all_of_them_are_refused_with_little_memory(tmp_path: Path) -> None:
    for number, name in enumerate(BOMBS):
        (tmp_path / str(number)).mkdir()
        bomb(name, tmp_path / str(number), "loads" if "maps" in name else "generations")
    program = """
        import resource, sys
        from pathlib import Path
        from bench.store.reader import StoredRun, without_damaged

        used = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData"))
        limit = int(used.split()[1]) * 1024 + 400 * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        for folder in Path(sys.argv[1]).iterdir():
            print(len(without_damaged(StoredRun(folder, {}, None)).damaged))
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    assert done.stdout.split() == ["1"] * len(BOMBS)


@pytest.mark.process
def test_levels_that_are_counted_wrong_end_no_process(tmp_path: Path) -> None:
    miscounted(tmp_path / "generations" / "part-00001.parquet")
    program = """
        import sys
        from pathlib import Path
        from bench.store.reader import StoredRun

        print(StoredRun(Path(sys.argv[1]), {}, None).table("generations", ["ttft_ns"]).to_pylist())
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert "StoreError: cannot read " in done.stderr
    assert "istogram size mismatch" in done.stderr
    assert done.returncode == 1


@pytest.mark.slow
def test_the_rest_of_the_run_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = FakeRun(prompt_tokens=(32,), new_tokens=(4,), blocks=2, repeats=1).write(tmp_path / "results")
    bomb("a text repeated to gigabytes", run)
    assert report.main([str(run), "--reports-dir", str(tmp_path / "reports")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "generations/part-00099.parquet of this run is damaged (its " in said
    assert "its rows are left out." in said
    assert "openvino-genai" in said


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("rows", [0, 3, 3_000])
def test_what_the_project_writes_is_taken(tmp_path: Path, table: str, rows: int) -> None:
    empty = TABLES[table].empty_table()
    nothing = [pa.array([example(field.type)] * rows, field.type) for field in TABLES[table]]
    (tmp_path / table).mkdir()
    write_table(tmp_path / table / "part-00001.parquet", empty)
    write_table(tmp_path / table / "part-00002.parquet", pa.table(nothing, schema=TABLES[table]))
    assert StoredRun(tmp_path, {}, None).table(table).num_rows == rows


@pytest.mark.slow
def test_a_long_text_among_short_ones_is_taken(tmp_path: Path) -> None:
    rows = [{"run_id": "r", **dict.fromkeys(NAMES, "x"), "seen_at": NOW}] * 3_000
    rows[7] = {**rows[7], "message": "x" * 200_000}
    (tmp_path / "findings").mkdir()
    write_table(tmp_path / "findings" / "part-00001.parquet", as_table("findings", "r", rows))
    assert StoredRun(tmp_path, {}, None).table("findings", ["message"]).num_rows == 3_000


def example(kind: pa.DataType) -> object:
    """A value of each type of column."""
    if pa.types.is_map(kind):
        return [("a", 1.0 if pa.types.is_floating(kind.item_type) else "b")]
    if pa.types.is_list(kind):
        return [example(kind.value_type)] * 9
    if pa.types.is_timestamp(kind):
        return NOW
    return {"string": "x", "bool": True, "double": 0.5}.get(str(kind), 1)

"""Runs come together once, whole, and as they were at their end; all else is said and left."""

from __future__ import annotations

import json
import os
import shutil
import stat
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from bench.analyse.run import analyse_run
from bench.commands.collect import main
from bench.dataset import partitions, sources
from bench.dataset.mirror import publish
from bench.errors import NewerSchemaError, StoreError, UsageError
from bench.store.compact import compact
from bench.store.dataset import MANIFEST, Manifest, open_dataset
from bench.store.digests import differences, record_digests
from bench.store.files import write_table
from bench.store.lookup import all_folders, find_folders
from bench.store.reader import open_run
from bench.store.schema import SCHEMA_VERSION, TABLES
from tests.support.datasets import DECEMBER, FIRST, SECOND, collected, edited, write_run, zipped


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ``results`` and ``dataset``, of which each test has copies."""
    home = tmp_path_factory.mktemp("made")
    scored = {"ort-genai-CPU-int4": 1.1}
    for run_id in (FIRST, SECOND, DECEMBER):
        write_run(home / "results", run_id, pieces={"7": " seven"}, agreeing={"int4": 5}, perplexity=scored)
    collected(home / "results", into=home / "dataset")
    return home


@pytest.fixture
def results(tmp_path: Path, prepared: Path) -> Path:
    """Two runs of one machine in November, and one of December."""
    return Path(shutil.copytree(prepared / "results", tmp_path / "results"))


@pytest.fixture
def dataset(tmp_path: Path, prepared: Path) -> Path:
    """Those runs as a dataset."""
    return Path(shutil.copytree(prepared / "dataset", tmp_path / "dataset"))


def held(dataset: Path) -> list[str]:
    return [path.name for path in all_folders(dataset)]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- a run in a dataset is the run


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_the_rows_are_those_of_the_folder(results: Path, dataset: Path, table: str) -> None:
    for run_id in (FIRST, SECOND, DECEMBER):
        assert open_run(dataset / run_id).table(table).equals(open_run(results / run_id).table(table))


@pytest.mark.slow
def test_batches_are_those_of_the_folder(results: Path, dataset: Path) -> None:
    there, here = (
        [row for batch in open_run(place / SECOND).batches("generations", ["itl_ns"], 3) for row in batch.to_pylist()]
        for place in (results, dataset)
    )
    assert here == there


def test_the_analysis_is_that_of_the_folder(results: Path, dataset: Path) -> None:
    assert analyse_run(open_run(dataset / FIRST)) == analyse_run(open_run(results / FIRST))


def test_runs_lie_in_a_folder_per_machine_and_month(dataset: Path) -> None:
    places = {
        path.parent.relative_to(dataset / "generations").as_posix() for path in dataset.glob("generations/**/*.parquet")
    }
    assert places == {f"machine={'m' * 16}/month=2026-11", f"machine={'m' * 16}/month=2026-12"}


@pytest.mark.slow
def test_a_partition_has_one_file_however_often_is_collected(tmp_path: Path, results: Path) -> None:
    for run_id in (FIRST, SECOND):
        collected(results / run_id, into=tmp_path / "dataset")
    assert len(list(tmp_path.glob("dataset/generations/**/*.parquet"))) == 1


@pytest.mark.slow
def test_a_full_file_is_left_alone(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "FULL_BYTES", 1)
    for run_id in (FIRST, SECOND):
        collected(results / run_id, into=tmp_path / "dataset")
    assert len(list(tmp_path.glob("dataset/generations/**/*.parquet"))) == 2
    assert analyse_run(open_run(tmp_path / "dataset" / FIRST)) == analyse_run(open_run(results / FIRST))


@pytest.mark.slow
def test_a_half_gathered_run_counts_once(tmp_path: Path) -> None:
    run = write_run(tmp_path / "results", end=None)
    parts = {path: path.read_bytes() for path in run.glob("*/part-*.parquet")}
    for table in TABLES:
        compact(run / table)
    for path, content in parts.items():
        path.write_bytes(content)
    (run / "end.json").write_text('{"ended_at": "2026-11-22T21:20:00+00:00", "reason": "interrupted"}', "utf-8")
    collected(run, into=tmp_path / "dataset")
    rows = open_run(tmp_path / "dataset" / FIRST).table("generations")
    assert rows.num_rows == open_run(run).table("generations").num_rows


@pytest.mark.slow
def test_rows_of_visits_measured_again_are_kept(tmp_path: Path) -> None:
    run = write_run(tmp_path / "results")
    write_table(run / "interrupted" / "1-loads.parquet", open_run(run).table("loads"))
    record_digests(run)
    collected(run, into=tmp_path / "dataset")
    collected(tmp_path / "dataset", into=tmp_path / "other")
    ((name, content),) = open_dataset(tmp_path / "other").documents(FIRST)["interrupted"]
    assert (name, content) == ("1-loads.parquet", (run / "interrupted" / "1-loads.parquet").read_bytes())


# -- finding runs in it


def test_a_run_is_named_by_id_glob_or_path(dataset: Path) -> None:
    november = [dataset.resolve() / FIRST, dataset.resolve() / SECOND]
    assert find_folders([FIRST], dataset) == november[:1]
    assert find_folders(["202611*"], dataset) == november
    assert find_folders([str(dataset / "202611*")], Path("results")) == november


def test_a_run_that_the_dataset_lacks_is_no_run(dataset: Path) -> None:
    with pytest.raises(UsageError, match="there is no run 2030"):
        find_folders(["2030"], dataset)
    with pytest.raises(StoreError, match="holds no run 2030"):
        open_run(dataset / "2030")


# -- never twice


def test_a_run_is_taken_once(results: Path, dataset: Path) -> None:
    before = snapshot(dataset)
    outcome, said = collected(results, into=dataset)
    assert (outcome.taken, outcome.known, outcome.refused, said) == (0, 3, 0, [])
    assert snapshot(dataset) == before


@pytest.mark.slow
def test_a_run_from_two_sources_is_taken_once(tmp_path: Path, results: Path) -> None:
    archive = zipped(results / FIRST, tmp_path / "artifact.zip")
    outcome, _ = collected(results / FIRST, archive, into=tmp_path / "dataset")
    assert (outcome.taken, outcome.known) == (1, 1)


def test_the_same_id_with_other_files_is_refused(results: Path, dataset: Path) -> None:
    edited(results / FIRST, command="another")
    outcome, said = collected(results, into=dataset)
    assert (outcome.refused, outcome.known) == (1, 2)
    assert "known with other files; `--replace`" in said[0][1]
    assert open_run(dataset / FIRST).record["command"] != "another"


@pytest.mark.slow
def test_the_same_id_with_other_files_replaces_it_if_asked(results: Path, dataset: Path) -> None:
    rows = open_run(dataset / FIRST).table("generations").num_rows
    edited(results / FIRST, command="another", created_at="2026-10-30T00:00:00+00:00")
    outcome, said = collected(results, into=dataset, again=True)
    assert (outcome.taken, outcome.known, said[0][0]) == (1, 2, "replaced")
    assert open_run(dataset / FIRST).record["command"] == "another"
    assert open_dataset(dataset).held(FIRST).month == "2026-10"
    assert sum(pq.read_metadata(path).num_rows for path in dataset.glob("generations/**/*.parquet")) == 3 * rows


# -- what is not taken, and when


@pytest.mark.slow
def test_a_run_without_an_end_is_taken_later(tmp_path: Path) -> None:
    run = write_run(tmp_path / "results", end=None)
    write_run(tmp_path / "results", SECOND)
    outcome, said = collected(tmp_path / "results", into=tmp_path / "dataset")
    assert (outcome.taken, outcome.later, outcome.refused) == (1, 1, 0)
    assert said[0][1].startswith(f"{run}: has no end.json")
    shutil.rmtree(run)
    write_run(tmp_path / "results")
    assert collected(tmp_path / "results", into=tmp_path / "dataset")[0].taken == 1


def test_a_run_that_goes_on_is_taken_later(tmp_path: Path) -> None:
    run = write_run(tmp_path / "results")
    with FileLock(run / ".lock"):
        outcome, said = collected(run, into=tmp_path / "dataset")
    assert (outcome.later, said) == (1, [("later", f"{run}: still goes on: collect it when it has ended")])


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["changed", "missing", "added"])
def test_a_run_that_is_not_as_it_was_is_refused(tmp_path: Path, damage: str) -> None:
    run = write_run(tmp_path / "results")
    write_run(tmp_path / "results", SECOND)
    file = run / "generations" / "all.parquet"
    if damage == "changed":
        file.write_bytes(file.read_bytes()[:-9] + b"x" * 9)
    elif damage == "missing":
        file.unlink()
    else:
        (run / "notes.txt").write_text("mine", "utf-8")
    outcome, said = collected(tmp_path / "results", into=tmp_path / "dataset")
    assert (outcome.taken, outcome.refused) == (1, 1)
    assert said[0] == ("refused", f"{run}: {differences(run)[0]}: it is not as it was at its end")


def test_a_run_without_digests_is_taken_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "results")
    (run / "digests.json").unlink()
    assert main([str(run), "--into", str(tmp_path / "dataset")]) == 0
    assert "1 of these have no digests.json" in capsys.readouterr().out


def test_a_cut_file_of_a_run_without_digests_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "results")
    (run / "digests.json").unlink()
    file = run / "loads" / "all.parquet"
    file.write_bytes(file.read_bytes()[:200])
    outcome, said = collected(run, into=tmp_path / "dataset")
    assert (outcome.taken, outcome.refused) == (0, 1)
    assert str(file) in said[0][1]


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"schema_version": SCHEMA_VERSION + 1}, "update AIPC Bench"),
        ({"schema_version": "7"}, "names no schema version"),
        ({"run_id": "../../elsewhere"}, "is none that `nox -s bench` gives"),
        ({"run_id": SECOND}, "rows of another run"),
        ({"created_at": None, "run_id": "someday"}, "does not say when"),
    ],
)
def test_a_record_that_no_run_has_is_refused(tmp_path: Path, record: dict[str, Any], why: str) -> None:
    run = edited(write_run(tmp_path / "results"), **record)
    outcome, said = collected(run, into=tmp_path / "dataset")
    assert (outcome.taken, outcome.refused) == (0, 1)
    assert why in said[0][1]


@pytest.mark.parametrize("name", ["end.json", "answers.json"])
def test_a_run_with_a_damaged_document_is_refused(tmp_path: Path, name: str) -> None:
    run = write_run(tmp_path / "results")
    (run / name).write_text("[", "utf-8")
    record_digests(run)
    outcome, said = collected(run, into=tmp_path / "dataset")
    assert (outcome.taken, outcome.later, outcome.refused) == (0, 0, 1)
    assert said[0][1].startswith(f"{run}: {name} is not as a run writes it")


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("file", "is a damaged zip or none"),
        ("empty", "is no run: it has no run.json"),
        ("missing", "there is no such folder or file"),
    ],
)
def test_a_source_that_is_no_run_is_named_and_the_rest_goes_on(
    tmp_path: Path, results: Path, made: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    if made == "file":
        source.write_text("hello", "utf-8")
    elif made == "empty":
        source.mkdir()
    assert main([str(source), str(results / FIRST), "--into", str(tmp_path / "dataset")]) == 1
    told = capsys.readouterr()
    assert told.err.startswith(f"refused    {source}")
    assert (len(told.err.splitlines()), why in told.err) == (1, True)
    assert "1 taken, 1 refused" in told.out


@pytest.mark.slow
def test_a_run_that_lost_its_record_is_named(results: Path, tmp_path: Path) -> None:
    (results / FIRST / "run.json").unlink()
    outcome, said = collected(results, into=tmp_path / "dataset")
    assert (outcome.taken, outcome.refused) == (2, 1)
    assert ("refused", f"{results / FIRST}: is no run: it has no run.json") in said


# -- zips


@pytest.mark.slow
@pytest.mark.parametrize(
    "below", [*(pytest.param(below, marks=pytest.mark.slow) for below in ("", f"{FIRST}/")), f"a/results/{FIRST}/"]
)
def test_an_artifact_is_taken_wherever_the_run_lies_in_it(tmp_path: Path, results: Path, below: str) -> None:
    (tmp_path / "artifacts").mkdir()
    archive = zipped(results / FIRST, tmp_path / "artifacts" / "night.zip", below)
    for number, source in enumerate((archive, archive.parent, tmp_path / "artifacts" / "*.zip")):
        assert collected(source, into=tmp_path / f"dataset{number}")[0].taken == 1
    assert analyse_run(open_run(tmp_path / "dataset0" / FIRST)) == analyse_run(open_run(results / FIRST))


def hostile(archive: Path, kind: str, run: Path) -> None:
    zipped(run, archive)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        if kind == "bomb":
            opened.writestr("loads/zeros.parquet", bytes(64 * 2**20))
        elif kind == "link":
            member = zipfile.ZipInfo("loads/link.parquet")
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            opened.writestr(member, "/etc/passwd")
        elif kind == "twice":
            with pytest.warns(UserWarning, match="Duplicate name"):
                opened.writestr("end.json", "{}")
        else:
            opened.writestr(kind, "x")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("../outside.txt", "would leave its folder"),
        ("/tmp/outside.txt", "would leave its folder"),
        ("C:\\outside.txt", "would leave its folder"),
        ("a/../../outside.txt", "would leave its folder"),
        ("loads/nul.parquet", "would leave its folder"),
        ("loads/a:b", "would leave its folder"),
        ("link", "holds the link"),
        pytest.param("bomb", "more than runs do", marks=pytest.mark.slow),
        ("twice", "two files of one name"),
    ],
)
def test_a_zip_that_does_harm_is_refused_whole(
    tmp_path: Path, results: Path, kind: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_FREE_BYTES", 2**20)
    archive = tmp_path / "evil.zip"
    hostile(archive, kind, results / FIRST)
    outcome, said = collected(archive, results / SECOND, into=tmp_path / "dataset")
    assert (outcome.taken, outcome.refused) == (1, 1)
    assert (said[0][0], said[0][1].startswith(str(archive)), why in said[0][1]) == ("refused", True, True)
    assert not list(tmp_path.rglob("outside*"))


@pytest.mark.parametrize("cut", [10, 200, -40])
def test_a_truncated_zip_is_refused(tmp_path: Path, results: Path, cut: int) -> None:
    archive = zipped(results / FIRST, tmp_path / "cut.zip")
    archive.write_bytes(archive.read_bytes()[:cut])
    outcome, said = collected(archive, into=tmp_path / "dataset")
    assert (outcome.taken, said[0][0], "damaged zip or none" in said[0][1]) == (0, "refused", True)


def test_a_damaged_zip_is_refused(tmp_path: Path, results: Path) -> None:
    archive = zipped(results / FIRST, tmp_path / "damaged.zip")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)
    outcome, said = collected(archive, into=tmp_path / "dataset")
    assert (outcome.taken, said[0][0]) == (0, "refused")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_of_another_compression_is_refused(tmp_path: Path, method: int) -> None:
    pytest.importorskip("lzma")
    archive = tmp_path / "damaged.zip"
    with zipfile.ZipFile(archive, "w", method) as opened:
        opened.writestr("run.json", bytes(range(256)) * 9)
    content = bytearray(archive.read_bytes())
    content[60:90] = b"\xff" * 30
    archive.write_bytes(content)
    outcome, said = collected(archive, into=tmp_path / "dataset")
    assert (outcome.refused, said[0][0], str(archive) in said[0][1]) == (1, "refused", True)


def test_a_zip_without_a_run_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as opened:
        opened.writestr("readme.txt", "hello")
    assert "holds no run" in collected(tmp_path / "none.zip", into=tmp_path / "dataset")[1][0][1]


# -- machines


@pytest.mark.slow
def test_two_machines_of_one_id_are_said_and_kept_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "results", FIRST)
    other = {"cpu": {"name": "Another CPU", "physical_cores": 16}, "memory_bytes": 2**34}
    write_run(tmp_path / "results", SECOND, record={"machine": other})
    outcome, said = collected(tmp_path / "results", into=tmp_path / "dataset")
    assert {run.machine for run in outcome.manifest.runs.values()} == {"m" * 16, f"{'m' * 16}-2"}
    assert said[-1][0] == "note"
    assert said[-1][1] == (
        f"two machines have the id {'m' * 16}: Intel(R) Core(TM) Ultra 7 258V, 8 cores, 32 GiB; "
        f"Another CPU, 16 cores, 16 GiB. The second is kept apart as {'m' * 16}-2"
    )
    write_run(tmp_path / "more", DECEMBER, record={"machine": other})
    outcome, said = collected(tmp_path / "more", into=tmp_path / "dataset")
    assert outcome.manifest.runs[DECEMBER].machine == f"{'m' * 16}-2"
    assert [what for what, _ in said] == ["taken"]


@pytest.mark.slow
def test_an_id_that_is_no_name_of_a_folder_is_made_one(tmp_path: Path) -> None:
    outcome, _ = collected(write_run(tmp_path / "results", machine_id="../a/b c"), into=tmp_path / "dataset")
    assert outcome.manifest.runs[FIRST].machine == "___a_b_c"


# -- one state or the other


@pytest.mark.slow
def test_an_interrupted_collect_leaves_the_old_state(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = tmp_path / "dataset"
    collected(results / FIRST, into=dataset)
    before = {run_id: analyse_run(open_run(dataset / run_id)) for run_id in held(dataset)}

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("bench.store.dataset.Manifest.write", interrupted)
        assert main([str(results), "--into", str(dataset)]) == 130
    assert "is as it was before" in capsys.readouterr().err
    # The new files lie there already, and no reader takes them.
    assert len(list(dataset.glob("generations/**/*.parquet"))) > 1
    assert {run_id: analyse_run(open_run(dataset / run_id)) for run_id in held(dataset)} == before
    outcome, _ = collected(results, into=dataset)
    assert (outcome.taken, outcome.known) == (2, 1)
    named = {dataset / name for name in open_dataset(dataset).manifest.files}
    assert {*dataset.glob("*/machine=*/month=*/*.parquet")} == named


def test_what_a_killed_collect_left_is_removed(dataset: Path, results: Path) -> None:
    (dataset / ".new-abc" / "loads").mkdir(parents=True)
    shutil.copy(next(dataset.glob("loads/**/*.parquet")), next(dataset.glob("loads/*/*")) / "00ff.parquet")
    collected(results, into=dataset)
    assert not (dataset / ".new-abc").exists()
    assert not list(dataset.glob("loads/**/00ff.parquet"))


def test_a_dataset_that_another_process_writes_is_left_alone(dataset: Path, results: Path) -> None:
    with FileLock(dataset / ".lock"), pytest.raises(StoreError, match="another process writes the dataset"):
        collected(results, into=dataset)


def test_a_folder_of_something_else_is_left_alone(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(results)
    assert main([str(results), "--into", str(results)]) == 4
    assert f"{results} is no dataset and holds {FIRST}" in capsys.readouterr().err
    assert snapshot(results) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, results: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(StoreError, match="cannot write to"):
        collected(results, into=tmp_path / "closed" / "dataset")


def test_a_file_where_the_dataset_should_be_is_one_line(tmp_path: Path, results: Path) -> None:
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(StoreError, match="choose another folder with --into"):
        collected(results, into=tmp_path / "file")


# -- datasets of others


@pytest.mark.parametrize("what", ["dataset", "schema"])
def test_a_dataset_of_a_newer_version_is_refused(dataset: Path, results: Path, what: str) -> None:
    manifest = json.loads((dataset / MANIFEST).read_text("utf-8"))
    (dataset / MANIFEST).write_text(json.dumps({**manifest, f"{what}_version": 99}), "utf-8")
    for act in (lambda: all_folders(dataset), lambda: collected(results, into=dataset)):
        with pytest.raises(NewerSchemaError, match=f"of {what} version 99"):
            act()
    assert "version 99" in collected(dataset, into=dataset.with_name("other"))[1][0][1]


FILE = {"bytes": 1, "sha256": "", "rows": 1, "row_groups": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"../../etc/passwd": FILE}},
        {"files": {"loads/machine=../month=2026-11/ab.parquet": FILE}},
        {"runs": {"../x": {"machine": "m", "month": "2026-11", "digest": ""}}},
        {"runs": {FIRST: {"machine": "../m", "month": "2026-11", "digest": ""}}},
        {"runs": {FIRST: {"machine": 7, "month": "2026-11", "digest": ""}}},
        {"runs": [1]},
        {"machines": {"m": {}}},
        {"machines": {"m": {"machine_id": "m", "machine": 7}}},
        {"machines": {"m": {"machine_id": "m", "machine": {"cpu": {}, "memory_bytes": "much"}}}},
        {"files": {"a": 1}},
    ],
)
def test_a_manifest_that_names_what_it_may_not_is_refused(dataset: Path, change: dict[str, Any]) -> None:
    manifest = json.loads((dataset / MANIFEST).read_text("utf-8"))
    (dataset / MANIFEST).write_text(json.dumps({**manifest, **change}), "utf-8")
    with pytest.raises(StoreError, match="is not as `nox -s collect` writes it"):
        all_folders(dataset)


@pytest.mark.slow
def test_a_dataset_is_collected_into_another(dataset: Path, results: Path, tmp_path: Path) -> None:
    collected(results / FIRST, into=tmp_path / "other")
    outcome, _ = collected(dataset, into=tmp_path / "other")
    assert (outcome.taken, outcome.known) == (2, 1)
    for run_id in (FIRST, SECOND, DECEMBER):
        assert analyse_run(open_run(tmp_path / "other" / run_id)) == analyse_run(open_run(results / run_id))


@pytest.mark.slow
def test_a_changed_file_of_a_dataset_is_found(dataset: Path, tmp_path: Path) -> None:
    file = next(dataset.glob("findings/**/month=2026-11/*.parquet"), None) or next(
        dataset.glob("loads/*/month=2026-11/*.parquet")
    )
    file.write_bytes(file.read_bytes() + b" ")
    assert differences(dataset / FIRST) == [f"{file.relative_to(dataset).as_posix()} has changed"]
    assert differences(dataset / DECEMBER) == []
    outcome, _ = collected(dataset, into=tmp_path / "other")
    assert (outcome.taken, outcome.refused) == (1, 2)


def test_rows_of_several_runs_in_a_row_group_are_refused(dataset: Path) -> None:
    file = next(dataset.glob("generations/*/month=2026-11/*.parquet"))
    pq.write_table(pq.ParquetFile(file).read(), file)
    with pytest.raises(StoreError, match="a row group holds rows of several runs"):
        list(open_run(dataset / FIRST).batches("generations", ["itl_ns"]))


def test_a_store_that_removes_nothing_has_taken_the_runs_all_the_same(tmp_path: Path) -> None:
    written: list[str] = []

    def refuse(names: list[str]) -> None:
        raise StoreError(f"cannot reach s3://lab: it removes nothing, not {names}")

    (tmp_path / MANIFEST).write_text("{}", "utf-8")
    old = "loads/machine=m/month=2026-11/0a.parquet"
    store = SimpleNamespace(
        names=lambda: [old], send=lambda *_: None, write=lambda name, _: written.append(name), remove=refuse
    )
    publish(cast("Any", store), tmp_path, Manifest())
    assert written == [MANIFEST]

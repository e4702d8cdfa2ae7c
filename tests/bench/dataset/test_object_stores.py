"""Runs and datasets on an object store: moto's server speaks S3 on this machine."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.run import analyse_run
from bench.commands.collect import main as collect
from bench.commands.compare import main as compare
from bench.commands.report import main as report
from bench.commands.sql import main as sql
from bench.commands.verify import main as verify
from bench.dataset.mirror import mirror_of, mirrored
from bench.errors import StoreError, UsageError
from bench.store.dataset import is_data_file
from bench.store.reader import open_run
from bench.store.remote import Store, is_url
from tests.support.datasets import DECEMBER, FIRST, SECOND, edited, write_run, zipped

s3fs = pytest.importorskip("s3fs", reason="this venv was made before the tests had s3fs")
server = pytest.importorskip("moto.server", reason="this venv was made before the tests had moto")

URL = "s3://lab/dataset"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The store's files, with an empty bucket ``lab``, and keys that the commands use too."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": endpoint, "AIPC_BENCH_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem(use_listings_cache=False)
    files.mkdir("lab")
    yield files
    files.rm("lab", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for run_id in (FIRST, SECOND):
        write_run(tmp_path / "results", run_id)
    return tmp_path / "results"


def names(bucket: Any) -> list[str]:
    return sorted(name.removeprefix("lab/dataset/") for name in bucket.find("lab/dataset"))


def test_a_dataset_on_a_store_is_written_and_read(
    bucket: Any, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert collect([str(results), "--into", URL]) == 0
    assert [name for name in names(bucket) if not is_data_file(name)] == ["dataset.json"]
    # Another machine has no mirror yet.
    shutil.rmtree(tmp_path / "cache")
    reports = ("--reports-dir", str(tmp_path / "reports"))
    assert report(["--results-dir", URL, *reports]) == 0
    assert report([f"{URL}/{FIRST}", *reports]) == 0
    assert (tmp_path / "reports" / FIRST / "index.html").is_file()
    assert compare([f"{URL}/{FIRST}", f"{URL}/{SECOND}", "--results-dir", URL, *reports]) == 0
    assert verify(["--results-dir", URL]) == 0
    capsys.readouterr()
    assert sql(["SELECT count(*) AS runs FROM runs", "--results-dir", URL, "--format", "csv"]) == 0
    assert capsys.readouterr().out == "runs\n2\n"
    assert analyse_run(open_run(mirrored(URL, tmp_path / "cache") / FIRST)) == analyse_run(open_run(results / FIRST))


def test_the_next_collect_merges_and_removes(bucket: Any, results: Path, tmp_path: Path) -> None:
    collect([str(results / FIRST), "--into", URL])
    before = names(bucket)
    shutil.rmtree(tmp_path / "cache")
    assert collect([str(results), "--into", URL]) == 0
    after = names(bucket)
    assert len(after) == len(before)
    assert {name for name in after if name in before and is_data_file(name)} == set()
    mirror = mirrored(URL, tmp_path / "cache")
    for run_id in (FIRST, SECOND):
        assert analyse_run(open_run(mirror / run_id)) == analyse_run(open_run(results / run_id))


def test_only_what_is_asked_for_is_fetched(bucket: Any, results: Path, tmp_path: Path) -> None:
    write_run(results, DECEMBER)
    collect([str(results), "--into", URL])
    shutil.rmtree(tmp_path / "cache")
    open_run(mirrored(URL, tmp_path / "cache") / DECEMBER).table("generations")
    fetched = {path.parent.name for path in mirror_of(URL, tmp_path / "cache").glob("generations/*/*/*.parquet")}
    assert fetched == {"month=2026-12"}
    assert sql(["SELECT count(*) FROM loads", "--results-dir", URL]) == 0
    tables = {path.parts[-4] for path in mirror_of(URL, tmp_path / "cache").glob("*/*/*/*.parquet")}
    assert tables == {"runs", "generations", "loads"}


def test_an_interrupted_collect_leaves_the_old_state(
    bucket: Any, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect([str(results / FIRST), "--into", URL])
    before = bucket.cat_file("lab/dataset/dataset.json")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", interrupted)
        assert collect([str(results), "--into", URL]) == 130
    assert bucket.cat_file("lab/dataset/dataset.json") == before
    assert open_run(mirrored(URL, tmp_path / "cache") / FIRST).end is not None
    with pytest.raises(StoreError, match="holds no run"):
        open_run(mirrored(URL, tmp_path / "cache") / SECOND)
    assert collect([str(results), "--into", URL]) == 0
    # The manifest names whatever lies there.
    named = {*mirrored(URL, tmp_path / "cache").joinpath("dataset.json").read_text("utf-8").split('"')}
    assert {name for name in names(bucket) if name != "dataset.json"} <= named


def test_two_collects_at_once_are_one_too_many(bucket: Any, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bucket.pipe_file("lab/dataset/lock.json", b"somebody on desk, process 7")
    assert collect([str(results), "--into", URL]) == 1
    told = capsys.readouterr().err
    assert f"another process writes the dataset {URL}: somebody on desk, process 7" in told
    assert f"remove {URL}/lock.json" in told
    assert names(bucket) == ["lock.json"]


def test_runs_and_zips_on_a_store_are_sources(
    bucket: Any, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.put(str(results), "lab/lab-results", recursive=True)
    bucket.put(str(zipped(write_run(tmp_path / "more", DECEMBER), tmp_path / "night.zip")), "lab/artifacts/night.zip")
    into = str(tmp_path / "dataset")
    assert collect(["s3://lab/lab-results", "s3://lab/artifacts/*.zip", "--into", into]) == 0
    assert "3 taken" in capsys.readouterr().out
    assert analyse_run(open_run(tmp_path / "dataset" / FIRST)) == analyse_run(open_run(results / FIRST))
    for source in ("s3://lab/lab-results", f"s3://lab/lab-results/{FIRST}", "s3://lab/artifacts/night.zip"):
        assert collect([source, "--into", into]) == 0
    assert "taken" not in capsys.readouterr().out
    collect([str(results), "--into", URL])
    assert collect([URL, "--into", str(tmp_path / "other")]) == 0
    assert "2 taken" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../../outside.parquet", "loads\\..\\outside.parquet"])
def test_a_file_on_a_store_that_would_leave_its_folder_is_refused(
    bucket: Any, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    bucket.put(str(results), "lab/lab-results", recursive=True)
    bucket.pipe_file(f"lab/lab-results/{FIRST}/{name}", b"x")
    assert collect(["s3://lab/lab-results", "--into", str(tmp_path / "dataset")]) == 1
    assert not list(tmp_path.rglob("*outside*"))
    assert "outside.parquet', which would leave its folder" in capsys.readouterr().err


def test_a_known_run_on_a_store_is_not_fetched(
    bucket: Any, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(str(results), "lab/lab-results", recursive=True)
    collect([str(results), "--into", str(tmp_path / "dataset")])
    fetched: list[str] = []
    fetch = Store.fetch

    def noted(self: Store, some: Sequence[str], folder: Path) -> None:
        fetched.extend(some)
        fetch(self, some, folder)

    monkeypatch.setattr(Store, "fetch", noted)
    assert collect(["s3://lab/lab-results", "--into", str(tmp_path / "dataset")]) == 0
    assert fetched
    assert not [name for name in fetched if name.endswith(".parquet")]


def test_a_changed_run_on_a_store_is_refused(
    bucket: Any, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(results / FIRST, command="x")
    (results / FIRST / "run.json").write_bytes((results / FIRST / "run.json").read_bytes() + b"\n")
    bucket.put(str(results), "lab/lab-results", recursive=True)
    assert collect(["s3://lab/lab-results", "--into", str(tmp_path / "dataset")]) == 1
    assert f"refused    s3://lab/lab-results/{FIRST}: run.json has changed" in capsys.readouterr().err


# -- what cannot be reached


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert sql(["SELECT 1", "--results-dir", *arguments]) in (1, 4)
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    return told


def test_a_store_without_credentials_is_one_line(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    told = refused(capsys, URL)
    assert told.startswith(f"error: cannot reach {URL}: Unable to locate credentials")
    assert "AWS_ACCESS_KEY_ID" in told


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3://lab/elsewhere", "holds no dataset: it has no dataset.json"),
        ("s3://no-such-bucket/dataset", "holds no dataset"),
        ("nonsense://lab/dataset", "Protocol not known: nonsense"),
        ("file:///tmp/dataset", "name a folder of this machine by its path"),
    ],
)
def test_a_url_that_leads_to_no_dataset_is_one_line(
    bucket: Any, capsys: pytest.CaptureFixture[str], url: str, why: str
) -> None:
    assert why in refused(capsys, url)


def test_a_bucket_that_is_not_there_is_one_line(bucket: Any, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert collect([str(results), "--into", "s3://no-such-bucket/dataset"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: cannot reach s3://no-such-bucket/dataset: The specified bucket does not exist")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(UsageError, match="AIPC_BENCH_EXTRAS=object-stores"):
        Store(URL)


@pytest.mark.parametrize(("text", "url"), [("s3://a/b", True), ("C:\\a", False), ("a/b", False), ("c://a", False)])
def test_what_is_a_url(text: str, url: bool) -> None:
    assert is_url(text) is url

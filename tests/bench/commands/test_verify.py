"""`nox -s verify -- --artifacts`: what lies in the cache against what was made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backends.file_digest import file_sha256
from bench.commands.verify import main
from bench.prepare.cache import ArtifactKey, ArtifactStore, Made
from bench.prepare.check import check_model
from tests.support.hostile_models import hugging_face
from tests.support.stored_runs import FakeRun

KEY = ArtifactKey("openvino-ir", "int4", "toy", "source", {}, {})
OTHER = ArtifactKey("ort-genai", "int4", "toy", "source", {"task": "other"}, {})


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """Two artifacts of two files each."""

    def make(output: Path) -> Made:
        (output / "weights.bin").write_bytes(b"1234")
        (output / "config.json").write_bytes(b"{}")
        return Made({})

    store = ArtifactStore(tmp_path / "cache")
    for key in (KEY, OTHER):
        store.get(key, make)
    return store


def verify(store: ArtifactStore, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    status = main(["--artifacts", "--cache-dir", str(store.root), *arguments])
    said = capsys.readouterr()
    return status, (said.out + said.err).splitlines()


def test_artifacts_that_are_as_they_were_made(store: ArtifactStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(store, capsys) == (0, [f"{store.root}: artifacts checked: 2, not as they were made: 0"])


@pytest.mark.fault("artifact-damaged")
def test_all_that_differs_is_named_and_removed_where_that_is_asked(
    store: ArtifactStore, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = store.artifacts / KEY.folder
    (folder / "weights.bin").write_bytes(b"1235")
    (folder / "config.json").unlink()
    with pytest.raises(FileNotFoundError) as missing:
        (folder / "config.json").stat()
    (folder / "more.txt").write_bytes(b"")
    status, said = verify(store, capsys)
    digest = file_sha256(folder / "weights.bin")[:16]
    assert (status, said) == (
        1,
        [
            f"{KEY.folder}: config.json cannot be read ({missing.value.strerror})",
            f"{KEY.folder}: weights.bin has the SHA-256 {digest}…, 03ac674216f3e15c… was made",
            f"{KEY.folder}: more.txt was not made",
            f"{store.root}: artifacts checked: 2, not as they were made: 1",
            "add --remove to remove those, which are then made again when they are needed",
        ],
    )
    assert (verify(store, capsys, "--remove")[1][-1], folder.exists()) == (f"removed: {folder}", False)
    assert verify(store, capsys)[0] == 0


@pytest.mark.fault("artifact-damaged")
@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"files": {}, "schema_version": 1}'])
def test_a_folder_that_no_run_uses_is_named(
    store: ArtifactStore, capsys: pytest.CaptureFixture[str], manifest: str
) -> None:
    (store.artifacts / KEY.folder / "manifest.json").write_text(manifest, "utf-8")
    status, said = verify(store, capsys)
    assert (status, said[0].endswith(", so no run uses it")) == (1, True)


def test_what_is_in_use_stays(store: ArtifactStore, capsys: pytest.CaptureFixture[str]) -> None:
    (store.artifacts / KEY.folder / "weights.bin").write_bytes(b"1")
    with store.lock(KEY.folder):
        said = verify(store, capsys, "--remove")[1]
    assert said[-1] == f"in use, stayed: {store.artifacts / KEY.folder}"


def test_nothing_that_was_measured_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--remove"]) == 4
    assert "what was measured is never removed" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.fault("artifact-damaged")
def test_of_a_run_what_it_measured_is_checked_and_no_more(
    tmp_path: Path, store: ArtifactStore, capsys: pytest.CaptureFixture[str]
) -> None:
    (store.artifacts / KEY.folder / "weights.bin").write_bytes(b"1")
    for digest, status, last in (
        (OTHER.digest, 0, f"{store.root}: artifacts checked: 1, not as they were made: 0"),
        (KEY.digest, 1, "add --remove to remove those, which are then made again when they are needed"),
        ("0" * 64, 1, f"{store.root}: artifacts checked: 0, not as they were made: 0"),
    ):
        run = FakeRun(prompt_tokens=(32,), blocks=1, repeats=1, more={"artifact_digest": digest})
        found, said = verify(store, capsys, str(run.write(tmp_path / digest)))
        assert (found, said[-1]) == (status, last)
    assert said[0].startswith("0000000000000000…: this artifact of the named runs is not in the cache")


def test_a_model_of_the_users_own_is_compared_with_what_was_measured(tmp_path: Path, store: ArtifactStore) -> None:
    folder = hugging_face(tmp_path / "model")
    (line,) = check_model("directory", str(folder), "0" * 64, store)
    digest = line.partition("the digest ")[2][:16]
    assert line.endswith(f"{digest}…, 0000000000000000… was measured")
    assert check_model("default", "default", "0" * 64, store) == []
    (folder / "config.json").write_text(json.dumps({"vocab_size": 9}), "utf-8")
    assert digest not in check_model("directory", str(folder), "0" * 64, store)[0]
    (missing,) = check_model("directory", str(tmp_path / "gone"), "0" * 64, store)
    assert str(tmp_path / "gone") in missing

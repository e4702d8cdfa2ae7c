"""Models where a download from the hub leaves them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.prepare.hub_cache import name_of
from bench.prepare.model_source import resolve_model

REVISION, OLDER = "0cb88a4f764b7a12671c53f0838cd831a0843b95", "50968a4468ef4233ed78cd7c3de230dd1d61a56b"

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a right that users of Windows lack")


@pytest.fixture
def repository(model_directory: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "hub" / "models--acme--tiny"
    for part in ("blobs", "refs", "snapshots"):
        (folder / part).mkdir(parents=True)
    shutil.move(model_directory, folder / "snapshots" / REVISION)
    (folder / "refs" / "main").write_text(REVISION, "utf-8")
    return folder


def known(path: Path) -> tuple[str, str | None, Path]:
    source = resolve_model(str(path))
    return source.label, source.revision, source.directory


def test_a_snapshot_is_named_after_its_repository_with_the_revision_apart(repository: Path) -> None:
    snapshot = repository / "snapshots" / REVISION
    assert known(snapshot) == ("acme/tiny", REVISION, snapshot)


def test_the_folder_of_a_repository_stands_for_the_snapshot_of_main(repository: Path) -> None:
    shutil.copytree(repository / "snapshots" / REVISION, repository / "snapshots" / OLDER)
    assert known(repository) == ("acme/tiny", REVISION, repository / "snapshots" / REVISION)


def test_without_main_the_only_snapshot_is_meant(repository: Path) -> None:
    (repository / "refs" / "main").unlink()
    assert known(repository)[1] == REVISION


def test_of_several_snapshots_without_main_one_must_be_named(repository: Path) -> None:
    (repository / "snapshots" / OLDER).mkdir()
    (repository / "refs" / "main").write_text("1" * 40, "utf-8")
    with pytest.raises(UsageError, match=rf"holds 2 snapshots: name one of snapshots/{{{REVISION}, {OLDER}}}"):
        resolve_model(str(repository))


def test_a_repository_that_was_never_downloaded_says_so(repository: Path) -> None:
    shutil.rmtree(repository / "snapshots" / REVISION)
    with pytest.raises(UsageError, match="holds no snapshot of the model: download it again"):
        resolve_model(str(repository))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"hub/models--acme--tiny/snapshots/{REVISION}/cpu/int4", "acme/tiny/cpu/int4"),
        ("hub/models--gpt2", "gpt2"),
        ("hub/models--acme--tiny/blobs", "blobs"),
        ("models/tiny/", "tiny"),
        ("models/other/../tiny", "tiny"),
    ],
)
def test_names_of_paths(tmp_path: Path, path: str, name: str) -> None:
    assert name_of(tmp_path / path) == name


def test_the_current_folder_has_a_name(model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model_directory)
    assert known(Path()) == ("my-model", None, Path())


@needs_links
def test_a_link_keeps_the_name_that_was_typed(model_directory: Path, tmp_path: Path) -> None:
    link = tmp_path / "tiny-of-mine"
    link.symlink_to(model_directory, target_is_directory=True)
    assert known(link) == ("tiny-of-mine", None, link)


@needs_links
@pytest.mark.parametrize("below", ["", f"snapshots/{REVISION}"])
def test_a_link_into_the_cache_keeps_its_name_and_has_the_revision(
    repository: Path, tmp_path: Path, below: str
) -> None:
    link = tmp_path / "tiny-of-mine"
    link.symlink_to(repository / below, target_is_directory=True)
    assert known(link)[:2] == ("tiny-of-mine", REVISION)


@needs_links
def test_a_file_of_a_download_that_broke_off_is_named(repository: Path) -> None:
    weights = repository / "snapshots" / REVISION / "model.safetensors"
    weights.unlink()
    weights.symlink_to("../../blobs/" + "a" * 40)
    with pytest.raises(UsageError, match=r"model\.safetensors is a link to a file that is not there: download"):
        resolve_model(str(repository))


@needs_links
def test_a_gguf_in_the_cache_has_its_own_name_and_the_revision(repository: Path) -> None:
    blob = repository / "blobs" / ("a" * 64)
    blob.write_bytes(b"GGUF")
    file = repository / "snapshots" / REVISION / "Tiny-Q4_1.gguf"
    file.symlink_to(f"../../blobs/{blob.name}")
    assert known(file) == ("Tiny-Q4_1", REVISION, file)

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.commands.clean import kept, main, remove_kept
from bench.prepare.cache import ArtifactKey, ArtifactStore, Made

KEY = ArtifactKey("openvino-ir", "int4", "toy", "source", {}, {})


def fill(root: Path) -> ArtifactStore:
    def make(output: Path) -> Made:
        (output / "weights.bin").write_bytes(b"1234")
        return Made({})

    store = ArtifactStore(root)
    store.get(KEY, make)
    return store


def test_an_artifact_is_listed_with_what_it_is(tmp_path: Path) -> None:
    fill(tmp_path)
    assert [(item.kind, item.model, item.precision) for item in kept(tmp_path)] == [("openvino-ir", "toy", "int4")]


def test_what_a_killed_conversion_left_is_listed(tmp_path: Path) -> None:
    (tmp_path / "making" / f"{KEY.folder}-4711").mkdir(parents=True)
    assert [item.kind for item in kept(tmp_path)] == ["interrupted"]


def test_what_an_interrupted_download_left_is_listed_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / "downloads" / KEY.folder
    folder.mkdir(parents=True)
    (folder / "model.safetensors.incomplete").write_bytes(b"12")
    assert [(item.kind, item.bytes) for item in kept(tmp_path)] == [("interrupted", 2)]
    assert (remove_kept(tmp_path, kept(tmp_path)), folder.exists()) == ([], False)


def test_a_file_that_goes_while_it_is_looked_at_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "making" / f"{KEY.folder}-4711"
    folder.mkdir(parents=True)
    (folder / "part").write_bytes(b"1234")
    stat = Path.stat

    def gone(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = stat(path, follow_symlinks=follow_symlinks)
        if path.name == "part":
            path.unlink()
        return found

    monkeypatch.setattr(Path, "stat", gone)
    assert kept(tmp_path)[0].bytes in (0, 4)


def test_a_folder_that_goes_while_the_others_are_listed_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "making" / f"{KEY.folder}-4711"
    folder.mkdir(parents=True)
    (item,) = kept(tmp_path)
    folder.rmdir()
    assert item.line.endswith(f"0 min  {folder.name}")


def test_an_empty_cache_holds_nothing(tmp_path: Path) -> None:
    assert kept(tmp_path / "nothing") == []


def test_removal_removes(tmp_path: Path) -> None:
    fill(tmp_path)
    remove_kept(tmp_path, kept(tmp_path))
    assert kept(tmp_path) == []


def test_what_is_being_made_stays(tmp_path: Path) -> None:
    store = fill(tmp_path)
    with store.lock(KEY.folder):
        stayed = remove_kept(tmp_path, kept(tmp_path))
    assert [item.path for item in stayed] == [store.artifacts / KEY.folder]


def test_what_a_user_may_not_lock_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fill(tmp_path)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ArtifactStore, "lock", refused)
    assert [item.path for item in remove_kept(tmp_path, kept(tmp_path))] == [store.artifacts / KEY.folder]


@pytest.mark.parametrize("text", ["[]", "{", "7"])
def test_what_has_no_manifest_is_listed_as_damaged(tmp_path: Path, text: str) -> None:
    (fill(tmp_path).artifacts / KEY.folder / "manifest.json").write_text(text, encoding="utf-8")
    assert [(item.kind, item.model) for item in kept(tmp_path)] == [("damaged", "-")]


def test_without_being_asked_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    monkeypatch.setenv("AIPC_BENCH_CACHE", str(tmp_path))
    main([])
    assert len(kept(tmp_path)) == 1


def test_removal_is_asked_for_by_a_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    monkeypatch.setenv("AIPC_BENCH_CACHE", str(tmp_path))
    assert (main(["--remove"]), kept(tmp_path)) == (0, [])


def test_the_listing_says_kind_model_and_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    monkeypatch.setenv("AIPC_BENCH_CACHE", str(tmp_path))
    main([])
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["openvino-ir", "toy", "int4"]

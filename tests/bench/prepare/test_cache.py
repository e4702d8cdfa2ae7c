from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest

from bench import PROJECT_ROOT
from bench.errors import MachineError, PrepareError
from bench.prepare import cache
from bench.prepare.cache import (
    ArtifactKey,
    ArtifactStore,
    Made,
    bits_per_weight,
    cache_root,
    damage,
    differences,
    digests_of,
    read_artifact,
    remembered,
    weight_shares,
)

KEY = ArtifactKey("openvino-ir", "int4", "toy", "source", {"task": "toy"}, {"tool": "1.0"})


def make(output: Path) -> Made:
    (output / "weights.bin").write_bytes(b"1234")
    return Made({"note": "x"}, {"int4": 6, "fp32": 2}, 4, 8)


def refuse(output: Path) -> Made:
    pytest.fail("the artifact was made again")


def test_a_setting_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIPC_BENCH_CACHE", "elsewhere")
    assert cache_root(tmp_path) == tmp_path


def test_the_environment_names_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIPC_BENCH_CACHE", "elsewhere")
    assert cache_root() == Path("elsewhere")


def test_the_cache_is_in_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIPC_BENCH_CACHE", raising=False)
    assert cache_root() == platformdirs.user_cache_path("aipc-bench", appauthor=False)


def test_a_user_without_a_home_folder_has_the_cache_in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("AIPC_BENCH_CACHE", raising=False)
    monkeypatch.setattr(cache, "user_cache_path", no_home)
    assert cache_root() == PROJECT_ROOT / ".nox" / "cache"


def test_so_has_a_user_whose_home_folder_is_not_theirs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AIPC_BENCH_CACHE", raising=False)
    monkeypatch.setattr(cache, "user_cache_path", lambda *_, **__: tmp_path / ".cache" / "aipc-bench")
    assert cache_root() == tmp_path / ".cache" / "aipc-bench"
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.F_OK and Path(path) == tmp_path)
    assert cache_root() == PROJECT_ROOT / ".nox" / "cache"


def test_an_artifact_is_made_once(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    first = store.get(KEY, make)
    assert store.get(KEY, refuse) == first


def test_an_artifact_lies_at_its_digest(tmp_path: Path) -> None:
    made = ArtifactStore(tmp_path).get(KEY, make)
    assert made.path == tmp_path / "artifacts" / f"openvino-ir-{KEY.digest[:16]}"


def test_the_manifest_lists_files_with_size_and_digest(tmp_path: Path) -> None:
    files = ArtifactStore(tmp_path).get(KEY, make).manifest["files"]
    assert files == {
        "weights.bin": {"bytes": 4, "sha256": "03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4"}
    }


def test_the_manifest_is_read_back_as_it_was_made(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    assert store.get(KEY, make) == store.find(KEY)


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, source="another"),
        replace(KEY, recipe={"task": "toy", "group_size": 64}),
        replace(KEY, versions={"tool": "1.1"}),
    ],
    ids=["source", "recipe", "versions"],
)
def test_the_digest_changes_with_what_changes_the_result(other: ArtifactKey) -> None:
    assert other.digest != KEY.digest


@pytest.mark.fault("convert-killed")
def test_a_failed_conversion_leaves_nothing(tmp_path: Path) -> None:
    def fail(output: Path) -> Made:
        make(output)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ArtifactStore(tmp_path).get(KEY, fail)
    assert [file for file in tmp_path.rglob("*") if file.name == "weights.bin"] == []


@pytest.mark.fault("convert-killed")
def test_the_next_call_after_a_failure_makes_the_artifact(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    with pytest.raises(ZeroDivisionError):
        store.get(KEY, lambda output: Made({"x": 1 / 0}))
    assert store.get(KEY, make).bytes == 4


@pytest.mark.fault("convert-killed")
def test_leftovers_of_a_killed_conversion_are_removed(tmp_path: Path) -> None:
    left = tmp_path / "making" / f"{KEY.folder}-4711" / "out"
    left.mkdir(parents=True)
    ArtifactStore(tmp_path).get(KEY, make)
    assert list((tmp_path / "making").iterdir()) == []


@pytest.mark.fault("convert-killed")
def test_of_other_artifacts_what_is_being_made_stays(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    dead, alive = (tmp_path / "making" / f"openvino-ir-{number * 16}-4711" for number in "01")
    for folder in (dead, alive):
        folder.mkdir(parents=True)
    with store.lock("openvino-ir-1111111111111111"):
        store.get(KEY, make)
    assert (dead.exists(), alive.exists()) == (False, True)


def test_a_whole_artifact_is_not_damaged(tmp_path: Path) -> None:
    assert damage(ArtifactStore(tmp_path).get(KEY, make)) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"1", "weights.bin is damaged: it is 1 bytes long, 4 were made"),
        (b"1235", "weights.bin is damaged: it has the"),
    ],
    ids=["cut off", "flipped"],
)
@pytest.mark.fault("artifact-damaged")
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path: Path, content: bytes, words: str) -> None:
    artifact = ArtifactStore(tmp_path).get(KEY, make)
    (artifact.path / "weights.bin").write_bytes(content)
    assert words in str(damage(artifact))


@pytest.mark.fault("artifact-damaged")
def test_a_file_that_the_disk_no_longer_reads_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = ArtifactStore(tmp_path).get(KEY, make)

    def unreadable(_: Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(cache, "file_sha256", unreadable)
    assert "weights.bin is damaged: it cannot be read (Input/output error); remove the folder" in str(damage(artifact))


@pytest.mark.fault("artifact-damaged")
def test_a_damaged_artifact_is_not_made_again_behind_the_users_back(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    (store.get(KEY, make).path / "weights.bin").write_bytes(b"1")
    assert damage(store.get(KEY, refuse)) is not None


@pytest.mark.fault("artifact-damaged")
def test_an_artifact_of_which_a_file_is_gone_is_made_again(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    file = store.get(KEY, make).path / "weights.bin"
    file.unlink()
    store.get(KEY, make)
    assert file.read_bytes() == b"1234"


def test_a_folder_without_a_manifest_is_no_artifact(tmp_path: Path) -> None:
    (tmp_path / "artifacts" / KEY.folder).mkdir(parents=True)
    assert ArtifactStore(tmp_path).find(KEY) is None


@pytest.mark.fault("disk-read-only")
@pytest.mark.parametrize(
    "changed",
    [{"files": 1}, {"files": [1]}, {"files": {"weights.bin": 1}}, {"files": {"weights.bin": {}}}, {"weight_bits": ...}],
)
def test_a_manifest_of_another_kind_is_no_artifact(tmp_path: Path, changed: dict[str, object]) -> None:
    made = ArtifactStore(tmp_path).get(KEY, make, lambda: None)
    manifest = {name: value for name, value in {**made.manifest, **changed}.items() if value is not ...}
    (made.path / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert read_artifact(made.path) is None


def test_a_cache_that_cannot_be_written_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="AIPC_BENCH_CACHE"):
        ArtifactStore(tmp_path / "file").get(KEY, make)


def test_shares_are_of_all_stored_parameters() -> None:
    assert weight_shares({"fp32": 1, "int4": 3}) == {"int4": 0.75, "fp32": 0.25}


def test_what_holds_no_weights_has_no_shares() -> None:
    assert weight_shares(None) is None


def test_bits_per_weight_counts_all_that_is_stored() -> None:
    assert bits_per_weight(stored_bytes=10, parameters=16) == 5.0


def test_bits_per_weight_is_unknown_without_weights() -> None:
    assert bits_per_weight(None, None) is None


def test_a_manifest_that_was_copied_along_is_no_file_of_the_artifact(tmp_path: Path) -> None:
    def copy(output: Path) -> Made:
        (output / "manifest.json").write_text("another's", "utf-8")
        return make(output)

    store = ArtifactStore(tmp_path)
    store.get(KEY, copy)
    assert store.find(KEY) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right that users of Windows lack")
def test_an_artifact_of_a_link_that_leads_nowhere_is_not_whole_and_made_again(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "cache")
    made = store.get(KEY, lambda output: Made({}))
    (made.path / "model.gguf").symlink_to("../../blobs/gone")
    assert store.find(KEY) is None
    assert sorted(file.name for file in store.get(KEY, make).path.iterdir()) == ["manifest.json", "weights.bin"]


def test_a_file_has_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digests_of([tmp_path / "a"], tmp_path / "cache") == {"a": hashlib.sha256(b"abc").hexdigest()}


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    first = digests_of([tmp_path / "a"], tmp_path / "cache")
    monkeypatch.setattr(cache, "file_sha256", lambda file: pytest.fail("read again"))
    assert digests_of([tmp_path / "a"], tmp_path / "cache") == first


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    first = digests_of([tmp_path / "a"], tmp_path / "cache")
    (tmp_path / "a").write_bytes(b"abcd")
    assert digests_of([tmp_path / "a"], tmp_path / "cache") != first


# -- with processes of their own

MAKER = """
import sys, pathlib
from bench.prepare.cache import ArtifactKey, ArtifactStore, Made
key = ArtifactKey("openvino-ir", "int4", "toy", "source", {"task": "toy"}, {"tool": "1.0"})
def make(output):
    (output / "weights.bin").write_bytes(b"12")
    print("makes", flush=True)
    sys.stdin.readline()
    (output / "weights.bin").write_bytes(b"1234")
    return Made({"note": "x"}, {"int4": 6, "fp32": 2}, 4, 8)
store = ArtifactStore(pathlib.Path(sys.argv[1]))
made = store.get(key, make, lambda: print("waits", flush=True))
print((made.path / "weights.bin").read_bytes().decode(), flush=True)
"""


def start(cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAKER, str(cache)],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.process
@pytest.mark.fault("convert-two")
def test_of_two_runs_that_want_an_artifact_at_once_one_makes_it_and_the_other_waits(tmp_path: Path) -> None:
    with start(tmp_path) as first, start(tmp_path) as second:
        answers = {told(first): first, told(second): second}
        assert answers.keys() == {"makes", "waits"}
        go_on(answers["makes"])
        assert [told(first), told(second)] == ["1234", "1234"]


@pytest.mark.process
@pytest.mark.fault("convert-killed")
def test_what_a_killed_run_was_making_is_made_by_the_one_that_waits(tmp_path: Path) -> None:
    with start(tmp_path) as first:
        assert told(first) == "makes"
        with start(tmp_path) as second:
            assert told(second) == "waits"
            first.kill()
            assert told(second) == "makes"
            go_on(second)
            assert told(second) == "1234"
    # Of the half-made one nothing is left.
    assert not list((tmp_path / "making").glob("*"))
    found = ArtifactStore(tmp_path).find(KEY)
    assert found is not None
    assert damage(found) is None


def test_a_models_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    (tmp_path / "a").write_bytes(b"abc")
    monkeypatch.setattr(hashlib, "file_digest", fails)
    with pytest.raises(PrepareError, match=r"the model cannot be read at .*a \(Input/output error\): copy or download"):
        digests_of([tmp_path / "a"], tmp_path / "cache")


@pytest.mark.parametrize("entry", [{}, {"bytes": 4}, {"bytes": 4, "sha-6": ""}, 7, None])
def test_a_file_whose_entry_in_the_manifest_is_damaged_is_named(tmp_path: Path, entry: object) -> None:
    made = ArtifactStore(tmp_path).get(KEY, make)
    manifest = json.loads((made.path / "manifest.json").read_text("utf-8"))
    manifest["files"]["weights.bin"] = entry
    (made.path / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert differences(made.path) == ["weights.bin has no size and SHA-256 in manifest.json"]
    assert "has no size and SHA-256" in str(damage(replace(made, manifest=manifest)))


def test_what_is_remembered_is_forgotten_where_it_is_no_object(tmp_path: Path) -> None:
    (tmp_path / "known.json").write_text("[1]", "utf-8")
    with remembered(tmp_path / "known.json") as known:
        known["a"] = 1
    assert json.loads((tmp_path / "known.json").read_text("utf-8")) == {"a": 1}

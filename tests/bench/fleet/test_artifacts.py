"""Copies of artifacts: kept whole and as they were made, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.errors import MachineError
from bench.fleet.artifacts import part, received, take
from bench.prepare.cache import (
    CACHE_VARIABLE,
    Artifact,
    ArtifactKey,
    ArtifactStore,
    Made,
    damage,
    read_artifact,
)

KEY = ArtifactKey("gguf", "int4", "a model", "of weights", {}, {})


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    """An artifact in another machine's cache."""

    def make(output: Path) -> Made:
        (output / "weights").mkdir()
        (output / "weights" / "w.bin").write_bytes(b"weights" * 1000)
        (output / "empty").touch()
        return Made({})

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "here"))
    return ArtifactStore(tmp_path / "there").get(KEY, make)


def taken(made: Artifact, manifest: Mapping[str, Any] | None = None, *, wrong: bytes = b"") -> bool:
    def read(folder: str, name: str, offset: int) -> bytes:
        data = (made.path.parent / folder / name).read_bytes()[offset : offset + 1000]
        return wrong[: len(data)] if wrong and offset else data

    return take(made.path.name, manifest or made.manifest, read)


def test_a_copy_is_found_as_if_it_had_been_made_here(made: Artifact, tmp_path: Path) -> None:
    assert taken(made)
    found = ArtifactStore(tmp_path / "here").find(KEY)
    assert found is not None
    assert (found.manifest, damage(found)) == (made.manifest, None)
    assert not taken(made)


@pytest.mark.parametrize("wrong", [b"x" * 1000, b"x"], ids=["changed", "short"])
def test_a_copy_that_differs_is_not_kept(made: Artifact, tmp_path: Path, wrong: bytes) -> None:
    with pytest.raises(MachineError, match=r"is not what was made: weights/w\.bin"):
        taken(made, wrong=wrong)
    assert ArtifactStore(tmp_path / "here").find(KEY) is None
    assert list((tmp_path / "here" / "making").iterdir()) == []


@pytest.mark.parametrize("name", ["../w.bin", "/w.bin", "weights/../../w.bin", "", "C:w.bin"])
def test_nothing_is_written_outside_of_its_folder(made: Artifact, tmp_path: Path, name: str) -> None:
    manifest = {**made.manifest, "files": {name: {"bytes": 1, "sha256": ""}}}
    with pytest.raises(MachineError, match="is no file of an artifact"):
        taken(made, manifest)
    assert not [path for path in tmp_path.rglob("w.bin") if "there" not in path.parts]
    with pytest.raises(MachineError, match="is no file of an artifact"):
        part(made.path.name, name, 0)


def test_a_damaged_copy_is_made_good(made: Artifact, tmp_path: Path) -> None:
    assert taken(made)
    (tmp_path / "here" / "artifacts" / made.path.name / "empty").unlink()
    assert taken(made)
    assert read_artifact(tmp_path / "here" / "artifacts" / made.path.name) is not None


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (TimeoutError(), "left, which has them, gave nothing for 60 s"),
        (OSError("no such file"), "left, which has them, could not give them: no such file"),
        (CancelledError("gone"), "left, which has them, could not give them: gone"),
    ],
)
def test_what_the_other_machine_does_not_give_is_no_fault_of_this_one_s_cache(
    made: Artifact, raised: Exception, said: str
) -> None:
    def result(timeout: float) -> bytes:
        assert timeout == 60
        raise raised

    def read(*_: object) -> bytes:
        return received(SimpleNamespace(result=result), "left", 60)

    with pytest.raises(MachineError, match=f"^{said}$"):
        take(made.path.name, made.manifest, read)

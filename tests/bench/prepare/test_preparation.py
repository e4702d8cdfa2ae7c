from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import PrepareError, UsageError
from bench.prepare.stage import Preparer

pytestmark = pytest.mark.process

Make = Callable[..., Preparer]


@pytest.fixture
def made(preparer_of: Make, stand_in: object, model_directory: object) -> Callable[[], object]:
    """Asks for the int4 artifact of a small directory, each time as a new run does."""
    return lambda: preparer_of(str(model_directory)).artifact("openvino-ir", "int4", "CPU")


def test_a_flipped_byte_is_found_before_the_artifact_is_used(made: Callable[..., object]) -> None:
    file = made().path / "model.bin"  # type: ignore[attr-defined]
    file.write_bytes(b"1" + file.read_bytes()[1:])
    with pytest.raises(PrepareError, match=r"model\.bin is damaged: it has the SHA-256"):
        made()


def test_a_cut_off_file_is_found_before_the_artifact_is_used(made: Callable[..., object]) -> None:
    file = made().path / "model.bin"  # type: ignore[attr-defined]
    file.write_bytes(file.read_bytes()[1:])
    with pytest.raises(PrepareError, match=r"model\.bin is damaged: it is 47 bytes long, 48 were made"):
        made()


def test_a_model_whose_disk_fails_is_not_taken_for_a_full_cache(
    preparer_of: Make, stand_in: object, model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_file = Path.is_file

    def fails(self: Path) -> bool:
        if self == model_directory:
            raise OSError(errno.EIO, "Input/output error")
        return is_file(self)

    preparer = preparer_of(str(model_directory))
    monkeypatch.setattr(Path, "is_file", fails)
    with pytest.raises(PrepareError, match=r"the model cannot be read at .*my-model \(Input/output error\)"):
        preparer.artifact("openvino-ir", "int4", "CPU")


def test_weights_that_are_removed_before_they_are_read_are_named(preparer_of: Make, model_directory: Path) -> None:
    preparer = preparer_of(str(model_directory))
    (model_directory / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="my-model cannot be used"):
        assert preparer._digest

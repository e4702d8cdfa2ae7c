from __future__ import annotations

from pathlib import Path

import pytest

from backends.gguf_parts import MissingPartError, models_among, name_of_parts, parts_of


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"big-Q4-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    for file in files:
        file.write_bytes(b"GGUF")
    return files


@pytest.mark.parametrize("named", [0, 1, 2])
def test_any_part_stands_for_all_and_the_first_comes_first(parts: list[Path], named: int) -> None:
    assert parts_of(parts[named]) == parts


def test_a_file_without_a_number_is_alone(tmp_path: Path) -> None:
    assert parts_of(tmp_path / "small.gguf") == [tmp_path / "small.gguf"]


def test_the_parts_that_are_missing_are_named(parts: list[Path]) -> None:
    parts[1].unlink()
    with pytest.raises(MissingPartError, match=r"^big-Q4-00002-of-00003\.gguf of its 3 parts is missing: download"):
        parts_of(parts[0])
    parts[2].unlink()
    with pytest.raises(MissingPartError, match=r"^big-Q4-00002-of-00003\.gguf and 1 more of its 3 parts are missing"):
        parts_of(parts[0])


def test_the_models_name_counts_no_parts(parts: list[Path]) -> None:
    assert name_of_parts(parts[1]) == "big-Q4"
    assert name_of_parts(Path("small.Q4_1.gguf")) == "small.Q4_1"


def test_parts_are_one_model_and_a_projector_is_none(parts: list[Path]) -> None:
    other = parts[0].with_name("other.gguf")
    projector = parts[0].with_name("mmproj-big.gguf")
    assert models_among([other, projector, *reversed(parts)]) == [parts[0], other]

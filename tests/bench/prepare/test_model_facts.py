from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.prepare.model_facts import facts_of


def test_parameters_are_counted_from_the_headers(model_directory: Path) -> None:
    assert facts_of(model_directory).parameters == 96


def test_a_tied_head_is_counted_once(tied_directory: Path) -> None:
    assert facts_of(tied_directory).parameters == 64


def test_linear_widths_leave_the_embedding_out(tied_directory: Path) -> None:
    assert facts_of(tied_directory).linear_widths == (8,)


def test_the_context_is_read_from_the_configuration(model_directory: Path) -> None:
    assert facts_of(model_directory).context_tokens == 100


def test_one_weight_format_is_named(model_directory: Path) -> None:
    assert facts_of(model_directory).only_format == "fp32"


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0{]"])
def test_a_damaged_weight_file_is_refused(model_directory: Path, content: bytes) -> None:
    (model_directory / "model.safetensors").write_bytes(content)
    with pytest.raises(UsageError, match="my-model cannot be read"):
        facts_of(model_directory)

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import MachineError
from bench.prepare.conversion_cost import PendingWork, check_room, estimate, existing_parent, gigabytes

WORK = PendingWork("toy to openvino-ir int4", 10.0, 2_000_000_000, 1_000_000_000, 4_000_000_000)


def test_enough_of_both_is_enough() -> None:
    check_room([WORK], 3_000_000_000, 4_000_000_000)


def test_too_little_disk_says_needed_and_free() -> None:
    with pytest.raises(MachineError, match=r"needs about 3\.0 GB of disk, 2\.9 GB are free"):
        check_room([WORK], 2_900_000_000, 8_000_000_000)


def test_scratch_is_given_back_between_conversions() -> None:
    check_room([WORK, WORK], 5_000_000_000, 4_000_000_000)


def test_too_little_memory_says_needed_and_free() -> None:
    with pytest.raises(MachineError, match=r"needs about 4\.0 GB of memory, 3\.9 GB are free"):
        check_room([WORK], 9_000_000_000, 3_900_000_000)


def test_memory_is_needed_by_one_conversion_at_a_time() -> None:
    check_room([WORK, WORK], 9_000_000_000, 4_000_000_000)


@pytest.mark.parametrize("figure", ["seconds", "disk_bytes", "memory_bytes"])
def test_estimates_grow_with_the_model(figure: str) -> None:
    small, large = (estimate("toy", "openvino-ir", "int4", size, 4 * size) for size in (10_000_000, 4_000_000_000))
    assert getattr(large, figure) > getattr(small, figure)


def test_a_narrower_format_takes_less_disk() -> None:
    narrow, wide = (estimate("toy", "ort-genai", precision, 10**9, 4 * 10**9) for precision in ("int4", "fp32"))
    assert narrow.disk_bytes < wide.disk_bytes


def test_the_disk_of_a_folder_that_is_not_there_is_its_parents(tmp_path: Path) -> None:
    assert existing_parent(tmp_path / "a" / "b") == tmp_path


@pytest.mark.parametrize(("count", "said"), [(98_000_000, "98 MB"), (538_000_000, "0.5 GB")])
def test_sizes_are_said_in_a_fitting_unit(count: int, said: str) -> None:
    assert gigabytes(count) == said

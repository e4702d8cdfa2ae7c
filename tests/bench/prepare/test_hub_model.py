"""A model of the hub before and while it is downloaded; its real client is asked in ``tests/backends/convert``."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import MachineError
from bench.prepare.hub_model import HubModel, Progress, check_disk

COMMIT = "0cb88a4f764b7a12671c53f0838cd831a0843b95"


class Clock:
    def __init__(self) -> None:
        self.now, self.have = 100.0, 0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def told(clock: Clock, steps: list[tuple[float, int]]) -> list[str]:
    """What is said where ``steps`` have passed: seconds, and bytes that have come in all."""
    said: list[str] = []
    progress = Progress(lambda: clock.have, 7_000_000_000, said.append, clock)
    for seconds, clock.have in steps:
        clock.now += seconds
        progress()
    return said


def test_every_ten_seconds_a_line_says_how_far_it_is(clock: Clock) -> None:
    steps = [(5.0, 100_000_000), (5.0, 350_000_000), (9.9, 400_000_000), (0.1, 1_750_000_000)]
    assert told(clock, steps) == [
        "  350 MB of 7,000 MB (5%), 35.0 MB/s, about 3 min left",
        "  1,750 MB of 7,000 MB (25%), 140.0 MB/s, about 38 s left",
    ]


def test_a_hub_that_sends_nothing_is_said_to_be_waited_for(clock: Clock) -> None:
    assert told(clock, [(10.0, 0)]) == ["  0 MB of 7,000 MB (0%), 0.0 MB/s, waiting for the hub"]


def model(*places: Path | None) -> HubModel:
    files = {str(number): {"bytes": 1_000_000, "place": place and str(place)} for number, place in enumerate(places)}
    return HubModel("acme/tiny", COMMIT, files)


def test_what_lies_on_the_disk_already_takes_no_room_and_no_download(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    found = model(tmp_path / "here", None)
    assert (found.size, found.missing, found.room(tmp_path / "not" / "there")) == (2_000_000, 1_000_000, 1_000_000)
    assert found.work(tmp_path).label == "the download of acme/tiny (1 MB)"


def test_what_was_removed_from_the_hubs_cache_is_left_to_the_download(tmp_path: Path) -> None:
    assert model(tmp_path / "removed").room(tmp_path) == 1_000_000


def test_what_came_before_is_no_longer_needed(tmp_path: Path) -> None:
    (tmp_path / "0.incomplete").write_bytes(bytes(400_000))
    check_disk(model(None), tmp_path, 600_000)
    with pytest.raises(MachineError, match=r"at commit 0cb88a4f764b needs 1 MB of disk, 1 MB are free: free some"):
        check_disk(model(None), tmp_path, 599_999)

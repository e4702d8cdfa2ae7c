from __future__ import annotations

from typing import Any

import pytest

from bench.observe import bandwidth


@pytest.mark.parametrize("threads", [1, 3])
def test_all_bytes_over_the_best_pass(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = iter([0.5, 0.25, *[1.0] * 98])
    monkeypatch.setattr(bandwidth, "_BYTES", 3 * 8 * 1000)
    monkeypatch.setattr(bandwidth, "_seconds", lambda *given: next(passes))
    assert bandwidth.read_bandwidth(threads) == pytest.approx(3 * 8 * 1000 / 0.25)


def test_every_part_is_read_by_each_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def reader(part: Any) -> None:
        read.append(part.nbytes)

    monkeypatch.setattr(bandwidth, "_BYTES", 2 * 8 * 1000)
    monkeypatch.setattr(bandwidth, "_READERS", (reader,))
    monkeypatch.setattr(bandwidth, "_PASSES", 1)
    assert (bandwidth.read_bandwidth(2) > 0, read) == (True, [8000, 8000])

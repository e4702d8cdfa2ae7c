from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.run.doctor.system import locked, system_facts, undriven_npus


def on_the_bus(bus: Path, slot: str, vendor: str, number: str) -> Path:
    folder = bus / slot
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(f"{vendor}\n", encoding="ascii")
    (folder / "device").write_text(f"{number}\n", encoding="ascii")
    return folder


def test_an_npu_that_no_driver_took_is_found(tmp_path: Path) -> None:
    on_the_bus(tmp_path, "0000_00_0b.0", "0x8086", "0x643e")
    on_the_bus(tmp_path, "0000_00_02.0", "0x8086", "0x64a0")
    (on_the_bus(tmp_path, "0000_01_0b.0", "0x8086", "0x7d1d") / "driver").mkdir()
    assert undriven_npus(tmp_path) == ("Intel NPU (Lunar Lake)",)


@pytest.mark.parametrize("name", ["accel/accel0", "dri/renderD128"])
def test_a_device_file_that_may_not_be_opened_is_locked(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / name
    file.parent.mkdir()
    file.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(Path, "group", lambda _: "render")
    assert locked(tmp_path) == {str(file): "render"}


def test_a_group_without_a_name_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unnamed(_: Path) -> str:
        raise KeyError("getgrgid(): gid not found: 992")

    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "renderD128").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(Path, "group", unnamed)
    assert [*locked(tmp_path).values()] == ["unknown"]


def test_a_card_without_a_render_node_is_none_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "card0").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert locked(tmp_path) == {}


def test_this_system_can_be_asked() -> None:
    assert isinstance(system_facts().windows, bool)

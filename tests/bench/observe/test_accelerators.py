from __future__ import annotations

from pathlib import Path

import pytest

from bench.observe.accelerators import from_sysfs, hardware, pci_id_of


def device(folder: Path, name: str, vendor: str, number: str, driver: str | None, version: str | None = None) -> None:
    """One device as sysfs shows it; where links are not allowed, the driver's folder stands in its place."""
    home = folder / name / "device"
    home.mkdir(parents=True)
    (home / "vendor").write_text(f"{vendor}\n", encoding="ascii")
    (home / "device").write_text(f"{number}\n", encoding="ascii")
    if driver is None:
        return
    target = folder / "drivers" / driver
    (target / "module").mkdir(parents=True, exist_ok=True)
    if version is not None:
        (target / "module" / "version").write_text(f"{version}\n", encoding="ascii")
    (home / "driver").symlink_to(target, target_is_directory=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder that can hold links."""
    try:
        (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pytest.skip("this system allows this process no links, and the tree in question is Linux' own")
    (tmp_path / "link").unlink()
    return tmp_path


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("0x7d1d", "Intel NPU (Meteor Lake)"),
        ("0xad1d", "Intel NPU (Arrow Lake)"),
        ("0x643e", "Intel NPU (Lunar Lake)"),
        ("0xb03e", "Intel NPU (Panther Lake)"),
        ("0xfd3e", "Intel NPU (Wildcat Lake)"),
        ("0xd71d", "Intel NPU (Nova Lake)"),
        ("0x1234", "Intel NPU"),
    ],
)
def test_an_npu_is_named_by_its_id(tree: Path, number: str, name: str) -> None:
    device(tree, "accel0", "0x8086", number, "intel_vpu")
    assert from_sysfs(tree, "accel*", "NPU") == [{"name": name, "pci_id": f"8086:{number[2:]}", "driver": "intel_vpu"}]


def test_the_drivers_version_is_shown_where_it_has_one(tree: Path) -> None:
    device(tree, "card0", "0x8086", "0x64a0", "xe", "1.1.0")
    assert from_sysfs(tree, "card*", "GPU")[0]["driver"] == "xe 1.1.0"


def test_a_device_without_a_driver_has_none(tree: Path) -> None:
    device(tree, "card0", "0x8086", "0x64a0", None)
    assert from_sysfs(tree, "card*", "GPU")[0]["driver"] is None


def test_connectors_are_no_devices(tree: Path) -> None:
    device(tree, "card0", "0x8086", "0x64a0", "xe")
    device(tree, "card0-DP-1", "0x8086", "0x64a0", "xe")
    assert len(from_sysfs(tree, "card*", "GPU")) == 1


def test_devices_come_in_the_order_of_their_names(tree: Path) -> None:
    device(tree, "card1", "0x10de", "0x2684", "nvidia")
    device(tree, "card0", "0x8086", "0x64a0", "xe")
    assert [found["name"] for found in from_sysfs(tree, "card*", "GPU")] == ["Intel GPU", "NVIDIA GPU"]


def test_an_unknown_vendor_is_shown_by_its_number(tree: Path) -> None:
    device(tree, "card0", "0x1AF4", "0x1050", "virtio-pci")
    assert from_sysfs(tree, "card*", "GPU")[0]["name"] == "1af4 GPU"


def test_what_has_no_pci_id_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "card0" / "device").mkdir(parents=True)
    assert from_sysfs(tmp_path, "card*", "GPU") == []


def test_a_class_that_the_kernel_lacks_has_no_devices(tmp_path: Path) -> None:
    assert from_sysfs(tmp_path / "accel", "accel*", "NPU") == []


@pytest.mark.parametrize(
    ("hardware_id", "pci"),
    [
        (r"PCI\VEN_8086&DEV_643E&SUBSYS_22121043&REV_04", "8086:643e"),
        (r"pci\ven_10de&dev_2684", "10de:2684"),
        (r"ROOT\BasicDisplay", None),
        ("", None),
    ],
)
def test_windows_names_a_device_by_its_pci_id(hardware_id: str, pci: str | None) -> None:
    assert pci_id_of(hardware_id) == pci


@pytest.mark.parametrize(
    "name", ["Microsoft Basic Display Adapter", "Microsoft Remote Display Adapter", "Microsoft Hyper-V Video"]
)
def test_a_display_of_microsofts_is_no_gpu(name: str) -> None:
    assert hardware([{"name": name, "pci_id": None, "driver": "10.0"}], [], windows=True) == frozenset()


@pytest.mark.parametrize(("vendor", "kind"), [("8086", "intel-gpu"), ("10de", "nvidia-gpu"), ("1002", "amd-gpu")])
def test_a_gpu_of_linux_is_known_by_its_maker(vendor: str, kind: str) -> None:
    found = hardware([{"name": "a GPU", "pci_id": f"{vendor}:73bf", "driver": None}], [], windows=False)
    assert found == {kind}


def test_an_intel_gpu_of_windows_is_one_for_directx_too() -> None:
    found = hardware([{"name": "Intel(R) Arc(TM) 140V GPU", "pci_id": None, "driver": "32.0"}], [], windows=True)
    assert found == {"intel-gpu", "directx-gpu"}

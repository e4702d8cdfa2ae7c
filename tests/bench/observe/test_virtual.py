from __future__ import annotations

from pathlib import Path

import pytest

from bench.observe.virtual import hypervisor, linux_hypervisor, virtual_product


def test_a_hypervisors_product_is_named(tmp_path: Path) -> None:
    (tmp_path / "product_name").write_text("VMware Virtual Platform\n", encoding="ascii")
    assert linux_hypervisor(tmp_path, tmp_path / "none") == "VMware Virtual Platform"


@pytest.mark.parametrize(
    ("flags", "expected"), [("fpu hypervisor sse", "/proc/cpuinfo: hypervisor"), ("fpu sse", None)]
)
def test_else_the_cpu_tells_by_a_flag(tmp_path: Path, flags: str, expected: str | None) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n", encoding="ascii")
    assert linux_hypervisor(tmp_path, tmp_path / "cpuinfo") == expected


@pytest.mark.parametrize("product", ["Latitude 7450", "", "NUC14RVH"])
def test_hardware_is_no_virtual_machine(product: str) -> None:
    assert virtual_product(product) is None


def test_this_machine_can_be_asked() -> None:
    assert hypervisor() is None or hypervisor()

from __future__ import annotations

from pathlib import Path

import pytest

from bench.observe.machine import settings


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="ascii")
    return root


def test_what_linux_tells_is_read(tmp_path: Path) -> None:
    cpus = "sys/devices/system/cpu"
    files = {
        "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
        f"{cpus}/smt/active": "1\n",
        f"{cpus}/intel_pstate/no_turbo": "1\n",
        f"{cpus}/cpu0/cpufreq/energy_performance_preference": "balance_performance\n",
        "sys/devices/system/node/online": "0-1\n",
        "proc/cmdline": "BOOT_IMAGE=/vmlinuz root=UUID=4f8a ro mitigations=off isolcpus=2,3 user=ada quiet\n",
    }
    assert settings(written(tmp_path, files)) == {
        "huge_pages": "madvise",
        "smt": "on",
        "turbo": "off",
        "energy_preference": "balance_performance",
        "numa_nodes": "0-1",
        "kernel_options": "mitigations=off isolcpus=2,3",
    }


@pytest.mark.parametrize(("text", "turbo"), [("1", "on"), ("0", "off"), ("", None)])
def test_turbo_of_other_drivers(tmp_path: Path, text: str, turbo: str | None) -> None:
    assert settings(written(tmp_path, {"sys/devices/system/cpu/cpufreq/boost": text}))["turbo"] == turbo


def test_where_nothing_is_told_nothing_is_known(tmp_path: Path) -> None:
    assert set(settings(tmp_path).values()) == {None}

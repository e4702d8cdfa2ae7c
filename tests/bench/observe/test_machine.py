from __future__ import annotations

import json
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench.analyse.conditions import NO_ID
from bench.observe import machine
from bench.observe.machine import machine_facts, machine_id, plan_name, settings, windows_release


def test_the_id_is_16_hex_digits() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", machine_id())


@pytest.mark.process
def test_the_id_is_the_same_in_another_process() -> None:
    ask = "from bench.observe.machine import machine_id; print(machine_id())"
    root = Path(machine.__file__).parents[2]
    told = subprocess.run([sys.executable, "-c", ask], cwd=root, capture_output=True, check=True)
    assert told.stdout.decode("ascii").strip() == machine_id()


def test_the_id_reveals_neither_the_hosts_name_nor_the_systems_own_id(monkeypatch: pytest.MonkeyPatch) -> None:
    own = "0123456789abcdef0123456789abcdef"
    monkeypatch.setattr(machine, "text_of", lambda path: own)
    given = machine_id()
    assert not any(given in name or name in given for name in (socket.gethostname().lower(), own))


def test_another_machine_has_another_id(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = set()
    for own in ("0" * 32, "1" * 32):
        monkeypatch.setattr(machine, "text_of", lambda path, own=own: own)
        ids.add(machine_id())
    assert len(ids) == 2


@pytest.mark.parametrize("own", ["", "uninitialized"])
def test_no_id_is_made_up(monkeypatch: pytest.MonkeyPatch, own: str) -> None:
    monkeypatch.setattr(machine, "text_of", lambda path: own)
    monkeypatch.setattr(machine, "registry_value", lambda *_: None)
    assert machine_id() == NO_ID


@pytest.mark.process  # Windows is asked by powercfg
def test_the_facts_are_json() -> None:
    assert json.loads(json.dumps(machine_facts(), allow_nan=False)) == machine_facts()


@pytest.mark.process  # Windows is asked by powercfg
def test_the_facts_are_those_of_the_allow_list() -> None:
    assert set(machine_facts()) == {
        "cpu",
        "memory_bytes",
        "usable",
        "settings",
        "os",
        "kernel",
        "power_source",
        "power_mode",
        "governor",
        "gpus",
        "npus",
    }


@pytest.mark.process  # Windows is asked by powercfg
def test_the_facts_do_not_name_the_host() -> None:
    assert f'"{platform.node()}"' not in json.dumps(machine_facts())


@pytest.mark.process  # Windows is asked by powercfg
def test_what_the_system_does_not_tell_is_null(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_GOVERNOR", tmp_path / "none")
    assert machine_facts()["governor"] is None


@pytest.mark.parametrize(
    ("release", "build", "shown"),
    [
        ("10", 26100, "11"),
        ("10", 22000, "11"),
        ("10", 19045, "10"),
        ("11", 26100, "11"),
        ("2025Server", 26100, "2025Server"),
    ],
)
def test_windows_11_is_told_by_its_build(release: str, build: int, shown: str) -> None:
    assert windows_release(release, build) == shown


@pytest.mark.parametrize("code_page", ["cp857", "utf-8"])
def test_a_power_plan_is_read_in_the_users_language(code_page: str) -> None:
    printed = "Güç Düzeni GUID: 8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c  (Yüksek performans)\r\n".encode(code_page)
    assert plan_name(printed, "cp857") == "Yüksek performans"


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

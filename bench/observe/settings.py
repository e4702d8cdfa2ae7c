"""Settings of Linux that change how fast it computes, and that nobody sees in a latency; Windows tells none of them."""

from __future__ import annotations

import re
from pathlib import Path

from bench.observe.sysfs import text_of

_KERNEL_OPTIONS = frozenset(
    (
        *("amd_pstate", "cpuidle.off", "idle", "intel_idle.max_cstate", "intel_pstate", "processor.max_cstate"),
        *("isolcpus", "maxcpus", "nohz_full", "nosmt", "nr_cpus", "numa", "rcu_nocbs"),
        *("hugepages", "hugepagesz", "mem", "transparent_hugepage"),
        *("l1tf", "mds", "mitigations", "nopti", "nospectre_v2", "pti", "retbleed", "spectre_v2"),
    )
)
"""Options of the kernel's command line that are kept; of the others not even the name."""


def settings(root: Path = Path("/")) -> dict[str, str | None]:
    """What is set; ``None`` where it is not told.

    Args:
        root: the folder in which ``proc`` and ``sys`` lie.

    Returns:
        ``huge_pages`` (transparent ones: always, madvise or never), ``smt`` and ``turbo`` (on or off),
        ``energy_preference`` (of the first CPU), ``numa_nodes`` (their numbers) and ``kernel_options``.
    """
    cpus = root / "sys/devices/system/cpu"
    chosen = re.search(r"\[(\w+)\]", text_of(root / "sys/kernel/mm/transparent_hugepage/enabled"))
    options = (part for part in text_of(root / "proc/cmdline").split() if part.partition("=")[0] in _KERNEL_OPTIONS)
    return {
        "huge_pages": chosen[1] if chosen else None,
        "smt": {"1": "on", "0": "off"}.get(text_of(cpus / "smt/active")),
        "turbo": _turbo(cpus),
        "energy_preference": text_of(cpus / "cpu0/cpufreq/energy_performance_preference") or None,
        "numa_nodes": text_of(root / "sys/devices/system/node/online") or None,
        "kernel_options": " ".join(options) or None,
    }


def _turbo(cpus: Path) -> str | None:
    # intel_pstate says whether it is off, other drivers whether it is on.
    off = {"0": "on", "1": "off"}.get(text_of(cpus / "intel_pstate/no_turbo"))
    return off or {"1": "on", "0": "off"}.get(text_of(cpus / "cpufreq/boost"))

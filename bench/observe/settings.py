"""Settings of Linux that change how fast it computes; Windows shows none of them."""

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
"""Options of the kernel's command line that are recorded; of others not even the name is."""


def settings(root: Path = Path("/")) -> dict[str, str | None]:
    """The settings, by the names that run.json has for them; ``None`` where the system has none.

    Args:
        root: the folder that holds ``proc`` and ``sys``.
    """
    cpus = root / "sys/devices/system/cpu"
    huge_pages = re.search(r"\[(\w+)\]", text_of(root / "sys/kernel/mm/transparent_hugepage/enabled"))
    options = (part for part in text_of(root / "proc/cmdline").split() if part.partition("=")[0] in _KERNEL_OPTIONS)
    # intel_pstate has a file for off, other drivers one for on.
    no_turbo, boost = text_of(cpus / "intel_pstate/no_turbo"), text_of(cpus / "cpufreq/boost")
    return {
        "huge_pages": huge_pages[1] if huge_pages else None,
        "smt": {"1": "on", "0": "off"}.get(text_of(cpus / "smt/active")),
        "turbo": {"0": "on", "1": "off"}.get(no_turbo) or {"1": "on", "0": "off"}.get(boost),
        "energy_preference": text_of(cpus / "cpu0/cpufreq/energy_performance_preference") or None,
        "numa_nodes": text_of(root / "sys/devices/system/node/online") or None,
        "kernel_options": " ".join(options) or None,
    }

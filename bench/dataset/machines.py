"""Which machine of a dataset a run is of: an id is not enough, since copies of disk and container images share one."""

import re
from collections.abc import Mapping
from typing import Any

from bench.analyse.conditions import other_machine

_OF_CPU = ("name", "physical_cores", "logical_cores")


class Machines:
    """The machines of a dataset; each new one is known from its first run on."""

    def __init__(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        """``known`` as :attr:`bench.store.dataset.Manifest.machines` has them."""
        self.known = dict(known)

    def of(self, record: Mapping[str, Any]) -> tuple[str, str | None]:
        """The machine that measured a run, and where another one has the same id, what is to be said of it.

        ``record``: as a stored run has it, whose parts are of the types that they should be.
        """
        facts = _facts(record)
        plain = re.sub(r"[^0-9A-Za-z_-]", "_", facts["machine_id"])[:64] or "unknown"
        others: list[Mapping[str, Any]] = []
        for name in (plain, *(f"{plain}-{number}" for number in range(2, len(self.known) + 2))):
            there = self.known.setdefault(name, facts)
            if other_machine(there, facts) is None:
                # What an earlier run did not record is known from now on.
                known, new = there["machine"], facts["machine"]
                cpu, memory = {**new["cpu"], **known["cpu"]}, known["memory_bytes"] or new["memory_bytes"]
                machine = {"cpu": cpu, "memory_bytes": memory}
                self.known[name] = {"machine_id": there["machine_id"], "machine": machine}
                return name, _shared(name, facts, others) if others and there is facts else None
            others.append(there)
        raise AssertionError("there is always one more name than machines")


def _facts(record: Mapping[str, Any]) -> dict[str, Any]:
    machine = record.get("machine") or {}
    cpu = machine.get("cpu") or {}
    kept = {name: cpu[name] for name in _OF_CPU if cpu.get(name) is not None}
    return {
        "machine_id": record.get("machine_id") or "unknown",
        "machine": {"cpu": kept, "memory_bytes": machine.get("memory_bytes")},
    }


def _shared(name: str, facts: Mapping[str, Any], others: list[Mapping[str, Any]]) -> str:
    one, first = _in_words(facts), _in_words(others[0])
    return f"two machines have the id {facts['machine_id']}: {first}; {one}. The second is kept apart as {name}"


def _in_words(facts: Mapping[str, Any]) -> str:
    cpu, memory = facts["machine"]["cpu"], facts["machine"]["memory_bytes"]
    cores = cpu.get("physical_cores") or cpu.get("logical_cores")
    said = [
        str(cpu.get("name") or "unknown CPU"),
        *([f"{cores} cores"] if cores else []),
        *([f"{memory / 2**30:.0f} GiB"] if memory else []),
    ]
    return ", ".join(said)

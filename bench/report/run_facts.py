"""Facts of a run beside its figures: below its title, of its machine, of what stacks do inside the timed region."""

# ruff: noqa: RUF001 - typographic quotes and signs of multiplication are meant

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup

from backends.spec import BackendSpec, hardware_of
from bench.analyse.conditions import NO_ID, limited
from bench.analyse.results import CellResult, RunAnalysis
from bench.plan.backends import BACKENDS
from bench.report.code_words import word
from bench.report.format import clean, gibibytes, number, parameters, plural
from bench.report.language import gettext as _, mark
from bench.report.run_view import RunView
from bench.report.template import recorded

TIMED_HEADS = {
    "setup": mark("request set-up"),
    "prompt_logits": mark("logits of the prompt"),
    "loop": mark("from step to step"),
    "kv_cache": mark("KV cache by default"),
}
_TIMED_VALUES = {
    "setup": {
        "scheduler": mark("the request is queued, KV-cache blocks are taken as needed"),
        "generator": mark("a generator is made, with the KV cache of the whole answer"),
        "generate": mark("settings are copied and checked, the model’s state is reset"),
        "clear": mark("the KV cache is marked empty"),
        "new cache": mark("an empty KV cache is made, which each step enlarges"),
    },
    "prompt_logits": {
        "last": mark("last position"),
        "all": mark("every position"),
        "artifact": mark("as exported; last position where this project made the model"),
    },
    "loop": {
        "native": mark("the stack’s compiled loop"),
        "generate": mark("the stack’s own generate, in Python"),
        "steps": mark("a Python loop over the stack’s steps, as its users write it"),
        "bare": mark("a Python loop over the stack’s steps, in place of its own generate"),
    },
    "kv_cache": {
        "f16": "f16",
        "model": mark("as exported; f32 on a CPU"),
        "weights": mark("the type that the weights are loaded in"),
    },
}
"""What a code of :class:`backends.spec.TimedRegion` means."""

_PHI3_PARAMETERS = 3_821_079_552

_LIMITS = {
    "usable CPUs": mark("CPUs {value}"),
    "CPU quota": mark("the time of {value} CPUs"),
    "memory limit": mark("{value} of memory"),
}
_CORE_KINDS = {"performance_cores": mark("{count} performance"), "efficiency_cores": mark("{count} efficiency")}


def timed_facts(spec: BackendSpec | None) -> Mapping[str, str]:
    """Field of :class:`backends.spec.TimedRegion` -> its value in words; empty for a stack that is not described."""
    if spec is None or spec.timed is None:
        return {}
    return {name: _(_TIMED_VALUES[name][code]) for name, code in dataclasses.asdict(spec.timed).items()}


def timed_region(backend: str) -> str:
    """The same, a line each with the name of the field; empty for a stack that is not known or not described."""
    facts = timed_facts(BACKENDS.get(backend))
    return "\n".join(f"{_(TIMED_HEADS[name])}: {words}" for name, words in facts.items())


def header_facts(view: RunView) -> list[str]:
    """What stands below the title."""
    record, plan = view.record, view.plan
    size = parameters(view.model.get("parameters"))
    threads = plan.get("threads")
    facts = [
        _date(record.get("created_at")),
        _("{count} parameters").format(count=size) if size else "",
        _("{cells} measured").format(cells=plural(len(view.analysis.cells), "{count} cell", "{count} cells")),
        _("profile {profile}: {blocks} × {repeats}").format(
            profile=plan.get("profile"), blocks=_blocks(plan), repeats=plan.get("repeats")
        ),
        plural(threads, "{count} thread", "{count} threads") if threads else _("threads left to each stack"),
        _("run {run}").format(run=record.get("run_id")),
        *(f"{name}: {variant['spec']}" for name, variant in (plan.get("variants") or {}).items()),
    ]
    return [fact for fact in facts if fact]


def _blocks(plan: Mapping[str, Any]) -> str:
    least, most = plan.get("blocks") or 0, plan.get("max_blocks")
    if most:
        return _("{least} to {most} blocks").format(least=least, most=most)
    return plural(least, "{count} block", "{count} blocks")


def _date(iso: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(iso))
    except ValueError:
        return ""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def machine_facts(view: RunView) -> list[tuple[str, str]]:
    """Name and value of what is known of the machine and the software."""
    record, model = view.record, view.model
    machine, project = record.get("machine") or {}, record.get("project") or {}
    cpu, own_id = machine.get("cpu") or {}, record.get("machine_id")
    source = machine.get("power_source")
    rate = machine.get("memory_read_bytes_per_s")
    facts = [
        (_("CPU"), cpu.get("name")),
        (_("Cores"), _cores(cpu)),
        (_("Memory"), gibibytes(machine.get("memory_bytes"))),
        (_("The run could use"), _limits(record)),
        (_("Environment"), _environment(view.analysis)),
        (_("Memory read"), rate and _("{rate} GB/s, measured by the run's threads").format(rate=number(rate / 1e9, 1))),
        (_("GPU"), _devices(machine.get("gpus"))),
        (_("NPU"), _devices(machine.get("npus"))),
        (_("System"), machine.get("os")),
        (_("Kernel"), machine.get("kernel")),
        (_("Power"), _joined(word(source or ""), machine.get("power_mode"))),
        (_("Governor"), machine.get("governor")),
        *observer_facts(record),
        (_("Machine id"), _("unknown: this system has none") if own_id == NO_ID else own_id),
        (_("Model"), model.get("name")),
        (_("Model revision"), model.get("revision")),
        (_("Model digest"), model.get("digest")),
        (_("Packages"), _packages({**(record.get("tools") or {}), **(record.get("venvs") or {})})),
        ("AIPC Bench", _joined(project.get("version"), project.get("git_commit"))),
    ]
    return [(name, value if isinstance(value, str) else str(value)) for name, value in facts if value]


def observer_facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The counters that were read beside the times, a line each, and those that the machine does not have."""
    observers = record.get("observers") or {}
    read = [
        Markup("{}: {}, {}").format(clean(word(name)), recorded(one.get("source")), _cost(one.get("cost_us")))
        for name, one in observers.items()
        if one
    ]
    missing = [clean(word(name)) for name, one in observers.items() if not one]
    return [(_("Read beside the times"), Markup("\n").join(read)), (_("No counter for"), ", ".join(missing))]


def _cost(microseconds: Any) -> str:
    if microseconds is None:
        return _("cost not measured")
    if microseconds < 1:
        return _("under 1 µs a reading")
    if microseconds >= 1000:
        return _("{cost} ms a reading").format(cost=number(microseconds / 1000, 1))
    return _("{cost} µs a reading").format(cost=number(microseconds, 0))


def _limits(record: Mapping[str, Any]) -> str:
    written = {"CPU quota": lambda value: number(float(value)), "memory limit": lambda value: gibibytes(int(value))}
    shown = {what: written.get(what, str)(value) for what, value in limited(record).items()}
    return _joined(*(_(_LIMITS[what]).format(value=value) for what, value in shown.items()))


def _environment(analysis: RunAnalysis) -> str:
    """What the workers had set, whichever of them; each cell's details tell its own."""
    found = {f"{name}={value}" for load in analysis.loads for name, value in (load.environment or {}).items()}
    return ", ".join(sorted(found))


def _packages(venvs: Mapping[str, Any]) -> str:
    """Whether the packages of the venvs were installed by the hashes of their locks; empty where no run says so."""
    told = {name: venv for name, venv in venvs.items() if "locked" in (venv or {})}
    names: dict[str, list[str]] = {}
    for name, venv in told.items():
        if not venv["locked"]:
            names.setdefault(clean(str(venv.get("unlocked_reason"))), []).append(name)
    if not told or not names:
        return _("all installed by the hashes of the lock files") if told else ""
    reasons = "; ".join(f"{', '.join(those)}: {reason}" for reason, those in names.items())
    return _("not all installed by the hashes of the lock files: {reasons}").format(reasons=reasons)


def _cores(cpu: Mapping[str, Any]) -> str:
    if not cpu.get("physical_cores"):
        return ""
    kinds = [_(kind).format(count=cpu[key]) for key, kind in _CORE_KINDS.items() if cpu.get(key)]
    split = f" ({', '.join(kinds)})" if len(kinds) > 1 else ""
    cores = _("{physical} physical{split}, {logical} logical")
    return cores.format(physical=cpu["physical_cores"], split=split, logical=cpu.get("logical_cores"))


def _devices(found: Any) -> str:
    if found is None:
        return ""
    return "; ".join(_device(one) for one in found) or _("none found")


def _device(one: Mapping[str, Any]) -> str:
    driver = one.get("driver")
    return _joined(one.get("name"), driver and _("driver {driver}").format(driver=driver))


def _joined(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part)


def broken_venvs(view: RunView) -> list[tuple[str, Mapping[str, Any]]]:
    """The stacks that have no venv, each with what run.json says of it."""
    venvs = view.record.get("venvs") or {}
    return [(name, venv) for name, venv in venvs.items() if venv.get("failed") or venv.get("unsupported")]


def npu_cells(view: RunView) -> list[CellResult]:
    """The cells that an NPU ran."""
    return [cell for cell in view.analysis.cells if hardware_of(cell.load.ran_on) == "NPU"]


def is_phi3(view: RunView) -> bool:
    """Whether the model is Phi-3-mini, with its own weights."""
    return "phi-3" in str(view.model.get("name")).lower() and not view.model.get("synthetic")


def times_smaller(view: RunView) -> int | None:
    """How many times as many parameters Phi-3-mini has as a model that is much smaller; ``None`` for another."""
    own = view.model.get("parameters")
    return round(_PHI3_PARAMETERS / own) if own and own < _PHI3_PARAMETERS / 2 else None

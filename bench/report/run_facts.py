"""Facts of a run beside its figures: below its title, of its machine, of what stacks do inside the timed region."""

# ruff: noqa: RUF001 - typographic quotes and signs of multiplication are meant

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from backends.spec import BackendSpec
from bench.plan.backends import BACKENDS
from bench.report.code_words import word
from bench.report.format import clean, number
from bench.report.language import gettext as _, mark
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


def timed_facts(spec: BackendSpec | None) -> Mapping[str, str]:
    """Field of :class:`backends.spec.TimedRegion` -> its value in words; empty for a stack that is not described."""
    if spec is None or spec.timed is None:
        return {}
    return {name: _(_TIMED_VALUES[name][code]) for name, code in dataclasses.asdict(spec.timed).items()}


def timed_region(backend: str) -> str:
    """The same, a line each with the name of the field; empty for a stack that is not known or not described."""
    facts = timed_facts(BACKENDS.get(backend))
    return "\n".join(f"{_(TIMED_HEADS[name])}: {words}" for name, words in facts.items())


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


def packages(record: Mapping[str, Any]) -> str:
    """Whether the packages of the venvs were installed by the hashes of their locks; empty where no run says so."""
    venvs = {**(record.get("tools") or {}), **(record.get("venvs") or {})}
    told = {name: venv for name, venv in venvs.items() if "locked" in (venv or {})}
    names: dict[str, list[str]] = {}
    for name, venv in told.items():
        if not venv["locked"]:
            names.setdefault(clean(str(venv.get("unlocked_reason"))), []).append(name)
    if not told or not names:
        return _("all installed by the hashes of the lock files") if told else ""
    reasons = "; ".join(f"{', '.join(those)}: {reason}" for reason, those in names.items())
    return _("not all installed by the hashes of the lock files: {reasons}").format(reasons=reasons)

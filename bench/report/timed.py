"""What each stack does between the request and its tokens, in words: it is not the same in all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from backends.spec import BackendSpec
from bench.plan.backends import BACKENDS
from bench.report import text


def timed_facts(spec: BackendSpec | None) -> Mapping[str, str]:
    """Field of :class:`backends.spec.TimedRegion` -> its value in words; empty for a stack that is not described."""
    if spec is None or spec.timed is None:
        return {}
    return {name: text.TIMED_VALUES[name][code] for name, code in dataclasses.asdict(spec.timed).items()}


def timed_region(backend: str) -> str:
    """The same, a line each with the name of the field; empty for a stack that is not known or not described."""
    facts = timed_facts(BACKENDS.get(backend))
    return "\n".join(f"{text.TIMED_HEADS[name]}: {words}" for name, words in facts.items())

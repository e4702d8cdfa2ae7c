"""Whether the weights that a load computes with are those that its name says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from backends.spec import ORIGINAL
from bench.measure.attempt import LoadPlan
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load

MOST = 0.5
"""The share of the weights that has to be what was asked for, the embedding and the output layer aside."""

_GGUF = re.compile(r"i?q(\d)_")


def changes_weights(load: Load, evidence: Mapping[str, Any]) -> bool:
    """Whether a stack makes other weights on load, which it has to report: what lies on disk is not what runs."""
    return bool(evidence.get("weight_bits")) or load.precision in BACKENDS[load.backend].made_on_load


def weight_bits(load: Load, load_plan: LoadPlan, evidence: Mapping[str, Any]) -> Mapping[str, float] | None:
    """Weight format -> share of the parameters of a load; ``None`` for what holds no weights or does not tell."""
    if load_plan.artifact is None:
        return None
    return evidence.get("weight_bits") if changes_weights(load, evidence) else load_plan.artifact.weight_bits


def why_not_as_asked(load: Load, shares: Mapping[str, float] | None, embedding_share: float) -> str | None:
    """Why a load may not go by its precision; ``None`` where it may, or where nothing is known of its weights.

    Args:
        load: as it was asked for.
        shares: see :func:`weight_bits`.
        embedding_share: of the parameters, in the embedding and the output layer. Recipes for int4 and int8 keep these
            wider, and in a small model they may be most of it.
    """
    if not shares or load.precision == ORIGINAL:
        return None
    asked = sum(share for name, share in shares.items() if _precision(name) == load.precision)
    if asked > MOST * (1 - embedding_share):
        return None
    takes = BACKENDS[load.backend].precisions(load.device) or ()
    others = [_precision(name) for name in shares if _precision(name) in takes and _precision(name) != load.precision]
    found = ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
    instead = f"ask for --precision {others[0]}, or for another stack" if others else "ask for another stack"
    return (
        f"only {asked:.0%} of the weights are {load.precision} ({found}): the stack does not make "
        f"{load.precision} of most of this model's layers; {instead}"
    )


def _precision(name: str) -> str:
    """The precision that a weight format counts as: a GGUF's ``q4_0`` is int4."""
    found = _GGUF.match(name)
    return f"int{found[1]}" if found else name

"""What a sweep needs prepared: which artifacts, by which interpreter, into which cache."""

from __future__ import annotations

from collections.abc import Iterable

from bench.errors import PrepareError
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.options import Options
from bench.plan.venvs import Venvs
from bench.prepare.cache import cache_root
from bench.prepare.models import resolve_model
from bench.prepare.ready_made import ReadyMade
from bench.prepare.stage import Preparer, Say

Wanted = tuple[str, str, str]
"""Format, precision and device of an artifact."""


def wanted_artifacts(loads: Iterable[Load]) -> list[Wanted]:
    """The artifacts that ``loads`` need, each once."""
    return sorted({wanted_artifact(load) for load in loads if BACKENDS[load.backend].artifact_format != "none"})


def wanted_artifact(load: Load) -> Wanted:
    """The artifact that ``load`` reads, which may be in another weight format than what it makes of it."""
    spec = BACKENDS[load.backend]
    return spec.artifact_format, spec.stored_precision(load.precision), load.device


Prepares = Preparer | ReadyMade


def preparer_for(options: Options, venvs: Venvs, loads: Iterable[Load], say: Say) -> Prepares | None:
    """Who prepares a sweep; ``None`` if its backends need no model.

    Raises:
        UsageError: there is no such model.
        PrepareError: there is no conversion venv.
    """
    if not wanted_artifacts(loads):
        return None
    source = resolve_model(options.model)
    conversion = venvs.conversion()
    if conversion.python is None:
        raise PrepareError(f"cannot prepare {source.label}: {conversion.reason}")
    kind = Preparer if source.ready_made is None else ReadyMade
    return kind(source, conversion_python=conversion.python, cache=cache_root(options.cache_dir), say=say)

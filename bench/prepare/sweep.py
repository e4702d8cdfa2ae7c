"""What a sweep needs prepared: which artifacts, by which interpreter, into which cache."""

from __future__ import annotations

from collections.abc import Iterable

from backends.table import BACKENDS
from bench.errors import PrepareError
from bench.plan.cells import Load
from bench.plan.options import Options
from bench.plan.venvs import Venvs
from bench.prepare.cache import cache_root
from bench.prepare.models import resolve_model
from bench.prepare.stage import Preparer, Say

Wanted = tuple[str, str, str]
"""Format, precision and device of an artifact."""


def wanted_artifacts(loads: Iterable[Load]) -> list[Wanted]:
    """The artifacts that ``loads`` need, each once."""
    found = {(BACKENDS[load.backend].artifact_format, load.precision, load.device) for load in loads}
    return sorted(wanted for wanted in found if wanted[0] != "none")


def preparer_for(options: Options, venvs: Venvs, loads: Iterable[Load], say: Say) -> Preparer | None:
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
    return Preparer(source, conversion_python=conversion.python, cache=cache_root(options.cache_dir), say=say)

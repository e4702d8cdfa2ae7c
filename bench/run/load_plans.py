"""What each load of a run needs, or why it cannot be measured: gathered before the first visit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.errors import BenchError, ModelRefused, UsageError, WorkerFailed, WorkerUnsupported
from bench.measure.attempt import LoadPlan
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.venvs import Venv, Venvs
from bench.prepare.preparation import Preparation, Say
from bench.prepare.stage import wanted_artifact
from bench.run.doctor.readiness import Readiness


def named_venvs(loads: Sequence[Load], venvs: Venvs) -> dict[str, Venv]:
    """Name -> venv of ``loads``: the name of the backend, with its variant, and a device where it has several venvs."""
    found: dict[tuple[str, str], dict[Venv, str]] = {}
    for load in loads:
        found.setdefault((load.backend, load.variant), {}).setdefault(venvs.of(load), load.device)
    named = {}
    for (backend, variant), mine in found.items():
        for venv, device in mine.items():
            told_apart = ", ".join(part for part in (variant, device if len(mine) > 1 else "") if part)
            named[f"{backend} ({told_apart})" if told_apart else backend] = venv
    return named


def in_pairs(loads: Sequence[Load], plans: Mapping[str, LoadPlan], readiness: Readiness) -> dict[str, LoadPlan]:
    """The plans of ``loads`` by key; where one variant cannot run, the other is not measured either."""
    found = dict(plans)
    lost = [
        load for load in loads if load.variant and (plans[load.key].error is not None or not readiness.can_run(load))
    ]
    for load in loads:
        twins = [one for one in lost if _place(one) == _place(load)]
        if load.variant and twins and load.variant not in {one.variant for one in twins}:
            why = f"variant {twins[0].variant} cannot be measured, and {load.variant} alone would compare nothing"
            found[load.key] = replace(found[load.key], refused=_broken(why))
    return found


def _place(load: Load) -> tuple[str, str, str]:
    return load.backend, load.device, load.precision


def plan_load(
    load: Load,
    venv: Venv,
    preparer: Preparation | None,
    readiness: Readiness,
    changed: Mapping[Venv, str | None],
    say: Say,
) -> LoadPlan:
    """What to start and load for ``load``; its artifact is made if it is missing and the load can run.

    ``changed`` are venvs with what was changed in them since they were made.

    Raises:
        UsageError: no converter makes such an artifact.
    """
    if (missing := readiness.unsupported(load)) is not None:
        return LoadPlan(venv, refused=WorkerUnsupported(missing, error_type="DeviceUnavailableError"))
    if (problem := changed.get(venv)) is not None:
        return LoadPlan(venv, refused=_broken(problem))
    if BACKENDS[load.backend].artifact_format == "none" or preparer is None or not readiness.can_run(load):
        return LoadPlan(venv)
    try:
        return LoadPlan(venv, preparer.artifact(*wanted_artifact(load)))
    except UsageError:
        raise
    except ModelRefused as error:
        return LoadPlan(venv, refused=WorkerUnsupported(str(error), error_type="UnsupportedError"))
    except BenchError as error:
        say(f"{load.label}: {error}")
        return LoadPlan(venv, refused=_broken(str(error)))


def _broken(why: str) -> WorkerFailed:
    return WorkerFailed(why, error_type="PrepareError")

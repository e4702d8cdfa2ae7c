"""What must be as it was for a run to be carried on, and what may be another, which the run then says."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from backends.reasons import first_of
from bench.analyse.conditions import mismatches, settings_of, system_versions
from bench.errors import UsageError
from bench.measure.attempt import LoadPlan
from bench.observe.packages import changes, normalized
from bench.plan.resume import resume_command
from bench.run.resume import Earlier, other_than_before
from bench.store.schema import SCHEMA_VERSION

_MAY_CHANGE = frozenset(("power source", "power mode", "governor"))


def refuse_changes(earlier: Earlier, record: Mapping[str, Any], load_plans: Mapping[str, LoadPlan]) -> None:
    """Compare what was measured with what would be measured now.

    Args:
        record: what run.json would hold now.
        load_plans: ``load_key`` -> what would be started and loaded now.

    Raises:
        UsageError: further blocks would be of something else, or of another part of the plan.
    """
    then, now = earlier.run.record, _as_stored(record)
    if then.get("selection") != now.get("selection"):
        was = (then.get("selection") or {}).get("by")
        raise UsageError(
            f"--resume: another part of the plan is selected than before: `{resume_command(earlier.run.run_id, then)}` "
            f"has that of the run, which was narrowed by {was or 'nothing that it recorded'}"
        )
    found = [f"{one.what} ({one.base}, now {one.head})" for one in mismatches(then, now) if one.what not in _MAY_CHANGE]
    found += _other_options(then, now)
    found += _other_packages(then.get("venvs") or {}, now.get("venvs") or {})
    found += _other_artifacts(earlier, load_plans)
    if found:
        raise other_than_before(earlier.run, found)


def other_conditions(then: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What else is not as it was: power, kernel, drivers and settings, each with what it was and is.

    A new driver may be what the machine was restarted for.
    """
    now = _as_stored(record)
    found = {one.what: [one.base, one.head] for one in mismatches(then, now) if one.what in _MAY_CHANGE}
    was, has = ({**dict(system_versions(one)), **dict(settings_of(one))} for one in (then, now))
    names = sorted({*was, *has})
    return found | {name: [was.get(name), has.get(name)] for name in names if was.get(name) != has.get(name)}


def _as_stored(record: Mapping[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(json.dumps({"schema_version": SCHEMA_VERSION, **record}))
    return stored


def _other_options(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Options, the plan that they make, and the version of this project, which makes it."""
    was, has = then["options"], now["options"]
    names = [name for name in has if was.get(name) != has[name]]
    if names:
        yield f"the options {', '.join(names)}"
    before, after = ({cell["cell_key"] for cell in one["plan"]["cells"]} for one in (then, now))
    if before != after:
        yield f"the plan, in {len(before ^ after)} cells"
    versions = [" ".join(filter(None, (one.get("project") or {}).values())) for one in (then, now)]
    if versions[0] != versions[1]:
        yield f"AIPC Bench ({versions[0]}, now {versions[1]})"


def _other_packages(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for venv in sorted({*then, *now}):
        if changed := changes(*(_packages_of(one.get(venv) or {}) for one in (then, now))):
            yield f"packages of {venv} ({first_of(changed)})"


def _packages_of(venv: Mapping[str, Any]) -> dict[str, str]:
    found = normalized(venv.get("packages"))
    return {**found, "Python": str(venv["python"])} if "python" in venv else found


def _other_artifacts(earlier: Earlier, load_plans: Mapping[str, LoadPlan]) -> Iterator[str]:
    labels = {one["load_key"]: one["label"] for one in earlier.run.record["plan"]["loads"]}
    for key, digests in earlier.timed.items():
        plan = load_plans.get(key)
        if plan is None:
            continue
        if (why := plan.error) is not None:
            yield f"{labels.get(key, key)}, which cannot be measured any more: {why}"
        elif plan.artifact is not None and digests != {plan.artifact.digest}:
            yield f"the artifact of {labels.get(key, key)} ({', '.join(map(str, digests))}, now {plan.artifact.digest})"

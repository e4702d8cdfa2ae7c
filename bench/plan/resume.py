"""The options of a stored run as raw values, so that it is carried on by the same ones."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.cli import quoted
from bench.errors import UsageError
from bench.plan.flags import BY_NAME
from bench.plan.options import RECORDED, Options, flag_of, resolve_options

_BESIDE = frozenset(
    (
        *("resume", "wait", "shared", "worker", "cache_dir", "results_dir", "reports_dir"),
        *("lang", "open", "redact", "strict"),
    )
)
"""Flags that may stand beside ``--resume``: where things are, what becomes of the report, what other runs may do."""


def recorded_flags(record: Mapping[str, Any]) -> dict[str, Any]:
    """Name of a flag -> raw value, of all that run.json records.

    Raises:
        UsageError: it does not record them.
    """
    try:
        options = record["options"]
        variants = record["plan"].get("variants") or {}
        return {
            **{flag_of(name): options.get(name) for name in ("model", *RECORDED)},
            "seed": record["seed"],
            # These are typed in another way than they are recorded.
            "load_option": list(_load_options(options["load_options"])) or None,
            "no_quality": not options["quality"],
            "quality_limits": [f"{name}={ratio!r}" for name, ratio in options["quality_limits"].items()],
            **{name: variant["spec"] for name, variant in variants.items()},
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"--resume: run.json of that run does not record its options ({error}); measure anew without --resume"
        ) from error


def _load_options(options: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for backend, given in options.items():
        for name, value in given.items():
            yield f"{backend}.{name}={str(value).lower() if isinstance(value, bool) else value}"


def options_again(record: Mapping[str, Any], given: Mapping[str, Any], root: Path) -> Options:
    """The options that a run was begun with, and of ``given`` what may be another.

    Raises:
        UsageError: more is given, and differs.
    """
    beside = {name: given.get(name) for name in _BESIDE}
    recorded = {**beside, **recorded_flags(record)}
    options = resolve_options(recorded, root)
    others = {name: value for name, value in given.items() if value is not None and name not in _BESIDE}
    differing = [
        BY_NAME[name].option
        for name, value in others.items()
        if name == "config" or resolve_options({**recorded, name: value}, root) != options
    ]
    if differing:
        raise UsageError(
            f"--resume carries on by the options of that run, and {', '.join(differing)} would change them: leave "
            f"{'it' if len(differing) == 1 else 'them'} out, or measure anew without --resume"
        )
    return options


def resume_command(run: str, record: Mapping[str, Any]) -> str:
    """What carries on with a run of this id, or in this folder."""
    narrowed_by = (record.get("selection") or {}).get("by")
    return " ".join(filter(None, (f"nox -s bench -- --resume {quoted(run)}", narrowed_by)))

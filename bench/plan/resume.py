"""The options of a stored run read back, as raw values and as they are typed, to carry it on or measure it again."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.cli import quoted
from bench.errors import UsageError
from bench.plan.flags import BY_NAME, LEAST_ADAPTIVE_BLOCKS, PROFILES
from bench.plan.options import (
    DEFAULT_COOLDOWN_MAX_S,
    DEFAULT_MAX_BLOCKS,
    DEFAULT_MAX_WARMUPS,
    DEFAULT_QUALITY_LIMITS,
    DEFAULT_TIMEOUT_S,
    DEFAULT_WARMUPS,
    RECORDED,
    Options,
    flag_of,
    resolve_options,
)

_BESIDE = frozenset(
    (
        *("resume", "wait", "shared", "worker", "cache_dir", "results_dir", "reports_dir"),
        *("lang", "open", "redact", "strict"),
    )
)
"""Flags that may stand beside ``--resume``: where things are, what becomes of the report, what other runs may do."""

_ARGUMENT = r"""(?:[\w.,:/=+@~-]|'[^'&|<>^%\x00-\x1f]*'|"[^"$`\\!&|<>^%\x00-\x1f]*")+"""
_ARGUMENTS = re.compile(f"{_ARGUMENT}(?: {_ARGUMENT})*")
"""What stands for itself in the shells of Linux, in PowerShell and in ``cmd``."""


def recorded_flags(record: Mapping[str, Any]) -> dict[str, Any]:
    """Name of a flag -> raw value, of all that run.json records.

    Raises:
        UsageError: it does not record them.
    """
    options = record.get("options") or {}
    lacking = [name for name in ("load_options", "quality", "quality_limits") if options.get(name) is None]
    lacking += [name for name in ("seed", "plan") if record.get(name) is None]
    if lacking:
        raise UsageError(
            f"--resume: run.json of that run does not record its options ({', '.join(lacking)}); measure anew without "
            "--resume"
        )
    variants = record["plan"].get("variants") or {}
    # Else a stranger's record could set any flag, such as which program is started as a worker.
    if others := variants.keys() - {"a", "b"}:
        raise UsageError(
            f"--resume: run.json of that run has a variant {min(others)!r}; there are a and b: measure anew without "
            "--resume"
        )
    return {
        **_flags_of(options),
        "seed": record["seed"],
        **{name: variant["spec"] for name, variant in variants.items()},
    }


def _flags_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Name of a flag -> raw value, of the options in run.json; ``None`` for one that it does not record."""
    quality, limits = options.get("quality"), options.get("quality_limits") or {}
    settings = [
        f"{backend}.{name}={str(value).lower() if isinstance(value, bool) else value}"
        for backend, given in (options.get("load_options") or {}).items()
        for name, value in given.items()
    ]
    return {
        **{flag_of(name): options.get(name) for name in ("model", *RECORDED)},
        # These are typed in another way than they are recorded.
        "load_option": settings or None,
        "no_quality": None if quality is None else not quality,
        "quality_limits": [f"{name}={ratio!r}" for name, ratio in limits.items()] or None,
    }


def asked_again(options: Mapping[str, Any], backend: str, usual: str) -> Iterator[str]:
    """What is typed to measure ``backend`` by the options of run.json again, beside their axes and what is the default.

    ``usual``: the profile that is the default.
    """
    profile = options.get("profile") or usual
    blocks, repeats = PROFILES.get(profile, (None, None))
    target, limits = options.get("interval_target"), options.get("quality_limits") or DEFAULT_QUALITY_LIMITS
    shown = ",".join(f"{name}={ratio:g}" for name, ratio in limits.items() if ratio)
    typed = {
        **_flags_of(options),
        "profile": profile,
        "interval_target": f"{100 * target:g}%" if target else None,
        # A load of the run that it was asked to compare with is not measured again.
        "reference": "none" if options.get("reference") == "none" else None,
        "quality_limits": None if limits == DEFAULT_QUALITY_LIMITS else shown,
    }
    typed["load_option"] = [one for one in typed["load_option"] or () if one.startswith(f"{backend}.")]
    defaults: dict[str, Any] = {
        "model": "default",
        "profile": usual,
        "blocks": max(blocks or 0, LEAST_ADAPTIVE_BLOCKS) if target else blocks,
        "interval_target": None,
        "max_blocks": max(DEFAULT_MAX_BLOCKS, options.get("blocks") or 0),
        "max_time": None,
        "repeats": repeats,
        "warmups": DEFAULT_WARMUPS,
        "max_warmups": max(DEFAULT_MAX_WARMUPS, options.get("warmups") or 0),
        **dict.fromkeys(("warmup_new_tokens", "threads")),
        "cooldown_s": 0,
        "cooldown_c": None,
        "cooldown_max_s": DEFAULT_COOLDOWN_MAX_S,
        **dict.fromkeys(("load_timeout_s", "generation_timeout_s"), DEFAULT_TIMEOUT_S),
        "load_option": [],
        **dict.fromkeys(("allow_fallback", "retry_crashed", "no_quality"), False),
        **dict.fromkeys(("reference", "quality_limits")),
    }
    for name, default in defaults.items():
        value, option = typed[name], BY_NAME[name].option
        if value is True:
            yield option
        elif value not in (None, default):
            for one in value if isinstance(value, list) else [value]:
                yield from (option, str(one))


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
    narrowed_by = (record.get("selection") or {}).get("by") or ""
    # People copy this line: of a stranger's record nothing is in it that a shell would run. Without, --resume names it.
    arguments = [narrowed_by] if _ARGUMENTS.fullmatch(narrowed_by) else []
    return " ".join([f"nox -s bench -- --resume {quoted(run)}", *arguments])

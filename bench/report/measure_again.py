"""What a reader types to measure a part of a run again, under the conditions of that run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from bench.analyse.read_quality import NO_REFERENCE
from bench.analyse.results import AskedCell, CellResult, LoadResult
from bench.cli import command_line
from bench.plan.flags import PROFILES
from bench.plan.options import DEFAULT_COOLDOWN_MAX_S, DEFAULT_MAX_WARMUPS, DEFAULT_QUALITY_LIMITS, DEFAULT_WARMUPS


def alone(load: LoadResult, cells: Sequence[CellResult | AskedCell], record: Mapping[str, Any]) -> str:
    """The command that measures these cells of ``load`` and nothing else; of an A/B run, in both of its variants.

    Without cells it is all that a run measures by default. What the record does not tell, such as a worker of one's
    own, is left out.
    """
    variants = (record.get("plan") or {}).get("variants") or {}
    parts = ["nox", "-s", "ab" if variants else "bench", "--"]
    for name, variant in variants.items():
        parts += [f"--{name}", str(variant["spec"])]
    parts += ["--backend", load.backend, "--device", load.device_requested, "--precision", load.precision]
    if cells:
        asked = [cell.shape for cell in cells]
        prompts, news = {one.message_tokens or one.prompt_tokens for one in asked}, {one.new_tokens for one in asked}
        batches, turns = {one.batch_size for one in asked}, {one.turn for one in asked}
        parts += ["--prompt-tokens", _listed(prompts), "--new-tokens", _listed(news)]
        parts += ["--batch-size", _listed(batches)] if batches != {1} else []
        parts += ["--turns", _listed(turns)] if turns != {0} else []
    parts += ["--ask", "again"] if any(cell.ask == "again" for cell in cells) else []
    parts += _conditions(record.get("options") or {}, load.backend, "standard" if variants else "quick")
    windows = str((record.get("machine") or {}).get("os") or "").startswith("Windows")
    return command_line(parts, windows=windows)


def _conditions(options: Mapping[str, Any], backend: str, usual: str) -> Iterator[str]:
    """Flags for what the run was asked for beside its axes and is not there by default."""
    profile = options.get("profile") or usual
    blocks, repeats = PROFILES.get(profile, (None, None))
    warmups = options.get("warmups") or 0
    target = options.get("interval_target")
    flags = {
        "model": (options.get("model"), "default"),
        "profile": (profile, usual),
        "blocks": (None if target else options.get("blocks"), blocks),
        "interval-target": (f"{100 * target:g}%" if target else None, None),
        "repeats": (options.get("repeats"), repeats),
        "warmups": (options.get("warmups"), DEFAULT_WARMUPS),
        "max-warmups": (options.get("max_warmups"), max(DEFAULT_MAX_WARMUPS, warmups)),
        "warmup-new-tokens": (options.get("warmup_new_tokens"), None),
        "threads": (options.get("threads"), None),
        "cooldown-s": (options.get("cooldown_s"), 0),
        "cooldown-c": (options.get("cooldown_c"), None),
        "cooldown-max-s": (options.get("cooldown_max_s"), DEFAULT_COOLDOWN_MAX_S),
    }
    for flag, (value, default) in flags.items():
        if value not in (None, default):
            yield from (f"--{flag}", str(value))
    for name, value in ((options.get("load_options") or {}).get(backend) or {}).items():
        yield from ("--load-option", f"{backend}.{name}={str(value).lower() if isinstance(value, bool) else value}")
    if options.get("allow_fallback"):
        yield "--allow-fallback"
    if options.get("retry_crashed"):
        yield "--retry-crashed"
    if options.get("quality") is False:
        yield "--no-quality"
    # A load of the run that it was asked to compare with is not measured again.
    if options.get("reference") == NO_REFERENCE:
        yield from ("--reference", NO_REFERENCE)
    limits = options.get("quality_limits") or DEFAULT_QUALITY_LIMITS
    if limits != DEFAULT_QUALITY_LIMITS:
        yield from ("--quality-limits", ",".join(f"{name}={ratio:g}" for name, ratio in limits.items() if ratio))


def _listed(numbers: Set[int]) -> str:
    return ",".join(map(str, sorted(numbers)))

"""What a run was asked for: flags over sweep file over defaults, all checked."""

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from backends.spec import OPENVINO_PROVIDERS, PRECISIONS
from backends.table import BACKENDS as OWN
from bench.cli import LANGUAGES
from bench.errors import UsageError
from bench.plan import values as v
from bench.plan.backends import BACKENDS, PROBLEM
from bench.plan.cells import ASKS, Ask, conversation_tokens
from bench.plan.flags import BY_NAME, LEAST_ADAPTIVE_BLOCKS, PROFILES
from bench.plan.sweep_file import read_sweep_file
from bench.plan.variants import CommandLine, Variant, read_variants

DEFAULT_BACKENDS = tuple(spec.name for spec in OWN.values() if spec.by_default)
DEFAULT_PROMPT_TOKENS = (32, 128, 512)
DEFAULT_TIMEOUT_S = 1800.0
DEFAULT_COOLDOWN_MAX_S = 300.0
DEFAULT_MAX_BLOCKS = 40
DEFAULT_WARMUPS = 2
DEFAULT_MAX_WARMUPS = 6
DEFAULT_QUALITY_LIMITS = {"degraded": 1.05, "broken": 2.5}

COUNTS = (
    *("profile", "blocks", "interval_target", "max_blocks", "max_time_s"),
    *("repeats", "warmups", "max_warmups", "warmup_new_tokens"),
)
"""The options that say how often something is measured."""
RECORDED = (
    *("backends", "devices", "precisions", "prompt_tokens", "new_tokens", "batch_sizes", "asks", "turns"),
    *(*COUNTS, "threads", "load_options", "allow_fallback", "retry_crashed"),
    *("cooldown_s", "cooldown_c", "cooldown_max_s", "load_timeout_s", "generation_timeout_s"),
    *("quality", "quality_limits", "reference"),
)
"""The options of run.json, which describe the measurement; beside them the model, and no folders and interpreters."""

_SPREADING = ("HETERO", "MULTI", "BATCH")


def _ascending(value: Any, where: str) -> tuple[int, ...]:
    return tuple(sorted(v.counts(value, where)))


def _backends(value: Any, where: str) -> tuple[str, ...]:
    return tuple(v.one_of(name, where, BACKENDS, "backend") for name in v.words(value, where))


def _asks(value: Any, where: str) -> tuple[Ask, ...]:
    names = [v.one_of(name, where, ASKS) for name in v.words(value, where)]
    return tuple(ask for ask in ASKS if ask in names)


def _precisions(value: Any, where: str) -> tuple[str, ...]:
    names = (v.one_of(name.lower(), where, PRECISIONS, "precision") for name in v.words(value, where))
    return tuple(dict.fromkeys(names))


def _devices(value: Any, where: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_device(name.upper(), where) for name in v.words(value, where)))


def _device(name: str, where: str) -> str:
    kind, dot, rest = name.partition(".")
    if kind.partition(":")[0] in _SPREADING:
        raise UsageError(
            f"{where}: {name} spreads a model over several devices and does not tell which one ran what; "
            "ask for one device at a time, or for AUTO with optimum-intel, which tells what it chose"
        )
    if kind in OPENVINO_PROVIDERS:
        # The provider's own default.
        return f"{kind}.{_device(rest or 'CPU', where)}"
    known = sorted({device for spec in BACKENDS.values() for device in spec.devices})
    # A software device of Vulkan's has a name in place of a number.
    numbered = rest.isdigit() or (kind == "VULKAN" and rest.isalnum())
    if kind not in known or (dot and not numbered):
        raise UsageError(f"{where}: no device {name!r}; there are {', '.join(known)}, and GPU.0 for one of several")
    return name


def _threads(value: Any, where: str) -> int | str:
    return "stack" if value == "stack" else v.count(value, where)


def _quality_limits(value: Any, where: str) -> dict[str, float]:
    limits = dict(DEFAULT_QUALITY_LIMITS)
    for entry in v.words(value, where):
        name, _, ratio = entry.partition("=")
        limit = v.part_of_one(ratio)
        if name not in limits or limit is None or not 1 < limit < math.inf:
            raise UsageError(f"{where}: expected degraded=RATIO,broken=RATIO with ratios above 1, got {entry!r}")
        limits[name] = limit
    if limits["degraded"] > limits["broken"]:
        raise UsageError(f"{where}: broken={limits['broken']:g} is below degraded={limits['degraded']:g}: give both")
    return limits


def read_workers(value: Any, where: str) -> dict[str, str]:
    """Backend -> interpreter, of ``NAME=PYTHON`` entries.

    Raises:
        UsageError: an entry is none, or its interpreter is not there.
    """
    workers = {}
    for entry in v.listed(value):
        name, equals, python = entry.partition("=")
        if not equals or not python or name not in BACKENDS:
            raise UsageError(f"{where}: expected NAME=PYTHON with a name of {', '.join(BACKENDS)}, got '{entry}'")
        # Not resolved: a venv's interpreter is a link, and following it would leave the venv.
        interpreter = v.path(python, where)
        if not v.is_file(interpreter):
            raise UsageError(f"{where}: no interpreter at {interpreter}")
        workers[name] = str(interpreter)
    return workers


def _flag(name: str, read: Callable[..., Any], default: Any = None, **limits: Any) -> Any:
    """A field that holds what ``read`` makes of the raw value of a flag; ``default`` where that is not given."""
    return field(metadata={"flag": name, "read": read, "default": default, **limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A request for a run, complete and checked.

    Args:
        devices: ``None`` asks for the CPU and for what the system lists beside it.
        precisions: ``None`` asks each backend for its own default formats.
        turns: of a chat; ``None`` where no chat is measured, and :attr:`prompt_tokens` are those of whole prompts.
        blocks: how many; with an interval target, at least.
        interval_target: half the width of the 95 % intervals, as a share, until which blocks are added; ``None``
            measures just :attr:`blocks`.
        max_blocks: at most; ``None`` together with the target.
        max_time_s: after which no cell is begun; ``None`` for no limit.
        warmups: per cell and block, at least.
        max_warmups: at most, while the series has not settled.
        warmup_new_tokens: that a warm-up generates at most; ``None`` for as many as are timed.
        threads: a count, ``"stack"`` for each stack's own default, or ``None`` for the physical performance cores.
        load_options: backend -> option -> value.
        workers: backend -> interpreter.
        variants: the two of an A/B run, by name; empty otherwise.
        quality: whether texts are scored after the last block.
        quality_limits: ``degraded`` and ``broken``: from which ratio of perplexities on.
        reference: what they are ratios to: ``auto``, ``none``, or the label of a load.
        wait_s: how long to wait for another run that measures on this machine.
        shared: whether to measure beside it.
        cooldown_c: how much hotter than at the run's start the CPU may be when a visit begins.
        cooldown_max_s: how long it is given to cool at most.
        resume: the folder of the run that is carried on, by the options that it was begun with.
    """

    backends: tuple[str, ...]
    devices: tuple[str, ...] | None = _flag("device", _devices)
    precisions: tuple[str, ...] | None = _flag("precision", _precisions)
    prompt_tokens: tuple[int, ...] = _flag("prompt_tokens", _ascending, DEFAULT_PROMPT_TOKENS)
    new_tokens: tuple[int, ...] = _flag("new_tokens", v.counts, (64,))
    batch_sizes: tuple[int, ...] = _flag("batch_size", v.counts, (1,))
    asks: tuple[Ask, ...] = _flag("ask", _asks, ("first",))
    turns: tuple[int, ...] | None = _flag("turns", _ascending)
    profile: str
    blocks: int
    interval_target: float | None = _flag("interval_target", v.share)
    max_blocks: int | None
    max_time_s: float | None
    repeats: int
    warmups: int
    max_warmups: int
    warmup_new_tokens: int | None = _flag("warmup_new_tokens", v.count)
    threads: int | str | None = _flag("threads", _threads)
    model: str = _flag("model", v.text, "default")
    seed: int
    load_options: Mapping[str, Mapping[str, Any]] = _flag("load_option", v.load_options, {})
    workers: Mapping[str, str] = _flag("worker", read_workers, {})
    variants: Mapping[str, Variant]
    allow_fallback: bool = _flag("allow_fallback", v.switch, default=False)
    retry_crashed: bool = _flag("retry_crashed", v.switch, default=False)
    strict: bool = _flag("strict", v.switch, default=False)
    quality: bool
    quality_limits: Mapping[str, float] = _flag("quality_limits", _quality_limits, DEFAULT_QUALITY_LIMITS)
    reference: str = _flag("reference", v.text, "auto")
    wait_s: float = _flag("wait", v.duration, 0.0)
    shared: bool = _flag("shared", v.switch, default=False)
    cooldown_s: float = _flag("cooldown_s", v.seconds, 0.0, zero=True)
    cooldown_c: float | None = _flag("cooldown_c", v.degrees)
    cooldown_max_s: float = _flag("cooldown_max_s", v.seconds, DEFAULT_COOLDOWN_MAX_S)
    load_timeout_s: float = _flag("load_timeout_s", v.seconds, DEFAULT_TIMEOUT_S)
    generation_timeout_s: float = _flag("generation_timeout_s", v.seconds, DEFAULT_TIMEOUT_S)
    results_dir: Path
    reports_dir: Path
    cache_dir: Path | None = _flag("cache_dir", v.path)  # noqa: RUF009 - it makes a field
    language: str = _flag("lang", v.one_of, LANGUAGES[0], choices=LANGUAGES)
    open_report: bool = _flag("open", v.switch, default=False)
    redact: bool = _flag("redact", v.switch, default=False)
    resume: Path | None = None

    @property
    def most_blocks(self) -> int:
        """How many blocks there may be in the end."""
        return self.max_blocks or self.blocks


@dataclass(frozen=True, slots=True)
class _Given:
    """The raw values of the command line, which win, and those of the sweep file with where they stand."""

    flags: Mapping[str, Any]
    file: Mapping[str, tuple[Any, str]]

    def read(self, flag: str, read: Callable[..., Any], default: Any = None, **limits: Any) -> Any:
        typed = self.flags.get(flag)
        if typed is not None:
            return read(typed, BY_NAME[flag].option, **limits)
        return read(*self.file[flag], **limits) if flag in self.file else default


def flag_of(option: str) -> str:
    """The flag that a field of :class:`Options` is read from."""
    read: dict[str, str] = {one.name: one.metadata["flag"] for one in fields(Options) if one.metadata}
    return {"backends": "backend", "max_time_s": "max_time", **read}.get(option, option)


def resolve_options(flags: Mapping[str, Any], root: Path) -> Options:
    """The options that the raw values of :func:`bench.plan.flags.raw_values` and the sweep file ask for.

    ``results/`` and ``reports/`` are below ``root`` unless the user says otherwise.

    Raises:
        UsageError: a value cannot be; the message names the flag, or the sweep file's line.
    """
    if PROBLEM is not None:
        raise UsageError(PROBLEM)
    config = flags.get("config")
    file = read_sweep_file(v.path(config, "--config")) if config is not None else {}
    given = _Given(flags, file)
    plain = {one.name: given.read(**one.metadata) for one in fields(Options) if one.metadata}
    asked = given.read("backend", _backends)
    command_line = CommandLine(asked, DEFAULT_BACKENDS, plain["devices"], plain["workers"])
    variants = read_variants(flags.get("a"), flags.get("b"), command_line)
    measured = tuple(dict.fromkeys(variant.backend for variant in variants.values()))
    profile = given.read("profile", v.one_of, "standard" if variants else "quick", choices=tuple(PROFILES))
    blocks, repeats = PROFILES[profile]
    warmups, max_warmups = _warmups(given)
    least, most, max_time_s = _blocks(given, blocks, adaptive=plain["interval_target"] is not None)
    turn = max(plain["turns"] or (1,))
    if (longest := conversation_tokens(max(plain["prompt_tokens"]), max(plain["new_tokens"]), turn)) > v.MOST:
        raise UsageError(f"--turns: turn {turn} has a prompt of {longest} tokens, expected at most {v.MOST}")
    return Options(
        backends=measured or asked or DEFAULT_BACKENDS,
        profile=profile,
        blocks=least,
        max_blocks=most,
        max_time_s=max_time_s,
        repeats=given.read("repeats", v.count, repeats),
        warmups=warmups,
        max_warmups=max_warmups,
        seed=given.read("seed", v.count, secrets.randbelow(2**31), least=0),
        variants=variants,
        quality=not given.read("no_quality", v.switch, default=False),
        results_dir=given.read("results_dir", v.path, root / "results"),
        reports_dir=given.read("reports_dir", v.path, root / "reports"),
        **plain,
    )


def _blocks(given: _Given, of_profile: int, *, adaptive: bool) -> tuple[int, int | None, float | None]:
    """Blocks at least and at most, and the time in which to measure them."""
    blocks = given.read("blocks", v.count)
    most = given.read("max_blocks", v.count)
    max_time_s = given.read("max_time", v.duration)
    if not adaptive:
        for flag, value in (("--max-blocks", most), ("--max-time", max_time_s)):
            if value is not None:
                raise UsageError(f"{flag} bounds a run that adds blocks: give --interval-target too, e.g. 5%")
        return blocks or of_profile, None, None
    least = blocks or max(of_profile, LEAST_ADAPTIVE_BLOCKS)
    if least < LEAST_ADAPTIVE_BLOCKS:
        raise UsageError(
            f"--blocks: with --interval-target at least {LEAST_ADAPTIVE_BLOCKS} blocks are measured, got {least}; "
            "leave one of the two out"
        )
    if most is None:
        most = max(DEFAULT_MAX_BLOCKS, least)
    if most < least:
        raise UsageError(f"--max-blocks: {most} is below the {least} blocks that are measured at least")
    return least, most, max_time_s


def _warmups(given: _Given) -> tuple[int, int]:
    least = given.read("warmups", v.count, least=0)
    most = given.read("max_warmups", v.count, least=0)
    if least is None:
        least = DEFAULT_WARMUPS if most is None else min(DEFAULT_WARMUPS, most)
    if most is None:
        most = max(DEFAULT_MAX_WARMUPS, least)
    if most < least:
        raise UsageError(f"--max-warmups: {most} is below the {least} that --warmups asks for at least")
    return least, most

"""The options of a stored run, read back as a command line would give them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.cli import command_line
from bench.errors import UsageError
from bench.plan.flags import raw_values
from bench.plan.options import Options
from bench.plan.resume import options_again, recorded_flags, resume_command
from bench.run.record import recorded_options, recorded_variant

MakeOptions = Callable[..., Options]

ASKED: tuple[tuple[str, ...], ...] = (
    (),
    ("--backend", "simulated,openvino-genai", "--device", "CPU,GPU.0", "--precision", "int4"),
    ("--prompt-tokens", "8,16", "--new-tokens", "1,4", "--batch-size", "1,2", "--ask", "first,again"),
    ("--profile", "thorough", "--blocks", "4", "--repeats", "2", "--warmups", "0", "--max-warmups", "3"),
    ("--warmup-new-tokens", "4"),
    ("--interval-target", "5%", "--max-blocks", "30", "--max-time", "2h"),
    ("--threads", "stack", "--cooldown-s", "1.5", "--load-timeout-s", "10", "--generation-timeout-s", "20"),
    ("--load-option", "simulated.spread=0.1", "--load-option", "openvino-genai.attention_backend=SDPA"),
    ("--no-quality", "--reference", "none", "--quality-limits", "degraded=1.1,broken=3", "--allow-fallback"),
    ("--retry-crashed", "--cooldown-c", "3", "--cooldown-max-s", "60"),
    ("--a", "simulated.itl_ms=2", "--b", "simulated.itl_ms=3", "--precision", "int4"),
    ("--a", "openvino-genai==2026.3.0.0", "--b", "current"),
)


def record_of(options: Options) -> dict[str, Any]:
    variants = {name: recorded_variant(variant) for name, variant in options.variants.items()}
    record = {"options": recorded_options(options), "seed": options.seed, "plan": {"variants": variants}}
    stored: dict[str, Any] = json.loads(json.dumps(record))
    return stored


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_a_run_is_carried_on_by_the_options_that_it_was_begun_with(
    make_options: MakeOptions, tmp_path: Path, asked: tuple[str, ...]
) -> None:
    options = make_options(*asked)
    assert options_again(record_of(options), raw_values(["--resume"]), tmp_path) == options


def test_what_becomes_of_the_report_may_be_another(make_options: MakeOptions, tmp_path: Path) -> None:
    options = make_options("--backend", "simulated")
    given = raw_values(["--resume", "--lang", "tr", "--open", "--strict", "--redact"])
    wanted = replace(options, language="tr", open_report=True, strict=True, redact=True)
    assert options_again(record_of(options), given, tmp_path) == wanted


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--blocks", "9"], "--blocks would change"),
        (["--blocks", "9", "--seed", "7"], "--blocks, --seed would change"),
        (["--model", "synthetic:tiny"], "--model would change"),
        (["--config", "sweep.toml"], "--config would change"),
    ],
)
def test_an_option_that_would_change_the_sweep_is_named(
    make_options: MakeOptions, tmp_path: Path, given: list[str], named: str
) -> None:
    record = record_of(make_options("--backend", "simulated"))
    with pytest.raises(UsageError, match=named):
        options_again(record, raw_values(["--resume", *given]), tmp_path)


def test_an_option_that_is_the_same_as_before_is_taken(make_options: MakeOptions, tmp_path: Path) -> None:
    options = make_options("--backend", "simulated", "--blocks", "4")
    assert options_again(record_of(options), raw_values(["--blocks", "4"]), tmp_path) == options


@pytest.mark.parametrize("record", [{}, {"options": {}}, {"options": None, "plan": {}}, {"options": [], "plan": []}])
def test_a_record_without_options_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="does not record its options"):
        recorded_flags(record)


@pytest.mark.parametrize(
    ("options", "lacks"),
    [("load_options", "load_options"), ("quality_limits", "quality_limits"), ("quality", "quality")],
)
def test_an_option_that_is_not_recorded_is_named(make_options: MakeOptions, options: str, lacks: str) -> None:
    record = record_of(make_options("--backend", "simulated"))
    record["options"][options] = None
    with pytest.raises(UsageError, match=rf"does not record its options \({lacks}\); measure anew"):
        recorded_flags(record)


@pytest.mark.parametrize("flag", ["worker", "config", "c"])
def test_a_record_sets_no_other_flags_by_its_variants(make_options: MakeOptions, tmp_path: Path, flag: str) -> None:
    record = record_of(make_options("--backend", "simulated"))
    record["plan"]["variants"] = {flag: {"spec": f"simulated={sys.executable}"}}
    with pytest.raises(UsageError, match=rf"run\.json of that run has a variant '{flag}'; there are a and b"):
        options_again(record, raw_values(["--resume"]), tmp_path)


def test_the_command_that_carries_on_has_what_narrowed_the_run() -> None:
    record = {"selection": {"by": "-k int4", "selected": 1, "planned": 2}}
    assert resume_command("20261122T211735Z-3f9a1c", record).endswith("--resume 20261122T211735Z-3f9a1c -k int4")


@pytest.mark.parametrize("windows", [False, True])
def test_what_narrowed_the_run_is_quoted_as_it_was(windows: bool) -> None:
    by = command_line(["-k", "int4 and not (CPU or NPU)", "bench/test_measure.py::test[p8-n4]", "-x"], windows=windows)
    assert resume_command("run", {"selection": {"by": by}}) == f"nox -s bench -- --resume run {by}"


@pytest.mark.parametrize(
    "by", ["; id", "-k $(id)", "-k `id`", '-k "$HOME"', "-k 'a' & id", "-k 'a\nid'", "-k 'a", "'|id'"]
)
def test_a_strangers_record_puts_nothing_into_the_command_that_a_shell_would_run(by: str) -> None:
    assert resume_command("run", {"selection": {"by": by}}) == "nox -s bench -- --resume run"

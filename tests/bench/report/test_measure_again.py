from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import AskedCell, LoadResult
from bench.analyse.run import analyse_run
from bench.plan.cells import Ask, Load, Request
from bench.plan.flags import raw_values
from bench.plan.options import Options, resolve_options
from bench.report.run_details import alone
from bench.run.record import recorded_options
from bench.store.reader import open_run

MakeRun = Callable[..., Any]
SHAPE = Request(512, 64, 1)


@pytest.fixture(scope="module")
def load(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> LoadResult:
    run = fake_run(loads=[Load("openvino-genai", "CPU", "int4")], prompt_tokens=(8,), blocks=1)
    (found,) = analyse_run(open_run(run.write(tmp_path_factory.mktemp("commands")))).loads
    return found


def asks(load: LoadResult, shape: Request = SHAPE, ask: Ask = "first") -> AskedCell:
    return AskedCell("", load, *shape, ask)


def asked(*arguments: str) -> Options:
    return resolve_options(raw_values(arguments), Path())


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--model", "synthetic:small", "--threads", "2"),
        ("--profile", "standard", "--repeats", "5"),
        ("--blocks", "4", "--warmups", "1", "--max-warmups", "1"),
        ("--warmups", "9"),
        ("--warmup-new-tokens", "4"),
        ("--interval-target", "5%"),
        ("--interval-target", "5%", "--blocks", "15", "--max-blocks", "60", "--max-time", "2h"),
        ("--interval-target", "5%", "--blocks", "50"),
        ("--load-timeout-s", "60", "--generation-timeout-s", "20"),
        ("--load-option", "openvino-genai.attention_backend=SDPA", "--allow-fallback", "--cooldown-s", "30"),
        ("--no-quality",),
        ("--retry-crashed", "--cooldown-c", "3", "--cooldown-max-s", "60"),
        ("--quality-limits", "degraded=1.1", "--quality-limits", "broken=3", "--reference", "none"),
    ],
    ids=lambda arguments: " ".join(arguments) or "defaults",
)
def test_the_command_asks_for_the_conditions_of_the_run(load: LoadResult, arguments: tuple[str, ...]) -> None:
    run = asked(*arguments)
    command = alone(load, [asks(load)], {"options": recorded_options(run)})
    again = asked(*shlex.split(command)[4:])
    axes = ("backends", "devices", "precisions", "prompt_tokens", "new_tokens", "batch_sizes", "asks", "seed")
    same = [name for name in Options.__dataclass_fields__ if name not in axes]
    assert [getattr(again, name) for name in same] == [getattr(run, name) for name in same]
    assert (again.backends, again.devices, again.precisions) == (("openvino-genai",), ("CPU",), ("int4",))
    assert (again.prompt_tokens, again.new_tokens, again.batch_sizes) == ((512,), (64,), (1,))


def test_a_plain_run_has_a_short_command(load: LoadResult) -> None:
    command = alone(load, [asks(load)], {"options": recorded_options(asked())})
    said = "nox -s bench -- --backend openvino-genai --device CPU --precision int4 --prompt-tokens 512 --new-tokens 64"
    assert command == said


def test_several_shapes_are_asked_for_together(load: LoadResult) -> None:
    command = alone(load, [asks(load, Request(length, 64, 2), "again") for length in (512, 32)], {})
    assert command.endswith("--prompt-tokens 32,512 --new-tokens 64 --batch-size 2 --ask again")


def test_the_turns_of_a_chat_are_asked_for_with_its_messages(load: LoadResult) -> None:
    command = alone(load, [asks(load, Request(128, 64, 1, 1)), asks(load, Request(704, 64, 1, 4))], {})
    assert command.endswith("--prompt-tokens 128 --new-tokens 64 --turns 1,4")


def test_a_load_that_failed_before_any_cell_is_asked_for_as_a_whole(load: LoadResult) -> None:
    assert alone(load, [], {}).endswith("--precision int4")


def test_variants_are_measured_together(load: LoadResult) -> None:
    variants = {"a": {"spec": "openvino-genai==2026.4 x"}, "b": {"spec": "current"}}
    command = alone(load, [asks(load)], {"plan": {"variants": variants}, "options": {"profile": "standard"}})
    assert command.startswith("nox -s ab -- --a 'openvino-genai==2026.4 x' --b current --backend openvino-genai ")
    assert "--profile" not in command


def test_what_a_record_holds_is_never_a_word_of_the_shell(load: LoadResult) -> None:
    evil = replace(load, backend="x; rm -rf y", precision="$(id)")
    words = shlex.split(alone(evil, [asks(evil)], {"options": {"model": "a && b"}}))
    assert {"x; rm -rf y", "$(id)", "a && b"} <= set(words)


def test_a_model_in_the_home_folder_is_found_there(load: LoadResult) -> None:
    assert "--model ~/'my models/x'" in alone(load, [asks(load)], {"options": {"model": "~/my models/x"}})


@pytest.mark.parametrize(
    ("system", "typed"),
    [
        ("Windows 11", '--model "C:\\my models\\phi"'),
        ("Linux Debian", "--model 'C:\\my models\\phi'"),
        (None, "--model 'C:"),
    ],
)
def test_the_command_is_for_the_shell_of_the_machine_that_measured(
    load: LoadResult, system: str | None, typed: str
) -> None:
    record = {"options": {"model": "C:\\my models\\phi"}, "machine": {"os": system}}
    assert typed in alone(load, [asks(load)], record)

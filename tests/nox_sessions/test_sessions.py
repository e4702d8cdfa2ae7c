"""What each session installs and runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import psutil
import pytest
from _pytest.mark.expression import Expression

import noxfile
from bench import PROJECT_ROOT
from bench.commands import child
from bench.plan.environments import Environment, default_groups, environment
from bench.prepare import install, resolve
from bench.prepare.resolve import resolved
from studies.fleet.lab import wait_until
from tests.nox_sessions.fake import (
    ERRORS,
    LINUX,
    PROJECT,
    WINDOWS,
    AbortedError,
    FakeSession,
    Finished,
    made,
    write_project,
)

# -- sessions ---------------------------------------------------------------------------------------------------------


def test_bench_hands_its_arguments_to_pytest(finished: Finished) -> None:
    noxfile.bench(FakeSession("--device", "NPU"))
    assert finished.commands == [("-m", "pytest", "bench/", "--device", "NPU")]


@pytest.mark.parametrize(
    ("session", "arguments"),
    [
        *((name, ()) for name in ("bench", "models", "report", "compare", "history", "gate", "doctor", "clean")),
        ("ab", ("--a=current", "--b=same")),
        ("studies", ("overhead",)),
        ("quality", ("--help",)),
        ("fleet", ("report",)),
        ("fleet", ("worker",)),
    ],
)
def test_relative_paths_are_those_of_whoever_starts_nox_elsewhere(
    finished: Finished, tmp_path: Path, session: str, arguments: tuple[str, ...]
) -> None:
    fake = FakeSession(*arguments)
    fake.invoked_from = str(tmp_path)
    getattr(noxfile, session)(fake)
    assert Path.cwd() == tmp_path


def test_the_suites_are_found_from_elsewhere(finished: Finished, tmp_path: Path, root: Path) -> None:
    fake = FakeSession()
    fake.invoked_from = str(tmp_path)
    noxfile.bench(fake)
    assert finished.commands == [("-m", "pytest", str(root / "bench"))]


@pytest.mark.parametrize("session", ["lint", "quick"])
def test_what_works_on_the_checkout_stays_in_it(finished: Finished, tmp_path: Path, root: Path, session: str) -> None:
    fake = FakeSession()
    fake.invoked_from = str(tmp_path)
    getattr(noxfile, session)(fake)
    assert Path.cwd() == root


def test_bench_makes_the_stacks_that_are_needed_and_no_other(finished: Finished) -> None:
    noxfile.bench(FakeSession())
    assert list(finished.made or {}) == ["conversion", "ort-genai"]


def test_bench_goes_on_without_a_stack_that_failed(finished: Finished) -> None:
    noxfile.bench(FakeSession(failing="onnxruntime-genai", errors=ERRORS))
    assert "failed" in (finished.made or {})["ort-genai"]


def test_help_installs_the_harness_alone(finished: Finished) -> None:
    fake = FakeSession("--help")
    noxfile.bench(fake)
    assert (finished.commands, len(fake.pip_calls)) == ([("-m", "bench.commands", "needs", "--help")], 1)


def test_models_needs_the_conversion_alone(finished: Finished) -> None:
    noxfile.models(FakeSession("--model", "default"))
    assert (finished.commands, list(finished.made or {})) == (
        [("-m", "bench.commands", "models", "--model", "default")],
        ["conversion"],
    )


def test_the_gate_is_the_harnesss_own_affair(finished: Finished) -> None:
    noxfile.gate(FakeSession("--head", "x"))
    assert finished.commands == [("-m", "bench.commands", "gate", "--head", "x")]


def test_the_gates_exit_status_is_the_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    made(FakeSession(), "harness")
    monkeypatch.setattr(noxfile, "finish", Finished(status=2))
    with pytest.raises(SystemExit) as ended:
        noxfile.gate(FakeSession("--head", "x"))
    assert ended.value.code == 2


def test_report_hands_on_the_runs_that_it_is_given(finished: Finished) -> None:
    noxfile.report(FakeSession("results/x"))
    assert finished.commands == [("-m", "bench.commands", "report", "results/x")]


def test_quality_makes_what_the_run_needs(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def needs(*query: Any) -> list[Environment]:
        asked.append(query[1:])
        return [environment("ort-genai")]

    monkeypatch.setattr(noxfile, "needs", needs)
    noxfile.quality(FakeSession("results/x"))
    assert asked == [(["results/x"], "quality")]
    assert (finished.commands, list(finished.made or {})) == (
        [("-m", "bench.commands", "quality", "results/x")],
        ["ort-genai"],
    )


def test_the_help_of_quality_needs_no_run(finished: Finished) -> None:
    noxfile.quality(FakeSession("--help"))
    assert (finished.commands, finished.made) == ([("-m", "bench.commands", "quality", "--help")], {})


def test_overhead_is_measured_on_every_stack(finished: Finished) -> None:
    noxfile.studies(FakeSession("overhead"))
    assert tuple(finished.made or {}) == default_groups()


def test_a_soak_has_every_stack(finished: Finished) -> None:
    noxfile.studies(FakeSession("soak", "--minutes", "1"))
    assert tuple(finished.made or {}) == default_groups()
    assert finished.commands == [("-m", "studies", "soak", "--minutes", "1")]


@pytest.mark.parametrize(
    ("arguments", "group"),
    [
        (("report", "dataset"), "harness"),
        (("--help",), "harness"),
        ((), "harness"),
        (("run", "--on", "all"), "fleet"),
        (("certs",), "fleet"),
    ],
)
def test_only_the_engine_of_a_fleet_needs_more_than_the_harness(
    finished: Finished, arguments: tuple[str, ...], group: str
) -> None:
    noxfile.fleet(FakeSession(*arguments))
    assert finished.commands == [("-m", "bench.commands", "fleet", *arguments)]
    assert install.was_made(group)


def test_history_hands_on_what_it_is_given(finished: Finished) -> None:
    noxfile.history(FakeSession("--metric", "ttft"))
    assert finished.commands == [("-m", "bench.commands", "history", "--metric", "ttft")]


def test_report_speed_hands_on_what_it_is_given(finished: Finished) -> None:
    noxfile.studies(FakeSession("report-speed", "--runs", "1"))
    assert finished.commands == [("-m", "studies", "report-speed", "--runs", "1")]


def test_the_simulated_study_needs_no_stack(finished: Finished) -> None:
    noxfile.studies(FakeSession("intervals", "--quick"))
    assert (finished.commands, finished.made) == ([("-m", "studies", "intervals", "--quick")], {})


@pytest.mark.parametrize("part", ["real", "variance"])
def test_the_study_on_a_real_backend_has_every_stack(finished: Finished, part: str) -> None:
    noxfile.studies(FakeSession("intervals", part))
    assert tuple(finished.made or {}) == default_groups()


def test_the_study_of_settings_has_every_stack_and_what_else_is_there(finished: Finished) -> None:
    noxfile.studies(FakeSession("settings"))
    assert set(default_groups()) < set(finished.made or {}) >= {"llama-cpp"}


@pytest.mark.parametrize(("asked", "status"), [((), 4), (("nothing",), 4), (("--help",), 0)])
def test_a_study_has_to_be_named(finished: Finished, asked: tuple[str, ...], status: int) -> None:
    fake = FakeSession(*asked)
    with pytest.raises(SystemExit) as ended:
        noxfile.studies(fake)
    assert (ended.value.code, finished.commands) == (status, [])
    assert "intervals, overhead, report-speed" in fake.said[-1]


@pytest.mark.parametrize("name", noxfile.STUDIES)
def test_every_study_is_a_package_that_runs(name: str) -> None:
    main = import_module(f"studies.{name.replace('-', '_')}.__main__").main
    assert main(["--no-such-option"]) == 4


QUICK = ("-m", "not process and not slow", "--hypothesis-profile=quick")


def test_quick_lints_nothing_and_needs_no_stack(finished: Finished) -> None:
    noxfile.quick(FakeSession("-k", "interval"))
    assert (finished.commands, finished.made) == ([("-m", "pytest", *QUICK, "-k", "interval")], None)


def test_quick_has_each_folder_in_one_of_two_processes(finished: Finished) -> None:
    noxfile.quick(FakeSession())
    ignored = [f"--ignore={folder}" for folder in noxfile.HALF]
    assert [command[4:] for command in finished.together] == [[*QUICK, *noxfile.HALF], [*QUICK, *ignored]]
    assert all((PROJECT_ROOT / folder).is_dir() for folder in noxfile.HALF)


def test_tests_lint_before_they_install_a_stack(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSession()

    def run(shown: list[str], _: object, beside: list[list[str]]) -> int:
        for command in (shown, *beside):
            finished(fake, *command)
        return 0

    monkeypatch.setattr(child, "run", run)
    noxfile.tests(fake)
    assert [(command[1], pips) for command, pips in zip(finished.commands, finished.pip_calls_before, strict=True)] == [
        ("ruff", 1),
        ("ruff", 1),
        ("check_jsonschema", 1),
        ("check_jsonschema", 1),
        ("--quiet", 1),
        ("mypy", 1),
        ("mypy", 1),
        *[("pytest", 8)] * len(noxfile.PARTS),
    ]


def test_tests_take_pytests_arguments_and_then_lint_nothing(finished: Finished) -> None:
    noxfile.tests(FakeSession("-k", "contract"))
    assert finished.commands == [("-m", "pytest", "-k", "contract")]


def test_tests_tell_what_took_longest(finished: Finished) -> None:
    noxfile.tests(FakeSession())
    parts = [command for command in finished.together if command[2] == "pytest"]
    options = [[option for option in command[3:] if "basetemp" not in option] for command in parts]
    assert options == [["--durations=30", "-m", part] for part in noxfile.PARTS]
    assert len({option for command in parts for option in command if "basetemp" in option}) == len(parts)


def test_all_parts_convert_into_one_empty_cache(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIPC_BENCH_CACHE", raising=False)
    noxfile.tests(FakeSession())
    (folder,) = {
        Path(option.partition("=")[2]).parent
        for command in finished.together
        for option in command
        if option.startswith("--basetemp=")
    }
    assert Path(finished.variables["AIPC_BENCH_CACHE"]) == folder / "cache"


def test_a_cache_that_is_named_is_used(finished: Finished, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIPC_BENCH_CACHE", str(tmp_path))
    noxfile.tests(FakeSession())
    assert finished.variables["AIPC_BENCH_CACHE"] == str(tmp_path)


@pytest.mark.parametrize(
    "marks",
    [
        *((), ("slow",), ("contract",), ("conversion",), ("main_job",), ("process",), ("browser",)),
        *(("contract", "conversion"), ("contract", "main_job"), ("conversion", "main_job")),
    ],
)
def test_each_test_is_in_one_part(marks: tuple[str, ...]) -> None:
    started = () if marks in ((), ("slow",)) else ("process",)

    def marked(name: str, /, **_: Any) -> bool:
        return name in (*marks, *started)

    assert sum(Expression.compile(part).evaluate(marked) for part in noxfile.PARTS) == 1


@pytest.mark.usefixtures("finished")
def test_a_part_that_fails_fails_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "run", lambda *_: 1)
    with pytest.raises(SystemExit) as ended:
        noxfile.tests(FakeSession())
    assert ended.value.code == 1


def test_tests_need_every_stack(finished: Finished) -> None:
    with pytest.raises(AbortedError, match="ort-genai cannot be had: No matching distribution found"):
        noxfile.tests(FakeSession(failing="onnxruntime-genai", errors=ERRORS))


def test_ctrl_break_of_windows_is_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    number = signal.SIGTERM
    before = signal.getsignal(number)
    monkeypatch.setattr(signal, "SIGBREAK", number, raising=False)
    child.break_as_interrupt()
    after = signal.signal(number, before)
    assert after is signal.default_int_handler


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
def test_who_ends_nox_ends_all_that_it_runs(tmp_path: Path) -> None:
    own = [tmp_path / "shown", tmp_path / "beside"]
    shown, beside = (
        [sys.executable, "-c", f"import os, time; open({str(one)!r}, 'w').write(str(os.getpid())); time.sleep(600)"]
        for one in own
    )
    outer = f"import sys; from bench.commands import child; sys.exit(child.run({shown}, {{}}, [{beside}]))"
    with subprocess.Popen([sys.executable, "-c", outer], cwd=PROJECT_ROOT) as nox:
        wait_until(lambda: all(one.exists() and one.read_text() != "" for one in own), "the start of what it runs")
        nox.terminate()
        assert nox.wait(300) == 128 + signal.SIGTERM
    wait_until(lambda: not any(psutil.pid_exists(int(one.read_text())) for one in own), "its end")


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
def test_who_ends_nox_as_it_starts_something_ends_that_too(monkeypatch: pytest.MonkeyPatch) -> None:
    start = subprocess.Popen.__init__

    def started(popen: Any, *arguments: Any, **options: Any) -> None:
        start(popen, *arguments, **options)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(subprocess.Popen, "__init__", started)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        assert child.run([sys.executable, "-c", "import time; time.sleep(600)"], {}) == 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)


def test_lint_runs_no_tests(finished: Finished) -> None:
    noxfile.lint(FakeSession())
    tools = [command[1] if command[0] == "-m" else "zizmor" for command in finished.commands]
    assert tools == ["ruff", "ruff", "check_jsonschema", "check_jsonschema", "zizmor"]
    assert [command[1:3] for command in finished.together] == [["-m", "mypy"]] * 2


@pytest.mark.parametrize(("here", "other"), [("linux", "win32"), ("win32", "linux")])
def test_types_are_checked_for_the_other_system_too(
    finished: Finished, monkeypatch: pytest.MonkeyPatch, here: str, other: str
) -> None:
    monkeypatch.setattr(sys, "platform", here)
    session: Any = FakeSession()
    noxfile.lint_with(session, "python")
    assert [list(command[2:5]) for command in finished.together] == [["mypy"], ["mypy", "--platform", other]]


def test_clean_only_says_what_there_is(finished: Finished) -> None:
    made(FakeSession(), "ort-genai")
    noxfile.clean(FakeSession())
    assert install.is_ready(environment("ort-genai"))


@pytest.mark.slow
def test_clean_names_each_venv_with_its_size(finished: Finished) -> None:
    made(FakeSession(), "ort-genai")
    (install.VENVS / "ort-genai" / "library").write_bytes(b"x" * 20_000_000)
    fake = FakeSession()
    noxfile.clean(fake)
    assert fake.said[-1] == f"venv {install.VENVS / 'ort-genai'} (0.02 GB)"


def test_clean_removes_the_venvs_if_asked(finished: Finished) -> None:
    made(FakeSession(), "ort-genai")
    noxfile.clean(FakeSession("--remove"))
    assert list(install.VENVS.iterdir()) == []


def test_clean_goes_on_after_a_venv_that_is_in_use(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    made(FakeSession(), "ort-genai")

    def in_use(folder: Path, *, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(13, "used by another process")

    monkeypatch.setattr("shutil.rmtree", in_use)
    fake = FakeSession("--remove")
    noxfile.clean(fake)
    assert "stays in part: used by another process" in fake.said[-1]


def test_clean_looks_with_an_older_harness_rather_than_install_one(finished: Finished, root: Path) -> None:
    made(FakeSession(), "harness")
    write_project(root, PROJECT.replace("pytest==1", "pytest==2"))
    fake = FakeSession()
    noxfile.clean(fake)
    assert fake.calls == []


def test_clean_removes_nothing_if_it_was_misunderstood(monkeypatch: pytest.MonkeyPatch) -> None:
    made(FakeSession(), "harness")
    monkeypatch.setattr(noxfile, "finish", Finished(status=4))
    with pytest.raises(SystemExit):
        noxfile.clean(FakeSession("--remove", "--nonsense"))
    assert install.is_ready(environment("harness"))


# -- doctor and resolver ----------------------------------------------------------------------------------------------


def test_the_doctor_installs_no_stack_unasked(finished: Finished) -> None:
    fake = FakeSession()
    noxfile.doctor(fake)
    assert [call for call in fake.pip_calls if not any("pytest" in part for part in call)] == []


def test_the_doctor_is_told_what_is_installed_and_how_to_have_the_rest(finished: Finished) -> None:
    made(FakeSession(), "ort-genai")
    noxfile.doctor(FakeSession())
    told = finished.made or {}
    assert ("python" in told["ort-genai"], "--backend" in told["transformers"]["failed"][0]) == (True, True)


def resolving(monkeypatch: pytest.MonkeyPatch, status: int) -> list[list[str]]:
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        commands.append(command)
        return CompletedProcess(command, status, "", "no such version")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_a_group_that_resolves_is_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, 0)
    assert resolved("python", environment("transformers"), WINDOWS, "windows") == "ok"


def test_a_group_that_does_not_resolve_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, 1)
    assert resolved("python", environment("transformers"), WINDOWS, "windows") == "FAILED no such version"


def test_what_is_not_published_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = resolving(monkeypatch, 0)
    said = resolved("python", environment("npu"), LINUX, "linux")
    assert (said.startswith("not published: "), commands) == (True, [])


@pytest.mark.parametrize(("group", "wheels"), [("transformers", True), ("llama-cpp-python", False)])
def test_wheels_alone_count_unless_a_stack_is_compiled(
    monkeypatch: pytest.MonkeyPatch, group: str, wheels: bool
) -> None:
    commands = resolving(monkeypatch, 0)
    resolved("python", environment(group), LINUX, "linux")
    assert ("--only-binary" in commands[0]) == wheels


def test_the_resolver_fails_if_a_group_does(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noxfile, "renew", lambda *_, **__: iter(["tests"]))
    monkeypatch.setattr(resolve, "resolved", lambda *_: "FAILED no such version")
    with pytest.raises(AbortedError, match="these cannot be installed by their locks: conversion, "):
        noxfile.lock(FakeSession())

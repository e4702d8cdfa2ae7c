"""The noxfile: which venvs are made, when they are made again, and what is told when one cannot be."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess, Popen
from typing import Any, cast

import nox
import pytest

import noxfile
from backends.table import BACKENDS

LINUX = noxfile.Here("linux", "x86_64", (3, 12))
WINDOWS_ON_ARM = noxfile.Here("win32", "ARM64", (3, 12))
PROJECT = """
[dependency-groups]
harness = ["pytest==1"]
tests = [{ include-group = "harness" }, "ruff==1"]
conversion = ["torch==2", "openvino==3"]
default-model = ["weights==4"]
openvino-genai = ["openvino-genai==5"]
ort-genai = ["onnxruntime-genai==6"]
transformers = ["torch==2", "transformers==7"]
ort-genai-openvino = ["onnxruntime-openvino==8"]
ort-genai-beside-openvino = ["onnxruntime-genai==6"]
ort-genai-dml = ["onnxruntime-genai-directml==6"]
ort-genai-cuda = ["onnxruntime-genai-cuda==6"]
ort-genai-winml = ["onnxruntime-genai-winml==6"]
npu = ["intel-npu-acceleration-library==9"]
llama-cpp = ["llama-cpp-python==10"]
resolver = ["uv==11"]
"""


class AbortedError(Exception):
    """What nox raises inside of ``session.error``."""


LISTED = '[{"name": "numpy", "version": "2.4.6"}]'
"""What pip lists of every venv."""


class FakeSession:
    """Plays virtualenv and pip: records each call, makes what virtualenv would make, and fails where it is told to."""

    def __init__(self, *posargs: str, failing: str | None = None, errors: str = "") -> None:
        self.posargs = list(posargs)
        self.failing, self.errors = failing, errors
        self.calls: list[tuple[str, ...]] = []
        self.options: list[dict[str, Any]] = []
        self.said: list[str] = []

    def run(self, *arguments: str, **options: Any) -> str | None:
        if "list" in arguments:
            return LISTED
        self.calls.append(arguments)
        self.options.append(options)
        if "virtualenv" in arguments:
            python = noxfile.interpreter(Path(arguments[-1]).name)
            python.parent.mkdir(parents=True, exist_ok=True)
            Path(arguments[-1]).mkdir(parents=True, exist_ok=True)
            python.touch()
        if "--log" in arguments and self.errors:
            Path(arguments[arguments.index("--log") + 1]).write_text(self.errors, encoding="utf-8")
        if self.failing and any(self.failing in argument for argument in arguments):
            raise nox.command.CommandFailed("Returned code 1", return_code=1)
        return None

    def log(self, message: str) -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.said.append(message)

    def error(self, message: str) -> None:
        raise AbortedError(message)

    @property
    def pip_calls(self) -> list[tuple[str, ...]]:
        return [call for call in self.calls if "pip" in call]


def as_session(fake: FakeSession) -> nox.Session:
    return cast("nox.Session", fake)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose path has a space, with no venv in it."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    monkeypatch.setattr(noxfile, "ROOT", folder)
    monkeypatch.setattr(noxfile, "VENVS", folder / ".nox" / "w")
    monkeypatch.setattr(noxfile, "this_machine", lambda: LINUX)
    monkeypatch.delenv("AIPC_BENCH_TORCH_INDEX", raising=False)
    return folder


def made(fake: FakeSession, *groups: str) -> dict[str, noxfile.Outcome]:
    return noxfile.venvs(as_session(fake), groups)


# -- the Python that runs this ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_supported_pythons_are_not_refused(version: tuple[int, int]) -> None:
    assert noxfile.refusal(version) is None


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7)])
def test_other_pythons_are_refused_in_one_line(version: tuple[int, int]) -> None:
    message = noxfile.refusal(version)
    assert message is not None
    assert f"this is {version[0]}.{version[1]}" in message
    assert "\n" not in message


def test_the_script_header_asks_for_the_same_pythons() -> None:
    header = nox.project.load_toml(Path(noxfile.__file__))
    newest = noxfile.NEWEST[1]
    assert header["requires-python"] == f">=3.{noxfile.OLDEST[1]},<3.{newest + 1}"


def test_nox_without_a_session_measures() -> None:
    assert nox.options.sessions == ["bench"]


# -- the tables agree with the rest of the project --------------------------------------------------------------------


def test_every_backend_has_a_venv() -> None:
    groups = {group for spec in BACKENDS.values() for group in (spec.group, *spec.groups.values()) if group}
    assert groups <= {*noxfile.TESTED, *noxfile.ON_DEMAND}


@pytest.mark.parametrize("group", ["harness", "tests", *noxfile.TESTED, *noxfile.ON_DEMAND])
def test_every_venv_has_a_price(group: str) -> None:
    assert noxfile.COSTS[group].gigabytes > 0


@pytest.mark.parametrize("group", ["harness", "tests", *noxfile.STACKS, *noxfile.WITHOUT_DEPENDENCIES.values()])
def test_every_group_is_in_the_project_file(group: str) -> None:
    project = nox.project.load_toml(Path(noxfile.__file__).with_name("pyproject.toml"))
    assert nox.project.dependency_groups(project, group)


# -- making venvs -----------------------------------------------------------------------------------------------------


def test_a_venv_is_made_with_the_pins_of_its_group() -> None:
    fake = FakeSession()
    made(fake, "ort-genai")
    assert fake.pip_calls[0][-1] == "onnxruntime-genai==6"


def test_an_interpreter_is_handed_on() -> None:
    outcome = made(FakeSession(), "ort-genai")["ort-genai"]
    assert Path(outcome["python"]).exists()


def test_a_second_call_calls_no_installer() -> None:
    made(FakeSession(), "ort-genai", "transformers")
    second = FakeSession()
    made(second, "ort-genai", "transformers")
    assert second.calls == []


def test_a_second_call_announces_nothing() -> None:
    made(FakeSession(), "ort-genai")
    second = FakeSession()
    made(second, "ort-genai")
    assert second.said == []


def test_changed_pins_make_a_venv_anew(root: Path) -> None:
    made(FakeSession(), "ort-genai", "openvino-genai")
    (root / "pyproject.toml").write_text(PROJECT.replace("genai==6", "genai==66"), encoding="utf-8")
    second = FakeSession()
    made(second, "ort-genai", "openvino-genai")
    assert [call[-1] for call in second.pip_calls] == ["onnxruntime-genai==66"]


def test_another_python_makes_a_venv_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made(FakeSession(), "ort-genai")
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    assert not noxfile.is_ready("ort-genai")


def test_a_venv_that_lost_its_interpreter_is_made_anew() -> None:
    made(FakeSession(), "ort-genai")
    noxfile.interpreter("ort-genai").unlink()
    assert not noxfile.is_ready("ort-genai")


def test_a_venv_whose_installation_failed_is_never_taken_for_whole() -> None:
    made(FakeSession(failing="onnxruntime-genai"), "ort-genai")
    assert not noxfile.is_ready("ort-genai")


def test_the_model_goes_into_the_conversion_venv_without_its_dependencies() -> None:
    fake = FakeSession()
    made(fake, "conversion")
    assert fake.pip_calls[1][-2:] == ("--no-deps", "weights==4")


def test_a_changed_model_makes_the_conversion_venv_anew(root: Path) -> None:
    made(FakeSession(), "conversion")
    (root / "pyproject.toml").write_text(PROJECT.replace("weights==4", "weights==5"), encoding="utf-8")
    assert not noxfile.is_ready("conversion")


def test_the_environment_reaches_pip_unchanged() -> None:
    fake = FakeSession()
    made(fake, "conversion")
    assert all(not options.get("env") and "include_outer_env" not in options for options in fake.options)


def test_venvs_are_made_from_the_python_that_runs_nox() -> None:
    fake = FakeSession()
    made(fake, "ort-genai")
    arguments = fake.calls[0]
    assert arguments[arguments.index("--python") + 1] == sys.executable


def test_windows_keeps_the_interpreter_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert noxfile.interpreter("ort-genai").parts[-2:] == ("Scripts", "python.exe")


# -- what is said before ----------------------------------------------------------------------------------------------


def test_what_will_be_installed_is_said_first() -> None:
    fake = FakeSession()
    made(fake, "ort-genai", "openvino-genai")
    assert fake.said[0].startswith("to be installed: ort-genai, openvino-genai; 0.5 GB")


def test_progress_counts_what_is_missing_alone() -> None:
    made(FakeSession(), "ort-genai")
    fake = FakeSession()
    made(fake, "ort-genai", "openvino-genai", "transformers")
    assert [line[-6:] for line in fake.said if line.startswith("installing")] == ["1 of 2", "2 of 2"]


def test_a_full_disk_is_told_before_anything_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(Path.cwd())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000_000))
    fake = FakeSession()
    with pytest.raises(AbortedError, match=r"conversion needs 2\.5 GB and .* has 1\.0 GB free"):
        made(fake, "conversion")
    assert fake.calls == []


def test_a_disk_that_is_large_enough_is_no_shortage() -> None:
    assert noxfile.shortage(["conversion", "transformers"], 5_000_000_000) is None


# -- torch's CPU build ------------------------------------------------------------------------------------------------

INDEX = {"AIPC_BENCH_TORCH_INDEX": "https://torch.example/cpu"}


def test_the_torch_index_is_named_to_pip_for_a_group_with_torch() -> None:
    assert noxfile.torch_index(["torch==2"], LINUX, INDEX) == ["--extra-index-url", "https://torch.example/cpu"]


@pytest.mark.parametrize("pin", ["torchvision==1", "torch-geometric", "openvino==3"])
def test_the_torch_index_is_for_torch_alone(pin: str) -> None:
    assert noxfile.torch_index([pin], LINUX, INDEX) == []


def test_the_torch_index_is_for_windows_too_whose_own_torch_has_no_gpu() -> None:
    found = noxfile.torch_index(["torch==2"], noxfile.Here("win32", "AMD64", (3, 12)), INDEX)
    assert found == noxfile.torch_index(["torch==2"], LINUX, INDEX)


def test_another_torch_index_is_another_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    before = noxfile.recipe("transformers")
    monkeypatch.setenv("AIPC_BENCH_TORCH_INDEX", "https://example.org/xpu")
    assert noxfile.recipe("transformers") != before


def test_without_the_setting_pip_searches_where_it_always_does() -> None:
    assert noxfile.torch_index(["torch==2"], LINUX, {}) == []


def test_the_torch_index_reaches_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIPC_BENCH_TORCH_INDEX", "https://torch.example/cpu")
    fake = FakeSession()
    made(fake, "transformers")
    assert "https://torch.example/cpu" in fake.pip_calls[0]


# -- stacks that cannot be --------------------------------------------------------------------------------------------


def test_a_group_without_packages_for_this_machine_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(noxfile.NOT_HERE, "ort-genai", lambda here: f"no wheel for {here.platform}")
    assert made(FakeSession(), "ort-genai") == {"ort-genai": {"unsupported": "no wheel for linux"}}


def test_an_unsupported_group_calls_no_installer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(noxfile.NOT_HERE, "ort-genai", lambda _: "no wheel")
    fake = FakeSession()
    made(fake, "ort-genai")
    assert fake.calls == []


def test_a_python_can_be_what_a_package_does_not_exist_for(monkeypatch: pytest.MonkeyPatch) -> None:
    too_new = noxfile.Here("linux", "x86_64", (3, 13))
    monkeypatch.setitem(noxfile.NOT_HERE, "ort-genai", lambda here: "too new" if here.python > (3, 12) else None)
    assert [noxfile.unsupported("ort-genai", here) for here in (LINUX, too_new)] == [None, "too new"]


def test_openvino_is_not_published_for_windows_on_arm() -> None:
    assert "Windows on ARM" in (noxfile.unsupported("openvino-genai", WINDOWS_ON_ARM) or "")


ERRORS = """\
2026-01-02T03:04:05,678 Collecting onnxruntime-genai==6
2026-01-02T03:04:05,679   Skipping link
2026-01-02T03:04:06,000 ERROR: Could not find a version
2026-01-02T03:04:06,001 ERROR: No matching distribution found
"""


def test_a_failed_installation_is_told_in_the_installers_words() -> None:
    outcome = made(FakeSession(failing="onnxruntime-genai", errors=ERRORS), "ort-genai")
    assert outcome["ort-genai"] == {
        "failed": ["ERROR: Could not find a version", "ERROR: No matching distribution found"]
    }


def test_a_failed_installation_leaves_the_other_stacks_alone() -> None:
    outcome = made(FakeSession(failing="onnxruntime-genai", errors=ERRORS), "ort-genai", "openvino-genai")
    assert "python" in outcome["openvino-genai"]


def test_an_installer_that_was_killed_is_quoted_by_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "pip.log"
    log.write_text("".join(f"2026-01-02T03:04:05,678 line {n}\n" for n in range(9)), encoding="utf-8")
    assert noxfile.complaints(log, "unused") == [f"line {n}" for n in range(4, 9)]


def test_a_venv_that_could_not_be_made_at_all_has_a_reason_too() -> None:
    outcome = made(FakeSession(failing="virtualenv"), "ort-genai")
    assert outcome["ort-genai"]["failed"] == ["no virtual environment could be made: Returned code 1"]


def test_a_failed_harness_is_one_clear_line() -> None:
    fake = FakeSession(failing="pytest==1", errors=ERRORS)
    with pytest.raises(AbortedError, match=r"^nothing works without the harness venv.*: ERROR: No matching distrib.*$"):
        noxfile.harness(as_session(fake))


def test_a_harness_that_cannot_be_here_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noxfile, "this_machine", lambda: WINDOWS_ON_ARM)
    with pytest.raises(AbortedError, match="pyarrow is not published for Windows on ARM"):
        noxfile.harness(as_session(FakeSession()))


# -- running the harness ----------------------------------------------------------------------------------------------


def write_plan(root: Path, text: str) -> None:
    folder = root / "bench"
    folder.mkdir(exist_ok=True)
    (folder / "__main__.py").write_text(text, encoding="utf-8")


def test_the_harness_says_which_stacks_are_needed(root: Path) -> None:
    write_plan(
        root, "import json, sys; print('chatter'); print(json.dumps({'groups': sys.argv[3:], 'requirements': {}}))"
    )
    assert noxfile.needs(sys.executable, ["ort-genai", "conversion"]) == ["ort-genai", "conversion"]


def test_a_usage_error_passes_through_with_its_status(root: Path) -> None:
    write_plan(root, "import sys; sys.exit(4)")
    with pytest.raises(SystemExit) as caught:
        noxfile.needs(sys.executable, ["--nonsense"])
    assert caught.value.code == 4


@pytest.mark.parametrize("status", [1, 2, 4, 130])
def test_a_session_ends_with_exactly_the_status_of_its_command(status: int) -> None:
    with pytest.raises(SystemExit) as caught:
        noxfile.finish(as_session(FakeSession()), sys.executable, "-c", f"raise SystemExit({status})")
    assert caught.value.code == status


def test_a_command_that_succeeds_does_not_end_the_session() -> None:
    noxfile.finish(as_session(FakeSession()), sys.executable, "-c", "pass")


def test_the_venvs_reach_the_command(root: Path) -> None:
    outcome = {"ort-genai": {"failed": ["ERROR: \u00fc"]}}
    script = "import os, pathlib; pathlib.Path('seen').write_text(os.environ['AIPC_BENCH_VENVS'], encoding='utf-8')"
    noxfile.finish(as_session(FakeSession()), sys.executable, "-c", script, made=outcome)
    assert json.loads((root / "seen").read_text("utf-8")) == outcome


def test_the_command_runs_in_utf8_mode() -> None:
    script = "import sys; sys.exit(0 if sys.flags.utf8_mode else 1)"
    noxfile.finish(as_session(FakeSession()), sys.executable, "-c", script)


def test_settings_of_the_caller_reach_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    script = "import os, sys; sys.exit(0 if os.environ['HTTPS_PROXY'] == 'http://proxy.example:3128' else 1)"
    noxfile.finish(as_session(FakeSession()), sys.executable, "-c", script)


class Interrupted:
    """A child that is still at work when Ctrl-C comes, twice, and then ends as it sees fit."""

    def __init__(self) -> None:
        self.answers: Iterator[int | None] = iter([None, None, 130])

    def wait(self) -> int:
        answer = next(self.answers)
        if answer is None:
            raise KeyboardInterrupt
        return answer


def test_ctrl_c_waits_for_the_command_to_end() -> None:
    assert noxfile.wait(cast("Popen[bytes]", Interrupted())) == 130


def test_a_command_that_a_signal_ended_has_a_shells_status() -> None:
    assert noxfile.exit_status(-9) == 137


# -- sessions ---------------------------------------------------------------------------------------------------------


class Finished:
    """Stands for ``finish``: records what would have run."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.commands: list[tuple[str, ...]] = []
        self.made: dict[str, noxfile.Outcome] | None = None
        self.pip_calls_before: list[int] = []

    def __call__(
        self,
        session: FakeSession,
        python: str,
        *arguments: str,
        made: dict[str, noxfile.Outcome] | None = None,
    ) -> None:
        self.commands.append(arguments)
        self.made = made
        self.pip_calls_before.append(len(session.pip_calls))
        if self.status:
            raise SystemExit(self.status)


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> Finished:
    recorder = Finished()
    monkeypatch.setattr(noxfile, "finish", recorder)
    monkeypatch.setattr(noxfile, "needs", lambda _, arguments: ["conversion", "ort-genai"])
    return recorder


def test_bench_hands_its_arguments_to_pytest(finished: Finished) -> None:
    noxfile.bench(FakeSession("--device", "NPU"))
    assert finished.commands == [("-m", "pytest", "bench/", "--device", "NPU")]


def test_bench_makes_the_stacks_that_are_needed_and_no_other(finished: Finished) -> None:
    noxfile.bench(FakeSession())
    assert list(finished.made or {}) == ["conversion", "ort-genai"]


def test_bench_goes_on_without_a_stack_that_failed(finished: Finished) -> None:
    noxfile.bench(FakeSession(failing="onnxruntime-genai", errors=ERRORS))
    assert "failed" in (finished.made or {})["ort-genai"]


def test_help_installs_the_harness_alone(finished: Finished) -> None:
    fake = FakeSession("--help")
    noxfile.bench(fake)
    assert (finished.commands, len(fake.pip_calls)) == ([("-m", "bench", "--help")], 1)


def test_models_needs_the_conversion_alone(finished: Finished) -> None:
    noxfile.models(FakeSession("--model", "default"))
    assert (finished.commands, list(finished.made or {})) == (
        [("-m", "bench.prepare", "--model", "default")],
        ["conversion"],
    )


def test_report_hands_on_the_runs_that_it_is_given(finished: Finished) -> None:
    noxfile.report(FakeSession("results/x"))
    assert finished.commands == [("-m", "bench.report", "results/x")]


def test_overhead_is_measured_on_every_stack(finished: Finished) -> None:
    noxfile.overhead(FakeSession())
    assert tuple(finished.made or {}) == noxfile.STACKS


def test_tests_lint_before_they_install_a_stack(finished: Finished) -> None:
    noxfile.tests(FakeSession())
    assert [(command[1], pips) for command, pips in zip(finished.commands, finished.pip_calls_before, strict=True)] == [
        ("ruff", 1),
        ("ruff", 1),
        ("mypy", 1),
        ("pytest", 8),
    ]


def test_tests_take_pytests_arguments(finished: Finished) -> None:
    noxfile.tests(FakeSession("-k", "contract"))
    assert finished.commands[-1] == ("-m", "pytest", "-k", "contract")


def test_tests_need_every_stack(finished: Finished) -> None:
    with pytest.raises(AbortedError, match="ort-genai cannot be had: ERROR: No matching distribution found"):
        noxfile.tests(FakeSession(failing="onnxruntime-genai", errors=ERRORS))


def test_lint_runs_no_tests(finished: Finished) -> None:
    noxfile.lint(FakeSession())
    assert [command[1] for command in finished.commands] == ["ruff", "ruff", "mypy"]


def test_clean_only_says_what_there_is(finished: Finished) -> None:
    made(FakeSession(), "ort-genai")
    noxfile.clean(FakeSession())
    assert noxfile.is_ready("ort-genai")


def test_clean_names_each_venv_with_its_size(finished: Finished) -> None:
    made(FakeSession(), "ort-genai")
    (noxfile.VENVS / "ort-genai" / "library").write_bytes(b"x" * 20_000_000)
    fake = FakeSession()
    noxfile.clean(fake)
    assert fake.said[-1] == f"venv {noxfile.VENVS / 'ort-genai'} (0.02 GB)"


def test_clean_removes_the_venvs_if_asked(finished: Finished) -> None:
    made(FakeSession(), "ort-genai")
    noxfile.clean(FakeSession("--remove"))
    assert list(noxfile.VENVS.iterdir()) == []


def test_clean_looks_with_an_older_harness_rather_than_install_one(finished: Finished, root: Path) -> None:
    made(FakeSession(), "harness")
    (root / "pyproject.toml").write_text(PROJECT.replace("pytest==1", "pytest==2"), encoding="utf-8")
    fake = FakeSession()
    noxfile.clean(fake)
    assert fake.calls == []


def test_clean_removes_nothing_if_it_was_misunderstood(monkeypatch: pytest.MonkeyPatch) -> None:
    made(FakeSession(), "harness")
    monkeypatch.setattr(noxfile, "finish", Finished(status=4))
    with pytest.raises(SystemExit):
        noxfile.clean(FakeSession("--remove", "--nonsense"))
    assert noxfile.is_ready("harness")


# -- stacks that a sweep asks for -------------------------------------------------------------------------------------


WINDOWS = noxfile.Here("win32", "AMD64", (3, 12))


@pytest.mark.parametrize(
    ("group", "here", "words"),
    [
        ("ort-genai-dml", LINUX, "published for Windows only"),
        ("ort-genai-winml", LINUX, "published for Windows only"),
        ("npu", LINUX, "--worker npu=PYTHON"),
        ("npu", noxfile.Here("win32", "AMD64", (3, 13)), "no wheel for Python 3.13"),
    ],
)
def test_a_stack_that_is_not_published_for_a_machine_says_so_in_a_line(
    group: str, here: noxfile.Here, words: str
) -> None:
    said = noxfile.unsupported(group, here)
    assert said is not None
    assert words in said


@pytest.mark.parametrize("group", [*noxfile.TESTED, *noxfile.ON_DEMAND])
def test_every_stack_is_published_for_windows(group: str) -> None:
    assert noxfile.unsupported(group, WINDOWS) is None


def test_genai_goes_beside_the_openvino_build_without_its_dependencies() -> None:
    fake = FakeSession()
    made(fake, "ort-genai-openvino")
    assert [call[-2:] for call in fake.pip_calls][-1] == ("--no-deps", "onnxruntime-genai==6")


def test_what_lies_in_a_venv_is_kept_with_it() -> None:
    made(FakeSession(), "ort-genai")
    assert (noxfile.VENVS / "ort-genai" / "packages.json").read_text("utf-8") == LISTED


def test_a_build_is_told_what_to_leave_out() -> None:
    fake = FakeSession()
    made(fake, "llama-cpp")
    assert fake.options[-1]["env"] == noxfile.BUILD_ENVIRONMENT["llama-cpp"]


def test_the_tests_take_llama_cpp_where_it_is_compiled(finished: Finished) -> None:
    made(FakeSession(), "llama-cpp")
    noxfile.tests(FakeSession())
    assert "llama-cpp" in (finished.made or {})


def test_the_tests_say_how_to_have_llama_cpp_tested(finished: Finished) -> None:
    fake = FakeSession()
    noxfile.tests(fake)
    assert any("nox -s bench -- --backend llama-cpp" in line for line in fake.said)


# -- packages that bring backends -------------------------------------------------------------------------------------


def test_packages_with_backends_go_into_the_harness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(noxfile.PLUGINS, "toy==1.0; ./local ;")
    assert noxfile.pins("harness")[-2:] == ("toy==1.0", "./local")


def test_a_third_partys_worker_is_made_from_what_its_backend_asks_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noxfile, "THIRD_PARTIES", {})
    answer = {"groups": ["plugin-toy"], "requirements": {"plugin-toy": ["toy-stack==3"]}}
    write_plan(root, f"print({json.dumps(json.dumps(answer))})")
    groups = noxfile.needs(sys.executable, [])
    fake = FakeSession()
    made(fake, *groups)
    assert fake.pip_calls[-1][-1] == "toy-stack==3"


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
    assert noxfile.resolved("python", "transformers", WINDOWS, "windows") == "ok"


def test_a_group_that_does_not_resolve_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, 1)
    assert noxfile.resolved("python", "transformers", WINDOWS, "windows") == "FAILED no such version"


def test_what_is_not_published_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = resolving(monkeypatch, 0)
    said = noxfile.resolved("python", "npu", LINUX, "linux")
    assert (said.startswith("not published: "), commands) == (True, [])


@pytest.mark.parametrize(("group", "wheels"), [("transformers", True), ("llama-cpp", False)])
def test_wheels_alone_count_unless_a_stack_is_compiled(
    monkeypatch: pytest.MonkeyPatch, group: str, wheels: bool
) -> None:
    commands = resolving(monkeypatch, 0)
    noxfile.resolved("python", group, LINUX, "linux")
    assert ("--only-binary" in commands[0]) == wheels


def test_the_resolver_fails_if_a_group_does(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noxfile, "resolved", lambda *_: "FAILED no such version")
    with pytest.raises(AbortedError, match="these cannot be resolved: conversion, "):
        noxfile.resolve(FakeSession())

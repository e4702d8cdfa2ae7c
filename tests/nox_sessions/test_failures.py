"""What is told when a venv cannot be made, or its packages do not exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import noxfile
from bench.plan.environments import Facts, Here, all_groups, environment
from bench.prepare import install
from bench.prepare.install import too_deep
from bench.prepare.installers import InstallError, complaints
from tests.nox_sessions import fake as fake_module
from tests.nox_sessions.fake import (
    ERRORS,
    LINUX,
    LISTED,
    PROJECT,
    WINDOWS,
    WINDOWS_ON_ARM,
    AbortedError,
    FakeSession,
    Finished,
    as_session,
    made,
    write_project,
)


def is_missing(root: Path, group: str, marker: str, why: str) -> None:
    """Have the project say that a group's packages do not exist where ``marker`` is true."""
    write_project(root, f'{PROJECT}\n[tool.aipc-bench.venvs.{group}.missing]\n"{marker}" = "{why}"\n')


# -- stacks that cannot be --------------------------------------------------------------------------------------------


def test_a_group_without_packages_for_this_machine_is_unsupported(root: Path) -> None:
    is_missing(root, "ort-genai", "sys_platform == 'linux'", "no wheel for linux")
    assert made(FakeSession(), "ort-genai") == {"ort-genai": {"unsupported": "no wheel for linux"}}


def test_an_unsupported_group_calls_no_installer(root: Path) -> None:
    is_missing(root, "ort-genai", "sys_platform == 'linux'", "no wheel")
    fake = FakeSession()
    made(fake, "ort-genai")
    assert fake.calls == []


@pytest.mark.parametrize(
    ("here", "why"), [(Here("linux", "x86_64", (3, 9)), None), (LINUX, None), (Here("linux", "x86_64", (3, 13)), "new")]
)
def test_a_python_can_be_what_a_package_does_not_exist_for(here: Here, why: str | None) -> None:
    assert Facts(missing={"python_version > '3.12'": "new"}).unsupported(here) == why


@pytest.mark.parametrize("machine", ["ARM64", "arm64"])
def test_windows_may_write_its_architecture_either_way(machine: str) -> None:
    facts = Facts(missing={"platform_machine == 'ARM64'": "no wheel"})
    assert facts.unsupported(Here("win32", machine, (3, 12))) == "no wheel"


def test_the_first_reason_that_holds_is_told() -> None:
    facts = Facts(
        missing={"sys_platform == 'win32'": "one", "sys_platform != 'win32'": "two", "python_version > '3'": "3"}
    )
    assert facts.unsupported(LINUX) == "two"


def test_openvino_is_not_published_for_windows_on_arm() -> None:
    assert "Windows on ARM" in (environment("openvino-genai").facts.unsupported(WINDOWS_ON_ARM) or "")


def test_a_failed_installation_is_told_in_the_installers_words() -> None:
    outcome = made(FakeSession(failing="onnxruntime-genai", errors=ERRORS), "ort-genai")
    assert outcome["ort-genai"] == {
        "failed": ["ERROR: Could not find a version", "ERROR: No matching distribution found"]
    }


def test_a_failed_installation_leaves_the_other_stacks_alone() -> None:
    outcome = made(FakeSession(failing="onnxruntime-genai", errors=ERRORS), "ort-genai", "openvino-genai")
    assert "python" in outcome["openvino-genai"]


@pytest.mark.fault("venv-killed")
def test_an_installer_that_was_killed_is_quoted_by_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "pip.log"
    log.write_text("".join(f"line {n}\n" for n in range(9)), encoding="utf-8")
    assert complaints(log, "unused") == [f"line {n}" for n in range(4, 9)]


def test_of_packages_that_exclude_each_other_pips_advice_is_not_the_reason(tmp_path: Path) -> None:
    log, conflict = tmp_path / "pip.log", "ERROR: Cannot install a and b because these have conflicting dependencies."
    advice = "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/x"
    log.write_text("".join(f"{line}\n" for line in (conflict, advice)), encoding="utf-8")
    assert complaints(log, "unused") == [conflict]


def test_what_does_not_go_together_is_a_failed_installation() -> None:
    class Checking(FakeSession):
        def run(self, *arguments: str, **options: Any) -> str | None:
            if "check" in arguments:
                options["tell"]("a 1 requires b, which is not installed.")
                raise InstallError("Returned code 1")
            return super().run(*arguments, **options)

    outcome = made(Checking(), "ort-genai")
    assert outcome["ort-genai"]["failed"] == ["a 1 requires b, which is not installed."]
    assert not install.was_made("ort-genai")


@pytest.mark.fault("venv-killed")
def test_a_venv_that_lacks_what_pip_lists_is_a_failed_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_module, "put_package", lambda venv: None)
    outcome = made(FakeSession(), "ort-genai")
    assert outcome["ort-genai"]["failed"] == ["the installer ended well, and numpy 2.4.6 is gone"]


@pytest.mark.fault("disk-read-only")
def test_a_folder_for_venvs_that_cannot_be_written_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(AbortedError, match=r"\.nox cannot be written \(Permission denied\), .*start from a copy"):
        made(FakeSession(), "ort-genai")


def test_a_venv_that_could_not_be_made_at_all_has_a_reason_too() -> None:
    outcome = made(FakeSession(failing="virtualenv"), "ort-genai")
    assert outcome["ort-genai"]["failed"] == ["no virtual environment could be made: Returned code 1"]


def test_a_failed_harness_is_one_clear_line() -> None:
    fake = FakeSession(failing="pytest==1", errors=ERRORS)
    with pytest.raises(AbortedError, match=r"^nothing works without the harness venv.*: No matching distrib.*$"):
        noxfile.harness(as_session(fake))


def test_what_pip_hints_at_does_not_hide_what_failed() -> None:
    errors = "ERROR: Could not install\nHINT: enable long paths\n"
    fake = FakeSession(failing="pytest==1", errors=errors)
    with pytest.raises(AbortedError, match=r"cannot be made: Could not install; HINT: enable long paths$"):
        noxfile.harness(as_session(fake))


def test_a_harness_that_cannot_be_here_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "this_machine", lambda: WINDOWS_ON_ARM)
    with pytest.raises(AbortedError, match="pyarrow is not published for Windows on ARM"):
        noxfile.harness(as_session(FakeSession()))


# -- stacks that a sweep asks for -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "here", "words"),
    [
        ("ort-genai-dml", LINUX, "published for Windows only"),
        ("ort-genai-winml", LINUX, "published for Windows only"),
        ("npu", LINUX, "--worker npu=PYTHON"),
        ("npu", Here("win32", "AMD64", (3, 13)), "no wheel for Python 3.13"),
    ],
)
def test_a_stack_that_is_not_published_for_a_machine_says_so_in_a_line(group: str, here: Here, words: str) -> None:
    said = environment(group).facts.unsupported(here)
    assert said is not None
    assert words in said


@pytest.mark.parametrize("group", all_groups())
def test_every_stack_is_published_for_windows(group: str) -> None:
    assert environment(group).facts.unsupported(WINDOWS) is None


def test_genai_goes_beside_the_openvino_build_without_its_dependencies() -> None:
    fake = FakeSession()
    made(fake, "ort-genai-openvino")
    assert [call[-2:] for call in fake.pip_calls][-1] == ("--no-deps", "onnxruntime-genai==6")


def test_what_lies_in_a_venv_is_kept_with_it() -> None:
    made(FakeSession(), "ort-genai")
    assert (install.VENVS / "ort-genai" / "packages.json").read_text("utf-8") == LISTED


def test_a_build_is_told_what_to_leave_out() -> None:
    fake = FakeSession()
    made(fake, "llama-cpp-python")
    assert fake.options[-1]["env"]["CMAKE_ARGS"] == "-DLLAVA_BUILD=OFF"


@pytest.mark.slow
def test_the_tests_take_llama_cpp_where_it_is_compiled(finished: Finished) -> None:
    made(FakeSession(), "llama-cpp")
    noxfile.tests(FakeSession())
    assert "llama-cpp" in (finished.made or {})


def test_the_tests_say_how_to_have_llama_cpp_tested(finished: Finished) -> None:
    fake = FakeSession()
    noxfile.tests(fake)
    assert any("nox -s bench -- --backend llama-cpp" in line for line in fake.said)


DEEP = Path("C:/" + "x" * 60)


@pytest.mark.parametrize(
    ("root", "here", "long_paths", "told"),
    [
        (DEEP, WINDOWS, False, True),
        (DEEP, WINDOWS, True, False),
        (DEEP, LINUX, False, False),
        (Path("C:/x"), WINDOWS, False, False),
    ],
)
def test_a_checkout_too_deep_for_windows_is_told(root: Path, here: Here, long_paths: bool, told: bool) -> None:
    assert (too_deep(root, here, long_paths=long_paths) is not None) == told


def test_what_pip_hints_at_is_told_with_its_error(tmp_path: Path) -> None:
    log = tmp_path / "pip.log"
    log.write_text("ERROR: no such file\nHINT: long paths\n", "utf-8")
    assert complaints(log, "unused") == ["ERROR: no such file", "HINT: long paths"]


def test_where_pip_fails_itself_what_was_raised_is_told(tmp_path: Path) -> None:
    log = tmp_path / "pip.log"
    lines = (
        "ERROR: Exception:",
        "Traceback (most recent call last):",
        '  File "C:\\v\\pip\\cli.py", line 105, in _run_wrapper',
        "    status = run()",
        "OSError: [WinError 1] Invalid function",
    )
    log.write_text("".join(f"{line}\n" for line in ("Looking in links", *lines)), "utf-8")
    assert complaints(log, "unused") == ["ERROR: OSError: [WinError 1] Invalid function"]


def test_keys_in_addresses_are_left_out(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ERROR: git+https://ada:key@example.org/a.git?token=1 was not found\n", "utf-8")
    assert complaints(log, "unused") == ["ERROR: git+https://example.org/a.git was not found"]

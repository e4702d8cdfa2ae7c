"""How virtualenv, pip and uv are run, several at a time, and what ends them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from nox import virtualenv
from packaging.version import Version

import noxfile
from bench.cli import INTERRUPTED
from bench.commands import child
from bench.plan.environments import environment
from bench.prepare import install, locks
from bench.prepare.installers import InstallError, Programs, Uv, own_uv
from tests.nox_sessions.fake import FakeSession, as_session, installation, lock, made

UV = Uv("/bin/uv", Version("0.13.9"))
SLEEP = "import time; time.sleep(600)"
PRINT_AND_SLEEP = f"import os, time; print(os.getpid(), flush=True); {SLEEP}"

# -- programs ---------------------------------------------------------------------------------------------------------


def python(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code


@pytest.mark.process
def test_what_a_program_prints_is_told_line_by_line_and_returned() -> None:
    told: list[str] = []
    code = "import sys; print('one'); print('two', file=sys.stderr); print('three')"
    said = Programs().run(*python(code), env={"PYTHONUNBUFFERED": "1"}, tell=told.append)
    assert (told, said) == (["one", "two", "three"], "one\ntwo\nthree\n")


@pytest.mark.process
def test_what_goes_to_standard_error_can_be_left_out() -> None:
    code = "import sys; print('one'); print('two', file=sys.stderr)"
    assert Programs().run(*python(code), env={}, errors=False) == "one\n"


@pytest.mark.process
@pytest.mark.parametrize(
    ("code", "words"), [("raise SystemExit('no space')", "no space"), ("raise SystemExit(3)", "3")]
)
def test_a_program_that_fails_is_an_error_with_its_last_line(code: str, words: str) -> None:
    with pytest.raises(InstallError, match=words):
        Programs().run(*python(code), env={})


@pytest.mark.process
def test_a_program_gets_variables_and_lacks_those_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    code = "import os; print(os.environ.get('OURS'), os.environ['THEIRS'])"
    assert Programs().run(*python(code), env={"OURS": None, "THEIRS": "2"}) == "None 2\n"


@pytest.mark.process
@pytest.mark.fault("venv-killed")
def test_all_programs_are_ended_at_once_and_none_is_started_after_that() -> None:
    programs, pids = Programs(), [threading.Event(), threading.Event()]
    told: list[str] = []

    def tell(begun: threading.Event) -> Any:
        def keep(line: str) -> None:
            told.append(line)
            begun.set()

        return keep

    with ThreadPoolExecutor() as pool:
        running = [pool.submit(programs.run, *python(PRINT_AND_SLEEP), env={}, tell=tell(begun)) for begun in pids]
        assert all(begun.wait(300) for begun in pids)
        programs.end()
        for one in running:
            with pytest.raises(CancelledError):
                one.result(300)
    assert_gone(map(int, told))
    with pytest.raises(CancelledError):
        programs.run(*python("pass"), env={})


@pytest.mark.process
def test_a_program_prints_every_path_whatever_the_code_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    assert Programs().run(*python(r"print('\u011f\u0131\u015f\ud800')"), env={}) == "ğış?\n"


INSTALLING = f"""
import sys
sys.path.insert(0, sys.argv[1])
from bench.prepare.installers import Programs
Programs().run(sys.executable, "-c", {PRINT_AND_SLEEP!r}, env={{}}, tell=lambda line: print(line, flush=True))
"""


@pytest.mark.process
@pytest.mark.fault("venv-killed")
def test_an_installer_ends_with_a_session_that_is_killed() -> None:
    root = str(Path(__file__).parents[2])
    with subprocess.Popen((*python(INSTALLING), root), stdout=subprocess.PIPE, encoding="utf-8") as session:
        assert session.stdout is not None
        installer = int(session.stdout.readline())
        session.kill()
    assert_gone([installer])


def assert_gone(pids: Iterable[int]) -> None:
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    assert psutil.wait_procs(found, timeout=300)[1] == []


# -- several venvs at a time ------------------------------------------------------------------------------------------


class Meeting(FakeSession):
    """Its installers wait for each other."""

    def __init__(self, number: int, **options: Any) -> None:
        super().__init__(**options)
        self.barrier = threading.Barrier(number, timeout=300)

    def run(self, *arguments: str, **options: Any) -> str | None:
        if "virtualenv" in arguments:
            self.barrier.wait()
        return super().run(*arguments, **options)


def test_venvs_are_made_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "AT_ONCE", 2)
    outcome = made(Meeting(2), "ort-genai", "openvino-genai")
    assert ["python" in one for one in outcome.values()] == [True, True]


def test_one_that_fails_beside_another_is_told_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "AT_ONCE", 2)
    fake = Meeting(2, failing="onnxruntime-genai")
    outcome = made(fake, "ort-genai", "openvino-genai")
    assert {name: "python" in one for name, one in outcome.items()} == {"ort-genai": False, "openvino-genai": True}
    assert next(line for line in fake.said if "could not be installed" in line).startswith("ort-genai could not")


def test_a_venv_that_is_asked_for_twice_is_made_once() -> None:
    fake = FakeSession()
    with installation(fake) as making:
        making.begin([environment("ort-genai")])
        making.begin([environment("openvino-genai"), environment("ort-genai")])
        making.outcomes([environment("ort-genai"), environment("openvino-genai")])
        assert not making.at_work
    assert len([call for call in fake.calls if "virtualenv" in call]) == 2


@pytest.mark.fault("venv-killed")
def test_a_disk_that_fills_up_is_the_failure_of_that_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(FakeSession):
        def run(self, *arguments: str, **options: Any) -> str | None:
            if "onnxruntime-genai==6" in arguments:
                raise OSError(28, "No space left on device")
            return super().run(*arguments, **options)

    outcome = made(Full(), "ort-genai", "openvino-genai")
    assert "No space left on device" in outcome["ort-genai"]["failed"][0]
    assert "python" in outcome["openvino-genai"]


@pytest.mark.fault("venv-killed")
def test_what_is_unfinished_when_the_session_ends_is_no_venv() -> None:
    begun, ended = threading.Event(), threading.Event()

    class Slow(FakeSession):
        def run(self, *arguments: str, **options: Any) -> str | None:
            if "onnxruntime-genai==6" in arguments:
                begun.set()
                assert ended.wait(300)
                raise CancelledError
            return super().run(*arguments, **options)

    fake = Slow()
    with installation(fake) as making:
        making._programs.end = ended.set  # type: ignore[method-assign]
        making.begin([environment("ort-genai"), environment("openvino-genai")])
        assert begun.wait(300)
    assert not install.was_made("ort-genai")
    assert not any("could not be installed" in line for line in fake.said)
    assert not (install.VENVS / "openvino-genai").exists()


# -- uv ---------------------------------------------------------------------------------------------------------------


class WithUv(FakeSession):
    """Its torch is that of the public index."""

    def run(self, *arguments: str, **options: Any) -> str | None:
        if "--report" in arguments:
            report = {"install": [{"metadata": {"version": "2"}}]}
            Path(arguments[arguments.index("--report") + 1]).write_text(json.dumps(report), encoding="utf-8")
        return super().run(*arguments, **options)

    @property
    def by(self) -> list[str]:
        """What installed something, in order."""
        return [Path(call[0]).name for call in self.calls if "install" in call]


def filled(fake: FakeSession, group: str, uv: Uv | None = UV) -> Any:
    with installation(fake, uv) as making:
        making.begin([environment(group)])
        return making.outcome(group)


def test_uv_installs_what_a_lock_has_with_its_bytecode_as_pip_does(root: Path) -> None:
    lock("ort-genai", "numpy==2.4.6")
    fake = WithUv()
    assert "python" in filled(fake, "ort-genai")
    (call,) = (call for call in fake.calls if "install" in call)
    assert call[:5] == ("/bin/uv", "pip", "install", "--python", str(install.interpreter("ort-genai")))
    assert {"--no-deps", "--require-hashes", "--only-binary", "--compile-bytecode"} <= set(call)
    assert any(line.startswith("installed ort-genai by uv 0.13.9: ") for line in fake.said)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("group", ["harness", "conversion"])
def test_no_bytecode_is_made_beforehand_where_nothing_is_timed_and_it_is_kept_later(
    root: Path, monkeypatch: pytest.MonkeyPatch, group: str, kept: bool
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", not kept)
    lock(group)
    lock("default-model")
    for uv in (UV, None):
        fake = WithUv()
        install.interpreter(group).unlink(missing_ok=True)
        filled(fake, group, uv)
        first = next(call for call in fake.calls if "--require-hashes" in call)
        assert ("--compile-bytecode" in first, "--no-compile" in first) == (
            uv is not None and not kept,
            uv is None and kept,
        )


def test_what_has_no_lock_and_what_is_compiled_is_pips(root: Path) -> None:
    lock("llama-cpp-python")
    for group in ("ort-genai", "llama-cpp-python"):
        fake = WithUv()
        filled(fake, group)
        assert fake.by == ["python"] or fake.by == ["python.exe"]


def test_where_uv_fails_pip_installs(root: Path) -> None:
    lock("ort-genai", "numpy==2.4.6")
    fake = WithUv(failing="/bin/uv")
    assert "python" in filled(fake, "ort-genai")
    assert "uv does not install ort-genai, so pip does: Returned code 1" in fake.said
    assert any(line.startswith("installed ort-genai by pip: ") for line in fake.said)
    assert locks.lock_of(environment("ort-genai")).missing is None


PIP = {"PIP_CONFIG_FILE": os.devnull}


def test_uv_gets_what_pip_is_told_of_where_packages_are() -> None:
    pip = {
        **PIP,
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example  https://b.example",
        "PIP_FIND_LINKS": "/one\n/two",
        "PIP_CERT": "/ca.pem",
        "PIP_DEFAULT_TIMEOUT": "180",
        "PIP_TARGET": None,
    }
    settings = own_uv(UV, pip, {"UV_INDEX": "https://else.example", "UV_TARGET": "/x", "UV_CACHE_DIR": "/cache"})
    assert settings is not None
    assert {name: value for name, value in settings.items() if value is not None} == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://a.example https://b.example",
        "UV_FIND_LINKS": "/one,/two",
        "SSL_CERT_FILE": "/ca.pem",
        "UV_HTTP_TIMEOUT": "180",
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert {"UV_TARGET", "PYTHONPATH"} <= settings.keys()
    assert "UV_CACHE_DIR" not in settings


@pytest.mark.parametrize(
    ("uv", "pip"),
    [
        (None, PIP),
        (Uv("/bin/uv", Version("0.4.30")), PIP),
        (UV, {**PIP, "PIP_TRUSTED_HOST": "mirror.example"}),
        (UV, {**PIP, "PIP_CLIENT_CERT": "/me.pem"}),
        (UV, {**PIP, "PIP_NO_BINARY": ":all:"}),
        (UV, {**PIP, "PIP_FIND_LINKS": "/a,b"}),
        # uv takes none beside hashes that is not of one version.
        (UV, {**PIP, "PIP_CONSTRAINT": "/constraints.txt"}),
    ],
)
def test_pip_installs_where_uv_has_no_match_for_a_setting(uv: Uv | None, pip: dict[str, str | None]) -> None:
    assert own_uv(uv, pip, {}) is None


@pytest.mark.process
def test_that_there_is_no_uv_is_not_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("UV", "/nowhere/uv")
    virtualenv.find_uv.cache_clear()
    with caplog.at_level("DEBUG"):
        assert noxfile.find_uv() is None
        assert virtualenv.find_uv()[0] is False
    virtualenv.find_uv.cache_clear()
    assert caplog.records == []


# -- converting meanwhile ---------------------------------------------------------------------------------------------


def test_the_model_is_converted_while_a_stack_is_still_made(finished: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    converted = threading.Event()

    class Slow(FakeSession):
        def run(self, *arguments: str, **options: Any) -> str | None:
            if "onnxruntime-genai==6" in arguments:
                assert converted.wait(300)
            return super().run(*arguments, **options)

    def run_quietly(command: Any, variables: Any, show: Any) -> int:
        finished.ahead.append(command)
        assert "conversion" in variables["AIPC_BENCH_VENVS"]
        converted.set()
        return 0

    monkeypatch.setattr(child, "run_quietly", run_quietly)
    noxfile.bench(as_session(Slow("--precision", "int4")))
    assert [list(command[1:]) for command in finished.ahead] == [
        ["-m", "bench.commands", "ahead", "--precision", "int4"]
    ]
    assert list(finished.made) == ["conversion", "ort-genai"]


def test_nothing_is_converted_ahead_where_all_stacks_are_there(finished: Any) -> None:
    made(FakeSession(), "harness", "conversion", "ort-genai")
    noxfile.bench(as_session(FakeSession("--precision", "int4")))
    assert (finished.ahead, len(finished.commands)) == ([], 1)


def test_ctrl_c_while_the_model_is_converted_ends_the_session(finished: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.Installation, "at_work", True)
    monkeypatch.setattr(child, "run_quietly", lambda *_: INTERRUPTED)
    with pytest.raises(SystemExit) as ended:
        noxfile.bench(as_session(FakeSession("--precision", "int4")))
    assert (ended.value.code, finished.commands) == (130, [])


def test_a_conversion_that_fails_ahead_is_the_runs_affair(finished: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.Installation, "at_work", True)
    monkeypatch.setattr(child, "run_quietly", lambda *_: 1)
    noxfile.bench(as_session(FakeSession("--precision", "int4")))
    assert [command[1] for command in finished.commands] == ["pytest"]


def test_a_sweep_that_names_nothing_is_begun_before_the_harness_is_asked(finished: Any) -> None:
    fake = FakeSession()
    noxfile.bench(as_session(fake))
    assert fake.said[0].startswith("to be installed: harness, conversion, openvino-genai, ort-genai, transformers; ")

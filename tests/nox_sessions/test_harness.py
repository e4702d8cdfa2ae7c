"""How the harness is asked and run, and how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import cast

import psutil
import pytest

import noxfile
from bench.commands import child
from bench.plan.environments import environment
from bench.processes import child_environment
from tests.nox_sessions.fake import (
    FakeSession,
    as_session,
    write_plan,
)

pytestmark = pytest.mark.process

# -- running the harness ----------------------------------------------------------------------------------------------


def test_the_harness_says_which_stacks_are_needed(root: Path) -> None:
    write_plan(root, "import json, sys; print('chatter'); print(json.dumps(sys.argv[4:]))")
    needed = noxfile.needs(sys.executable, ["ort-genai", "conversion"])
    assert needed == [environment("ort-genai"), environment("conversion")]


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


@pytest.mark.parametrize("name", ["PYTHONHOME", "PYTHONINSPECT", "PYTEST_ADDOPTS", "PYTEST_PLUGINS"])
def test_the_callers_python_variables_do_not_reach_the_command(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "elsewhere")
    script = f"import os, sys; sys.exit({name!r} in os.environ)"
    noxfile.finish(as_session(FakeSession()), sys.executable, "-c", script)


def test_a_command_imports_our_modules_and_nothing_of_the_callers(
    monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "theirs"))
    script = "import sys; sys.exit(sys.path[0] != sys.argv[1] or any('theirs' in folder for folder in sys.path))"
    noxfile.finish(as_session(FakeSession()), sys.executable, "-c", script, str(root))


WAITING = """
import pathlib, sys, time
status, own, *others = sys.argv[1:]
pathlib.Path(own).touch()
until = time.monotonic() + 600
while not all(pathlib.Path(other).exists() for other in others) and time.monotonic() < until:
    time.sleep(0.01)
print(pathlib.Path(own).name)
sys.exit(int(status) if time.monotonic() < until else 99)
"""
"""Ends once others run at the same time."""


@pytest.mark.parametrize(
    ("statuses", "status"), [((0, 0, 0), 0), ((0, 3, 0), 3), ((0, 0, 3), 3), ((2, 0, 0), 2), ((2, 3, 4), 2)]
)
def test_commands_run_at_the_same_time_and_all_but_the_first_are_shown_afterwards(
    root: Path, capfd: pytest.CaptureFixture[str], statuses: tuple[int, ...], status: int
) -> None:
    files = [str(root / name) for name in ("one", "second", "third")]
    shown, *beside = (
        [sys.executable, "-c", WAITING, str(own), *files[at:], *files[:at]] for at, own in enumerate(statuses)
    )
    assert child.run(shown, {}, beside) == status
    assert capfd.readouterr().out.split() == ["one", "second", "third"]


def test_the_lines_of_a_command_are_shown_and_its_errors_are_not(capfd: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []
    script = "import os, sys; print(os.environ['X']); print('no', file=sys.stderr); print('\u00fc'); sys.exit(3)"
    assert child.run_quietly([sys.executable, "-c", script], {"X": "1"}, shown.append) == 3
    assert (shown, capfd.readouterr()) == (["1", "\u00fc"], ("", ""))


def test_ctrl_c_while_lines_are_shown_waits_for_the_command_to_end_and_is_told() -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    assert child.run_quietly([sys.executable, "-c", "print(1)"], {}, interrupt) == 130


SESSION = """
import sys
from bench.commands import child
child.run_quietly([sys.executable, "-c", sys.argv[1]], {}, lambda line: print(line, flush=True))
"""
CONVERSION = """
import os, time
from backends.process import end_with_harness
end_with_harness()
print(os.getpid(), flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="what is killed there is the launcher of the venv")
def test_a_command_whose_lines_are_shown_ends_with_a_session_that_is_killed() -> None:
    command = [sys.executable, "-c", SESSION, CONVERSION]
    with Popen(command, env=child_environment({}), stdout=PIPE, encoding="utf-8") as session:
        assert session.stdout is not None
        working = psutil.Process(int(session.stdout.readline()))
        session.kill()
        _, alive = psutil.wait_procs([working], timeout=300)
    assert alive == []


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
    assert child.wait(cast("Popen[bytes]", Interrupted())) == 130


def test_a_command_that_a_signal_ended_has_a_shells_status() -> None:
    assert child.exit_status(-9) == 137


@pytest.mark.parametrize(("code", "status"), [(0xC000013A, 130), (0xC0000005, 1), (4, 4), (0, 0)])
def test_a_status_of_windows_is_one_that_a_shell_can_tell(code: int, status: int) -> None:
    assert child.exit_status(code) == status

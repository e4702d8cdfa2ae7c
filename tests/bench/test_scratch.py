"""What a killed process leaves among temporary files goes at the next start; nothing else does."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.commands.clean import main as clean
from bench.processes import child_environment
from bench.scratch import Scratch, abandoned, remove_abandoned, scratch

links = pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for rights to make links")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


KILLED = """
import os, sys, tempfile
tempfile.tempdir = sys.argv[1]
from bench.scratch import Scratch
one = Scratch()
(one.path / "w1").mkdir()
(one.path / "w1" / "worker.log").write_text("x" * 1000)
print(one.path, flush=True)
if sys.argv[2] == "dies":
    os._exit(9)
sys.stdin.read()
"""


def owner(temporary: Path, fate: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", KILLED, str(temporary), fate]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=child_environment({}), stdin=pipe, stdout=pipe, text=True)


def left(temporary: Path) -> Path:
    process = owner(temporary, "dies")
    return Path(process.communicate()[0].strip())


def test_a_folder_is_gone_after_its_context(temporary: Path) -> None:
    with scratch() as folder:
        (folder / "a file").write_text("x", encoding="utf-8")
        assert folder.parent == temporary
    assert list(temporary.iterdir()) == []


@pytest.mark.fault("kill-left")
@pytest.mark.process
def test_what_a_killed_process_left_goes_at_the_next_start(temporary: Path) -> None:
    folder = left(temporary)
    assert (folder / "w1" / "worker.log").exists()
    with scratch():
        assert not folder.exists()


@pytest.mark.fault("kill-left")
@pytest.mark.process
def test_the_folder_of_a_living_process_stays(temporary: Path) -> None:
    with owner(temporary, "lives") as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        with scratch() as own:
            assert (abandoned(), folder.exists(), own.exists()) == ([], True, True)
            assert not remove_abandoned(folder)
        assert (folder / "w1" / "worker.log").exists()
        process.kill()
    assert abandoned() == [folder]


@pytest.mark.fault("kill-left")
@pytest.mark.process
def test_clean_shows_it_and_removes_it_when_it_is_asked(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIPC_BENCH_CACHE", str(temporary / "cache"))
    folder = left(temporary)
    for _ in range(2):
        assert clean([]) == 0
        assert f"  left by a run that was killed: 0 MB  {folder}" in capsys.readouterr().out
    assert clean(["--remove"]) == 0
    assert "removed 1 folders" in capsys.readouterr().out
    assert not folder.exists()


def test_a_folder_without_a_lock_may_be_one_that_is_being_made(temporary: Path) -> None:
    folder = temporary / "aipc-bench-scratch-new"
    folder.mkdir()
    assert abandoned() == []
    os.utime(folder, (0, 0))
    assert abandoned() == [folder]
    (folder / "something").write_text("", encoding="utf-8")
    os.utime(folder, (0, 0))
    assert abandoned() == []


@links
def test_links_of_strangers_are_not_followed(temporary: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("precious", ".lock"):
        (theirs / name).write_text("x", encoding="utf-8")
    (temporary / "aipc-bench-scratch-link").symlink_to(theirs)
    assert abandoned() == []
    # A lock that is a link would be written through.
    folder = temporary / "aipc-bench-scratch-other"
    folder.mkdir()
    (folder / ".lock").symlink_to(theirs / "precious")
    assert abandoned() == []
    Scratch().remove()
    assert (theirs / "precious").read_text("utf-8") == "x"


@links
@pytest.mark.process
def test_a_link_within_an_abandoned_folder_is_removed_and_not_what_it_points_to(
    temporary: Path, tmp_path: Path
) -> None:
    folder = left(temporary)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "precious").write_text("x", encoding="utf-8")
    (folder / "link").symlink_to(theirs)
    (folder / "w1" / "link").symlink_to(theirs)
    assert remove_abandoned(folder)
    assert (theirs / "precious").exists()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="root alone can give a folder away")
@pytest.mark.process
def test_the_folders_of_other_users_stay(temporary: Path) -> None:
    folder = left(temporary)
    if sys.platform != "win32":
        os.chown(folder, 4711, 4711)
    assert abandoned() == []


@pytest.mark.fault("kill-left")
@pytest.mark.process
def test_two_that_remove_the_same_are_no_fault(temporary: Path) -> None:
    folder = left(temporary)
    found = abandoned()
    assert remove_abandoned(folder)
    assert [remove_abandoned(one) for one in found] == [True]

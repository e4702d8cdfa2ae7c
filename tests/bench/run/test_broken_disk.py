"""The disk breaks at each change of a run in turn: what was committed stays, and the run is carried on with later."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from bench import PROJECT_ROOT
from bench.store.reader import open_run
from studies.faults.sweeps import by_cell, everything
from tests.support.played_runs import BrokenDisk, Ended, play, run

pytestmark = pytest.mark.slow

SWEEP = (
    *("--backend", "simulated", "--precision", "int4", "--prompt-tokens", "8,16", "--new-tokens", "3", "--seed", "1"),
    *("--blocks", "2", "--repeats", "1", "--warmups", "1", "--max-warmups", "1", "--no-quality"),
    *("--load-option", "simulated.ttft_ms=0.01", "--load-option", "simulated.itl_ms=0.01"),
)


def stored(home: Path) -> Path | None:
    """The folder of the one run that has begun."""
    found = list((home / "results").glob("*/run.json"))
    assert len(found) <= 1
    return found[0].parent if found else None


def check(ended: Ended, home: Path, whole: Path) -> None:
    """Each error is a line with a remedy; what is there is whole, and what was said to be measured is there."""
    for error in ended.errors:
        assert "\n" not in error
        assert "--results-dir" in error
    folder = stored(home)
    if folder is None:
        assert ended.errors
        assert not ended.measured
        return
    cells, expected = by_cell(open_run(folder)), by_cell(open_run(whole))
    assert cells == {name: expected[name] for name in cells}
    assert {f"{visit}/a1/{cell}" for visit, cell in ended.measured} <= {name.strip("'") for name in cells}


@pytest.mark.parametrize(
    ("number", "calls", "step"),
    [
        pytest.param(errno.ENOSPC, ("mkdir", "replace"), 1, marks=pytest.mark.fault("disk-full"), id="full"),
        pytest.param(
            errno.EROFS,
            ("mkdir", "replace", "unlink", "rmdir"),
            2,
            marks=pytest.mark.fault("disk-read-only"),
            id="read-only",
        ),
    ],
)
def test_a_disk_that_breaks_at_any_change_loses_no_committed_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, calls: tuple[str, ...], step: int
) -> None:
    play(monkeypatch)
    assert run(tmp_path, *SWEEP).errors == []
    whole, home = stored(tmp_path), tmp_path / "broken"
    assert whole is not None
    disk = BrokenDisk(monkeypatch, home, number, calls)
    for first in count(1, step):
        home.mkdir()
        disk.fail_from(first)
        ended = run(home, *SWEEP)
        disk.mended = True
        if disk.changes < first:
            assert first > 40
            return
        check(ended, home, whole)
        carry_on(home, whole)
        shutil.rmtree(home)


def carry_on(home: Path, whole: Path) -> None:
    """Come to the tables of the ``whole`` run, now that the disk is well."""
    folder = stored(home)
    if folder is None or open_run(folder).unfinished:
        again = SWEEP if folder is None else ("--resume",)
        assert run(home, *again).errors == []
        folder = stored(home)
    assert folder is not None
    assert everything(open_run(folder)) == everything(open_run(whole))


def fill_disks(home: Path) -> None:
    """Measure on file systems of one page, two pages, … until a run fits: in a mount namespace of its own."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        play(monkeypatch)
        small = home / "small"
        small.mkdir()
        assert run(home, *SWEEP).errors == []
        whole = stored(home)
        assert whole is not None
        for pages in count(1):
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={4 * pages}k", "tmpfs", small], check=False)
            if mounted.returncode:
                sys.exit(CANNOT_MOUNT)
            ended = run(small, *SWEEP)
            check(ended, small, whole)
            if not ended.errors:
                print(f"a run fits on {pages} pages")
                return
            subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
            carry_on(small, whole)
            subprocess.run(["umount", small], check=True)


CANNOT_MOUNT = 77


@pytest.mark.process
@pytest.mark.fault("disk-full")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="only Linux mounts a file system into a folder of its own")
def test_file_systems_of_any_size_that_become_full_lose_no_committed_cell(tmp_path: Path) -> None:
    program = f"from pathlib import Path; from {__name__} import fill_disks; fill_disks(Path({str(tmp_path)!r}))"
    ended = subprocess.run(
        ["unshare", "--map-root-user", "--mount", sys.executable, "-c", program],
        cwd=PROJECT_ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if ended.returncode == CANNOT_MOUNT or ended.stderr.startswith("unshare:"):
        pytest.skip(f"this process may not mount a file system: {ended.stderr}")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert int(ended.stdout.split()[-2]) > 15

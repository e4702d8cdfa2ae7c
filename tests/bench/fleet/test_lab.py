"""Real schedulers, workers and desks, with what goes wrong between them; only the stack is simulated."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from bench.commands.child import surroundings
from bench.commands.fleet import BENCH
from bench.fleet.certificates import make_certificates
from bench.prepare.cache import differences
from bench.store.reader import open_run
from studies.fleet.lab import COMMAND, MODELS, QUICK, Lab, wait_until
from tests.support.sweeps import INTERRUPT, INTERRUPTING

pytestmark = pytest.mark.process

UNDRAWN = (*COMMAND, "-p", "tests.support.undrawn", *INTERRUPTING)
"""The charts of their reports take as long as the rest of these runs."""


@contextmanager
def holding_at_visit(number: int, until: Path) -> Iterator[None]:
    """Runs of machines that join meanwhile go no further than to that visit, until there is a file."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("HOLD_AT", f"bench.run.between_visits:Progress.begin {number}")
        monkeypatch.setenv("HOLD_UNTIL", str(until))
        yield


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """One without certificates."""
    one = Lab(tmp_path, command=UNDRAWN)
    yield one
    one.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Lab]:
    """One with certificates."""
    make_certificates(tmp_path / "certs", ["scheduler", "left", "right", "desk"])
    one = Lab(tmp_path, tmp_path / "certs", command=UNDRAWN)
    yield one
    one.close()


def ended(lab: Lab, desk: subprocess.Popen[bytes], seconds: float = 600) -> int:
    try:
        return desk.wait(seconds)
    except subprocess.TimeoutExpired:
        pytest.fail("\n".join(lab.output(place) for place in ("desk", "left", "right", "scheduler")))


def test_a_fleet_measures_through_a_power_cut_and_another_scheduler_and_nothing_is_lost_or_twice(guarded: Lab) -> None:
    lab = guarded
    scheduler = lab.scheduler()
    lab.worker("left", "--labels", "lunar-lake")
    with holding_at_visit(2, lab.folder / "never"):
        right = lab.worker("right", "--labels", "lunar-lake")
    wait_until(lambda: lab.output("scheduler").count("joined") == 2, "the joining of two machines")
    desk = lab.desk("--on", "lunar-lake", *QUICK, "--blocks", "3", "--repeats", "1")
    wait_until(lambda: lab.has_rows("right"), "the first visit of right")
    lab.kill(right)
    wait_until(lambda: "right      is away" in lab.output("desk"), "the desk's notice")
    lab.worker("right")
    wait_until(lambda: "right      is back" in lab.output("desk"), "the desk's notice")
    lab.kill(scheduler)
    wait_until(lambda: "scheduler cannot be reached" in lab.output("desk"), "the desk's notice")
    lab.scheduler()
    ended(lab, desk)
    shown = lab.output("desk")
    assert "the scheduler is back" in shown
    assert "left       ok" in shown
    assert "right      ok" in shown
    assert lab.faults_of("left") + lab.faults_of("right") == []
    cut = lab.run_of("right")
    assert cut is not None
    assert len(open_run(cut).record["sittings"]) == 2
    named = (lab.folder / "desk" / "dataset" / "machines.toml").read_text("utf-8")
    assert 'name = "right"' in named
    assert 'labels = ["lunar-lake"]' in named


def test_what_lies_at_the_machine_is_picked_up_after_ctrl_c_at_the_desk(lab: Lab) -> None:
    lab.scheduler()
    again = lab.folder / "again"
    with holding_at_visit(2, again):
        left = lab.worker("left")
    desk = lab.desk("--on", "left", *QUICK, "--blocks", "2", "--repeats", "1")
    wait_until(lambda: lab.has_rows("left"), "the first visit of left")
    desk.send_signal(INTERRUPT)
    assert ended(lab, desk) == 130
    said = re.search(r"`nox -s fleet -- run (--again [^`]+)` picks up", lab.output("desk"))
    assert said is not None, lab.output("desk")
    # Its worker alone dies, and what measures goes on.
    left.kill()
    left.wait()
    lab.worker("left")
    desk = lab.desk(*said[1].split())
    again.touch()
    ended(lab, desk)
    assert "left       ok" in lab.output("desk")
    assert lab.faults_of("left") == []
    own = lab.run_of("left")
    assert own is not None
    assert "sittings" not in open_run(own).record


def test_a_machine_that_stays_away_is_given_up_and_named(lab: Lab) -> None:
    lab.scheduler()
    desk = lab.desk("--on", "left", "--wait", "2s", *QUICK)
    assert ended(lab, desk) == 1
    shown = lab.output("desk")
    assert "left       is away; it is waited for (machines that are there: none)" in shown
    assert "left       was away for 2 s, and is given up" in shown


def test_a_machine_of_another_version_is_refused(lab: Lab) -> None:
    program = (
        "import bench.fleet.connection as one, bench.commands.fleet as fleet, sys\n"
        "one.project_version = lambda: '0.0.9'\n"
        "sys.exit(fleet.main(sys.argv[1:]))"
    )
    lab.scheduler()
    told = run(lab, "-c", program, "worker", "--scheduler", lab.address, "--name", "left")
    assert told.returncode == 1
    assert "refused: the scheduler at" in told.stderr
    assert "and this machine 0.0.9" in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_a_machine_that_goes_while_it_says_what_it_would_do_is_waited_for_and_the_scheduler_is_not(lab: Lab) -> None:
    program = (
        "import bench.fleet.machine as one, bench.commands.fleet as fleet, sys, time\n"
        "one._plan = lambda *_: print('plans', flush=True) or time.sleep(600)\n"
        "sys.exit(fleet.main(sys.argv[1:]))"
    )
    lab.scheduler()
    output = lab.folder / "left.txt"
    with output.open("wb") as stream:
        left = subprocess.Popen(
            [sys.executable, "-c", program, "worker", "--scheduler", lab.address, "--name", "left"],
            cwd=lab.folder,
            env={**surroundings(), BENCH: json.dumps({"bench": COMMAND, "models": MODELS})},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(partial(lab.says, "scheduler", "joined"), "the joining of left")
        desk = lab.desk("--on", "left", *QUICK, "--blocks", "1", "--repeats", "1")
        wait_until(lambda: "plans" in output.read_text("utf-8", "replace"), "the desk's question")
    finally:
        lab.kill(left)
    wait_until(partial(lab.says, "desk", "left       does not answer the scheduler"), "the desk's notice")
    lab.worker("left")
    assert ended(lab, desk) == 0
    assert "left       ok" in lab.output("desk")
    assert "scheduler cannot be reached" not in lab.output("desk")


def test_a_machine_that_cannot_join_says_why_and_waits(lab: Lab) -> None:
    lab.scheduler()
    lab.worker("left")
    wait_until(lambda: "joined" in lab.output("left"), "the joining of left")
    for place, options, why in (
        ("right", ("--name", "left"), "another machine named left has joined: name this one by --name"),
        ("middle", ("--port", str(lab.port)), f"another program has port {lab.port} of this machine: name another"),
    ):
        lab.worker(place, *options)
        wait_until(partial(lab.says, place, "waiting"), f"a word of {place}")
        assert f"waiting    {why}" in lab.output(place)
    second = run(lab, "-m", "bench.commands", "fleet", "scheduler", "--port", str(lab.port), "--dashboard", "off")
    assert second.returncode == 1
    assert second.stderr.startswith(f"error: no scheduler can listen at {lab.address}: ")
    assert len(second.stderr.splitlines()) == 1


def test_who_has_no_certificate_or_another_ones_is_refused(guarded: Lab) -> None:
    lab = guarded
    lab.scheduler()
    plain = f"tcp://127.0.0.1:{lab.port}"
    make_certificates(lab.folder / "strangers", ["desk"])
    strange = str(lab.folder / "strangers" / "desk")
    for options, said in (
        ((plain,), f"no scheduler answers at {plain} (one with certificates is named by tls:// and --certs)"),
        ((lab.address,), f"{lab.address} needs --certs DIR"),
        ((lab.address, "--certs", strange), f"refused: {lab.address} and this machine do not know each other's"),
    ):
        told = run(lab, "-m", "bench.commands", "fleet", "run", "--on", "all", *QUICK, "--scheduler", *options)
        assert told.returncode in (1, 4), told
        assert told.stderr.startswith(f"error: {said}"), told.stderr
        assert len(told.stderr.splitlines()) == 1


CONVERTS = """\
import os
from bench.prepare.cache import ArtifactKey, ArtifactStore, Made, cache_root
def make(output):
    (output / "weights").mkdir()
    (output / "weights" / "w.bin").write_bytes(os.urandom(40_000_000))
    return Made({})
for name in ("gguf", "prompts"):
    one = ArtifactStore(cache_root()).get(ArtifactKey(name, "", "a model", "of weights", {"name": name}, {}), make)
    print(f"{name} int4: {one.path}" if name == "gguf" else "nothing is said of prompts")
"""


def test_what_one_machine_has_converted_is_copied_to_the_others(lab: Lab) -> None:
    lab.scheduler()
    for name in ("left", "right"):
        lab.worker(name, models=(sys.executable, "-c", CONVERTS))
    wait_until(lambda: lab.output("scheduler").count("joined") == 2, "the joining of two machines")
    desk = lab.desk("--on", "all", "--prepare-once", "left", *QUICK, "--blocks", "1", "--repeats", "1")
    assert ended(lab, desk) == 0, lab.output("desk")
    assert "left       has 2 artifacts ready" in lab.output("desk")
    assert "right      has copied 2 artifacts, 0.08 GB" in lab.output("desk")
    made, copied = (sorted((lab.folder / name / "cache" / "artifacts").glob("*")) for name in ("left", "right"))
    assert [one.name for one in made] == [one.name for one in copied]
    assert [differences(one) for one in copied] == [[], []]


@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is mounted")
def test_a_full_disk_on_one_machine_is_named_and_harms_no_other(lab: Lab) -> None:
    disk = lab.folder / "right"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192k", "none", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        lab.scheduler()
        lab.worker("left")
        lab.worker("right")
        desk = lab.desk("--on", "left,right", *QUICK, "--blocks", "1", "--repeats", "1")
        assert ended(lab, desk) == 1
        shown = lab.output("desk")
        assert "left       ok" in shown
        assert re.search(r"right .*No space left on device", shown), shown
        assert lab.faults_of("left") == []
    finally:
        lab.close()
        subprocess.run(["umount", "-l", str(disk)], check=True)


def run(lab: Lab, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=lab.folder,
        env={**surroundings(), BENCH: json.dumps({"bench": COMMAND, "models": MODELS})},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

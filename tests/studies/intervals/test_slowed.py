"""An interpreter whose stack is slower by a known share, and the hook that makes it so."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.errors import MachineError, UsageError
from studies.intervals.slowed import SLOWED, make_slowed
from studies.intervals.slowed_hook import install, slowed

pytestmark = pytest.mark.process

STACK = """
import time

class Decoder:
    def step(self):
        time.sleep(0.01)
        return 7
"""


def test_a_slowed_call_answers_what_the_call_answers() -> None:
    assert slowed(lambda number, *, more: number + more, 0.0)(1, more=2) == 3


def test_a_slowed_call_takes_its_share_longer() -> None:
    begun = time.perf_counter_ns()
    slowed(time.sleep, 2.0)(0.005)

    assert time.perf_counter_ns() - begun >= 15_000_000


def test_a_module_is_slowed_when_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "stack.py").write_text(STACK, encoding="utf-8")
    hook = Path(install.__code__.co_filename)
    program = (
        f"import sys, time; sys.path[:0] = [{str(tmp_path)!r}, {str(hook.parent)!r}]\n"
        "import slowed_hook\n"
        "slowed_hook.install('stack', 'Decoder', 'step', 1.0)\n"
        "slowed_hook.install('stack', 'Decoder', 'step', 1.0)\n"
        "import stack\n"
        "print(stack.Decoder.step.__name__, stack.Decoder.step.__closure__[0].cell_contents.__name__)\n"
        "print(stack.Decoder().step())\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)

    # Asked for twice it is slowed once: what it calls is the original.
    assert done.stdout.split() == ["slow", "step", "7"]


def test_the_environment_has_the_packages_of_the_one_it_is_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SLOWED, "simulated", ("psutil", "Process", "cpu_times"))
    python = make_slowed(sys.executable, tmp_path / "slowed one", "simulated", 0.5)
    program = "import psutil; print(psutil.Process.cpu_times.__name__)"
    done = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["slow"]


def test_a_stack_that_no_hook_reaches_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"openvino-genai cannot be slowed.*ort-genai can"):
        make_slowed(sys.executable, tmp_path, "openvino-genai", 0.1)


def test_an_interpreter_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no interpreter at"):
        make_slowed(str(tmp_path / "python"), tmp_path / "made", "ort-genai", 0.1)

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backends.spec import BackendSpec
from bench.measure.attempt import LoadPlan, RunFacts
from bench.measure.profiling import profile_load
from bench.measure.verdict import Placement
from bench.measure.worker import Timeouts
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.venvs import Venv
from bench.prepare.prompts import Prompt

pytestmark = pytest.mark.process

PROFILED = BackendSpec(
    "simulated", "backends.odd:Odd", None, "none", {"DML": ("int4",)}, ("int4",), profiled=("DML",), simulated=True
)
PROFILE = """
    def profile(self, artifact, device, options, prompt, new_tokens):
        if options.precision == "int8":
            raise UnsupportedError("no profile of int8")
        return {"Cpu": 0.25, "Dml": 0.75}
    def provider_for(self, device):
        return "Dml"
"""
PROMPT = Prompt((1, 2, 3), "3/0/0/0", "d", "chat")
HERE = LoadPlan(Venv(sys.executable))

Ask = Callable[..., Placement | None]


@pytest.fixture
def ask(other_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Asks a stand-in that profiles itself on DML."""
    with (other_root / "backends" / "odd.py").open("a", encoding="utf-8") as file:
        file.write(PROFILE)
    monkeypatch.setitem(BACKENDS, "simulated", PROFILED)
    facts = RunFacts("0" * 16, "model", None, None, 1, 0, 0, Timeouts(start_s=30, open_s=30, load_s=30), tmp_path)

    def one(device: str = "DML.0", precision: str = "int4", load_plan: LoadPlan = HERE) -> Placement | None:
        return profile_load(Load("simulated", device, precision), load_plan, facts, tmp_path / "profile", PROMPT)

    return one


def test_the_stacks_own_profile_is_asked_for(ask: Ask) -> None:
    assert ask() == Placement("Dml", {"Cpu": 0.25, "Dml": 0.75})


def test_the_share_is_that_of_the_requested_provider(ask: Ask) -> None:
    placement = ask()
    assert placement is not None
    assert placement.share == 0.75


def test_a_device_without_a_profile_is_not_asked(ask: Ask) -> None:
    assert ask(device="CPU") is None


@pytest.mark.parametrize(
    "load_plan",
    [replace(HERE, broken="no artifact"), replace(HERE, unsupported="no device"), LoadPlan(Venv(unsupported="none"))],
    ids=["broken", "unsupported", "no venv"],
)
def test_what_cannot_be_loaded_is_not_asked(ask: Ask, load_plan: LoadPlan) -> None:
    assert ask(load_plan=load_plan) is None


def test_a_profile_that_fails_is_a_reason_and_no_failure(ask: Ask) -> None:
    placement = ask(precision="int8")
    assert placement is not None
    assert (placement.shares, placement.problem) == ({}, "no profile of int8")

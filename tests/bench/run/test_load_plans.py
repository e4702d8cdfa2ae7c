from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from backends.table import BACKENDS
from bench.errors import WorkerFailed
from bench.measure.attempt import LoadPlan
from bench.plan.cells import Load
from bench.plan.variants import Variant
from bench.plan.venvs import Venv, Venvs
from bench.run.doctor.probe import Probe, Stack
from bench.run.doctor.readiness import Readiness
from bench.run.doctor.system import SystemFacts
from bench.run.load_plans import in_pairs, named_venvs

A, B, OTHER_B = (
    Load("openvino-genai", device, "int4", variant=variant)
    for device, variant in (("CPU", "a"), ("CPU", "b"), ("GPU", "b"))
)
LOADS = (A, B, OTHER_B)
PYTHON = Venv("py")


def plans(**changed: LoadPlan) -> dict[str, LoadPlan]:
    """Of A, B and OTHER_B: all of them can run, but for those that are named."""
    names = ("a", "b", "other_b")
    return {load.key: changed.get(name, LoadPlan(PYTHON)) for name, load in zip(names, LOADS, strict=True)}


def ready(*unanswered: str) -> Readiness:
    spec = replace(BACKENDS["simulated"], name="openvino-genai", simulated=False)
    devices = [{"name": name} for name in ("CPU", "GPU")]
    probes = [
        Probe(Stack(spec, ("CPU", "GPU"), PYTHON, (name,)), devices, "no such module" if name in unanswered else None)
        for name in ("a", "b")
    ]
    return Readiness(probes, SystemFacts(windows=False))


def broken(found: Mapping[str, LoadPlan]) -> dict[str, str | None]:
    return {f"{load.variant} {load.device}": str(found[load.key].refused) for load in LOADS if found[load.key].refused}


def test_two_variants_that_can_run_are_left_alone() -> None:
    assert in_pairs(LOADS, plans(), ready()) == plans()


@pytest.mark.parametrize(
    ("changed", "unanswered"),
    [
        ({"a": LoadPlan(Venv(failed=("no such version",)))}, ()),
        ({}, ("a",)),
    ],
)
def test_a_variant_is_not_measured_where_the_other_cannot_run(
    changed: dict[str, LoadPlan], unanswered: tuple[str, ...]
) -> None:
    found = broken(in_pairs(LOADS, plans(**changed), ready(*unanswered)))
    assert found == {"b CPU": "variant a cannot be measured, and b alone would compare nothing"}


def test_two_variants_that_cannot_run_keep_their_own_reasons() -> None:
    both = plans(a=LoadPlan(PYTHON, refused=WorkerFailed("one")), b=LoadPlan(PYTHON, refused=WorkerFailed("other")))
    assert broken(in_pairs(LOADS, both, ready())) == {"a CPU": "one", "b CPU": "other"}


def test_loads_without_variants_do_not_mind_each_other() -> None:
    loads = [Load("openvino-genai", "CPU", "int4", {"attention_backend": name}) for name in ("PA", "SDPA")]
    given = {loads[0].key: LoadPlan(PYTHON, refused=WorkerFailed("one")), loads[1].key: LoadPlan(PYTHON)}
    assert in_pairs(loads, given, ready()) == given


def test_the_venvs_of_variants_are_told_apart() -> None:
    variant = Variant("py", "interpreter", "openvino-genai", python="py")
    venvs = Venvs(json.dumps({"openvino-genai": {"python": "other"}}), {}, {"a": variant})
    found = {name: venv.python for name, venv in named_venvs([A, B], venvs).items()}
    assert found == {"openvino-genai (a)": "py", "openvino-genai (b)": "other"}


def test_a_variant_with_a_venv_per_device_names_both() -> None:
    loads = [Load("ort-genai", device, "int4", variant="a") for device in ("CPU", "DML")]
    handed = json.dumps({"ort-genai": {"python": "py"}, "ort-genai-dml": {"python": "dml"}})
    assert list(named_venvs(loads, Venvs(handed, {}))) == ["ort-genai (a, CPU)", "ort-genai (a, DML)"]


def test_a_venv_without_variants_is_named_by_its_backend() -> None:
    load = Load("simulated", "CPU", "int4")
    assert named_venvs([load], Venvs(None, {})) == {"simulated": Venv(str(Path(sys.executable)))}

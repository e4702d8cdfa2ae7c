"""The venvs of an A/B run: a group's, with some of its pins replaced."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import noxfile
from bench.plan.environments import Environment, environment, to_json
from bench.prepare import install
from bench.prepare.install import describe, recipe, shortage
from tests.nox_sessions.fake import (
    ERRORS,
    WINDOWS_ON_ARM,
    FakeSession,
    Finished,
    made,
    write_plan,
)

GENAI = Environment("ab-00000001", "openvino-genai", ("openvino-genai==4",))
COMPILED = Environment("ab-00000002", "llama-cpp-python", ("llama-cpp-python==9",))
BESIDE = Environment("ab-00000003", "ort-genai-openvino", ("onnxruntime==8",), ("onnxruntime-genai==5",))


def test_a_variant_is_installed_from_its_own_requirements() -> None:
    fake = FakeSession()
    made(fake, GENAI)
    assert fake.pip_calls[0][-1] == "openvino-genai==4"


def test_a_variant_has_a_venv_of_its_own() -> None:
    outcome = made(FakeSession(), "openvino-genai", GENAI)
    assert outcome["openvino-genai"] != outcome[GENAI.name]


def test_a_variant_is_made_once() -> None:
    made(FakeSession(), GENAI)
    second = FakeSession()
    made(second, GENAI)
    assert second.calls == []


def test_a_variants_build_is_told_what_its_groups_is() -> None:
    fake = FakeSession()
    made(fake, COMPILED)
    assert fake.options[-1]["env"]["CMAKE_ARGS"] == "-DLLAVA_BUILD=OFF"


def test_what_goes_beside_a_variant_goes_without_its_dependencies() -> None:
    fake = FakeSession()
    made(fake, BESIDE)
    assert [call[-2:] for call in fake.pip_calls][-1] == ("--no-deps", "onnxruntime-genai==5")


def test_what_goes_beside_a_variant_is_part_of_its_recipe() -> None:
    assert recipe(BESIDE) != recipe(replace(BESIDE, beside=("onnxruntime-genai==6",)))


def test_a_variant_is_unsupported_where_its_group_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "this_machine", lambda: WINDOWS_ON_ARM)
    why = "openvino-genai is not published for Windows on ARM"
    assert made(FakeSession(), GENAI) == {GENAI.name: {"unsupported": why}}


def test_a_variant_costs_what_its_group_costs_and_says_what_it_is() -> None:
    assert describe(GENAI) == "openvino-genai with openvino-genai==4; 0.3 GB, about 1 min"


def test_a_variant_that_cannot_be_installed_leaves_the_other_alone() -> None:
    outcome = made(FakeSession(failing="openvino-genai==4", errors=ERRORS), "openvino-genai", GENAI)
    assert ("python" in outcome["openvino-genai"], outcome[GENAI.name]["failed"][-1]) == (
        True,
        "ERROR: No matching distribution found",
    )


@pytest.mark.process
def test_the_harness_says_which_variants_a_command_line_asks_for(root: Path) -> None:
    write_plan(root, f"print({json.dumps(json.dumps(['openvino-genai', to_json(BESIDE)]))})")
    assert noxfile.needs(sys.executable, []) == [environment("openvino-genai"), BESIDE]


def test_ab_hands_its_arguments_to_pytest(finished: Finished) -> None:
    noxfile.ab(FakeSession("--a", "current", "--b=same"))
    assert finished.commands == [("-m", "pytest", "bench/", "--a", "current", "--b=same")]


def test_ab_makes_what_is_needed(finished: Finished) -> None:
    noxfile.ab(FakeSession("--a=current", "--b=same"))
    assert list(finished.made or {}) == ["conversion", "ort-genai"]


def test_ab_without_variants_is_refused_before_a_stack_is_installed(finished: Finished) -> None:
    fake = FakeSession("--backend", "ort-genai")
    with pytest.raises(SystemExit) as caught:
        noxfile.ab(fake)
    assert (caught.value.code, fake.said[-1].startswith("error: ab compares two variants"), finished.commands) == (
        4,
        True,
        [],
    )


def test_ab_has_a_help_of_its_own(finished: Finished) -> None:
    noxfile.ab(FakeSession("--help"))
    assert finished.commands == [("-m", "bench.commands", "needs", "--help", "ab")]


def test_a_variant_takes_as_much_of_the_disk_as_its_group() -> None:
    assert "needs 0.4 GB" in (shortage([GENAI], 1_000_000) or "")


def test_clean_removes_the_venvs_of_variants(finished: Finished) -> None:
    made(FakeSession(), GENAI)
    noxfile.clean(FakeSession("--remove"))
    assert not (install.VENVS / GENAI.name).exists()

"""The venvs of an A/B run: a group's, with some of its pins replaced."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import noxfile
from tests.nox_sessions.fake import (
    ERRORS,
    FakeSession,
    Finished,
    made,
    write_plan,
)

GENAI = "ab-00000001"
COMPILED = "ab-00000002"
BESIDE = "ab-00000003"


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the harness told of the variants that a command line asks for."""
    requirements = {GENAI: ("openvino-genai==4",), COMPILED: ("llama-cpp-python==9",), BESIDE: ("onnxruntime==8",)}
    monkeypatch.setattr(noxfile, "TOLD", requirements)
    monkeypatch.setattr(
        noxfile,
        "VARIANTS",
        {
            GENAI: noxfile.Variant("openvino-genai", ()),
            COMPILED: noxfile.Variant("llama-cpp", ()),
            BESIDE: noxfile.Variant("ort-genai-openvino", ("onnxruntime-genai==5",)),
        },
    )


def test_a_variant_is_installed_from_its_own_requirements() -> None:
    fake = FakeSession()
    made(fake, GENAI)
    assert fake.pip_calls[0][-1] == "openvino-genai==4"


def test_a_variant_has_a_venv_of_its_own() -> None:
    outcome = made(FakeSession(), "openvino-genai", GENAI)
    assert outcome["openvino-genai"] != outcome[GENAI]


def test_a_variant_is_made_once() -> None:
    made(FakeSession(), GENAI)
    second = FakeSession()
    made(second, GENAI)
    assert second.calls == []


def test_a_variants_build_is_told_what_its_groups_is() -> None:
    fake = FakeSession()
    made(fake, COMPILED)
    assert fake.options[-1]["env"] == noxfile.BUILD_ENVIRONMENT["llama-cpp"]


def test_what_goes_beside_a_variant_goes_without_its_dependencies() -> None:
    fake = FakeSession()
    made(fake, BESIDE)
    assert [call[-2:] for call in fake.pip_calls][-1] == ("--no-deps", "onnxruntime-genai==5")


def test_what_goes_beside_a_variant_is_part_of_its_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    before = noxfile.recipe(BESIDE)
    monkeypatch.setitem(noxfile.VARIANTS, BESIDE, noxfile.Variant("ort-genai-openvino", ("onnxruntime-genai==6",)))
    assert noxfile.recipe(BESIDE) != before


def test_a_variant_is_unsupported_where_its_group_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(noxfile.NOT_HERE, "openvino-genai", lambda _: "no wheel")
    assert made(FakeSession(), GENAI) == {GENAI: {"unsupported": "no wheel"}}


def test_a_variant_costs_what_its_group_costs_and_says_what_it_is() -> None:
    assert noxfile.describe(GENAI) == "openvino-genai with openvino-genai==4; 0.3 GB, about 1 min"


def test_a_variant_that_cannot_be_installed_leaves_the_other_alone() -> None:
    outcome = made(FakeSession(failing="openvino-genai==4", errors=ERRORS), "openvino-genai", GENAI)
    assert ("python" in outcome["openvino-genai"], outcome[GENAI]["failed"][-1]) == (
        True,
        "ERROR: No matching distribution found",
    )


def test_the_harness_says_which_variants_a_command_line_asks_for(root: Path) -> None:
    answer = {
        "groups": ["openvino-genai", "ab-1"],
        "requirements": {"ab-1": ["openvino-genai==3"]},
        "variants": {"ab-1": {"group": "openvino-genai", "beside": []}},
    }
    write_plan(root, f"print({json.dumps(json.dumps(answer))})")
    groups = noxfile.needs(sys.executable, [])
    fake = FakeSession()
    made(fake, *groups)
    assert [call[-1] for call in fake.pip_calls] == ["openvino-genai==5", "openvino-genai==3"]


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
    assert finished.commands == [("-m", "bench.commands.needs", "--help", "ab")]


def test_a_variant_takes_as_much_of_the_disk_as_its_group() -> None:
    assert "needs 0.4 GB" in (noxfile.shortage([GENAI], 1_000_000) or "")


def test_clean_removes_the_venvs_of_variants(finished: Finished) -> None:
    made(FakeSession(), GENAI)
    noxfile.clean(FakeSession("--remove"))
    assert not (noxfile.VENVS / GENAI).exists()

"""What runs record is told in the language of the page; names and versions are left as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.analyse.conditions import NAMED, Mismatch, surroundings
from bench.report.compare.recorded import condition, pair, value_or_blank
from bench.report.language import speaking
from tests.support.analyses import made_run

NAMES = {"AIPC Bench", "CPU", "Python", "numpy", "model"}
"""What is called the same in Turkish."""
RECORD: dict[str, Any] = {
    "project": {"git_commit": "abc"},
    "schema_version": 1,
    "machine": {
        "kernel": "6.17",
        "gpus": [{"name": "Arc", "driver": "xe"}],
        "cpu": {"name": "Ultra 7", "logical_cores": 22},
        "usable": {"logical_cores": 22, "cpus": "0-21"},
        "settings": dict.fromkeys(
            ("huge_pages", "smt", "turbo", "energy_preference", "numa_nodes", "kernel_options"), "x"
        ),
        **dict.fromkeys(("os", "power_source", "power_mode", "governor"), "x"),
    },
    "plan": dict.fromkeys(("repeats", "warmups", "max_warmups"), 3),
    "options": {"cooldown_s": 0},
    "venvs": {"ort-genai": {"python": "3.12", "packages": {"numpy": "2"}}},
}


@pytest.mark.parametrize(
    "what",
    sorted({fact.what for fact in surroundings(replace(made_run("run", ()), record=RECORD))} | NAMED | {"prompts"}),
)
def test_all_that_can_differ_has_a_turkish_name(what: str) -> None:
    with speaking("tr"):
        assert (condition(what) != what) is (what not in NAMES)


@pytest.mark.parametrize(
    ("what", "recorded", "english", "turkish"),
    [
        ("threads", None, "left to each stack", "yığına bırakıldı"),  # noqa: RUF001
        ("threads", 4, "4", "4"),
        ("usable CPUs", "all", "all", "tümü"),
        ("CPU quota", "none", "none", "yok"),
        ("power mode", None, "not recorded", "kaydedilmemiş"),
        ("power source", "battery", "battery", "pil"),
        ("warmup_new_tokens", "all", "all", "tümü"),
        ("warmup_new_tokens", 4, "4", "4"),
        ("machine", (None, "m1"), "unknown processor (m1)", "bilinmeyen işlemci (m1)"),
        ("machine", None, "unknown processor", "bilinmeyen işlemci"),
        ("machine", ("Intel(R) Core", "m1"), "Intel(R) Core (m1)", "Intel(R) Core (m1)"),
    ],
)
def test_a_state_is_told_in_words_and_a_name_as_it_is(what: str, recorded: Any, english: str, turkish: str) -> None:
    mismatch = Mismatch(what, recorded, "else", fatal=False)
    assert pair(mismatch) == (english, "else")
    with speaking("tr"):
        assert pair(mismatch) == (turkish, "else")


def test_prompts_are_counted_in_the_language() -> None:
    mismatch = Mismatch("prompts", 12, 3, fatal=True)
    assert pair(mismatch) == ("12 prompts", "3 of them with other ids")
    with speaking("tr"):
        assert pair(mismatch) == ("12 istem", "bunlardan 3 tanesinin kimlikleri farklı")  # noqa: RUF001


def test_what_a_run_does_not_record_is_blank_for_a_package_and_said_of_a_condition() -> None:
    with speaking("tr"):
        assert condition("driver of Arc") == "sürücü, Arc"
        assert [value_or_blank("numpy (ort-genai)", value) for value in ("none", "2", None)] == ["yok", "2", None]
        assert value_or_blank("power mode", None) == "kaydedilmemiş"

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.plan.flags import FLAGS, Flag, parser, raw_values
from bench.plan.options import resolve_options

VALUES = [flag for flag in FLAGS if re.fullmatch(r"[\w,-]+", flag.default) and flag.default != "off"]
"""Those whose default is a value that can be typed; the others say theirs in words."""


@pytest.mark.parametrize("flag", VALUES, ids=lambda flag: flag.name)
def test_the_default_in_the_help_is_what_happens_without_the_flag(flag: Flag) -> None:
    help_text = " ".join(parser().format_help().split()).replace("- ", "-")
    assert f"(default: {flag.default})" in help_text
    base = ["--seed", "1", *(["--interval-target", "5%"] if flag.name == "max_blocks" else [])]
    typed, left_out = (
        resolve_options(raw_values(one), Path.cwd()) for one in ([*base, flag.option, flag.default], base)
    )
    assert typed == left_out


def test_pytests_own_options_are_passed_over() -> None:
    given = raw_values(["-k", "p8", "--blocks", "2", "--benchmark-json=x.json", "-x", "bench/"])
    assert {name: value for name, value in given.items() if value is not None} == {"blocks": "2"}


def test_a_flag_is_not_taken_by_its_beginning() -> None:
    assert raw_values(["--block", "2"])["blocks"] is None


def test_what_was_not_given_is_none() -> None:
    assert set(raw_values([]).values()) == {None}

from __future__ import annotations

import pytest

from bench.plan.flags import FLAGS, Flag, parser, raw_values


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_help_explains_each_flag(flag: Flag) -> None:
    assert flag.option in parser().format_help()


@pytest.mark.parametrize("flag", [flag for flag in FLAGS if flag.default], ids=lambda flag: flag.name)
def test_help_says_each_default(flag: Flag) -> None:
    assert f"(default: {flag.default})" in " ".join(parser().format_help().split()).replace("- ", "-")


def test_pytests_own_options_are_passed_over() -> None:
    given = raw_values(["-k", "p8", "--blocks", "2", "--benchmark-json=x.json", "-x", "bench/"])
    assert {name: value for name, value in given.items() if value is not None} == {"blocks": "2"}


def test_a_flag_is_not_taken_by_its_beginning() -> None:
    assert raw_values(["--block", "2"])["blocks"] is None


def test_what_was_not_given_is_none() -> None:
    assert set(raw_values([]).values()) == {None}

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bench.errors import UsageError
from bench.plan import values
from bench.plan.options import resolve_options

on_linux = pytest.mark.skipif(sys.platform == "win32", reason="names of Windows are of 16-bit units")


@pytest.mark.parametrize("value", ["8,16,8", ["8", "16", "8"], ["8,16", "8"], [8, 16, 8]])
def test_comma_lists_and_repeats_mean_the_same(value: Any) -> None:
    assert values.counts(value, "--n") == (8, 16)


@pytest.mark.parametrize("value", ["a,b,a", ["a", "b", "a"], ["a, b", "a"]])
def test_lists_of_names_drop_duplicates_and_white_space(value: Any) -> None:
    assert values.words(value, "--n") == ("a", "b")


@pytest.mark.parametrize("value", ["", "a,,b", [], ["a", 1], 3, ","])
def test_a_list_without_a_name_in_each_place_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match=r"--n: expected .*names"):
        values.words(value, "--n")


@pytest.mark.parametrize("value", ["0", "-3", 0, -1])
def test_counts_below_one_are_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="--n: expected at least 1"):
        values.count(value, "--n")


@pytest.mark.parametrize("value", ["x", "1.5", "1e3", "", True, 1.0, None, "0x10", "9" * 5000])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="--n: expected a whole number"):
        values.count(value, "--n")


def test_an_empty_list_of_counts_is_refused() -> None:
    with pytest.raises(UsageError, match="expected one or more whole numbers"):
        values.counts([], "--n")


def test_a_count_beyond_what_the_store_holds_is_refused() -> None:
    with pytest.raises(UsageError, match="expected at most 2147483647"):
        values.count("3000000000", "--n")


@given(st.integers(min_value=1, max_value=values.MOST))
def test_every_count_that_the_store_holds_is_read_from_text(number: int) -> None:
    assert values.count(str(number), "--n") == number


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "soon", True, "", [1], 10**400])
def test_what_is_no_duration_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="expected a number of seconds"):
        values.seconds(value, "--s", zero=True)


def test_zero_seconds_are_refused_where_they_mean_nothing() -> None:
    with pytest.raises(UsageError, match="above 0"):
        values.seconds("0", "--s")


def test_zero_seconds_are_taken_where_they_mean_none() -> None:
    assert values.seconds("0", "--s", zero=True) == 0.0


def test_one_of_says_what_there_is() -> None:
    with pytest.raises(UsageError, match="no such choice 'c'; there are a, b"):
        values.one_of("c", "--n", ("a", "b"))


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert values.path("runs", "--d") == tmp_path / "runs"


@pytest.mark.parametrize("value", ["", 3])
def test_what_is_no_path_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="--d: expected a path"):
        values.path(value, "--d")


def test_a_home_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(self: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    with pytest.raises(UsageError, match="--d: no home folder for ~nobody"):
        values.path("~nobody/x", "--d")


@pytest.mark.parametrize("value", ["", "  ", 5])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="expected a text"):
        values.text(value, "--m")


@pytest.mark.parametrize(
    ("default", "text", "expected"),
    [
        (1, "5", 5),
        (1.0, "5", 5),
        (1.0, "0.5", 0.5),
        ("", "5", "5"),
        (None, "5", 5),
        (None, "0.5", 0.5),
        (None, "u8", "u8"),
        (False, "TRUE", True),
        (True, "false", False),
    ],
)
def test_an_option_takes_the_type_of_its_default(default: Any, text: str, expected: Any) -> None:
    assert values.like(default, text, "o") == expected


@pytest.mark.parametrize(
    ("default", "text"),
    [(1, "x"), (1, "1.5"), (1.0, "nan"), (1.0, "x"), (None, "inf"), (None, "nan"), (False, "yes"), (1, "")],
)
def test_an_option_of_another_type_is_refused(default: Any, text: str) -> None:
    with pytest.raises(UsageError, match=r"^o: "):
        values.like(default, text, "o")


@pytest.mark.parametrize("value", ["5%", "5 %", "0.05", 0.05])
def test_a_share_is_a_percentage_or_a_fraction(value: Any) -> None:
    assert values.share(value, "--n") == pytest.approx(0.05)


@pytest.mark.parametrize("value", ["5", "0", "0%", "-5%", "100%", "nan%", "%", "wide", True, None])
def test_what_is_no_share_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(UsageError, match=r"--n: expected a share such as 5% or 0\.05"):
        values.share(value, "--n")


@pytest.mark.parametrize(
    ("value", "seconds"), [("90m", 5400), ("2h", 7200), ("1800s", 1800), ("45", 45), (1.5, 1.5), ("1.5h", 5400)]
)
def test_a_duration_has_a_unit_or_is_seconds(value: Any, seconds: float) -> None:
    assert values.duration(value, "--n") == seconds


@pytest.mark.parametrize("value", ["", "h", "0m", "-1h", "soon", "1d", "inf", "nan", True, None])
def test_what_is_no_duration_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(UsageError, match="--n: expected a time such as 90m, 2h or 1800s"):
        values.duration(value, "--n")


@pytest.mark.parametrize(
    "value", ["a\0b", "~\0", pytest.param("\ud800", marks=on_linux), pytest.param("~\ud800", marks=on_linux)]
)
def test_what_no_file_can_be_called_is_no_path(value: str) -> None:
    with pytest.raises(UsageError, match=r"^--model: '.*' is no path"):
        values.path(value, "--model")


@pytest.mark.parametrize(
    ("flag", "text", "refusal"),
    [
        ("worker", "simulated=/{}", "no interpreter at"),
        ("a", "/{}.whl", "no package at"),
        ("a", "x @ file:///{}", "no package at"),
    ],
)
def test_what_is_too_long_for_a_name_is_refused_in_one_line(flag: str, text: str, refusal: str) -> None:
    with pytest.raises(UsageError, match=refusal):
        resolve_options({flag: text.format("x" * 5000), "b": None if flag == "worker" else "current"}, Path())

from __future__ import annotations

import shlex

import pytest

from bench.cli import command_line, quoted

PARTS = ["nox", "-s", "bench", "--", "--model", "/home/my models/phi", "-k", "int4 and not b2"]


def test_a_line_for_linux_comes_apart_as_it_was() -> None:
    assert shlex.split(command_line(PARTS, windows=False)) == PARTS


def test_the_home_folder_is_left_to_the_shell() -> None:
    assert quoted("~/my models", windows=False) == "~/'my models'"


@pytest.mark.parametrize(
    ("part", "typed"),
    [
        ("--model", "--model"),
        ("int4,int8", "int4,int8"),
        ("openvino-genai==2026.4.1.0", "openvino-genai==2026.4.1.0"),
        ("5%", "5%"),
        ("--interval-target=0.05", '"--interval-target=0.05"'),
        (r"C:\models\phi-3", r"C:\models\phi-3"),
        (r"~\models", r"~\models"),
        (r"C:\my models\phi-3", r'"C:\my models\phi-3"'),
        ("C:\\my models\\", r'"C:\my models\\"'),
        ("a==1 b==2", '"a==1 b==2"'),
        ("x; python_version<'3'", "\"x; python_version<'3'\""),
        ('say "a"', r'"say \"a\""'),
        (r"a \" b", r'"a \\\" b"'),
        ("@splat", '"@splat"'),
        ("C:\\$Recycle it's", "'C:\\$Recycle it''s'"),
        ("", '""'),
    ],
)
def test_an_argument_for_windows_is_quoted_as_its_shells_read_it(part: str, typed: str) -> None:
    assert quoted(part, windows=True) == typed

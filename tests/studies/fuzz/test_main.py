"""The fuzzer is in no environment of the tests: what can be tested is how it is asked for."""

from __future__ import annotations

import pytest

from studies.fuzz.__main__ import main


def test_without_the_fuzzer_one_line_says_how_to_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--minutes", "1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "set AIPC_BENCH_EXTRAS=fuzz" in line


def test_a_reader_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--reader", "pickles"]) == 4
    assert "invalid choice: 'pickles'" in capsys.readouterr().err

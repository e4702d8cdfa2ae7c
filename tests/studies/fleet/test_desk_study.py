"""A desk asks machines that are played, and collects from each."""

from __future__ import annotations

import re

import pytest

from studies.fleet.__main__ import main

pytestmark = pytest.mark.process


def test_three_machines_are_asked_and_collected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["desk", "--machines", "3"]) == 0
    assert re.search(r"^3 machines: .* 3 machines in the dataset$", capsys.readouterr().out, re.MULTILINE)

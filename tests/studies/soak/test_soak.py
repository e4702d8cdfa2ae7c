"""What a soak says of its run; the watching itself is tested beside the study of large runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.scale.watched import Held, Sample, Sitting
from studies.soak import __main__ as soak
from studies.soak.__main__ import main
from tests.support.stored_runs import FakeRun


def sample(place: int) -> Sample:
    worker = Held(100 + place // 60, 10**8 + 10**6 * place, files=11, threads=6)
    return Sample(2.0 * place, place // 5, 2, harness=Held(1, 166_800_000, files=9, threads=4), worker=worker)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options of the run that was watched for three minutes."""
    options: list[str] = []

    def sit(home: Path, arguments: list[str], every_s: float) -> Sitting:
        options.extend(arguments)
        FakeRun(prompt_tokens=(32,), blocks=2, repeats=1).write(home / "results")
        return Sitting(0, tuple(map(sample, range(90))), seconds=180.0, peak_bytes=2 * 10**8)

    monkeypatch.setattr(soak, "sit", sit)
    return options


def test_a_soak_says_what_grew_and_what_its_run_found(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--backend", "simulated", "--minutes", "3", "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "harness: memory 166.8 to 166.8 MB, open files 9 to 9, threads 4 to 4" in said
    assert "the worker that lived longest, 2.0 min of 2 workers: memory 105.5 to 153.5 MB" in said
    assert "findings of the run: 0" in said
    assert asked[asked.index("--max-time") + 1] == "180s"


@pytest.mark.parametrize("wrong", [("--minutes", "0"), ("--repeats", "0"), ("--backend", "nosuch")])
def test_what_cannot_be_is_refused(wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wrong) == 4
    assert "error: " in capsys.readouterr().err

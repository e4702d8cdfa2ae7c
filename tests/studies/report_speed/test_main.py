from __future__ import annotations

import pytest

from studies.report_speed.__main__ import main
from studies.report_speed.rendering import Rendering

pytestmark = pytest.mark.slow


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every report takes far too much of everything."""
    took = Rendering(wall_s=1e4, cpu_s=1e4, peak_bytes=10**12, page_bytes=10**9)
    monkeypatch.setattr("studies.report_speed.__main__.render_once", lambda run: took)


SMALL = ("--cells", "1", "--runs", "1", "--tokens", "60")


@pytest.mark.usefixtures("slow")
def test_no_figure_fails_the_session() -> None:
    assert main(SMALL) == 0


@pytest.mark.usefixtures("slow")
def test_each_run_is_called_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    main(SMALL)
    assert "60 simulated tokens in 1 cells" in capsys.readouterr().out


@pytest.mark.usefixtures("slow")
def test_the_growth_from_the_smallest_to_the_largest_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    main((*SMALL, "600"))
    assert "CPU time grew 1.00 times for 10 times the tokens" in capsys.readouterr().out


@pytest.mark.parametrize("asked", [("--runs", "0"), ("--tokens", "0"), ("--cells", "301"), ("--cells", "x")])
def test_what_cannot_be_is_refused(asked: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(asked), capsys.readouterr().err[:6]) == (4, "error:")

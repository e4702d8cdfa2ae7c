from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from typing import Any

import pytest

from bench.plan.cells import Load
from bench.report.render import ReportPaths
from tests.support.charts import real_charts
from tests.support.reports import render

MakeRun = Callable[..., Any]
LOADS = [Load("ort-genai", "CPU", "int4"), Load("openvino-genai", "GPU", "int4")]


def section(page: str) -> str:
    return page.partition('<section id="roofline">')[2].partition("</section>")[0]


@pytest.fixture(scope="module")
def made(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Renders a run on a machine of 35 GB/s, whose model and loads tell what the test says; returns the section.

    Its chart is blank unless ``charts`` is true.
    """

    @cache
    def make(
        bandwidth: float | None = 35e9, kv_values: int | None = 11_520, *, charts: bool = False, **more: Any
    ) -> str:
        folder = tmp_path_factory.mktemp("roofline")
        path = fake_run(loads=LOADS, more=more).write(folder / "results")
        record = json.loads((path / "run.json").read_text(encoding="utf-8"))
        record["machine"]["memory_read_bytes_per_s"] = bandwidth
        record["model"]["kv_cache_values_per_token"] = kv_values
        (path / "run.json").write_text(json.dumps(record), encoding="utf-8")
        with real_charts("run_charts") if charts else nullcontext():
            return section(render(path, folder / "reports").index.read_text(encoding="utf-8"))

    return make


@pytest.mark.slow
def test_each_cell_on_the_cpu_is_a_point_with_its_share(made: Callable[..., str]) -> None:
    tips = re.findall(
        r"<title>ort-genai CPU int4, prompt \d+: [\d.]+ of at most [\d.]+ steps per second, \d+ %, \d+ MB per step<",
        made(charts=True, kv_cache_precision="f16"),
    )
    assert len(tips) == 3


def test_the_table_has_the_same_cells_as_the_chart(made: Callable[..., str]) -> None:
    assert made(kv_cache_precision="f16").count('<th scope="row">') == 3


@pytest.mark.slow
def test_the_bandwidth_is_told(made: Callable[..., str]) -> None:
    assert "The bandwidth is 35.0 GB/s" in made()
    assert "<svg" in made()


def test_what_ran_on_another_device_is_counted_with_the_reason(made: Callable[..., str]) -> None:
    assert "Without a point: 3 cells that ran on another device than the CPU" in made()


def test_a_known_kv_cache_is_counted(made: Callable[..., str]) -> None:
    assert "where its column is blank" not in made(kv_cache_precision="f16")


@pytest.mark.slow
def test_an_unknown_kv_cache_is_said_to_be_left_out(made: Callable[..., str]) -> None:
    assert "where its column is blank they are not" in made(kv_values=None)


def test_a_run_without_a_bandwidth_says_so_and_draws_nothing(made: Callable[..., str]) -> None:
    found = made(bandwidth=None)
    assert "so there is nothing to compare with" in found
    assert "<svg" not in found


def test_a_simulated_run_has_no_roofline(simulated_report: ReportPaths) -> None:
    assert section(simulated_report.index.read_text(encoding="utf-8")) == ""

"""What a stack does inside the timed region is one hover away from its numbers, in each language."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.spec import TimedRegion
from backends.table import BACKENDS
from bench.cli import LANGUAGES
from bench.plan.cells import Load
from bench.report.language import speaking
from bench.report.run_details import timed_facts, timed_region
from tests.support.reports import render
from tests.support.stored_runs import FakeRun


def test_optimum_intel_is_told_from_the_stacks_that_compute_the_last_position_alone() -> None:
    assert timed_facts(BACKENDS["optimum-intel"])["prompt_logits"] == "every position"
    assert timed_facts(BACKENDS["openvino-genai"])["prompt_logits"] == "last position"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [name for name, spec in BACKENDS.items() if not spec.simulated])
def test_every_stack_of_this_project_is_described_in_every_language(name: str, language: str) -> None:
    with speaking(language):
        facts = timed_facts(BACKENDS[name])
    assert list(facts) == list(TimedRegion.__dataclass_fields__)
    assert all(facts.values())


@pytest.mark.parametrize("backend", ["simulated", "of another version"])
def test_nothing_is_said_of_a_stack_that_is_not_described(backend: str) -> None:
    assert timed_region(backend) == ""


@pytest.mark.parametrize("name", [name for name, spec in BACKENDS.items() if "kv_cache_precision" in spec.options])
def test_the_default_of_the_kv_cache_is_that_of_its_load_option(name: str) -> None:
    timed = BACKENDS[name].timed
    assert timed is not None
    assert timed.kv_cache == BACKENDS[name].options["kv_cache_precision"].default


@pytest.mark.slow
def test_the_name_of_a_row_says_it(tmp_path: Path) -> None:
    loads = [Load("optimum-intel", "CPU", "int4"), Load("simulated", "CPU", "int4")]
    run = FakeRun(loads=loads, prompt_tokens=(8,)).write(tmp_path / "results")
    page = render(run, tmp_path / "reports").index.read_text("utf-8")
    said = "Inside the timed region:\n" + timed_region("optimum-intel")
    assert page.count(f'title="{said}">optimum-intel CPU int4</a>') == 1
    assert page.count('title="Inside the timed region') == 1

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bench.analyse.build_history import build_history
from bench.analyse.machine_runs import MachineRun, machine_run
from bench.analyse.quality import Quality
from bench.analyse.timeline import History, QualitySeries
from tests.support.analyses import made_cell, made_load, made_quality, made_run, packages, with_quality

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
TEXTS = (8.0, 12.0, 20.0)


def read_run(
    night: int, quality: Quality | None, artifact: str = "a", version: str = "1", variant: str = ""
) -> MachineRun:
    cells = [made_cell([10.0, 10.0], load=made_load(variant=variant))]
    run = with_quality(made_run(f"run{night}", cells, venvs=packages(ort=version)), quality, artifact)
    return machine_run(f"run{night}", FIRST + timedelta(days=night), run, scores=True)


def history(*qualities: Quality | None) -> History:
    return build_history([read_run(night, one) for night, one in enumerate(qualities)], 0.03)


def scored(*factors: float) -> Sequence[Quality]:
    return [made_quality([factor * value for value in TEXTS]) for factor in factors]


def only(found: History) -> QualitySeries:
    (one,) = found.qualities
    return one


def test_perplexities_that_stay_have_no_step() -> None:
    assert only(history(*scored(1.0, 1.0, 1.00001))).steps == ()


def test_a_step_is_found_between_the_runs_where_it_happened() -> None:
    (step,) = only(history(*scored(1.0, 1.0, 1.1, 1.1))).steps
    assert (step.before, step.after) == (1, 2)
    assert step.ratio == pytest.approx(1.1)


def test_a_run_that_did_not_score_is_left_out() -> None:
    first, second = scored(1.0, 1.1)
    failed = made_quality([], "unknown", reason="failed")
    found = only(history(first, None, failed, second))
    assert ([run for run, _ in found.points], found.steps[0].before, found.steps[0].after) == ([0, 3], 0, 3)


def test_a_load_that_breaks_is_a_step_without_a_ratio() -> None:
    (step,) = only(history(*scored(1.0), made_quality([], "broken", reason="not-finite"))).steps
    assert (step.ratio, step.verdicts) == (None, ("faithful", "broken"))


def test_other_texts_are_no_step() -> None:
    other = Quality("faithful", "ratio", log_probs={"other": [-1.0]})
    assert only(history(*scored(1.0), other)).steps == ()


def test_what_else_changed_there_is_named() -> None:
    before, after = scored(1.0, 1.1)
    runs = [read_run(0, before), read_run(1, after, artifact="b", version="2")]
    (step,) = only(build_history(runs, 0.03)).steps
    assert (step.same_artifact, [one.what for one in step.changes]) == (False, ["ort"])


def test_variants_and_runs_without_quality_have_no_series() -> None:
    (quality,) = scored(1.0)
    runs = [read_run(0, None), read_run(1, quality, variant="a")]
    assert build_history(runs, 0.03).qualities == ()

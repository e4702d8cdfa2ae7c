from __future__ import annotations

import dataclasses
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from backends.spec import BackendSpec
from bench.errors import WorkerFailed, WorkerUnsupported
from bench.measure.attempt import LoadPlan
from bench.measure.visit import Interrupted
from bench.observe import gauges
from bench.observe.busy import EngineTime, Reading
from bench.observe.energy_meter import FoundMeter
from bench.observe.machine_conditions import Watched
from bench.observe.nvidia import NvidiaGpus
from bench.plan.backends import BACKENDS
from bench.plan.venvs import Venv
from bench.prepare.cache import Artifact
from tests.support.nvml import FakeNvml

pytestmark = pytest.mark.process

MakeKit = Callable[..., Any]

ODD = BackendSpec("simulated", "backends.odd:Odd", None, "none", {"CPU": ("int4",)}, ("int4",), simulated=True)
"""Says that it ran on GPU.0, whatever it was asked for."""


def by_status(rows: list[dict[str, Any]], prompt_tokens: int) -> list[str]:
    return [row["status"] for row in rows if row["prompt_tokens"] == prompt_tokens]


def test_each_cell_has_its_warm_ups_and_its_repeats(kit: MakeKit) -> None:
    one = kit(arguments=("--warmups", "2"))
    one.measure(8)
    found = [(row["warmup"], row["iteration"]) for row in one.rows("generations")]
    assert found == [(True, 0), (True, 1), (False, 0), (False, 1)]


def test_without_warm_ups_there_are_repeats_alone(kit: MakeKit) -> None:
    one = kit(arguments=("--warmups", "0"))
    one.measure(8)
    assert [row["warmup"] for row in one.rows("generations")] == [False, False]


def test_the_outcome_counts_no_warm_up(kit: MakeKit) -> None:
    one = kit()
    outcome = one.visit.measure(one.cells[8])
    assert (len(outcome.ttft_ms), len(outcome.tpot_ms)) == (2, 2)


def test_the_outcome_is_what_was_recorded(kit: MakeKit) -> None:
    one = kit()
    outcome = one.visit.measure(one.cells[8])
    recorded = [row["ttft_ns"] / 1e6 for row in one.rows("generations") if not row["warmup"]]
    assert list(outcome.ttft_ms) == recorded


def test_the_outcome_is_without_what_does_not_count(kit: MakeKit, monkeypatch: pytest.MonkeyPatch) -> None:
    # One warm-up and two timed generations, read before and after each; the machine sleeps in the last.
    slept = iter((0.0, 0.0, 0.0, 0.0, 0.0, 60.0))
    monkeypatch.setattr(gauges, "slept_s", lambda: next(slept))
    one = kit()
    outcome = one.visit.measure(one.cells[8])
    first, _ = (row["ttft_ns"] / 1e6 for row in one.rows("generations") if not row["warmup"])
    assert (outcome.ttft_ms, len(outcome.tpot_ms), outcome.excluded) == ((first,), 1, (gauges.SUSPENDED,))


def test_one_new_token_has_no_time_per_token(kit: MakeKit) -> None:
    one = kit(arguments=("--new-tokens", "1"))
    cell = next(cell for cell in one.visit.planned.cells if cell.new_tokens == 1)
    assert one.visit.measure(cell).tpot_ms == ()


def test_every_generation_has_its_times_and_ids(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    found = {(len(row["itl_ns"]), len(row["token_ids"]), row["ttft_ns"] >= 10**6) for row in one.rows("generations")}
    assert found == {(3, 4, True)}


def test_no_two_generations_of_a_visit_have_the_same_prompt(kit: MakeKit) -> None:
    one = kit()
    one.measure(8, 16)
    digests = [row["prompt_digest"] for row in one.rows("generations")]
    assert len(set(digests)) == len(digests) == 6


def test_a_batch_has_a_prompt_per_row(kit: MakeKit) -> None:
    one = kit(arguments=("--batch-size", "3"))
    one.measure(8)
    row = one.rows("generations")[0]
    assert (len(row["prompt_digest"].split("+")), {len(step) for step in row["token_ids"]}) == (3, {3})


def test_a_cell_is_committed_before_the_next_begins(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    assert by_status(one.rows("generations"), 8) == ["ok", "ok", "ok"]


def test_one_worker_serves_all_cells(kit: MakeKit) -> None:
    one = kit()
    one.measure(8, 16)
    one.visit.close()
    assert [(row["attempt"], row["status"]) for row in one.rows("loads")] == [(1, "ok")]


def test_a_worker_is_gone_when_its_visit_is_closed(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    worker = one.visit._attempt.worker
    one.visit.close()
    assert not psutil.pid_exists(worker.pid)


def test_a_visit_that_never_began_has_no_load(kit: MakeKit) -> None:
    one = kit()
    one.visit.close()
    assert one.rows("loads") == []


def test_closing_twice_commits_one_load(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    one.visit.close()
    one.visit.close()
    assert len(one.rows("loads")) == 1


def test_a_load_has_its_times(kit: MakeKit) -> None:
    one = kit("load_ms=20")
    one.measure(8)
    one.visit.close()
    row = one.rows("loads")[0]
    assert all(row[name] > 0 for name in ("process_start_s", "import_s", "load_s", "first_generation_s"))


def test_the_first_generation_is_the_first_warm_up(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    one.visit.close()
    first = one.rows("generations")[0]
    took = (first["ttft_ns"] + sum(first["itl_ns"])) / 1e9
    assert one.rows("loads")[0]["first_generation_s"] == pytest.approx(took)


def test_a_load_names_the_request_of_its_first_generation(kit: MakeKit) -> None:
    one = kit()
    one.measure(16, 8)
    one.visit.close()
    first, row = one.rows("generations")[0], one.rows("loads")[0]
    names = ("prompt_tokens", "new_tokens", "batch_size")
    assert [row[f"first_{name}"] for name in names] == [first[name] for name in names]
    assert row["first_prompt_tokens"] == 16


def test_a_process_without_a_generation_names_no_first_request(kit: MakeKit) -> None:
    one = kit("fail_load=broken")
    one.measure(8)
    assert one.rows("loads")[0]["first_prompt_tokens"] is None


def test_a_load_has_its_memory(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    one.visit.close()
    row = one.rows("loads")[0]
    assert min(row["peak_memory_bytes"], row["private_memory_bytes"]) > 1024**2


def test_every_generation_has_the_memory_so_far(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    peaks = [row["peak_memory_bytes"] for row in one.rows("generations")]
    assert peaks == sorted(peaks)


class Uncounted:
    """The counters of a machine that counts no device, whatever machine the test runs on."""

    def __call__(self, pid: int, device: str, cpus: object, nvidia: object) -> Uncounted:
        return self

    def busy(self) -> Reading:
        return Reading(time.perf_counter_ns())

    def begin_clock(self) -> None:
        pass

    def clock_mhz(self) -> float | None:
        return None

    def device_memory_bytes(self) -> int | None:
        return None

    def close(self) -> None:
        pass


def test_a_counter_that_nobody_read_is_null_and_not_zero(kit: MakeKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.observe.gauges.counters_of", Uncounted())
    monkeypatch.setattr("bench.observe.gauges.find_energy_meter", lambda: FoundMeter(None))
    monkeypatch.setattr("bench.observe.gauges.NvidiaGpus", lambda: NvidiaGpus(FakeNvml()))
    one = kit()
    one.measure(8)
    counters = ("setup_ns", "padded_prompt_tokens", "tokenize_ns", "npu_busy_ns", "gpu_busy_ns", "energy_j")
    assert {row[name] for row in one.rows("generations") for name in counters} == {None}


def test_a_simulated_load_is_never_called_anything_else(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    one.visit.close()
    row = one.rows("loads")[0]
    assert (row["device_verdict"], row["device_executed"]) == ("simulated", None)


def test_a_load_says_what_it_was_given(kit: MakeKit) -> None:
    one = kit("load_ms=1")
    one.measure(8)
    one.visit.close()
    assert json.loads(one.rows("loads")[0]["options"]) == {"ttft_ms": 1, "itl_ms": 1, "load_ms": 1}


@pytest.mark.fault("worker-dies")
def test_a_crash_costs_its_cell_only(kit: MakeKit) -> None:
    one = kit("crash_at=2", "only_prompt_tokens=8")
    assert one.measure(8, 16) == ["WorkerCrashed", "ok"]


@pytest.mark.fault("worker-dies")
def test_the_cell_after_a_crash_gets_a_new_load(kit: MakeKit) -> None:
    one = kit("crash_at=2", "only_prompt_tokens=8")
    one.measure(8, 16)
    one.visit.close()
    found = [(row["attempt"], row["status"], row["exit_code"]) for row in one.rows("loads")]
    assert found == [(1, "crashed", 70), (2, "ok", None)]


def test_rows_belong_to_the_load_that_gave_them(kit: MakeKit) -> None:
    one = kit("crash_at=2", "only_prompt_tokens=8")
    one.measure(8, 16)
    one.visit.close()
    ids = [row["load_id"] for row in one.rows("loads")]
    assert [{row["load_id"] for row in one.rows("generations") if row["prompt_tokens"] == n} for n in (8, 16)] == [
        {ids[0]},
        {ids[1]},
    ]


@pytest.mark.fault("worker-dies")
def test_a_crash_leaves_one_row_with_its_reason(kit: MakeKit) -> None:
    one = kit("crash_at=2", "only_prompt_tokens=8")
    one.measure(8)
    found = [(row["status"], row["error_type"]) for row in one.rows("generations")]
    assert found == [("crashed", "WorkerCrashed")]


@pytest.mark.fault("worker-dies")
def test_a_crash_between_cells_costs_the_next_cell_and_no_more(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    psutil.Process(one.visit._attempt.worker.pid).kill()
    assert one.measure(16, 8) == ["WorkerCrashed", "ok"]


@pytest.mark.fault("worker-errs")
def test_an_error_that_the_worker_survives_needs_no_new_load(kit: MakeKit) -> None:
    one = kit("fail_at=1", "only_prompt_tokens=8")
    said = one.measure(8, 16)
    one.visit.close()
    assert (said, len(one.rows("loads"))) == (["WorkerFailed", "ok"], 1)


@pytest.mark.parametrize(("more", "took"), [(2, 6), (-1, 3)])
@pytest.mark.fault("worker-errs")
def test_more_or_fewer_tokens_are_a_failed_row_with_the_reason(kit: MakeKit, more: int, took: int) -> None:
    one = kit(f"extra_tokens={more}")
    one.measure(8)
    found = [
        (row["status"], row["error_type"], row["error_message"], row["ttft_ns"]) for row in one.rows("generations")
    ]
    assert found == [("failed", "StepCountError", f"asked for 4 steps, the stack answered with {took}", None)]


@pytest.mark.fault("worker-errs")
def test_a_load_that_fails_gives_each_of_its_cells_a_row(kit: MakeKit) -> None:
    one = kit("fail_load=no such model")
    said = one.measure(8, 16)
    found = [(row["prompt_tokens"], row["status"], row["error_message"]) for row in one.rows("generations")]
    assert (said, found) == (
        ["WorkerFailed", "WorkerFailed"],
        [(8, "failed", "no such model"), (16, "failed", "no such model")],
    )


@pytest.mark.fault("worker-errs")
def test_a_load_that_fails_is_tried_once(kit: MakeKit) -> None:
    one = kit("fail_load=no such model")
    one.measure(8, 16)
    one.visit.close()
    found = [(row["attempt"], row["status"], row["error_message"]) for row in one.rows("loads")]
    assert found == [(1, "failed", "no such model")]


def test_the_rows_of_a_failed_load_name_it(kit: MakeKit) -> None:
    one = kit("fail_load=no such model")
    one.measure(8, 16)
    assert {row["load_id"] for row in one.rows("generations")} == {one.rows("loads")[0]["load_id"]}


@pytest.mark.parametrize(
    ("venv", "status"),
    [(Venv(unsupported="no wheels for this Python"), "unsupported"), (Venv(failed=("ERROR: no",)), "failed")],
)
def test_a_stack_without_a_venv_gives_rows_with_the_reason(kit: MakeKit, venv: Venv, status: str) -> None:
    one = kit(load_plan=LoadPlan(venv))
    one.measure(8)
    row = one.rows("generations")[0]
    assert (row["status"], venv.reason in row["error_message"]) == (status, True)


def test_an_artifact_that_could_not_be_made_is_the_reason(kit: MakeKit) -> None:
    one = kit(
        load_plan=LoadPlan(
            Venv("python"), refused=WorkerFailed("the conversion ran out of memory", error_type="PrepareError")
        )
    )
    one.measure(8)
    row = one.rows("generations")[0]
    assert (row["error_type"], row["error_message"]) == ("PrepareError", "the conversion ran out of memory")


def test_an_interpreter_that_is_not_there_is_a_row(kit: MakeKit) -> None:
    one = kit(load_plan=LoadPlan(Venv("nowhere/python")))
    said = one.measure(8)
    assert (said, by_status(one.rows("loads") and one.rows("generations"), 8)) == (["WorkerFailed"], ["failed"])


def test_a_stop_finishes_the_generation_under_way_and_keeps_it(kit: MakeKit) -> None:
    one = kit(stopping=lambda: True)
    with pytest.raises(Interrupted):
        one.visit.measure(one.cells[8])
    assert [(row["warmup"], row["status"]) for row in one.rows("generations")] == [(True, "ok")]


@pytest.mark.fault("worker-dies")
def test_what_was_measured_is_kept_when_a_later_repeat_fails(kit: MakeKit) -> None:
    one = kit()
    answers = iter([None, None])
    ask_once = one.visit._one

    def second_fails(*given: Any, **how: Any) -> Any:
        if next(answers, "fail") == "fail":
            raise WorkerFailed("no more")
        return ask_once(*given, **how)

    one.visit._one = second_fails
    one.measure(8)
    found = [(row["warmup"], row["iteration"], row["status"]) for row in one.rows("generations")]
    assert found == [(True, 0, "ok"), (False, 0, "ok"), (False, 1, "failed")]


def test_a_load_of_other_weights_than_were_asked_for_is_a_failed_load(kit: MakeKit, tmp_path: Path) -> None:
    artifact = Artifact(tmp_path, "openvino-ir", "int4", "0", 1, {"int8": 0.9, "int4": 0.1}, 8.0, None, {})
    one = kit(load_plan=LoadPlan(Venv(sys.executable), artifact))
    one.measure(8)
    row = one.rows("loads")[0]
    assert (row["status"], row["error_type"], row["weight_bits"]) == (
        "failed",
        "OtherWeights",
        [("int8", 0.9), ("int4", 0.1)],
    )
    assert row["error_message"].startswith("only 10% of the weights are int4 (90% int8, 10% int4)")


def test_a_device_that_is_not_the_one_asked_for_is_a_failed_load(
    kit: MakeKit, other_root: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = kit()
    monkeypatch.setitem(BACKENDS, "simulated", ODD)
    one.measure(8)
    row = one.rows("loads")[0]
    assert (row["status"], row["error_type"], row["device_verdict"], row["device_executed"]) == (
        "failed",
        "DeviceFallback",
        "fallback",
        "GPU.0",
    )


def test_a_fallback_that_was_allowed_is_measured_under_the_name_of_what_ran(
    kit: MakeKit, other_root: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = kit(arguments=("--allow-fallback",))
    monkeypatch.setitem(BACKENDS, "simulated", ODD)
    said = one.measure(8)
    one.visit.close()
    row = one.rows("loads")[0]
    assert (said, row["status"], row["device_verdict"], row["device_executed"]) == (["ok"], "ok", "fallback", "GPU.0")


def test_a_device_known_to_be_absent_is_unsupported_without_a_worker(kit: MakeKit) -> None:
    one = kit(
        load_plan=LoadPlan(
            Venv(sys.executable), refused=WorkerUnsupported("there is no NPU here", error_type="DeviceUnavailableError")
        )
    )
    one.measure(8)
    row = one.rows("loads")[0]
    assert (row["status"], row["process_start_s"], "there is no NPU here" in row["error_message"]) == (
        "unsupported",
        None,
        True,
    )


def test_a_model_that_its_converter_refuses_is_unsupported_with_the_reason(kit: MakeKit) -> None:
    why = "optimum-intel 2.1.0 exports no mamba models"
    one = kit(load_plan=LoadPlan(Venv(sys.executable), refused=WorkerUnsupported(why, error_type="UnsupportedError")))
    one.measure(8)
    row = one.rows("loads")[0]
    assert (row["status"], row["error_type"], row["error_message"]) == ("unsupported", "UnsupportedError", why)


class Counted(Uncounted):
    """An NPU whose counter says in turn what it is given, and stays at the last; ten milliseconds lie between.

    Args:
        busy_ms: milliseconds, before and after each generation.
    """

    def __init__(self, *busy_ms: int) -> None:
        self.busy_ms = list(busy_ms)
        self.at_ns = 0

    def busy(self) -> Reading:
        self.at_ns += 10_000_000
        busy_ms = self.busy_ms.pop(0) if len(self.busy_ms) > 1 else self.busy_ms[0]
        return Reading(self.at_ns, npu={"0000:00:0b.0": EngineTime(busy_ms * 1_000_000)})


@pytest.fixture
def on_npu(kit: MakeKit, other_root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes a visit of a stack that takes the NPU, whose counter says what it is given."""
    file = other_root / "backends" / "odd.py"
    file.write_text(file.read_text("utf-8").replace("GPU.0", "NPU").replace('== "NPU":', '== "none":'), "utf-8")

    def make(*busy_ms: int, arguments: tuple[str, ...] = ()) -> Any:
        monkeypatch.setattr("bench.observe.gauges.counters_of", Counted(*busy_ms))
        one = kit(arguments=("--device", "NPU", *arguments))
        monkeypatch.setitem(BACKENDS, "simulated", ODD)
        return one

    return make


def test_an_npu_that_stood_still_when_the_warm_ups_were_over_is_a_fallback(on_npu: Callable[..., Any]) -> None:
    one = on_npu(5, arguments=("--warmups", "2"))
    one.measure(8)
    found = [(row["warmup"], row["error_type"]) for row in one.rows("generations")]
    assert found == [(True, None), (True, None), (False, "DeviceFallback")]


def test_without_warm_ups_the_first_generation_tells_a_fallback(on_npu: Callable[..., Any]) -> None:
    one = on_npu(5, arguments=("--warmups", "0"))
    one.measure(8)
    assert [row["error_type"] for row in one.rows("generations")] == ["DeviceFallback"]


def test_a_counter_that_comes_late_fails_no_cell(on_npu: Callable[..., Any]) -> None:
    one = on_npu(5, 5, 5, 14, 14, 23, arguments=("--warmups", "1"))
    said = one.measure(8)
    one.visit.close()
    row = one.rows("loads")[0]
    assert (said, row["device_verdict"], row["device_share"]) == (["ok"], "verified", 0.9)


def test_what_was_stopped_in_its_warm_ups_is_no_fallback(on_npu: Callable[..., Any]) -> None:
    one = on_npu(5, arguments=("--warmups", "1"))
    one.visit.facts = dataclasses.replace(one.visit.facts, stopping=lambda: True)
    with pytest.raises(Interrupted):
        one.visit.measure(one.cells[8])
    one.visit.close()
    assert one.rows("loads")[0]["device_verdict"] == "reported"


def test_busy_time_is_recorded_per_generation(kit: MakeKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.observe.gauges.counters_of", Counted(5))
    one = kit()
    one.measure(8)
    assert {(row["npu_busy_ns"], row["gpu_busy_ns"]) for row in one.rows("generations")} == {(0, None)}


@pytest.mark.fault("worker-prints")
def test_the_workers_output_does_not_pile_up(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    one.visit.close()
    assert list(one.visit.facts.scratch.rglob("worker.log")) == []


# -- what is read beside the times


@pytest.mark.fault("suspend")
def test_a_generation_during_which_the_machine_slept_is_marked(kit: MakeKit, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, 30.0)
    monkeypatch.setattr("bench.observe.gauges.slept_s", lambda: next(clock))
    one = kit()
    one.measure(8)
    assert {row["invalid_reason"] for row in one.rows("generations")} == {"the machine was suspended"}


def test_a_generation_of_a_machine_that_is_awake_counts(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    assert {row["invalid_reason"] for row in one.rows("generations")} == {None}


def test_energy_and_its_source_stand_together(kit: MakeKit) -> None:
    one = kit()
    one.measure(8)
    assert all((row["energy_j"] is None) == (row["energy_source"] is None) for row in one.rows("generations"))


def test_the_machine_around_a_visit_is_handed_on(kit: MakeKit) -> None:
    one = kit()
    watched: list[Watched] = []
    one.visit.facts = dataclasses.replace(one.visit.facts, watched=watched.append)
    one.measure(8)
    one.visit.close()
    (around,) = watched
    assert (around.load_id, around.block) == (one.rows("loads")[0]["load_id"], 0)
    assert around.before.awake_s < around.after.awake_s


@pytest.mark.fault("worker-dies")
def test_of_a_worker_that_died_nothing_is_judged(kit: MakeKit) -> None:
    one = kit("crash_at=2")
    watched: list[Watched] = []
    one.visit.facts = dataclasses.replace(one.visit.facts, watched=watched.append)
    one.measure(8)
    one.visit.close()
    assert watched == []


DIES_ONCE = """
import os, time
from pathlib import Path
from backends.contract import Evidence, GenerationDetails

WHERE, HOW = {where!r}, {how!r}
SEEN, HUNG = Path({seen!r}), Path({hung!r})

def mishap(where, most=1):
    seen = int(SEEN.read_text()) if SEEN.exists() else 0
    if where == WHERE and seen < most:
        SEEN.write_text(str(seen + 1))
        if HOW == "hang":
            HUNG.write_text(str(os.getpid()))
            time.sleep(600)
        os._exit(70)

class Odd:
    def devices(self):
        return []
    def load(self, artifact, device, options):
        mishap("load")
        mishap("always", 9)
        self.asked = 0
        return self
    def generate(self, prompts, new_tokens, on_step):
        self.asked += 1
        mishap("warm-up" if self.asked == 1 else "second")
        for step in range(new_tokens):
            on_step([7] * len(prompts))
        return GenerationDetails()
    def evidence(self):
        return Evidence(device="CPU", device_source="read-back", note="Made up.", versions={{"odd": "3"}})
    def close(self):
        pass
"""


@pytest.fixture
def dies(kit: MakeKit, other_root: Path, tmp_path: Path, hung: Path, monkeypatch: pytest.MonkeyPatch) -> MakeKit:
    """Makes a visit whose first worker dies where it is told to: in ``load``, ``warm-up`` or ``second``."""

    def make(where: str, how: str = "crash", **settings: Any) -> Any:
        seen = str(tmp_path / "seen")
        source = DIES_ONCE.format(where=where, how=how, seen=seen, hung=str(hung))
        (other_root / "backends" / "odd.py").write_text(source, encoding="utf-8")
        one = kit(**settings)
        monkeypatch.setitem(BACKENDS, "simulated", ODD)
        return one

    return make


def loads_of(one: Any) -> list[tuple[int, str]]:
    one.visit.close()
    return [(row["attempt"], row["status"]) for row in one.rows("loads")]


@pytest.mark.parametrize("where", ["load", "warm-up"])
@pytest.mark.fault("worker-dies")
def test_a_worker_that_crashes_before_a_timed_generation_is_tried_once_more(dies: MakeKit, where: str) -> None:
    said: list[str] = []
    one = dies(where, arguments=("--retry-crashed",), say=said.append)
    assert (one.measure(8, 16), loads_of(one)) == (["ok", "ok"], [(1, "crashed"), (2, "ok")])
    assert by_status(one.rows("generations"), 8) == ["ok"] * 3
    first, second = one.rows("loads")
    assert (first["load_id"], first["exit_code"]) == (f"{one.visit.planned.id}/a1", 70)
    assert {row["load_id"] for row in one.rows("generations")} == {second["load_id"]}
    assert said == [f"    crashed: {first['error_message']}; trying once more in a fresh process"]


@pytest.mark.fault("worker-hangs")
def test_a_worker_that_hangs_in_its_warm_up_is_tried_once_more(dies: MakeKit) -> None:
    one = dies("warm-up", "hang", arguments=("--retry-crashed",))
    assert (one.measure(8), loads_of(one)) == (["ok"], [(1, "timeout"), (2, "ok")])


@pytest.mark.fault("worker-hangs")
def test_a_hang_is_a_row_and_the_next_cell_goes_on(dies: MakeKit) -> None:
    one = dies("second", "hang")
    assert one.measure(16, 8) == ["WorkerTimeout", "ok"]
    assert by_status(one.rows("generations"), 16) == ["ok", "timeout"]


@pytest.mark.fault("worker-dies")
def test_a_load_that_crashes_again_is_given_up(dies: MakeKit) -> None:
    one = dies("always", arguments=("--retry-crashed",))
    said = one.measure(8, 16)
    assert (said, loads_of(one)) == (["WorkerCrashed"] * 2, [(1, "crashed"), (2, "crashed")])
    rows = one.rows("generations")
    assert [(row["load_id"], row["status"]) for row in rows] == [(f"{one.visit.planned.id}/a2", "crashed")] * 2


@pytest.mark.fault("worker-dies")
def test_a_crash_in_a_timed_generation_is_not_tried_again(dies: MakeKit) -> None:
    one = dies("second", arguments=("--retry-crashed",))
    assert (one.measure(8), loads_of(one)) == (["WorkerCrashed"], [(1, "crashed")])
    assert by_status(one.rows("generations"), 8) == ["ok", "crashed"]


def test_a_load_that_says_what_is_wrong_is_not_tried_again(kit: MakeKit) -> None:
    one = kit("fail_load=no such model", arguments=("--retry-crashed",))
    assert (one.measure(8), loads_of(one)) == (["WorkerFailed"], [(1, "failed")])


@pytest.mark.fault("worker-dies")
def test_a_crashed_load_is_not_tried_again_unless_that_was_asked_for(dies: MakeKit) -> None:
    one = dies("load")
    assert (one.measure(8), loads_of(one)) == (["WorkerCrashed"], [(1, "crashed")])


@pytest.mark.fault("worker-dies")
def test_a_stop_leaves_a_crashed_load_to_the_next_sitting(dies: MakeKit) -> None:
    one = dies("load", arguments=("--retry-crashed",), stopping=lambda: True)
    with pytest.raises(Interrupted):
        one.visit.measure(one.cells[8])
    assert (loads_of(one), one.rows("generations")) == ([(1, "crashed")], [])

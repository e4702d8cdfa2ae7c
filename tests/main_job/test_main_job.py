"""The main job end to end on the real default model: what it writes is whole, and is what was measured."""

from __future__ import annotations

import csv
import json
import math
import re
import statistics
import sys
from collections import defaultdict
from typing import Any

import pytest

from bench.measure.verdict import same_device
from tests.support.main_jobs import BLOCKS, LOADS, NEW_TOKENS, PROMPT_TOKENS, REPEATS, WARMUPS, MainJob

pytestmark = pytest.mark.main_job


def generations(job: MainJob) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = job.run.table("generations").to_pylist()
    return [row for row in rows if row["status"] == "ok"]


def loads(job: MainJob) -> dict[str, dict[str, Any]]:
    return {row["load_id"]: row for row in job.run.table("loads").to_pylist() if row["status"] == "ok"}


def test_it_succeeds(job: MainJob) -> None:
    assert job.status == 0, job.output


def test_it_ends_by_saying_where_the_report_is(job: MainJob) -> None:
    assert job.output.rstrip().splitlines()[-1].endswith((job.report / "index.html").as_uri())


def test_the_run_is_recorded_as_finished(job: MainJob) -> None:
    assert job.run.end is not None
    assert job.run.end["reason"] == "finished"


def test_each_load_was_visited_once_per_block(job: MainJob) -> None:
    visits = [(row["block"], row["backend"], row["precision"]) for row in loads(job).values()]
    assert sorted(visits) == sorted((block, *load) for block in range(BLOCKS) for load in LOADS)


def test_each_cell_has_all_its_generations(job: MainJob) -> None:
    counted = [row for row in generations(job) if not row["warmup"]]
    assert len(counted) == len(LOADS) * len(PROMPT_TOKENS) * BLOCKS * REPEATS
    assert len(generations(job)) - len(counted) == len(LOADS) * len(PROMPT_TOKENS) * BLOCKS * WARMUPS


def test_each_generation_has_exactly_its_tokens(job: MainJob) -> None:
    assert {(len(row["token_ids"]), len(row["itl_ns"])) for row in generations(job)} == {(NEW_TOKENS, NEW_TOKENS - 1)}


def test_every_latency_is_positive(job: MainJob) -> None:
    assert all(row["ttft_ns"] > 0 and min(row["itl_ns"]) > 0 for row in generations(job))


def test_every_stack_got_the_same_prompts(job: MainJob) -> None:
    digests = defaultdict(set)
    for row in generations(job):
        digests[row["prompt_tokens"], row["block"], row["warmup"], row["iteration"]].add(row["prompt_digest"])
    assert {len(found) for found in digests.values()} == {1}


def test_no_prompt_came_twice(job: MainJob) -> None:
    found = [(row["load_id"], row["prompt_digest"]) for row in generations(job)]
    assert len(found) == len(set(found))


def test_a_combination_that_cannot_be_is_a_row_with_its_reason(job: MainJob) -> None:
    rows = [row for row in job.run.table("loads").to_pylist() if row["status"] == "unsupported"]
    assert {(row["backend"], row["precision"]) for row in rows} == {("transformers", "int4")}
    assert all("takes no int4" in row["error_message"] for row in rows)


def test_no_row_calls_a_device_more_than_it_can_show(job: MainJob) -> None:
    verdicts = {row["backend"]: row["device_verdict"] for row in loads(job).values()}
    assert verdicts["openvino-genai"] == "verified"
    assert set(verdicts.values()) <= {"verified", "reported"}
    assert all(row["device_evidence"] for row in loads(job).values())


def test_int4_weighs_less_than_five_and_more_than_four_bits(job: MainJob) -> None:
    bits = {row["precision"]: row["bits_per_weight"] for row in loads(job).values()}
    assert 4 < bits["int4"] < 8
    assert bits["fp32"] == pytest.approx(32, abs=0.5)


def test_memory_and_load_times_were_measured(job: MainJob) -> None:
    names = ("process_start_s", "import_s", "load_s", "first_generation_s", "peak_memory_bytes", "private_memory_bytes")
    assert all(row[name] > 0 for row in loads(job).values() for name in names)


def test_each_load_scored_texts_or_says_why_not(job: MainJob) -> None:
    rows = job.run.table("quality").to_pylist()
    assert {row["load_key"] for row in rows} == {row["load_key"] for row in loads(job).values()}
    for row in rows:
        if row["status"] == "ok":
            assert row["reference"] == "transformers fp32"
            assert len(row["log_probs"]) == len(row["reference_log_probs"])
        else:
            assert (row["status"], bool(row["error_message"])) == ("unsupported", True)


def test_the_weights_that_the_reference_is_made_of_have_its_perplexity(job: MainJob) -> None:
    keys = {row["load_key"] for row in loads(job).values() if row["backend"] == "transformers"}
    rows = [row for row in job.run.table("quality").to_pylist() if row["load_key"] in keys]
    means = [
        statistics.fmean(value for row in rows for value in row[name]) for name in ("log_probs", "reference_log_probs")
    ]
    assert means[0] == pytest.approx(means[1], abs=0.01)


def test_the_record_names_the_packages_that_ran(job: MainJob) -> None:
    packages = {name: venv["packages"] for name, venv in job.run.record["venvs"].items()}
    assert "openvino-genai" in packages["openvino-genai"]
    assert "onnxruntime-genai" in packages["ort-genai"]
    assert "torch" not in packages["openvino-genai"]


def test_the_page_is_one_file_that_asks_for_nothing(job: MainJob) -> None:
    page = (job.report / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 2
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page)
    assert not re.search(r"url\(\s*[\"']?https?:", page)


def test_the_summary_is_what_the_parquet_says(job: MainJob) -> None:
    expected = {}
    blocks: dict[tuple[str, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in generations(job):
        if not row["warmup"]:
            load = loads(job)[row["load_id"]]
            blocks[load["backend"], row["prompt_tokens"]][row["block"]].append(row["ttft_ns"])
    for key, by_block in blocks.items():
        medians = [statistics.median(values) for values in by_block.values()]
        expected[key] = math.exp(statistics.fmean(map(math.log, medians))) / 1e6
    with (job.report / "summary.csv").open(encoding="utf-8", newline="") as stream:
        found = {
            (row["backend"], int(row["prompt_tokens"])): float(row["ttft_ms"])
            for row in csv.DictReader(stream)
            if row["ttft_ms"]
        }
    assert found == pytest.approx(expected, rel=1e-3)


def test_the_json_summary_carries_its_version(job: MainJob) -> None:
    summary = json.loads((job.report / "summary.json").read_text(encoding="utf-8"))
    assert isinstance(summary["summary_version"], int)


def test_a_second_call_converts_nothing(second_job: MainJob) -> None:
    assert "convert" not in second_job.output
    assert second_job.status == 0


def test_keys_and_prompts_are_the_same_from_run_to_run(job: MainJob, second_job: MainJob) -> None:
    def identities(one: MainJob) -> set[tuple[str, str]]:
        return {(row["cell_key"], row["prompt_digest"]) for row in generations(one) if row["block"] == 0}

    assert identities(job) == identities(second_job)


# -- devices that are not simply the CPU


def rows_of(job: MainJob) -> dict[tuple[str, str], dict[str, Any]]:
    rows: list[dict[str, Any]] = job.run.table("loads").to_pylist()
    return {(row["backend"], row["device_requested"]): row for row in rows}


def test_a_device_is_measured_itself_or_has_a_reason(elsewhere: MainJob) -> None:
    for (_, device), row in rows_of(elsewhere).items():
        if row["status"] == "ok":
            assert same_device(device, row["device_executed"])
        else:
            assert (row["status"], bool(row["error_message"]), row["load_s"]) == ("unsupported", True, None)


def test_absent_devices_are_no_failure_of_the_run(elsewhere: MainJob) -> None:
    assert elsewhere.status == 0, elsewhere.output


@pytest.mark.skipif(sys.platform == "win32", reason="its packages exist there")
@pytest.mark.parametrize(
    ("backend", "device", "said"),
    [("ort-genai", "DML", "published for Windows only"), ("npu", "NPU", "has no wheel for Linux")],
)
def test_what_exists_on_windows_alone_is_no_number_of_the_cpu(
    elsewhere: MainJob, backend: str, device: str, said: str
) -> None:
    assert said in rows_of(elsewhere)[backend, device]["error_message"]


def test_openvino_below_onnx_runtime_is_shown_by_its_nodes(elsewhere: MainJob) -> None:
    row = rows_of(elsewhere)["ort-genai", "OPENVINO.CPU"]
    shares = dict(row["node_placement"])
    assert (row["device_verdict"], round(sum(shares.values()), 6)) == ("verified", 1.0)
    assert shares["OpenVINOExecutionProvider"] > 0.5


def test_what_auto_chose_is_read_back_and_named(elsewhere: MainJob) -> None:
    row = rows_of(elsewhere)["optimum-intel", "AUTO"]
    summary = (elsewhere.report / "summary.csv").read_text(encoding="utf-8")
    assert f"optimum-intel {row['device_executed']} (asked for AUTO) int4" in summary


def test_nothing_is_converted_for_what_is_not_there(elsewhere: MainJob) -> None:
    if any(row["status"] == "ok" for (_, device), row in rows_of(elsewhere).items() if device in ("GPU", "NPU", "DML")):
        pytest.skip("this machine has such a device, and a model is converted for it")
    converted = [line for line in elsewhere.output.splitlines() if line.startswith("converted ")]
    # ONNX Runtime's OpenVINO provider is there, and takes another int4 than its CPU provider; it may be there before.
    assert [line for line in converted if " to ort-genai int4: " not in line] == []


def test_the_run_says_first_what_it_will_find(elsewhere: MainJob) -> None:
    assert "device     optimum-intel AUTO: " in elsewhere.output.partition("visit 1 ")[0]


def test_the_machines_bandwidth_is_recorded(elsewhere: MainJob) -> None:
    assert elsewhere.run.record["machine"]["memory_read_bytes_per_s"] > 1e9

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.measure.verdict import PROOF, PROOF_WHERE_WORK_IS_HANDED_ON
from bench.plan.cells import Load
from bench.report.format import percent
from bench.report.render import ReportPaths
from tests.support.charts import blank_charts, real_charts
from tests.support.markup import Tags, visible
from tests.support.reports import render

MakeRun = Callable[..., Any]
ONE_LOAD = [Load("ort-genai", "CPU", "int4")]
SMALL: dict[str, Any] = {"loads": ONE_LOAD, "prompt_tokens": (32,)}
"""A run for what does not depend on its cells."""


def page_of(run: Path, tmp_path: Path) -> str:
    return render(run, tmp_path / "reports").index.read_text(encoding="utf-8")


LIMITED: dict[str, Any] = {
    "cpu": {"name": "Core Ultra", "physical_cores": 8, "logical_cores": 8},
    "memory_bytes": 16 * 2**30,
    "usable": {"logical_cores": 2, "cpus": "0-1", "cpu_quota": 1.5, "memory_bytes": 4 * 2**30},
}


@pytest.fixture(scope="module")
def full_page(stored_report: ReportPaths) -> str:
    return stored_report.index.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def simulated_page(simulated_report: ReportPaths) -> str:
    return simulated_report.index.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def failing_page(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> str:
    run = fake_run(loads=ONE_LOAD)
    run.break_cells("ort-genai-CPU-int4-p512", "timeout", "no token within 1800 s")
    folder = tmp_path_factory.mktemp("failing")
    return page_of(run.write(folder), folder)


@pytest.fixture(
    scope="module", params=[blank_charts, pytest.param(real_charts, marks=pytest.mark.slow)], ids=["blank", "drawn"]
)
def hostile_page(request: pytest.FixtureRequest, fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> str:
    tmp_path = tmp_path_factory.mktemp("hostile")
    run = fake_run(cpu_name="<img src=x onerror=alert(1)>")
    run.model = {**run.model, "name": "<script>alert(1)</script> $x$"}
    run.loads = [*run.loads[-2:], Load("<b>evil</b> $a_b$ \u6f22", "CPU", "int4", variant='"><script>')]
    run.break_cells("transformers", "failed", "<script>alert(2)</script> \x1b[31mred \u202eback")
    with request.param():
        return page_of(run.write(tmp_path / "results"), tmp_path)


def test_the_page_is_well_formed(full_page: str) -> None:
    tags = Tags(full_page)
    assert tags.balanced
    assert not tags.open


def test_beside_the_lowest_stands_who_is_tied_and_who_takes_longer_with_how_much(full_page: str) -> None:
    said = visible(full_page)
    assert "Take longer" in said
    assert "Need more" in said
    items = re.findall(
        r'<span class="much">([\d.]+)\N{MULTIPLICATION SIGN} <small>[\d.]+\N{EN DASH}[\d.]+</small></span>', full_page
    )
    assert len(items) == 3 * 3 * 6 + 6, "six rivals of each of three metrics at three prompt lengths, and of memory"


def test_no_id_comes_twice(full_page: str) -> None:
    ids = [attrs["id"] for _, attrs in Tags(full_page).found if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_every_link_within_the_page_leads_somewhere(full_page: str) -> None:
    tags = Tags(full_page).found
    ids = {attrs.get("id") for _, attrs in tags}
    links = {(attrs.get("href") or "") for _, attrs in tags if (attrs.get("href") or "").startswith("#")}
    assert {link[1:] for link in links} <= ids


def test_the_page_asks_for_nothing_from_outside(full_page: str) -> None:
    tags = Tags(full_page).found
    addresses = [attrs[name] or "" for _, attrs in tags for name in ("src", "href", "xlink:href") if name in attrs]
    outside = {address for address in addresses if not address.startswith("#")}
    assert {address.partition(",")[0] for address in outside} == {
        "data:",
        "data:text/csv;charset=utf-8;base64",
        "data:application/vnd.openxmlformats-officedocument.spreadsheetml.sheet;base64",
    }


def test_the_style_is_the_one_that_the_policy_names(full_page: str) -> None:
    page = full_page
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    assert f"style-src &#39;sha256-{digest}&#39;" in page or f"style-src 'sha256-{digest}'" in page


@pytest.mark.slow
def test_the_policy_begins_with_nothing_allowed(full_page: str) -> None:
    tags = Tags(full_page).found
    policies = [attrs["content"] or "" for _, attrs in tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert [policy.partition(";")[0] for policy in policies] == ["default-src 'none'"]


def test_nothing_carries_a_style_that_the_policy_forbids(full_page: str) -> None:
    assert not [tag for tag, attrs in Tags(full_page).found if "style" in attrs]


@pytest.mark.slow
def test_the_only_script_is_the_one_that_the_policy_names(hostile_page: str) -> None:
    script = hostile_page.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    assert f"script-src 'sha256-{digest}'" in hostile_page
    assert [attrs for tag, attrs in Tags(hostile_page).found if tag == "script"] == [{}]


@pytest.mark.slow
def test_nothing_carries_a_script_of_its_own(hostile_page: str) -> None:
    assert not [name for _, attrs in Tags(hostile_page).found for name in attrs if name.startswith("on")]


def test_names_from_data_do_not_become_markup(hostile_page: str) -> None:
    assert not [tag for tag, attrs in Tags(hostile_page).found if tag == "img" or "onerror" in attrs]


def test_a_hostile_name_is_shown_as_it_is(hostile_page: str) -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt; $x$" in hostile_page


def test_a_hostile_page_is_well_formed(hostile_page: str) -> None:
    assert Tags(hostile_page).balanced


@pytest.mark.parametrize("character", ["\x1b", "\u202e"], ids=["terminal escape", "text reversed"])
def test_control_characters_do_not_reach_the_page(hostile_page: str, character: str) -> None:
    assert character not in hostile_page


@pytest.mark.slow
@pytest.mark.charts
def test_the_same_run_gives_the_same_bytes(simulated_run: Path, tmp_path: Path) -> None:
    first, again = (page_of(simulated_run, tmp_path / name) for name in ("first", "again"))
    assert first == again


def test_no_drawing_keeps_a_sentinel_colour(full_page: str) -> None:
    assert not re.search("#0a0a0[0-9]|#01010|#02020|#03030|#04040|#05050", full_page)


@pytest.mark.parametrize("section", ["answer", "charts", "results", "along", "spread", "costs", "meaning", "setup"])
def test_a_full_run_has_every_section(full_page: str, section: str) -> None:
    assert f'<section id="{section}">' in full_page


def test_a_quick_run_says_how_to_get_a_verdict(full_page: str) -> None:
    assert "--profile standard" in visible(full_page)


@pytest.mark.slow
def test_a_standard_run_claims_its_verdict(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(blocks=10, profile="standard").write(tmp_path / "results")
    assert "Fastest by time per output token at every prompt length: ort-genai CPU int4." in visible(
        page_of(run, tmp_path)
    )


def test_every_configuration_is_in_the_table_at_every_length(full_page: str) -> None:
    table = full_page.partition('<table class="results"')[2].partition("</table>")[0]
    assert table.count('<th scope="row">') == 21


def test_the_simulated_run_says_so_first(simulated_page: str) -> None:
    head = simulated_page.partition("</header>")[0]
    assert "No model ran and no device was used" in head


def test_every_row_of_a_simulated_run_has_its_badge(simulated_page: str) -> None:
    table = simulated_page.partition('<table class="results"')[2].partition("</table>")[0]
    assert table.count('class="badge simulated"') == 4


def test_a_simulated_verdict_marks_the_name_of_any_backend(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(**SMALL, verdicts={"ort-genai-CPU-int4": "simulated"}).write(tmp_path / "results")
    assert "ort-genai CPU int4 (simulated)" in visible(page_of(run, tmp_path))


def test_a_synthetic_model_is_marked(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(**SMALL)
    run.model = {**run.model, "kind": "synthetic", "synthetic": True}
    assert "Synthetic model." in visible(page_of(run.write(tmp_path / "results"), tmp_path))


@pytest.mark.parametrize(
    ("end", "said"), [(None, "This run has no end"), ("interrupted", "was interrupted"), ("stopped", "was stopped")]
)
def test_a_run_that_did_not_finish_says_so(fake_run: MakeRun, tmp_path: Path, end: str | None, said: str) -> None:
    run = fake_run(**SMALL, end=end).write(tmp_path / "results")
    assert said in visible(page_of(run, tmp_path))


def test_a_failure_is_shown_with_its_reason(failing_page: str) -> None:
    assert "no token within 1800 s" in visible(failing_page)


def test_a_status_of_windows_is_shown_as_people_look_it_up(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(loads=ONE_LOAD)
    run.more = {"exit_code": -1073741819}
    run.break_cells("ort-genai", "crashed", "the worker died")
    assert "exit code 0xC0000005" in visible(page_of(run.write(tmp_path / "results"), tmp_path))


def test_a_failure_is_shown_with_the_command_that_tries_it_alone(failing_page: str) -> None:
    command = "nox -s bench -- --backend ort-genai --device CPU --precision int4 --prompt-tokens 512"
    assert command in visible(failing_page)


def test_an_installer_that_failed_is_shown_with_its_lines(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(**SMALL, venvs={"ort-genai": {"failed": ["ERROR: no matching distribution"]}})
    assert "ERROR: no matching distribution" in visible(page_of(run.write(tmp_path / "results"), tmp_path))


def test_a_fallback_goes_by_what_ran(fake_run: MakeRun, tmp_path: Path) -> None:
    load = Load("openvino-genai", "NPU", "int4")
    run = fake_run(loads=[load], prompt_tokens=(32,), verdicts={load.label: "fallback"}, executed={load.label: "CPU"})
    shown = visible(page_of(run.write(tmp_path / "results"), tmp_path))
    assert ("openvino-genai CPU (asked for NPU) int4" in shown, "openvino-genai NPU" in shown) == (True, False)


def test_a_choice_that_was_left_to_the_stack_goes_by_what_it_chose(fake_run: MakeRun, tmp_path: Path) -> None:
    load = Load("optimum-intel", "AUTO", "int4")
    run = fake_run(loads=[load], prompt_tokens=(32,), executed={load.label: "GPU.0"})
    shown = visible(page_of(run.write(tmp_path / "results"), tmp_path))
    assert "optimum-intel GPU.0 (asked for AUTO) int4" in shown


@pytest.mark.parametrize(
    ("device", "padded", "said"),
    [("NPU", 128, "NPU rows pad"), ("NPU", None, ""), ("CPU", None, "nothing about an NPU")],
)
def test_what_a_run_says_of_npus_follows_from_what_was_measured(
    fake_run: MakeRun, tmp_path: Path, device: str, padded: int | None, said: str
) -> None:
    run = fake_run(loads=[Load("npu", device, "int4")], counters={"padded_prompt_tokens": padded})
    shown = visible(page_of(run.write(tmp_path / "results"), tmp_path))
    assert [words for words in ("NPU rows pad", "nothing about an NPU") if words in shown] == ([said] if said else [])


def test_a_hint_that_the_device_changed_is_shown_as_changed(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(**SMALL, more={"changed_hints": [("KV_CACHE_PRECISION", "asked f16, got u8")]})
    shown = visible(page_of(run.write(tmp_path / "results"), tmp_path))
    assert "Changed by the device: KV_CACHE_PRECISION: asked f16, got u8" in shown


def test_what_activations_are_quantized_to_is_shown_with_the_load_and_with_its_cells(
    fake_run: MakeRun, tmp_path: Path
) -> None:
    run = fake_run(**SMALL, more={"activation_quantization": "int8 allowed, groups of 32"})
    shown = page_of(run.write(tmp_path / "results"), tmp_path)
    assert "<dt>Activation quantization</dt><dd>int8 allowed, groups of 32</dd>" in shown
    assert "<td>int8 allowed, groups of 32</td>" in shown


@pytest.mark.slow
def test_a_mixture_of_weight_formats_is_shown_as_one(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(**SMALL, more={"weight_bits": [("int8", 0.21), ("int4", 0.79)]})
    assert "79 % int4, 21 % int8" in visible(page_of(run.write(tmp_path / "results"), tmp_path))


@pytest.mark.charts
def test_a_run_of_failures_alone_has_a_page(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(**SMALL)
    run.break_cells("", "failed", "nothing works")
    assert "No cell could be measured." in visible(page_of(run.write(tmp_path / "results"), tmp_path))


@pytest.mark.slow
@pytest.mark.charts
@pytest.mark.parametrize("new_tokens", [1, 2])
def test_one_generation_of_one_cell_has_a_page(fake_run: MakeRun, tmp_path: Path, new_tokens: int) -> None:
    loads = ONE_LOAD
    run = fake_run(loads=loads, prompt_tokens=(8,), new_tokens=(new_tokens,), blocks=1, repeats=1)
    assert "the only one measured" in visible(page_of(run.write(tmp_path / "results"), tmp_path))


@pytest.fixture(scope="module")
def one_block(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> str:
    tmp_path = tmp_path_factory.mktemp("one-block")
    with real_charts():
        return visible(page_of(fake_run(loads=ONE_LOAD, blocks=1).write(tmp_path / "results"), tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("word", ["nan", "inf", "None"])
def test_no_number_is_missing_its_value(one_block: str, word: str) -> None:
    assert not re.search(rf"\b{word}\b", one_block)


def test_phi3_is_what_the_default_model_does_not_tell_of(full_page: str) -> None:
    shown = visible(full_page)
    assert "28 times as many" in shown
    assert "nox -s bench -- --model microsoft/Phi-3-mini-4k-instruct" in shown


@pytest.mark.slow
def test_a_run_of_phi3_does_not_ask_for_phi3(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(**SMALL)
    run.model = {**run.model, "name": "microsoft/Phi-3-mini-4k-instruct", "kind": "hub", "parameters": 3_821_079_552}
    assert "--model microsoft/Phi-3" not in visible(page_of(run.write(tmp_path / "results"), tmp_path))


def test_the_command_to_repeat_is_shown(full_page: str) -> None:
    assert "nox -s bench -- --profile quick" in visible(full_page)


@pytest.mark.slow
@pytest.mark.charts
def test_other_axes_get_charts_of_their_own(fake_run: MakeRun, tmp_path: Path) -> None:
    loads = [Load("ort-genai", "CPU", p) for p in ("int4", "int8")]
    run = fake_run(loads=loads, new_tokens=(8, 16)).write(tmp_path / "results")
    charts = page_of(run, tmp_path).partition('<section id="charts">')[2].partition("</section>")[0]
    assert len(re.findall('<figure class="card"(?![^>]*data-quantile)', charts)) == 8


@pytest.mark.slow
def test_the_share_stands_beside_the_verdict(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(**SMALL, more={"device_share": 0.004}).write(tmp_path / "results")
    assert "verified busy < 1 %" in visible(page_of(run, tmp_path)).replace("&lt;", "<")


def test_the_words_for_verified_say_the_share_that_counts_as_proof(stored_report: ReportPaths) -> None:
    told = stored_report.index.read_text("utf-8").partition("<dt>Device: verified</dt>")[2].partition("</dd>")[0]
    assert all(percent(share) in told for share in (PROOF, PROOF_WHERE_WORK_IS_HANDED_ON))


def test_what_a_run_could_use_is_said_where_it_was_less_than_all(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(**SMALL, record={"machine": LIMITED}).write(tmp_path)
    shown = visible(page_of(run, tmp_path))
    assert "The run could use CPUs 0-1, the time of 1.50 CPUs, 4.0 GiB of memory" in shown


def test_the_environment_stands_with_the_machine_in_the_cells_details_and_in_the_exports(
    fake_run: MakeRun, tmp_path: Path
) -> None:
    more = {"environment": [("KMP_BLOCKTIME", "0"), ("LD_PRELOAD", "x.so")]}
    paths = render(fake_run(**SMALL, more=more).write(tmp_path), tmp_path / "reports")
    shown = visible(paths.index.read_text(encoding="utf-8"))
    assert shown.count("Environment KMP_BLOCKTIME=0, LD_PRELOAD=x.so") == 2
    (row,) = json.loads((paths.index.parent / "summary.json").read_text(encoding="utf-8"))["cells"]
    assert json.loads(row["environment"]) == {"KMP_BLOCKTIME": "0", "LD_PRELOAD": "x.so"}


def test_a_run_that_recorded_neither_says_neither(fake_run: MakeRun, tmp_path: Path) -> None:
    shown = visible(page_of(fake_run(**SMALL).write(tmp_path), tmp_path))
    assert "The run could use" not in shown
    assert "Environment" not in shown

"""The files of a fleet and its command: what they say, in which language, of which runs, and of bad input."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.analyse.timeline import History, Move, Turn
from bench.commands.collect import main as collect
from bench.commands.fleet_report import main
from bench.plan.cells import Load
from bench.report.fleet.fleet_words import moves, rule
from tests.support.fleets import LOADS, LUNAR, METEOR, large_fleet, write_lab, write_machine_run
from tests.support.markup import NO_TURKISH, Visible, left_in_english, visible

pytestmark = pytest.mark.slow

FILES = {"fleet.html", "fleet.md", "fleet.csv", "fleet.json"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lab(tmp_path_factory.mktemp("lab"))


def told(results: Path, reports: Path, *arguments: str, folder: str = "fleet") -> dict[str, str]:
    """The files of one call."""
    assert main([*arguments, "--results-dir", str(results), "--reports-dir", str(reports)]) == 0
    return {path.name: path.read_text("utf-8") for path in (reports / folder).iterdir()}


@pytest.fixture(scope="module")
def english(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return told(lab, tmp_path_factory.mktemp("english"))


@pytest.fixture(scope="module")
def turkish(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return told(lab, tmp_path_factory.mktemp("turkish"), "--lang", "tr")


def rows(files: dict[str, str]) -> list[dict[str, str]]:
    return list(csv.DictReader(files["fleet.csv"].splitlines()))


def test_a_fleet_has_four_files_and_an_entry_in_the_index(lab: Path, tmp_path: Path) -> None:
    assert told(lab, tmp_path).keys() == FILES
    assert "fleet/fleet.html" in (tmp_path / "index.html").read_text("utf-8")


def test_a_row_is_a_machine_a_request_and_a_configuration(english: dict[str, str]) -> None:
    found = {(one["machine_name"], one["configuration"], one["prompt_tokens"]): one for one in rows(english)}
    assert len(found) == 8 + 5 + 4
    base, head = (found[name, "openvino-genai GPU int4", "32"] for name in ("nuc-1", "nuc-2"))
    assert (base["is_base"], base["ttft_over_base"], base["energy_j"], base["days_older"]) == ("true", "", "12.5", "0")
    assert float(head["ttft_over_base"]) == pytest.approx(float(head["ttft_ms"]) / float(base["ttft_ms"]), rel=1e-6)
    assert (head["energy_j"], head["generation"], head["simulated"]) == ("", "Meteor Lake", "false")


def test_programs_get_rows_answers_devices_and_reasons(english: dict[str, str]) -> None:
    value = json.loads(english["fleet.json"])
    assert len(value["rows"]) == len(rows(english))
    assert [one["id"] for one in value["machines"]] == [LUNAR, METEOR, "3" * 16]
    assert {one["why"] for apart in value["kept_apart"] for one in apart["reasons"]} == {"quality", "power source"}
    assert [(one["what"], one["moved"]) for one in value["splits"]] == [("driver of Intel Arc 140V", [LUNAR])]
    assert {one["ratio"] for one in value["devices"]} == {"GPU/CPU", "NPU/CPU", "NPU/GPU"}
    failed = {(one["device"], one["load"], one["longest"]) for one in value["tried"] if one["machine"] == METEOR}
    assert failed == {("CPU", "ok", "ok"), ("GPU", "ok", "crashed"), ("NPU", "failed", "not reached")}


def test_a_page_says_why_figures_are_kept_apart_and_what_failed(english: dict[str, str]) -> None:
    said = " ".join(Visible(english["fleet.html"]).said)
    for words in ("power source: mains in the base, battery here", "Level Zero: no device", "32.6790 -> 32.6881"):
        assert words in said
    assert "no device \\<b" not in english["fleet.md"]
    assert "no device &lt;b&gt;found" in english["fleet.md"]


def test_a_threshold_is_told_as_it_was_given() -> None:
    view = large_fleet(2, 1)
    view = replace(view, fleet=replace(view.fleet, threshold=0.025))
    assert "the threshold is 2.5 %." in " ".join(rule(view))


def test_a_small_change_is_told_to_a_tenth_of_a_percent() -> None:
    move = Move("tpot_ms", slower=False, series=(0,), of=1, least=0.996, most=0.996)
    machine = large_fleet(1, 1).fleet.machines[0]
    (run,) = machine.standing
    history = History((run,), (), (Turn(0, 0, (move,), (), ()),), (), 0.005)
    assert moves(replace(machine, history=history), [0]).endswith("TPOT faster in 1 cell, by up to 0.4 %")


def test_a_page_of_what_is_simulated_says_so_at_every_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_machine_run(tmp_path / "results", name, loads=[Load("simulated", "CPU", "fp32")], prompt_tokens=(32,))
    files = told(tmp_path / "results", tmp_path / "reports")
    assert 'role="note">simulated: no model ran' in files["fleet.html"]
    assert files["fleet.html"].count("simulated CPU fp32 <span") == files["fleet.html"].count('<span class="name">')
    assert {one["simulated"] for one in rows(files)} == {"true"}
    assert json.loads(files["fleet.json"])["about"]["simulated"] == "all"


def test_a_turkish_page_says_nothing_in_english(english: dict[str, str], turkish: dict[str, str]) -> None:
    assert '<html lang="tr">' in turkish["fleet.html"]
    assert left_in_english(turkish["fleet.html"]) == []
    lines = [line for line in turkish["fleet.md"].splitlines() if not re.search("out of memory|Level Zero", line)]
    assert [line for line in lines if NO_TURKISH.search(line)] == []
    assert len(left_in_english(english["fleet.html"])) > 10
    same = json.loads(turkish["fleet.json"]), json.loads(english["fleet.json"])
    assert same[0] == same[1]
    assert turkish["fleet.csv"] == english["fleet.csv"]


def test_no_number_of_a_turkish_page_has_a_decimal_point(turkish: dict[str, str]) -> None:
    said = [one for one in Visible(turkish["fleet.html"]).said if re.search(r"\d\.\d(?!\.|\d*\.)|\d %", one)]
    versions = re.compile(r"32\.6\d+|1\.16|2026\.4\.1\.0|Ubuntu 26\.04")
    assert [one for one in said if re.search(r"\d\.\d", versions.sub("", one))] == []


def test_names_and_labels_of_machines_are_left_out_of_a_redacted_page(lab: Path, tmp_path: Path) -> None:
    files = told(lab, tmp_path, "--redact", folder="fleet-redacted")
    assert [name for name, text in files.items() if "nuc-" in text or "driver-beta" in text] == []
    assert {one["machine_name"] for one in rows(files)} == {LUNAR, METEOR, "3" * 16}


def test_a_dataset_says_what_the_runs_say_that_it_was_collected_from(
    lab: Path, english: dict[str, str], tmp_path: Path
) -> None:
    assert collect([str(lab), "--into", str(tmp_path / "dataset")]) == 0
    shutil.copy(lab / "machines.toml", tmp_path / "dataset")
    assert told(tmp_path / "dataset", tmp_path / "reports")["fleet.csv"] == english["fleet.csv"]


def test_the_newest_runs_of_each_machine_are_read_and_the_others_are_told(lab: Path, tmp_path: Path) -> None:
    files = told(lab, tmp_path, "--newest", "3")
    assert "7 older runs were not" in visible(files["fleet.html"])
    assert json.loads(files["fleet.json"])["splits"] == []


def test_a_base_and_a_request_are_chosen(lab: Path, tmp_path: Path) -> None:
    files = told(lab, tmp_path, "--base", "nuc-2", "--prompt-tokens", "128", "--newest", "1")
    assert {one["prompt_tokens"] for one in rows(files)} == {"128"}
    assert {one["machine_name"] for one in rows(files) if one["is_base"] == "true"} == {"nuc-2"}


def test_machines_are_chosen_by_a_label(lab: Path, tmp_path: Path) -> None:
    files = told(lab, tmp_path, "--label", "driver-beta")
    assert {one["machine_name"] for one in rows(files)} == {"nuc-1"}


def test_a_machine_that_computes_in_another_type_is_marked(tmp_path: Path) -> None:
    for name, computed in (("aa", "f32"), ("ab", "bf16")):
        write_machine_run(tmp_path / "results", name, loads=LOADS[:1], prompt_tokens=(8,), computed=computed)
    files = told(tmp_path / "results", tmp_path / "reports", "--base", "aa")
    assert (files["fleet.md"].count("(in bf16)"), "(in f32)" in files["fleet.md"]) == (2, False)
    assert "(in bf16)" in visible(files["fleet.html"])


def test_a_base_without_a_figure_of_the_request_is_said(tmp_path: Path) -> None:
    write_machine_run(tmp_path / "results", "only", prompt_tokens=(8,), loads=LOADS[:1])
    two_alike_at(tmp_path / "results", 16)
    files = told(tmp_path / "results", tmp_path / "reports", "--base", "only")
    said = visible(files["fleet.html"])
    assert "only has no figure of SmolLM2-135M-Instruct, 16 prompt tokens, 64 new, so nothing there is compared" in said


def test_runs_of_a_glob_alone_are_read(lab: Path, tmp_path: Path) -> None:
    files = told(lab, tmp_path, "20261104*", "20261110*")
    assert [one["runs"] for one in json.loads(files["fleet.json"])["machines"]] == [2, 1, 1]


def test_one_machine_alone_has_a_page(lab: Path, tmp_path: Path) -> None:
    files = told(lab, tmp_path, "20261101*")
    assert {one["machine_name"] for one in rows(files)} == {"nuc-1"}


def other_request(results: Path) -> None:
    write_machine_run(results, "a", prompt_tokens=(8,), loads=LOADS[:1])
    write_machine_run(results, "b", prompt_tokens=(16,), loads=LOADS[:1])


def same_names(results: Path) -> None:
    other_request(results)
    (results / "machines.toml").write_text('[a]\nname = "x"\n[b]\nname = "x"\n', "utf-8")


def nothing_measured(results: Path) -> None:
    write_machine_run(results, "a", loads=LOADS[:1], broken={"openvino-genai": ("failed", "no", None)})


def two_alike_at(results: Path, prompt: int) -> None:
    for name in ("aa", "ab"):
        write_machine_run(results, name, loads=LOADS[:1], prompt_tokens=(prompt,))


def two_alike(results: Path) -> None:
    two_alike_at(results, 8)


@pytest.mark.parametrize(
    ("write", "arguments", "line"),
    [
        (lambda results: results.mkdir(), (), "holds no run; measure one with `nox -s bench`"),
        (
            other_request,
            (),
            "no two machines measured the same model and request: a has SmolLM2-135M-Instruct, 8 prompt",
        ),
        (same_names, (), "a and b are both named 'x': give each a name of its own"),
        (nothing_measured, (), "none of these runs measured anything"),
        (two_alike, ("--base", "c"), "--base c: no machine with a number is called so; there are aa and ab"),
        (two_alike, ("--base", "a"), "--base a: several machines are called or begin so; there are aa and ab"),
        (two_alike, ("--model", "m"), "no machine was asked that; there is SmolLM2-135M-Instruct, 8 prompt tokens"),
        (two_alike, ("--label", "lab-1"), "--label lab-1: no machine has it in machines.toml; there is none"),
        (two_alike, ("--newest", "0"), "expected a whole number from 1 on, got '0'"),
        (two_alike, ("never*",), "there is no run never*"),
    ],
    ids=[
        "no runs",
        "nothing in common",
        "names",
        "nothing measured",
        "base",
        "bases",
        "model",
        "label",
        "newest",
        "run",
    ],
)
def test_bad_input_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write: object, arguments: Sequence[str], line: str
) -> None:
    assert callable(write)
    write(tmp_path / "results")
    assert main([*arguments, "--results-dir", str(tmp_path / "results"), "--reports-dir", str(tmp_path / "out")]) != 0
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("error: ")
    assert line in said
    assert not (tmp_path / "out").exists()


def test_two_machines_of_one_id_are_told_and_kept_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for night, cores in enumerate((4, 16)):
        cpu = {"name": "Xeon", "physical_cores": cores}
        write_machine_run(tmp_path / "results", "a", night, {"cpu": cpu}, loads=LOADS[:1], prompt_tokens=(8,))
    files = told(tmp_path / "results", tmp_path / "reports")
    assert {one["machine"] for one in rows(files)} == {"a", "a-2"}
    assert "note: two machines have the id a" in capsys.readouterr().err


@pytest.mark.process
def test_many_runs_are_read_in_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.analyse.machine_runs._RUNS_PER_PROCESS", 1)
    monkeypatch.setattr("bench.analyse.machine_runs.usable_cpus", lambda: [0, 1])
    two_alike(tmp_path / "results")
    assert len(rows(told(tmp_path / "results", tmp_path / "reports"))) == 2

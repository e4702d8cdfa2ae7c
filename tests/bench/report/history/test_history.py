"""The history as a command: which runs it takes, where it sees a change, what it says of it, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.analyse import machine_runs as reading
from bench.analyse.build_history import build_history
from bench.analyse.machine_runs import machine_run
from bench.analyse.read_history import MachineHistory, read_history
from bench.commands.history import main
from bench.errors import MachineError, UsageError
from bench.plan.cells import Load
from bench.report.history.history_text import load_names, sentences, series_names
from bench.report.index import MOST_HEADLINE
from bench.store.digests import record_digests
from bench.store.reader import StoredRun, open_run
from tests.support.analyses import made_cell, made_load, made_quality, made_run
from tests.support.datasets import collected
from tests.support.nights import FIRST, ask, run_day, run_id, write_night


def told(results: Path, reports: Path, *arguments: str) -> dict[str, Any]:
    """history.json of a call that succeeds."""
    assert main(["--results-dir", str(results), "--reports-dir", str(reports), *arguments]) == 0
    (written,) = reports.glob("history-*/history.json")
    value: dict[str, Any] = json.loads(written.read_text("utf-8"))
    return value


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the history of the upgrade is written to."""
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def upgrade(upgraded: Path, reports: Path) -> dict[str, Any]:
    return told(upgraded, reports, "--metric", "tpot")


def page_of(reports: Path) -> bytes:
    """The one page that was written."""
    (page,) = reports.glob("history-*/history.html")
    return page.read_bytes()


@pytest.fixture
def nights(tmp_path: Path) -> Path:
    """Two nights of one stack."""
    results = tmp_path / "results"
    for night in range(2):
        write_night(results, night, loads=[Load("ort-genai", "CPU", "int4")])
    return results


@pytest.mark.slow
def test_a_change_is_found_between_the_runs_where_it_happened(upgrade: dict[str, Any]) -> None:
    assert [(turn["before"], turn["after"]) for turn in upgrade["turns"]] == [(run_id(5), run_id(6))]


@pytest.mark.slow
def test_the_package_that_changed_there_is_named(upgrade: dict[str, Any]) -> None:
    changes = [(one["what"], one["before"], one["after"]) for one in upgrade["turns"][0]["changes"]]
    assert changes == [("openvino-genai", "1.0", "2.0")]


def test_only_the_stack_that_changed_has_a_change(upgrade: dict[str, Any]) -> None:
    changed = {one["name"].split()[0] for one in upgrade["series"] if one["shifts"]}
    assert changed == {"openvino-genai"}


def test_the_change_is_as_large_as_it_was_made(upgrade: dict[str, Any]) -> None:
    ratios = [shift["ratio"] for one in upgrade["series"] for shift in one["shifts"]]
    assert ratios == pytest.approx([1.2] * len(ratios), rel=0.05)


def test_each_cell_has_a_point_per_run(upgrade: dict[str, Any]) -> None:
    assert {len(one["points"]) for one in upgrade["series"]} == {10}


def test_the_terminal_names_the_change(upgraded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(upgraded, tmp_path, "--metric", "ttft")
    said = " ".join(capsys.readouterr().out.split())
    assert "Changed there: openvino-genai 1.0 -> 2.0." in said


def test_the_page_says_what_the_terminal_says(upgrade: dict[str, Any], reports: Path) -> None:
    shown = " ".join(page_of(reports).decode("utf-8").split())
    assert upgrade["answer"][0].split(". Changed there")[0].replace(">", "&gt;") in shown


def test_the_same_runs_give_the_same_bytes(
    upgrade: dict[str, Any], upgraded: Path, reports: Path, tmp_path: Path
) -> None:
    assert told(upgraded, tmp_path, "--metric", "tpot") == upgrade
    assert page_of(tmp_path) == page_of(reports)


@pytest.mark.slow
def test_runs_without_a_change_have_no_turn(tmp_path: Path) -> None:
    for night in range(9):
        write_night(tmp_path / "results", night, loads=[Load("ort-genai", "CPU", "int4")])
    assert told(tmp_path / "results", tmp_path / "reports")["turns"] == []


@pytest.mark.slow
def test_too_few_runs_say_how_many_a_change_point_needs(nights: Path, tmp_path: Path) -> None:
    (said,) = told(nights, tmp_path, "--metric", "tpot")["answer"]
    assert said == (
        "No change point was looked for in any series: it takes 8 runs of a cell, and the longest of these has 2; "
        "measure again with `nox -s bench`."
    )


@pytest.mark.slow
def test_series_that_are_long_enough_do_not_speak_for_those_that_are_not(tmp_path: Path) -> None:
    for night in range(9):
        more = (Load("openvino-genai", "CPU", "int4"),) if night == 8 else ()
        loads = [Load("ort-genai", "CPU", "int4"), *more]
        write_night(tmp_path / "results", night, loads=loads, prompt_tokens=(32,))
    said = told(tmp_path / "results", tmp_path / "reports", "--metric", "tpot")["answer"]
    assert [sentence.partition(":")[0] for sentence in said] == [
        "No change point in 1 series over 9 runs.",
        "No change point was looked for in 1 of 2 series",
    ]


def test_the_page_does_not_call_unchanged_what_it_did_not_look_at(nights: Path, tmp_path: Path) -> None:
    told(nights, tmp_path)
    (page,) = tmp_path.glob("history-*/history.html")
    heads = re.findall("<h3>(.*?)</h3>", page.read_text("utf-8"))
    assert heads == ["Fewer than 8 runs, too few to look for a change point"]


def test_a_command_is_set_as_one_on_the_page(nights: Path, tmp_path: Path) -> None:
    told(nights, tmp_path)
    (page,) = tmp_path.glob("history-*/history.html")
    shown = page.read_text("utf-8").partition("<main>")[2].partition("</main>")[0]
    assert ("<code>nox -s bench</code>" in shown, "`" in shown) == (True, False)


def test_a_run_without_an_end_is_marked(nights: Path, tmp_path: Path) -> None:
    write_night(nights, 2, loads=[Load("ort-genai", "CPU", "int4")])
    (nights / run_id(2) / "end.json").unlink()
    value = told(nights, tmp_path)
    assert [run["ended"] for run in value["runs"]] == [True, True, False]


def test_a_run_that_lost_blocks_is_named(nights: Path, tmp_path: Path) -> None:
    write_night(nights, 5, broken={"ort-genai": ("crashed", "killed by signal 11", [1, 2])})
    said = told(nights, tmp_path / "reports")["notes"]
    assert any(one.startswith(f"not all blocks were measured in {run_id(5)} (2 cells); ") for one in said)


def test_variants_of_an_ab_run_are_no_part_of_it(nights: Path, tmp_path: Path) -> None:
    pair = [Load("ort-genai", "CPU", "int4", variant=side) for side in "ab"]
    write_night(nights, 2, loads=pair)
    assert {len(one["points"]) for one in told(nights, tmp_path)["series"]} == {2}


def test_a_run_of_a_newer_version_is_named_and_left_out(nights: Path, tmp_path: Path) -> None:
    write_night(nights, 2, record={"schema_version": 99}, loads=[Load("ort-genai", "CPU", "int4")])
    value = told(nights, tmp_path)
    assert (len(value["runs"]), any("schema 99" in note for note in value["notes"])) == (2, True)


def test_runs_of_another_machine_are_another_history(nights: Path, tmp_path: Path) -> None:
    write_night(nights, 2, record={"machine_id": "another"}, loads=[Load("ort-genai", "CPU", "int4")])
    assert len(told(nights, tmp_path, "--machine", "another")["runs"]) == 1


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (
            {"plan": {"cells": [{"load_key": "a"}]}},
            "run.json: plan.cells[0].cell_key is missing: put a copy of it back;",
        ),
        ({"venvs": ["ort-genai"]}, "run.json: venvs is no object: "),
        ({"machine": "a laptop"}, "run.json: machine is no object: "),
        ({"machine": {"cpu": "fast"}}, "run.json: machine.cpu is no object: "),
    ],
)
def test_a_record_that_was_broken_by_hand_is_named_and_left_out(
    nights: Path, tmp_path: Path, record: dict[str, Any], words: str
) -> None:
    write_night(nights, 2, record=record, loads=[Load("ort-genai", "CPU", "int4")])
    value = told(nights, tmp_path)
    assert (len(value["runs"]), any(words in note for note in value["notes"])) == (2, True)


def test_a_damaged_run_is_refused_where_it_is_named_itself(
    nights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (nights / run_id(1) / "run.json").write_text("{", "utf-8")
    folders = ["--results-dir", str(nights), "--reports-dir", str(tmp_path)]
    assert main([run_id(0), run_id(1), *folders]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "run.json: Expecting property name" in line
    assert "put a copy of it back; what was measured lies in the parquet files beside it" in line
    assert main(["*", *folders]) == 0
    assert "run.json: Expecting property name" in " ".join(capsys.readouterr().out.split())


def test_a_folder_without_a_run_is_passed_over(nights: Path, tmp_path: Path) -> None:
    (nights / "notes").mkdir()
    assert len(told(nights, tmp_path)["runs"]) == 2


def test_one_run_is_a_history_without_a_change(nights: Path, tmp_path: Path) -> None:
    assert len(told(nights, tmp_path, run_id(0))["runs"]) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["no-such-run"], 4, "there is no run no-such-run"),
        (["--machine", "zz"], 4, "--machine zz: no run is of it"),
        (["--threshold", "wide"], 4, "--threshold: expected a share"),
        (["--metric", "speed"], 4, "invalid choice"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    nights: Path, arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--results-dir", str(nights), *arguments]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_no_run_at_all_says_how_to_measure_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--results-dir", str(tmp_path)]) == 1
    assert "holds no run; measure one with `nox -s bench`" in capsys.readouterr().err


def test_a_date_that_has_none_in_utc_gives_way_to_the_one_in_the_id(nights: Path, tmp_path: Path) -> None:
    record = {"created_at": "0001-01-01T00:00:00+12:00"}
    write_night(nights, 2, record=record, loads=[Load("ort-genai", "CPU", "int4")])
    assert told(nights, tmp_path)["runs"][-1]["created_at"].startswith("2026-11-03")


def test_runs_of_other_hardware_with_the_same_id_are_another_history(nights: Path, tmp_path: Path) -> None:
    before = len(told(nights, tmp_path)["runs"])
    write_night(nights, 40, record={"machine": {"cpu": {"name": "another"}}}, loads=[Load("ort-genai", "CPU", "int4")])
    view = read_history([], nights)
    assert [(one.code, one.runs) for one in view.left_out] == [("other hardware", before)]


@pytest.mark.parametrize("machine", [None, {"cpu": None}])
def test_a_machine_that_is_not_recorded_as_one_is_called_unknown(nights: Path, tmp_path: Path, machine: object) -> None:
    path = nights / run_id(1) / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"machine": machine}), "utf-8")
    assert read_history([], nights).machine == ""
    assert told(nights, tmp_path)["about"]["machine"] == ""
    (page,) = tmp_path.glob("history-*/history.html")
    assert "unknown machine" in page.read_text("utf-8")


@pytest.mark.slow
def test_a_hostile_package_name_is_text(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>"
    for night in range(10):
        venvs = {"ort-genai": {"packages": {name: "2" if night >= 5 else "1"}}}
        slower = {"ort-genai": 1.5 if night >= 5 else 1.0}
        loads = [Load("ort-genai", "CPU", "int4")]
        write_night(tmp_path / "results", night, slower, record={"venvs": venvs}, loads=loads, prompt_tokens=(32,))
    told(tmp_path / "results", tmp_path / "reports", "--metric", "tpot")
    (page,) = (tmp_path / "reports").glob("history-*/history.html")
    text = page.read_text("utf-8")
    assert (name in text, "&lt;script&gt;" in text) == (False, True)


def test_other_prompts_are_another_series_and_named(nights: Path, tmp_path: Path) -> None:
    folder = write_night(nights, 2, loads=[Load("ort-genai", "CPU", "int4")])
    for number, run in enumerate((nights / run_id(0), nights / run_id(1), folder)):
        ask(run, "old" if number < 2 else "new")
    found = {one["name"].rsplit(", ", 1)[-1]: len(one["points"]) for one in told(nights, tmp_path)["series"]}
    assert found == {"prompt set 1": 2, "prompt set 2": 1}


def test_where_a_series_was_split_is_said_in_every_output(
    nights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loads = [Load("ort-genai", "CPU", "int4")]
    for night, prompt_tokens in ((2, (32, 128)), (3, (32,))):
        write_night(nights, night, loads=loads, prompt_tokens=prompt_tokens)
    for night, prompts in enumerate(("old", "old", "new", "newest")):
        ask(nights / run_id(night), prompts)
    value = told(nights, tmp_path)
    note = (
        f"the prompts changed with {run_id(2)} ({run_day(2)}; 32 and 128 prompt tokens, "
        f"prompt set 2) and {run_id(3)} ({run_day(3)}; 32 prompt tokens, prompt set 3): cells of those "
        "prompt lengths have one series per prompt set, and prompt sets are not compared"
    )
    (folder,) = tmp_path.glob("history-*")
    assert value["notes"] == [note]
    assert note in " ".join(capsys.readouterr().out.split())
    assert note in (folder / "history.html").read_text("utf-8")
    assert note in (folder / "history.md").read_text("utf-8")


@pytest.mark.slow
def test_a_headline_that_is_too_long_ends_with_a_whole_word(tmp_path: Path) -> None:
    for night in range(10):
        packages = {f"package-{place}": "2" if night >= 5 else "1" for place in range(12)}
        slower = {"ort-genai": 1.5 if night >= 5 else 1.0}
        write_night(
            tmp_path / "results",
            night,
            slower,
            record={"venvs": {"ort-genai": {"packages": packages}}},
            loads=[Load("ort-genai", "CPU", "int4")],
            prompt_tokens=(32,),
        )
    value = told(tmp_path / "results", tmp_path / "reports", "--metric", "tpot")
    headline = value["about"]["headline"]
    assert len(headline) <= MOST_HEADLINE
    assert headline.endswith(" …")
    assert value["answer"][0].startswith(f"{headline.removesuffix(' …')} ")


@pytest.mark.slow
def test_prompts_that_come_back_are_no_new_ones(nights: Path, tmp_path: Path) -> None:
    for night in (2, 3):
        write_night(nights, night, loads=[Load("ort-genai", "CPU", "int4")])
    for night, prompts in enumerate(("old", "new", "old", "new")):
        ask(nights / run_id(night), prompts)
    (note,) = told(nights, tmp_path)["notes"]
    assert [run_id(night) in note for night in range(4)] == [False, True, False, False]


def test_one_set_of_prompts_needs_no_word(nights: Path, tmp_path: Path) -> None:
    assert told(nights, tmp_path)["notes"] == []


@pytest.mark.process
def test_a_long_history_is_read_in_several_processes(
    upgraded: Path, upgrade: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_RUNS_PER_PROCESS", 5)
    monkeypatch.setattr(reading, "usable_cpus", lambda: [0, 1])
    found = told(upgraded, tmp_path, "--metric", "tpot")
    assert {**found, "about": None} == {**upgrade, "about": None}


@pytest.mark.process
def test_a_process_that_is_killed_while_it_reads_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "usable_cpus", lambda: [0, 1])
    with pytest.raises(MachineError, match=r"one of 2 processes that read runs was ended.*: name fewer runs"):
        reading.in_processes(os._exit, 10_000, [1, 1])


def test_a_machine_of_many_processors_has_no_more_processes_than_windows_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, most: int, mp_context: object) -> None:
            asked.append(most)
            super().__init__(1)

    monkeypatch.setattr(reading, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(reading, "usable_cpus", lambda: list(range(128)))
    assert reading.in_processes(abs, 10_000, [-1, 2]) == [1, 2]
    assert asked == [61]


@pytest.mark.slow
def test_of_a_dataset_no_run_of_another_machine_is_opened(
    upgraded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write_night(tmp_path / "results", 40, record={"machine_id": "other"})
    record_digests(other)
    for run in upgraded.iterdir():
        record_digests(shutil.copytree(run, tmp_path / "results" / run.name))
    collected(tmp_path / "results", into=tmp_path / "dataset")
    opened: list[str] = []

    def opening(path: Path) -> StoredRun:
        opened.append(path.name)
        return open_run(path)

    monkeypatch.setattr("bench.analyse.read_history.open_run", opening)
    view = read_history([], tmp_path / "dataset", "mmmm")
    assert (len(view.history.runs), other.name in opened) == (10, False)
    assert [(one.code, one.runs) for one in view.left_out] == [("other machine", 1)]
    assert read_history([], tmp_path / "dataset").machine_id == "other"
    with pytest.raises(UsageError, match=r"no run is of it; there are runs of m+ \(10 runs\) and other \(1 run\)"):
        read_history([], tmp_path / "dataset", "x")


def slower_on(device: str, versions: Sequence[Mapping[str, str]]) -> str:
    """What a history says of cells on ``device`` that became slower at the eighth of twelve runs.

    ``versions``: device -> version of a package in its venv, before and from then on.
    """
    load = replace(made_load(), load_key=device, device_requested=device)
    runs = []
    for night in range(12):
        new = night >= 7
        own = versions[new]
        venvs = {
            f"ort-genai ({name})" if len(own) > 1 else "ort-genai": {"packages": {"ort": version}}
            for name, version in own.items()
        }
        loads = [replace(made_load(), load_key=name, device_requested=name) for name in own]
        cells = [made_cell([(12 if new else 10) * (1 + night % 2 / 100)] * 3, load=load)]
        run = replace(made_run(f"run{night}", cells, venvs=venvs), loads=tuple(loads))
        runs.append(machine_run(f"run{night}", FIRST + timedelta(days=night), run, scores=True))
    return sentences(MachineHistory("m" * 16, "a machine", build_history(runs, 0.03)))[0]


@pytest.mark.parametrize(
    ("device", "versions", "said"),
    [
        ("DML", [{"CPU": "1", "DML": "1"}, {"CPU": "1", "DML": "2"}], "ort 1 -> 2 (in ort-genai (DML))."),
        ("CPU", [{"CPU": "1"}, {"CPU": "2", "DML": "5"}], "ort 1 -> 2 (in ort-genai)."),
        ("DML", [{"CPU": "5", "DML": "1"}, {"DML": "2"}], "ort 1 -> 2 (in ort-genai (DML))."),
    ],
)
def test_a_package_in_the_venv_of_a_device_is_named_where_the_cells_of_that_device_changed(
    device: str, versions: Sequence[Mapping[str, str]], said: str
) -> None:
    assert slower_on(device, versions).endswith(f"Changed there: {said}")


def test_a_package_in_the_venv_of_another_device_is_not_that_of_cells_that_changed() -> None:
    said = slower_on("DML", [{"CPU": "1", "DML": "1"}, {"CPU": "2", "DML": "1"}])
    assert said.endswith("but 1 package changed in venvs that these cells do not use.")


def test_configurations_of_other_options_in_other_runs_have_other_names() -> None:
    loads = [
        replace(made_load(), load_key=key, options=options, quality=made_quality([10.0]))
        for key, options in (("a", {"recipe": "plain", "x": 1}), ("b", {"x": 1}))
    ]
    runs = [
        machine_run(
            f"run{night}",
            FIRST + timedelta(days=night),
            made_run(f"run{night}", [made_cell([10.0], load=load)]),
            scores=True,
        )
        for night, load in enumerate(loads)
    ]
    history = build_history(runs, 0.03)
    assert series_names(history) == [
        "ort-genai CPU int4, 32+1 [recipe=plain]",
        "ort-genai CPU int4, 32+1 [default options]",
    ]
    assert load_names(history) == ["ort-genai CPU int4 [recipe=plain]", "ort-genai CPU int4 [default options]"]

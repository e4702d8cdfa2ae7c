"""What is set side by side on a fleet's page, what is kept apart, and what became of each stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.comparison import compare
from bench.analyse.fleet import Figure, Fleet, build_fleet, energies, least_and_most, most_asked, splits
from bench.analyse.fleet_machine import Machine, Tried, generation_of, read_machine
from bench.analyse.interval import between_runs, paired
from bench.analyse.read_fleet import Wanted
from bench.analyse.results import CellResult, Costs, Finding, RunAnalysis
from bench.report.fleet.fleet_view import columns, view_fleet
from bench.report.fleet.fleet_words import sentences
from bench.report.history.history_text import series_names
from bench.store.machine_names import MachineName
from tests.support.analyses import made_cell, made_load, made_quality, made_run
from tests.support.fleets import LOADS, FleetRun, ask_otherwise, made_machine, write_lab, write_machine_run

SLOW, QUICK = [12.0, 12.4, 11.8], [8.0, 8.2, 7.9]


def fleet_of(*machines: Machine) -> Fleet:
    return build_fleet(machines, machines[0], 0.03)


def beside(there: RunAnalysis, here: RunAnalysis, **of_head: Any) -> Figure:
    """The figure of the second of two machines beside that of the first."""
    (question,) = fleet_of(made_machine("base", [there]), made_machine("head", [here], **of_head)).questions
    return question.figures[1]


def with_load(cell: CellResult, **changed: Any) -> CellResult:
    return replace(cell, load=replace(cell.load, **changed))


# -- generations


@pytest.mark.parametrize(
    ("cpu", "labels", "generation"),
    [
        ("Intel(R) Core(TM) Ultra 7 155H", (), "Meteor Lake"),
        ("Intel(R) Core(TM) Ultra 5 processor 125U", (), "Meteor Lake"),
        ("Intel(R) Core(TM) Ultra 7 258V", (), "Lunar Lake"),
        ("Intel Core Ultra 5 226V", (), "Lunar Lake"),
        ("Intel(R) Core(TM) Ultra 9 285K", (), "Arrow Lake"),
        ("Intel(R) Core(TM) Ultra 7 255H", (), "Arrow Lake"),
        ("Intel(R) Core(TM) Ultra X7 358H", (), "Panther Lake"),
        ("Intel(R) Core(TM) Ultra 5 325", (), "Panther Lake"),
        ("Intel(R) Core(TM) i7-1260P", (), "Intel(R) Core(TM) i7-1260P"),
        ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", (), "AMD Ryzen AI 9 HX 370 w/ Radeon 890M"),
        ("", (), ""),
        ("Genuine Intel(R) 0000", ("shelf 3", "lunar-lake"), "Lunar Lake"),
        ("AMD Ryzen AI 9 HX 370", ("generation: Strix Point",), "Strix Point"),
        ("Intel(R) Core(TM) Ultra 7 155H", ("generation: ",), "Meteor Lake"),
    ],
)
def test_a_generation_is_told_by_the_processors_name_or_a_label(
    cpu: str, labels: tuple[str, ...], generation: str
) -> None:
    assert generation_of(cpu, labels) == generation


# -- the fastest of each machine


def test_a_broken_configuration_is_never_the_fastest() -> None:
    broken = with_load(made_cell(QUICK, load=made_load("quick")), quality=made_quality([], "broken"))
    (question,) = fleet_of(made_machine("m", [made_run("r", [made_cell(SLOW), broken])])).questions
    (ranking,) = question.rankings["m"]
    assert (ranking.winner.load.backend, [one.load.backend for one in ranking.broken]) == ("ort-genai", ["quick"])


def test_what_another_run_measured_is_not_ranked_with_the_lowest() -> None:
    together = [made_cell(SLOW), made_cell([x * 2 for x in SLOW], load=made_load("slower"))]
    other = made_cell(QUICK, load=made_load("quick"))
    (question,) = fleet_of(made_machine("m", [made_run("new", together), made_run("old", [other])])).questions
    (ranking,) = question.rankings["m"]
    assert ranking.winner.load.backend == "ort-genai"
    assert [one.load.backend for one in ranking.not_compared] == ["quick"]
    assert not ranking.claimed


def test_simulated_configurations_are_ranked_on_their_own() -> None:
    played = with_load(made_cell(QUICK, load=made_load("played")), device_verdict="simulated")
    (question,) = fleet_of(made_machine("m", [made_run("r", [made_cell(SLOW), played])])).questions
    assert [(one.winner.load.backend, one.simulated) for one in question.rankings["m"]] == [
        ("ort-genai", False),
        ("played", True),
    ]


# -- machines beside the base


def test_a_figure_beside_the_bases_is_what_a_comparison_of_the_two_runs_says() -> None:
    there, here = (made_run(name, [made_cell(times)]) for name, times in (("base", QUICK), ("head", SLOW)))
    expected = compare(there, [here], 0.03).heads[0].cells[0].differences
    assert tuple(beside(there, here).differences.values()) == expected


def test_the_base_is_the_machine_that_shares_most_figures_with_others() -> None:
    one, two = made_cell(SLOW, 32), made_cell(SLOW, 64)
    machines = [made_machine("a", [made_run("1", [one])]), made_machine("b", [made_run("2", [one, two])])]
    machines.append(made_machine("c", [made_run("3", [two])]))
    assert most_asked(machines, lambda _: True).name == "b"
    assert most_asked(machines, lambda asked: asked.request.prompt_tokens == 32).name == "a"


def test_other_models_are_other_requests() -> None:
    there, here = (
        made_run("1", [made_cell(SLOW)]),
        made_run("2", [made_cell(SLOW)], model={"name": "tiny", "digest": "x"}),
    )
    fleet = fleet_of(made_machine("a", [there]), made_machine("b", [here]))
    assert [len(one.machines) for one in fleet.questions] == [1, 1]


def power(**recorded: str) -> dict[str, Any]:
    return {"machine": recorded}


DISTURBED = Finding("hot", "serious", "", "")


@pytest.mark.parametrize(
    ("load", "cell", "there", "here", "why"),
    [
        ({"quality": made_quality([], "broken")}, {}, {}, {}, "quality"),
        ({"device_verdict": "simulated"}, {}, {}, {}, "simulated"),
        ({"device_verdict": "fallback", "device_executed": "GPU"}, {}, {}, {}, "device"),
        ({}, {"padded_prompt_tokens": 1024}, {}, {}, "padded"),
        ({}, {}, power(power_mode="balanced"), power(power_mode="best performance"), "power mode"),
        ({}, {}, power(power_source="mains"), power(power_source="battery"), "power source"),
        ({}, {}, power(governor="powersave"), power(governor="performance"), "governor"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_compared_is_kept_apart_with_the_reason(
    load: Mapping[str, Any], cell: Mapping[str, Any], there: Mapping[str, Any], here: Mapping[str, Any], why: str
) -> None:
    of_base = replace(made_cell(SLOW), padded_prompt_tokens=512)
    of_head = replace(with_load(made_cell(SLOW), **load), **{"padded_prompt_tokens": 512, **cell})
    found = beside(made_run("base", [of_base], **there), made_run("head", [of_head], **here))
    assert ([one.why for one in found.apart], found.differences) == ([why], {})


def test_a_disturbed_figure_is_kept_apart() -> None:
    here = replace(made_run("head", [made_cell(SLOW)]), findings=(DISTURBED,))
    found = beside(made_run("base", [made_cell(SLOW)]), here)
    assert (found.serious, [(one.why, one.head) for one in found.apart]) == (("hot",), [("serious", "hot")])


def test_what_a_run_does_not_record_keeps_nothing_apart() -> None:
    here = made_run("head", [replace(made_cell(SLOW), padded_prompt_tokens=512)], **power(power_mode="balanced"))
    found = beside(made_run("base", [made_cell(SLOW)], **power()), here)
    assert (found.apart, len(found.differences)) == ((), 1)


def test_prompts_with_other_ids_are_kept_apart() -> None:
    cells = [made_cell(SLOW, 32)]
    base = made_machine("base", [replace(made_run("1", cells), prompts={32: {"a": "x", "b": "y"}})])
    same = made_machine("same", [replace(made_run("2", cells), prompts={32: {"a": "x"}})])
    other = made_machine("other", [replace(made_run("3", cells), prompts={32: {"a": "z", "b": "y"}})])
    (question,) = fleet_of(base, same, other).questions
    assert [[(one.why, one.head) for one in figure.apart] for figure in question.figures] == [[], [], [("prompts", 1)]]


def test_a_figure_says_what_the_name_of_its_column_does_not() -> None:
    measured = made_cell(SLOW)
    played = with_load(measured, device_verdict="simulated")
    fallen = with_load(measured, device_verdict="fallback", device_executed="GPU")
    runs = [made_run(str(place), [cell]) for place, cell in enumerate((measured, played, fallen))]
    fleet = fleet_of(*(made_machine(str(place), [run]) for place, run in enumerate(runs)))
    (column,) = columns(view_fleet(fleet, Wanted()), fleet.questions[0])
    assert [column.mark(one) for one in column.figures.values()] == ["", " (simulated)", " (fallback to GPU)"]


# -- devices


def on_device(times: list[float], device: str) -> CellResult:
    load = replace(made_load(), load_key=device, device_requested=device)
    return made_cell(times, 32, load)


def test_configurations_of_other_options_on_other_machines_have_other_names() -> None:
    loads = [replace(made_load(), load_key=key, options=own) for key, own in (("a", {"recipe": "plain"}), ("b", {}))]
    machines = [
        made_machine(load.load_key, [made_run(f"run-{load.load_key}", [made_cell([10.0] * 5, load=load)])])
        for load in loads
    ]
    fleet = build_fleet(machines, machines[0], 0.03)
    view = view_fleet(fleet, Wanted())
    names = ["ort-genai CPU int4 [default options]", "ort-genai CPU int4 [recipe=plain]"]
    assert [column.name for column in columns(view, fleet.questions[0])] == names
    assert "ort-genai CPU int4 [recipe=plain] on 1 machine" in sentences(view, fleet.questions[0])[0]


def test_devices_of_one_run_are_compared_block_by_block_and_those_of_two_runs_are_not() -> None:
    cpu, gpu = on_device(SLOW, "CPU"), on_device(QUICK, "GPU")
    ratios = [
        fleet_of(made_machine("m", runs)).questions[0].devices[0].ratios["ttft_ms"]["GPU", "CPU"]
        for runs in ([made_run("r", [cpu, gpu])], [made_run("new", [cpu]), made_run("old", [gpu])])
    ]
    medians = gpu.ttft_ms.by_block, cpu.ttft_ms.by_block
    assert ratios == [one.ratio for one in (paired(*medians), between_runs(*medians)) if one]


def test_a_broken_device_is_not_compared_with_another() -> None:
    broken = with_load(on_device(QUICK, "GPU"), quality=made_quality([], "broken"))
    (question,) = fleet_of(made_machine("m", [made_run("r", [on_device(SLOW, "CPU"), broken])])).questions
    assert question.devices == ()


def test_ratios_of_machines_are_told_from_the_least_to_the_most() -> None:
    runs = [
        made_run(name, [on_device([10.0] * 3, "CPU"), on_device([time] * 3, "GPU")])
        for name, time in (("1", 5.0), ("2", 8.0))
    ]
    (question,) = fleet_of(*(made_machine(str(place), [run]) for place, run in enumerate(runs))).questions
    found = least_and_most(question.devices, "ttft_ms", ("GPU", "CPU"))
    assert found is not None
    assert found[0] == 2
    assert found[1:] == pytest.approx((0.5, 0.8))
    assert least_and_most(question.devices, "ttft_ms", ("NPU", "CPU")) is None


def test_energy_is_told_where_it_was_counted_and_never_of_what_is_simulated() -> None:
    costs = Costs(energy_j=3.0, energy_source="RAPL")
    cells = [replace(made_cell(SLOW, load=made_load(name)), costs=costs) for name in ("one", "two")]
    played = with_load(cells[1], device_verdict="simulated")
    (question,) = fleet_of(made_machine("m", [made_run("r", [cells[0], played, made_cell(SLOW)])])).questions
    assert [(one.cell.load.backend, value) for one, value in energies(question)] == [("one", 3.0)]


# -- machines as they are read


def read(*folders: Path, newest: int = 20) -> Machine:
    return read_machine("m", MachineName("m"), folders[-newest:], len(folders), 0.03)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lab(tmp_path_factory.mktemp("lab"))


@pytest.mark.slow
def test_the_newest_run_of_each_cell_stands_for_it(tmp_path: Path) -> None:
    old = write_machine_run(tmp_path, "m", 1)
    new = write_machine_run(tmp_path, "m", 2, loads=LOADS[:1], prompt_tokens=(32,))
    machine = read(old, new)
    assert [(one.run_id, len(one.analysis.cells)) for one in machine.standing] == [(new.name, 1), (old.name, 7)]


@pytest.mark.slow
def test_a_run_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    good, bad = write_machine_run(tmp_path, "m", 1, loads=LOADS[:1]), write_machine_run(tmp_path, "m", 2)
    (bad / "run.json").write_text("{", "utf-8")
    machine = read(good, bad)
    assert (machine.read, len(machine.left_out), [one.run_id for one in machine.standing]) == (1, 1, [good.name])


def test_cells_of_a_load_that_nothing_names_are_read_too(tmp_path: Path) -> None:
    folder = write_machine_run(tmp_path, "m", 1, loads=LOADS[:1], prompt_tokens=(32,))
    record = json.loads((folder / "run.json").read_text("utf-8"))
    (folder / "run.json").write_text(json.dumps({**record, "plan": None}), "utf-8")
    for file in (folder / "loads").glob("*"):
        file.unlink()
    (standing,) = read(folder).standing
    assert [cell.load.label for cell in standing.analysis.cells] == ["unknown"]


@pytest.mark.slow
def test_a_driver_at_which_figures_changed_splits_the_history(lab: Path) -> None:
    runs = sorted(path.parent for path in lab.glob("*/run.json") if '"32.6' in path.read_text("utf-8"))
    (found,) = splits([read(*runs)])
    assert (found.what, found.before, found.after) == ("driver of Intel Arc 140V", "32.6790", "32.6881")


@pytest.mark.slow
def test_a_driver_that_changed_nothing_is_told_too(tmp_path: Path) -> None:
    of = {"loads": LOADS[:1], "prompt_tokens": (32,)}
    gpus = [{"gpus": [{"name": "Arc", "driver": driver}]} for driver in ("1", "2")]
    many = [write_machine_run(tmp_path, "a", night, gpus[night > 4], **of) for night in range(10)]
    few = [write_machine_run(tmp_path, "b", night, gpus[night], **of) for night in range(2)]
    machines = [replace(read(*runs), id=name) for name, runs in (("many", many), ("few", few))]
    (found,) = splits(machines)
    assert (found.what, found.moved) == ("driver of Arc", ())
    assert ([one.id for one in found.unmoved], [one.id for one in found.untold]) == (["many"], ["few"])


def one_tried(folder: Path, **fake: Any) -> Tried:
    (found,) = read(write_machine_run(folder, "m", 1, loads=LOADS[2:3], **fake)).tried
    return found


class LoadsAndStops(FleetRun):
    """Its processes load, and end at the first generation."""

    def load_row(self, load: Any, block: int, position: int) -> dict[str, Any]:
        return {**super().load_row(load, block, position), "load_s": 1.0}


FAILS = {"openvino-genai-NPU": ("crashed", "why", None)}


@pytest.mark.parametrize(
    ("fake", "phases", "reason"),
    [
        ({}, ("ok", "ok", "ok"), ""),
        ({"prompt_tokens": (32,)}, ("ok", "ok", "not asked"), ""),
        ({"broken": FAILS}, ("crashed", "not reached", "not reached"), "why"),
        ({"broken": {"openvino-genai-NPU-int4-p128": ("failed", "why", None)}}, ("ok", "ok", "failed"), "why"),
        ({"broken": {"openvino-genai-NPU-int4-p128": ("failed", "why", [1])}}, ("ok", "ok", "partly"), "why"),
    ],
    ids=["all", "one length", "load", "long prompt", "long prompt in one block"],
)
def test_how_far_a_stack_came_is_told_phase_by_phase(
    tmp_path: Path, fake: Mapping[str, Any], phases: tuple[str, ...], reason: str
) -> None:
    found = one_tried(tmp_path, **fake)
    assert ((found.load, found.first, found.longest), found.reason, found.driver) == (phases, reason, "1.16")


def test_a_process_that_loaded_and_gave_no_answer_failed_at_its_first_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fleets.FleetRun", LoadsAndStops)
    found = one_tried(tmp_path, broken=FAILS)
    assert (found.load, found.first, found.longest, found.reason) == ("ok", "crashed", "not reached", "why")


def test_what_a_run_does_not_tell_is_unknown(tmp_path: Path) -> None:
    folder = write_machine_run(tmp_path, "m", 1, {"npus": []}, loads=LOADS[2:3])
    for file in (*(folder / "loads").glob("*"), *(folder / "generations").glob("*")):
        file.unlink()
    (found,) = read(folder).tried
    assert (found.load, found.first, found.longest, found.driver) == ("unknown", "unknown", "unknown", None)


@pytest.mark.slow
def test_the_newest_run_of_each_driver_tells_what_ran(lab: Path) -> None:
    runs = sorted(path.parent for path in lab.glob("*/run.json") if '"32.6' in path.read_text("utf-8"))
    found = {one.driver: one.run_id for one in read(*runs).tried if one.device == "GPU"}
    assert found == {"32.6790": runs[4].name, "32.6881": runs[9].name}


@pytest.mark.slow
def test_other_prompts_of_stored_runs_are_told(tmp_path: Path) -> None:
    machines = []
    for name in ("a", "b"):
        run = write_machine_run(tmp_path / name, name, 1, loads=LOADS[:1], prompt_tokens=(32,))
        ask_otherwise(run)
        machines.append(replace(read(run), id=name, name=name))
    (question,) = fleet_of(*machines).questions
    assert [one.why for one in question.figures[1].apart] == ["prompts"]


@pytest.mark.slow
def test_a_load_is_named_as_reports_name_it(tmp_path: Path) -> None:
    machine = read(*(write_machine_run(tmp_path, "m", night, loads=LOADS[:1]) for night in range(2)))
    assert machine.history is not None
    assert {*series_names(machine.history)} == {
        "openvino-genai CPU int4, 32+64",
        "openvino-genai CPU int4, 128+64",
    }

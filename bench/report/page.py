"""index.html: one file, no request, a policy that allows nothing but its own style and its own script.

Everything is in the page without the script, which only narrows, sorts and points.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from backends.spec import hardware_of
from bench import processes
from bench.analyse.conditions import limited
from bench.analyse.results import QUANTILES, CellResult, RunAnalysis
from bench.metrics import RANKED, RATES
from bench.report import format as fmt
from bench.report import metric_words, text
from bench.report.answers import answers_by_shape, memory_answers, overviews, verdict_note
from bench.report.cell_details import MOST_UNFOLDED, cache_state, detail_groups
from bench.report.commands import alone
from bench.report.drawing import series_chart
from bench.report.drawing.bars import load_bars, memory_bars
from bench.report.drawing.figures import Figures, draw
from bench.report.energy import Energy, energy
from bench.report.exports.data_link import data_link
from bench.report.filters import EVERYTHING, filter_axes, known_quantiles, known_weights, weight
from bench.report.findings import finding_notes, serious_for_answer
from bench.report.hits import hits
from bench.report.language import chosen
from bench.report.names import Naming, cell_name, failed_shapes, first_request
from bench.report.notes import adaptive_end
from bench.report.observers import observer_facts
from bench.report.results_table import COLUMNS, result_groups
from bench.report.template import environment, page_script, source_digest
from bench.report.timed import timed_region

_HERE = Path(__file__).resolve().parent

MOST_IN_LEGEND = 8
"""A legend of more entries than this is folded away: on a phone it would stand before each chart for screens."""


def page(analysis: RunAnalysis, naming: Naming, notes: list[str]) -> str:
    """The page of one run.

    Args:
        analysis: of the run.
        naming: of its loads and lines.
        notes: what has to be said before any number.
    """
    figures = draw(naming, analysis)
    css = (_HERE / "page.css").read_text(encoding="utf-8") + figures.css
    script = page_script("page.js")
    axes = filter_axes(analysis)
    note, enough = verdict_note(analysis)
    found = finding_notes(analysis, naming)
    groups = result_groups(analysis, naming, found)
    used = energy(analysis, naming)
    return (
        environment(_HERE)
        .get_template("page.html.jinja")
        .render(
            a=analysis,
            record=analysis.record,
            t=text,
            f=fmt,
            m=metric_words,
            columns=COLUMNS,
            ranked_metrics=RANKED,
            rates=RATES,
            language=chosen().code,
            percentiles=tuple(QUANTILES),
            css=Markup(css),  # noqa: S704 - our own file and the drawings' styles, no data
            css_digest=source_digest(css),
            script=Markup(script),  # noqa: S704 - our own files
            script_digest=source_digest(script),
            axes=axes,
            asks=any(axis.key == "ask" for axis in axes),
            ask_of=naming.ask_of,
            everything=EVERYTHING,
            weight=weight,
            weights=known_weights(analysis),
            quantiles=known_quantiles(analysis),
            title=_title(analysis),
            facts=_facts(analysis),
            notes=notes,
            sections=_sections(analysis, figures, used),
            figures=figures,
            name=naming.of,
            swatch=lambda load: _swatch(figures, naming, load),
            overviews=overviews(analysis, naming),
            answers=answers_by_shape(analysis, naming),
            memory=memory_answers(analysis, naming),
            verdict_note=note,
            verdict=enough,
            groups=groups,
            details=detail_groups(groups, analysis),
            details_folded=len(analysis.cells) > MOST_UNFOLDED,
            course=series_chart,
            cache_state=cache_state,
            first_request=first_request,
            timed_region=timed_region,
            legend_folded=len(figures.legend) > MOST_IN_LEGEND,
            findings=found,
            serious=serious_for_answer(analysis, found),
            itl_cells=_by_line(analysis, naming),
            load_bars=load_bars(analysis),
            memory_bars=memory_bars(analysis),
            energy=used,
            failures=[_failure(failure, naming, analysis) for failure in analysis.failures],
            broken_venvs=_broken_venvs(analysis),
            unreached=[
                cell_name(naming.of(cell.load), cell.prompt_tokens, cell.new_tokens) for cell in analysis.unreached
            ],
            hits=hits(analysis, naming),
            meaning=_meaning(analysis),
            phi3=_phi3_command(analysis),
            machine=_machine(analysis),
            model_note=(analysis.record.get("model") or {}).get("note"),
            data=data_link(analysis),
        )
    )


def _sections(analysis: RunAnalysis, figures: Figures, used: Energy | None) -> list[tuple[str, str]]:
    """The sections that this run has anything to show in."""
    empty = set()
    if not figures.groups:
        empty |= {"charts", "results", "cells"}
    if not figures.along:
        empty |= {"along", "spread"}
    if not figures.arrival.charts:
        empty.add("arrival")
    if not figures.tradeoff.charts:
        empty.add("tradeoff")
    if figures.roofline is None:
        empty.add("roofline")
    if used is None:
        empty.add("energy")
    if not load_bars(analysis) and not memory_bars(analysis):
        empty.add("costs")
    if not analysis.findings:
        empty.add("notes")
    return [entry for entry in text.NAV if entry[0] not in empty]


def _swatch(figures: Figures, naming: Naming, load: Any) -> Markup:
    series = naming.series_of(load)
    return figures.swatches.get(series.key, Markup()) if series else Markup()


def _title(analysis: RunAnalysis) -> tuple[str, str]:
    model = str((analysis.record.get("model") or {}).get("name") or text.UNKNOWN_MODEL)
    cpu = ((analysis.record.get("machine") or {}).get("cpu") or {}).get("name")
    return model, str(cpu or text.UNKNOWN_MACHINE)


def _facts(analysis: RunAnalysis) -> list[str]:
    record = analysis.record
    plan = record.get("plan") or {}
    count = text.parameters((record.get("model") or {}).get("parameters"))
    threads = plan.get("threads")
    facts = [
        _date(record.get("created_at")),
        text.FACT_PARAMETERS.format(count=count) if count else "",
        text.FACT_MEASURED.format(cells=text.plural(len(analysis.cells), "cell")),
        text.FACT_PROFILE.format(profile=plan.get("profile"), blocks=_blocks(plan), repeats=plan.get("repeats")),
        text.plural(threads, "thread") if threads else text.FACT_THREADS_LEFT,
        text.FACT_RUN.format(run=record.get("run_id")),
        *(f"{name}: {variant['spec']}" for name, variant in (plan.get("variants") or {}).items()),
    ]
    return [fact for fact in facts if fact]


def _blocks(plan: Mapping[str, Any]) -> str:
    least, most = plan.get("blocks") or 0, plan.get("max_blocks")
    return text.FACT_BLOCKS.format(least=least, most=most) if most else text.plural(least, "block")


def _date(iso: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(iso))
    except ValueError:
        return ""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _by_line(analysis: RunAnalysis, naming: Naming) -> list[tuple[str, CellResult]]:
    return [(naming.of(cell.load), cell) for cell in analysis.cells]


def _failure(failure: Any, naming: Naming, analysis: RunAnalysis) -> dict[str, Any]:
    blocks = adaptive_end(analysis).get("blocks") or (analysis.record.get("plan") or {}).get("blocks") or 0
    return {
        "failure": failure,
        "exit_code": None if failure.exit_code is None else processes.format_exit_code(failure.exit_code),
        "name": naming.of(failure.load),
        "cells": failed_shapes(failure),
        "where": text.failure_where(failure, blocks),
        "status": text.STATUS_WORDS.get(failure.status, failure.status),
        "remedy": text.REMEDIES.get(failure.status, ""),
        "command": ""
        if failure.status == "unsupported"
        else alone(failure.load, failure.shapes, failure.asks, analysis.record),
    }


def _broken_venvs(analysis: RunAnalysis) -> list[tuple[str, str, list[str]]]:
    found = []
    for backend, venv in (analysis.record.get("venvs") or {}).items():
        if venv.get("failed"):
            found.append((backend, text.VENV_FAILED, [str(line) for line in venv["failed"]]))
        elif venv.get("unsupported"):
            found.append((backend, text.VENV_UNSUPPORTED, [str(venv["unsupported"])]))
    return found


def _meaning(analysis: RunAnalysis) -> list[str]:
    if analysis.loads and all(load.simulated for load in analysis.loads):
        return [text.MEANING_DOES_SIMULATED]
    model = analysis.record.get("model") or {}
    count = model.get("parameters")
    said = [text.MEANING_DOES] if analysis.cells else []
    if count and count < text.PHI3_PARAMETERS / 2:
        times = text.plural(round(text.PHI3_PARAMETERS / count), "time")
        said.append(text.MEANING_SMALL.format(model=model.get("name"), parameters=text.parameters(count), times=times))
    elif _phi3_command(analysis):
        said.append(text.MEANING_OTHER)
    on_npu = [cell for cell in analysis.cells if hardware_of(cell.load.ran_on) == "NPU"]
    if not on_npu:
        said.append(text.MEANING_NPU_NONE)
    elif any(cell.padded_prompt_tokens for cell in on_npu):
        said.append(text.MEANING_NPU)
    return [*said, text.MEANING_QUALITY]


def _phi3_command(analysis: RunAnalysis) -> str:
    model = analysis.record.get("model") or {}
    is_phi3 = "phi-3" in str(model.get("name")).lower() and not model.get("synthetic")
    return "" if is_phi3 else text.PHI3_COMMAND


def _machine(analysis: RunAnalysis) -> list[tuple[str, str]]:
    machine = analysis.record.get("machine") or {}
    cpu = machine.get("cpu") or {}
    project = analysis.record.get("project") or {}
    model = analysis.record.get("model") or {}
    facts = [
        (text.MACHINE["cpu"], cpu.get("name")),
        (text.MACHINE["cores"], _cores(cpu)),
        (text.MACHINE["memory"], fmt.gibibytes(machine.get("memory_bytes"))),
        (text.MACHINE["limits"], _limits(analysis.record)),
        (text.MACHINE["environment"], _environment(analysis)),
        (text.MACHINE["memory_read"], _rate(machine.get("memory_read_bytes_per_s"))),
        (text.MACHINE["gpu"], _devices(machine.get("gpus"))),
        (text.MACHINE["npu"], _devices(machine.get("npus"))),
        (text.MACHINE["system"], machine.get("os")),
        (text.MACHINE["kernel"], machine.get("kernel")),
        (text.MACHINE["power"], _joined(_power_source(machine), machine.get("power_mode"))),
        (text.MACHINE["governor"], machine.get("governor")),
        *observer_facts(analysis.record),
        (text.MACHINE["machine_id"], analysis.record.get("machine_id")),
        (text.MACHINE["model"], model.get("name")),
        (text.MACHINE["digest"], model.get("digest")),
        (text.MACHINE["project"], _joined(project.get("version"), project.get("git_commit"))),
    ]
    return [(name, value if isinstance(value, str) else str(value)) for name, value in facts if value]


def _limits(record: Mapping[str, Any]) -> str:
    written = {
        "CPU quota": lambda value: fmt.number(float(value)),
        "memory limit": lambda value: fmt.gibibytes(int(value)),
    }
    shown = {what: written.get(what, str)(value) for what, value in limited(record).items()}
    return _joined(*(text.LIMITS[what].format(value=value) for what, value in shown.items()))


def _environment(analysis: RunAnalysis) -> str:
    """What the workers had set, whichever of them; each cell's details tell its own."""
    found = dict.fromkeys(
        f"{name}={value}" for load in analysis.loads for name, value in (load.environment or {}).items()
    )
    return ", ".join(sorted(found))


def _power_source(machine: dict[str, Any]) -> str | None:
    source: str | None = machine.get("power_source")
    return text.POWER_SOURCES.get(source, source) if source else None


def _rate(bytes_per_s: Any) -> str:
    return text.MEMORY_READ.format(rate=fmt.number(bytes_per_s / 1e9, 1)) if bytes_per_s else ""


def _cores(cpu: dict[str, Any]) -> str:
    if not cpu.get("physical_cores"):
        return ""
    kinds = [said.format(count=cpu[key]) for key, said in text.CORE_KINDS.items() if cpu.get(key)]
    split = f" ({', '.join(kinds)})" if len(kinds) > 1 else ""
    return text.CORES.format(physical=cpu["physical_cores"], split=split, logical=cpu.get("logical_cores"))


def _devices(found: Any) -> str:
    if found is None:
        return ""
    named = [_joined(one.get("name"), one.get("driver") and text.DRIVER.format(driver=one["driver"])) for one in found]
    return "; ".join(named) or text.NO_DEVICE


def _joined(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part)

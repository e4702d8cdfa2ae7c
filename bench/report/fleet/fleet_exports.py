"""A fleet as a page without requests, as lines for a terminal, as Markdown, as CSV, and as JSON for a program."""

from dataclasses import asdict
from typing import Any

from bench.analyse.comparison import VERDICTS
from bench.analyse.conditions import Change
from bench.analyse.fleet import KINDS, METRICS, PAIRS, Figure, Question, energies, least_and_most, splits, tries
from bench.analyse.fleet_machine import Machine, Tried
from bench.analyse.grouping import group_by
from bench.metrics import METRICS as ENTRIES, RANKED
from bench.report.compare import comparison_figures
from bench.report.compare.comparison_figures import change
from bench.report.exports.fields import attributes, json_text, turn_of, with_ends
from bench.report.exports.summary_rows import summary_csv
from bench.report.fleet import fleet_words as words
from bench.report.fleet.fleet_view import FleetView, columns, fastest, title
from bench.report.format import listed, plain, with_interval
from bench.report.history.history_text import change_text
from bench.report.index import about_fields
from bench.report.language import ENGLISH, in_each, speaking
from bench.report.template import data_uri, render_markdown, render_page

FLEET_VERSION = 1
_MOST_IN_TERMINAL = 40
_MOST_FIGURES = 1500
"""Of Markdown: GitHub refuses a step summary of more than 1 MiB."""
_MOST_BYTES = 1_000_000
"""Of the CSV within the page; a larger one lies beside it."""
_MOST_TRIED = 1500


def page(view: FleetView, csv: str) -> str:
    """The page of a fleet, in the language that is chosen; ``csv`` is the file that it holds."""
    tried = tries(view.fleet.machines)
    shown = sorted(tried, key=lambda one: not one[1].failed)[:_MOST_TRIED]
    figures = [one for question in view.shown for one in question.figures]
    return render_page(
        "fleet",
        "",
        ("comparison", "choices"),
        view=view,
        fleet=view.fleet,
        csv="fleet.csv" if len(csv) > _MOST_BYTES else data_uri(csv.encode("utf-8"), "text/csv;charset=utf-8"),
        generations=list(dict.fromkeys(words.generation(one) for one in view.fleet.machines)),
        backends=sorted({one.cell.load.backend for one in figures}),
        devices=sorted({one.cell.load.ran_on for one in figures}),
        tried=shown,
        tried_left_out=len(tried) - len(shown),
        changes=splits(view.fleet.machines),
        changed=[one for one in view.fleet.machines if one.history and one.history.turns],
        energies=energies,
        columns=columns,
        fastest=fastest,
        request=title,
        words=words,
        compared=METRICS,
        kinds=KINDS,
        pairs=PAIRS,
        by_generation=lambda found: group_by(found, lambda one: words.generation(one.machine)),
        by_reasons=lambda found: group_by(found, lambda one: (one.machine.id, words.reasons(one))),
        change_text=lambda one: change_text(Change(one.what, one.before, one.after, ())),
        least_and_most=least_and_most,
        figures=comparison_figures,
        verdicts=VERDICTS,
    )


def rows(view: FleetView) -> list[dict[str, Any]]:
    """A row per machine, request and configuration, all with the same keys."""
    lowest = {
        (id(one.figure), metric): one.answer.claim
        for question in view.fleet.questions
        for metric in RANKED
        for one in fastest(question, metric)
    }
    return [
        _row(view, question, one, {metric: lowest.get((id(one), metric)) for metric in RANKED})
        for question in view.fleet.questions
        for one in question.figures
    ]


def _row(view: FleetView, question: Question, one: Figure, claims: dict[str, str | None]) -> dict[str, Any]:
    cell, load, machine, asked = one.cell, one.cell.load, one.machine, question.asked
    figures: dict[str, Any] = {}
    for metric in RANKED:
        entry, measured = ENTRIES[metric], getattr(cell, metric)
        figures |= with_ends(entry.names, measured.estimate if measured else None)
        figures[f"{entry.name}_lowest"] = claims[metric]
    for metric in METRICS:
        name, difference = ENTRIES[metric].name, one.differences.get(metric)
        figures |= with_ends(f"{name}_over_base{{}}", difference.contrast.ratio if difference else None)
        figures[f"{name}_verdict"] = difference.verdict if difference else None
        figures[f"{name}_basis"] = difference.basis if difference else None
    return {
        "machine": machine.id,
        "machine_name": machine.name,
        "labels": "; ".join(machine.labels),
        "generation": machine.generation,
        "cpu": machine.cpu,
        "is_base": machine is view.fleet.base,
        "run_id": one.standing.run_id,
        "measured_at": one.standing.created_at.isoformat(),
        "days_older": view.age(one),
        "ended": one.standing.analysis.end is not None,
        "model": asked.model,
        "model_digest": asked.digest or None,
        **attributes(asked.request, "prompt_tokens", "new_tokens", "batch_size"),
        "ask": asked.ask,
        **turn_of(asked.request),
        "cell_key": cell.cell_key,
        "configuration": view.name(one),
        **attributes(load, "backend", "backend_version", "device_requested", "ran_on", "device_verdict", "precision"),
        "inference_precision": load.inference_precision,
        "simulated": load.simulated,
        "quality": load.quality.verdict if load.quality else None,
        "padded_prompt_tokens": cell.padded_prompt_tokens,
        "blocks": cell.blocks,
        **figures,
        "energy_j": None if load.simulated else cell.costs.energy_j,
        "energy_source": None if load.simulated else cell.costs.energy_source,
        "serious": "; ".join(one.serious),
        "kept_apart": "; ".join(apart.why for apart in one.apart),
    }


@speaking(ENGLISH.code)
def as_csv(view: FleetView) -> str:
    """:func:`rows` in English."""
    return summary_csv(rows(view))


@speaking(ENGLISH.code)
def as_json(view: FleetView) -> str:
    """For a program, in English; ``rows`` are those of fleet.csv."""
    fleet = view.fleet
    return json_text(
        {
            "fleet_version": FLEET_VERSION,
            "about": _about(view),
            "base": fleet.base.id,
            "threshold": fleet.threshold,
            "notes": [*words.notes(view), words.read_note(view)],
            "rule": words.rule(view),
            "machines": [
                {
                    **attributes(one, "id", "name", "labels", "cpu", "generation", "runs", "read", "left_out"),
                    "turns": words.turns(one),
                }
                for one in fleet.machines
            ],
            "rows": rows(view),
            "answers": [
                {
                    **asdict(question.asked),
                    "metric": metric,
                    "machine": one.machine.id,
                    "claim": one.answer.claim,
                    "cell_key": one.figure.cell.cell_key,
                    "simulated": one.answer.ranking.simulated,
                    "tied": [tied.cell.cell_key for tied in one.tied],
                    "not_ranked": [other.cell.cell_key for other in one.others],
                }
                for question in fleet.questions
                for metric in RANKED
                for one in fastest(question, metric)
            ],
            "devices": [
                {
                    **asdict(question.asked),
                    "machine": one.machine.id,
                    "generation": one.machine.generation,
                    **attributes(one, "backend", "precision", "simulated"),
                    "metric": metric,
                    "ratio": f"{pair[0]}/{pair[1]}",
                    **with_ends("value{}", ratio),
                }
                for question in fleet.questions
                for one in question.devices
                for metric, ratios in one.ratios.items()
                for pair, ratio in ratios.items()
            ],
            "kept_apart": [
                {
                    **asdict(question.asked),
                    "machine": one.machine.id,
                    "cell_key": one.cell.cell_key,
                    "reasons": [asdict(apart) for apart in one.apart],
                }
                for question in fleet.questions
                for one in question.figures
                if one.apart
            ],
            "splits": [
                {
                    **attributes(one, "what", "before", "after"),
                    "moved": [machine.id for machine, _places in one.moved],
                    "unmoved": [machine.id for machine in one.unmoved],
                    "untold": [machine.id for machine in one.untold],
                }
                for one in splits(fleet.machines)
            ],
            "tried": [
                {"machine": machine.id, **asdict(tried), "created_at": tried.created_at.isoformat()}
                for machine, tried in tries(fleet.machines)
            ],
        }
    )


def _about(view: FleetView) -> dict[str, Any]:
    figures = view.figures
    machines = view.fleet.machines
    return about_fields(
        created_at=view.newest.isoformat(),
        machine=listed([one.name for one in machines][:5]) if len(machines) <= 5 else words.heading(view),
        machine_id=None,
        model=listed(list(dict.fromkeys(one.asked.model for one in view.fleet.questions))),
        synthetic_model=any(
            bool((own.analysis.record.get("model") or {}).get("synthetic")) for one in machines for own in one.standing
        ),
        backends=[one.cell.load.backend for one in figures],
        simulated=[one.cell.load.simulated for one in figures],
        cells=len(figures),
        headlines=in_each(lambda: words.lead(view)),
        serious=[code for one in figures for code in one.serious],
        ended=all(one.standing.analysis.end is not None for one in figures),
    )


@speaking(ENGLISH.code)
def lines(view: FleetView) -> list[str]:
    """For a terminal of any encoding, in English: the fastest of each machine, and what failed."""
    question = view.fleet.questions[0]
    text = [f"fleet: {words.heading(view)}", *words.notes(view), words.read_note(view), "", title(question.asked)]
    text += words.sentences(view, question)
    names = [one.machine.name for one in fastest(question, "response_ms") or fastest(question, "ttft_ms")]
    width = max(map(len, names), default=0)
    own = []
    for metric in ("tpot_ms", "ttft_ms"):
        if found := fastest(question, metric):
            own += ["", f"{ENTRIES[metric].short}, lowest on each machine"]
            own += [
                f"{one.machine.name:<{width}}  {with_interval(one.answer.lowest, 'ms')}  {view.name(one.figure)}, "
                + "; ".join([words.claim(one), *([f"{len(one.tied)} tied"] if one.tied else [])])
                for one in found[:_MOST_IN_TERMINAL]
            ]
    if failed := [(machine, one) for machine, one in tries(view.fleet.machines) if one.failed]:
        own += ["", "not everything ran:", *(_failed(*one) for one in failed[:_MOST_IN_TERMINAL])]
    return [plain(line) for line in (*text, *own)]


def _failed(machine: Machine, one: Tried) -> str:
    load, first, longest = map(words.phase, (one.load, one.first, one.longest))
    phases = f"load {load}, first generation {first}, long prompt {longest}"
    reason = f": {one.reason}" if one.reason else ""
    return f"{machine.name}: {one.backend} {one.device} {one.precision}: {phases}{reason}"


def markdown(view: FleetView) -> str:
    """For a step summary or a page of notes, of the first of the requests that the page shows."""
    return render_markdown(
        "fleet",
        view=view,
        words=words,
        questions=view.first(_MOST_FIGURES),
        title=title,
        fastest=lambda question: [one for metric in RANKED for one in fastest(question, metric)],
        columns=columns,
        compared=METRICS,
        change=change,
        energies=energies,
        changed=[one for one in view.fleet.machines if one.history and one.history.turns],
        failed=[(machine, one) for machine, one in tries(view.fleet.machines) if one.failed],
    )

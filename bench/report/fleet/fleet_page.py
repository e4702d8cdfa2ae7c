"""fleet.html: one file without requests; everything is in it without the script, which chooses and sorts."""

from bench.analyse.comparison import VERDICTS
from bench.analyse.conditions import Change
from bench.analyse.fleet import KINDS, METRICS, PAIRS, energies, least_and_most, splits, tries
from bench.analyse.grouping import group_by
from bench.report.compare import comparison_figures
from bench.report.compare.comparison_page import tint
from bench.report.fleet import fleet_view, fleet_words
from bench.report.fleet.fleet_view import FleetView
from bench.report.history import history_text
from bench.report.template import data_uri, render_page

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
        generations=list(dict.fromkeys(fleet_words.generation(one) for one in view.fleet.machines)),
        backends=sorted({one.cell.load.backend for one in figures}),
        devices=sorted({one.cell.load.ran_on for one in figures}),
        tried=shown,
        tried_left_out=len(tried) - len(shown),
        changes=splits(view.fleet.machines),
        changed=[one for one in view.fleet.machines if one.history and one.history.turns],
        energies=energies,
        columns=fleet_view.columns,
        fastest=fleet_view.fastest,
        request=fleet_view.title,
        words=fleet_words,
        compared=METRICS,
        kinds=KINDS,
        pairs=PAIRS,
        by_generation=lambda found: group_by(found, lambda one: fleet_words.generation(one.machine)),
        by_reasons=lambda found: group_by(found, lambda one: (one.machine.id, fleet_words.reasons(one))),
        change_text=lambda one: history_text.change_text(Change(one.what, one.before, one.after, ())),
        least_and_most=least_and_most,
        tint=tint,
        figures=comparison_figures,
        verdicts=VERDICTS,
    )

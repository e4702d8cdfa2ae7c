"""What has to be said before any number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.analyse.results import RunAnalysis
from bench.report import text
from bench.report.format import number, percent
from bench.report.names import Naming, shape_name

_MOST_NAMES = 6


def banners(analysis: RunAnalysis, naming: Naming) -> list[str]:
    """Sentences on a run that is simulated, uses a synthetic model, did not come to its end, or chose it itself."""
    found = []
    simulated = [load.simulated for load in analysis.loads]
    if any(simulated):
        found.append(text.BANNER_SIMULATED if all(simulated) else text.BANNER_PARTLY_SIMULATED)
    if (analysis.record.get("model") or {}).get("synthetic"):
        found.append(text.BANNER_SYNTHETIC)
    reason = analysis.end.get("reason") if analysis.end is not None else None
    if reason in text.BANNER_ENDED:
        found.append(text.BANNER_ENDED[reason])
    if analysis.unreached:
        found.append(text.BANNER_UNREACHED.format(count=number(len(analysis.unreached), 0)))
    return [*found, *adaptive_notes(analysis, naming)]


def adaptive_notes(analysis: RunAnalysis, naming: Naming) -> list[str]:
    """What ended a run that added blocks as it went, and which cells did not reach its target."""
    adaptive = adaptive_end(analysis)
    return [_how_it_ended(adaptive, analysis, naming)] if adaptive else []


def adaptive_end(analysis: RunAnalysis) -> Mapping[str, Any]:
    """What end.json says of a run that added blocks as it went; empty for others, and for one that has no end."""
    detail = (analysis.end or {}).get("detail")
    adaptive = detail.get("adaptive") if isinstance(detail, Mapping) else None
    return adaptive if isinstance(adaptive, Mapping) else {}


def _how_it_ended(adaptive: Mapping[str, Any], analysis: RunAnalysis, naming: Naming) -> str:
    ended_by = text.ADAPTIVE_ENDED.get(adaptive.get("ended_by"), text.ADAPTIVE_ENDED[None])
    target = percent(float(adaptive.get("target") or 0), None)
    said = text.ADAPTIVE.format(target=target, blocks=text.plural(int(adaptive.get("blocks") or 0), "block"))
    missed = set(adaptive.get("not_reached") or ())
    if not missed:
        return f"{said} {ended_by} {text.ADAPTIVE_ALL}"
    names = [
        text.ADAPTIVE_CELL.format(
            name=naming.of(cell.load), shape=shape_name(cell.prompt_tokens, cell.new_tokens, cell.batch_size)
        )
        for cell in analysis.cells
        if cell.cell_key in missed
    ]
    if without := len(missed) - len(names):
        names.append(text.ADAPTIVE_WITHOUT.format(cells=text.plural(without, "cell")))
    if len(names) > _MOST_NAMES:
        names = [*names[:_MOST_NAMES], text.MORE.format(count=len(names) - _MOST_NAMES)]
    reached = text.ADAPTIVE_SOME.format(reached=adaptive.get("reached"), cells=adaptive.get("cells"))
    return f"{said} {ended_by} {reached} {'; '.join(names)}."

"""What one page is about, in a few fields that stand in the JSON beside it: all that the index of reports reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.analyse.results import CellResult, Finding
from bench.report.language import ENGLISH

MOST_HEADLINE = 400
"""Characters of a headline."""


def about(
    record: Mapping[str, Any],
    headlines: Mapping[str, str],
    cells: Iterable[CellResult],
    findings: Iterable[Finding],
    *,
    ended: bool,
) -> dict[str, Any]:
    """What a page is about whose newest run has this ``record``.

    Args:
        record: run.json of that run.
        headlines: code of each language -> the answer in a sentence; English is among them.
        cells: that the page has numbers of.
        findings: of the guard, of all runs of the page.
        ended: whether all of its runs came to an end.
    """
    measured = list(cells)
    model = record.get("model") or {}
    return about_fields(
        created_at=record.get("created_at"),
        machine=((record.get("machine") or {}).get("cpu") or {}).get("name"),
        machine_id=record.get("machine_id"),
        model=model.get("name"),
        synthetic_model=bool(model.get("synthetic")),
        backends=[cell.load.backend for cell in measured],
        simulated=[cell.load.simulated for cell in measured],
        cells=len({cell.cell_key for cell in measured}),
        headlines=headlines,
        serious=[one.code for one in findings if one.severity == "serious"],
        ended=ended,
    )


def about_fields(
    *,
    backends: Iterable[str],
    simulated: Iterable[bool],
    serious: Iterable[str],
    headlines: Mapping[str, str],
    **fields: Any,
) -> dict[str, Any]:
    """The fields of an entry, from what is not yet gathered; ``simulated`` is ``none``, ``some`` or ``all``.

    ``headline`` is in English, as all that programs read; ``headlines`` has it in the other languages.
    """
    kinds = set(simulated)
    shortened = {code: headline[:MOST_HEADLINE] for code, headline in headlines.items()}
    return {
        **fields,
        "backends": list(dict.fromkeys(backends)),
        "simulated": "none" if True not in kinds else "some" if False in kinds else "all",
        "serious": list(dict.fromkeys(serious)),
        "headline": shortened.pop(ENGLISH.code),
        "headlines": shortened,
    }

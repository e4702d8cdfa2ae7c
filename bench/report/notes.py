"""What has to be said before any number."""

from __future__ import annotations

from bench.analyse.results import RunAnalysis
from bench.report import text


def banners(analysis: RunAnalysis) -> list[str]:
    """Sentences on a run that is simulated, uses a synthetic model, or did not come to its end."""
    found = []
    simulated = [load.simulated for load in analysis.loads]
    if any(simulated):
        found.append(text.BANNER_SIMULATED if all(simulated) else text.BANNER_PARTLY_SIMULATED)
    if (analysis.record.get("model") or {}).get("synthetic"):
        found.append(text.BANNER_SYNTHETIC)
    reason = analysis.end.get("reason") if analysis.end is not None else None
    if reason in text.BANNER_ENDED:
        detail = (analysis.end or {}).get("detail")
        found.append(text.BANNER_ENDED[reason] + (f" {detail}" if detail else ""))
    if analysis.unreached:
        found.append(text.BANNER_UNREACHED.format(count=len(analysis.unreached)))
    return found

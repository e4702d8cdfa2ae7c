"""Codes of stored data and of the analysis as words of the language that is chosen: most of them are words already."""

from bench.report.language import gettext as _, mark

_OTHERS = {
    "timeout": mark("timed out"),
    "invalid": mark("not counted"),
    "chinese": mark("Chinese"),
    "french": mark("French"),
    "german": mark("German"),
    "spanish": mark("Spanish"),
    "turkish": mark("Turkish"),
}
"""Those whose English is another word."""

_SAME = {
    # of cells, findings, devices, and words
    *(mark("failed"), mark("crashed"), mark("unsupported"), mark("serious"), mark("warning"), mark("info")),
    *(mark("verified"), mark("reported"), mark("fallback"), mark("simulated"), mark("unknown")),
    *(mark("faithful"), mark("degraded"), mark("broken")),
    # of comparisons, compile caches, and texts
    *(mark("slower"), mark("faster"), mark("same"), mark("inconclusive"), mark("worse"), mark("better")),
    *(mark("none"), mark("cold"), mark("hit")),
    *(mark("chat"), mark("code"), mark("structured"), mark("summarising"), mark("writing")),
    # of machines and their counters
    *(mark("mains"), mark("battery"), mark("all"), mark("memory"), mark("energy"), mark("conditions")),
    *(mark("cpu time"), mark("gpu busy"), mark("npu busy"), mark("device memory")),
    *(mark("cpu frequency"), mark("cpu temperature")),
}


def word(code: str) -> str:
    """E.g. ``timed out`` for ``timeout``; a code that is not known is shown as it is."""
    shown = _OTHERS.get(code, code.replace("_", " "))
    return _(shown) if shown else ""

"""The runs whose reports are opened: the usual one, and those that are hardest on a page."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.plan.cells import Load
from tests.support.stored_runs import FakeRun

ONE_LOAD = (Load("ort-genai", "CPU", "int4"),)
AGREEING = {"int4": 2, "int8": 28, "fp32": 64}
STACKS = ("openvino-genai", "ort-genai", "transformers", "optimum-intel", "llama-cpp")


def usual() -> FakeRun:
    """Seven loads at three prompt lengths, one of which failed."""
    run = FakeRun(agreeing=AGREEING)
    run.break_cells("transformers-CPU-fp32-p512", "timeout", "no token within 1800 s")
    return run


def hostile() -> FakeRun:
    """Every string that comes from data holds markup, script, or what reorders and breaks text."""
    run = FakeRun(cpu_name="<img src=x onerror=alert(1)>" + "W" * 300, stderr="</pre><script>alert(3)</script>")
    run.model = {**run.model, "name": "</title></style></script><script>alert(1)</script> $x$", "note": "]]>" * 9}
    evil = Load("<b>evil</b> $a_b$ \u6f22", "CPU", "int4", variant='"><script>alert(4)</script>')
    run.loads = [*run.loads[-2:], evil, Load("a" * 200, "G'PU", "\u202etni")]
    run.break_cells("transformers", "failed", "<script>alert(2)</script> \x1b[31mred \u202eback " + "x" * 500)
    return run


def not_numbers() -> FakeRun:
    """A stack that told NaN where seconds belong."""
    return FakeRun(loads=ONE_LOAD, more={"load_s": math.nan, "import_s": math.inf, "bits_per_weight": math.nan})


def one_cell() -> FakeRun:
    """The least that can be measured."""
    return FakeRun(loads=ONE_LOAD, prompt_tokens=(8,), new_tokens=(1,), blocks=1, repeats=1)


def failures_only() -> FakeRun:
    """Nothing was measured."""
    run = FakeRun()
    run.break_cells("", "crashed", "the worker was killed by signal 9")
    return run


def interrupted() -> FakeRun:
    """Simulated, of two kinds of answer, and cut off before its end."""
    loads = [Load("simulated", "CPU", precision) for precision in ("int4", "int8")]
    return FakeRun(loads=loads, prompt_tokens=(32, 128), new_tokens=(8, 16), end="interrupted")


def doubtful() -> FakeRun:
    """The guard found something serious of a load, and something of a cell."""
    run = FakeRun(loads=ONE_LOAD, prompt_tokens=(32, 128))
    seen = {"severity": "serious", "subject": "load", "load_id": f"b1-{ONE_LOAD[0].label}", "block": 1}
    run.findings = [
        {"code": "other-load", "message": "42 % of the CPU", "advice": "Close them.", **seen},
        {**seen, "code": "drift", "severity": "warning", "subject": "cell", "load_id": None}
        | {"cell_key": run.cells[0].key, "message": "TTFT rose by 9 %", "advice": "Look for what changed."},
    ]
    return run


def asked_twice() -> FakeRun:
    """One stack whose prompts are asked again, beside one that is asked first alone."""
    again = Load("openvino-genai", "CPU", "int4", {"prefix_caching": "on"})
    loads = (Load("openvino-genai", "CPU", "int4"), again, Load("ort-genai", "CPU", "int4"))
    return FakeRun(loads=loads, prompt_tokens=(32, 128))


def noted() -> FakeRun:
    """Names that carry all that can stand beside them, long lists of findings, and blocks that were lost."""
    counters = {"padded_prompt_tokens": 128}
    run = FakeRun(prompt_tokens=(32, 128), counters=counters, more={"device_share": 0.42}, end="interrupted")
    run.agreeing = {**AGREEING, "int4": 0}
    run.break_cells("openvino-genai-CPU-int8-p128", "timeout", "no token within 1800 s", [0])
    run.break_cells("ort-genai-CPU-int4-p32", "crashed", "the worker was killed by signal 9", [1])
    run.verdicts = {load.label: "reported" for load in run.loads[:2]}
    run.executed = {run.loads[0].label: "GPU"}
    kinds = ("drift", "trend", "warm-up-unsettled", "outlier-generation")
    may_be = "TTFT rose by 9 % from the first block to the last (p = 0.03); it may be chance, as one of 98 tests"
    run.findings = [
        {
            "code": code,
            "severity": "info",
            "subject": "cell",
            "cell_key": cell.key,
            "message": may_be,
            "advice": "None.",
        }
        for code in kinds
        for cell in run.cells
    ]
    return run


def valued() -> FakeRun:
    """The fastest is degraded, another is broken, one could not be scored, and answers can be read."""
    run = FakeRun(agreeing=AGREEING)
    ratios = {"int4": 1.28, "int8": 1.001, "fp32": 1.0}
    run.perplexity = {load.label: ratios[load.precision] for load in run.loads}
    run.perplexity |= {"openvino-genai-CPU-int4": 812.0, "openvino-genai-CPU-int8": None}
    run.pieces = {str(one): f" {'lengthy' * (one % 5)}word{one}" for one in (*range(64), *range(1000, 1064))}
    return run


def large() -> FakeRun:
    """300 cells and about a million tokens."""
    loads = [Load(s, d, p) for s in STACKS for d in ("CPU", "GPU", "NPU") for p in ("int4", "int8", "fp16", "fp32")]
    return FakeRun(loads=loads, prompt_tokens=(32, 128, 512, 1024, 2048), new_tokens=(560,), repeats=1)


def counted() -> FakeRun:
    """Energy and busy time were read around each generation, and nothing else is unusual."""
    loads = [
        Load("openvino-genai", device, precision) for device in ("CPU", "GPU", "NPU") for precision in ("int4", "int8")
    ]
    covers = "RAPL package-0: whole package, all processes"
    counters = {"energy_j": 4.2, "energy_source": covers, "npu_busy_ns": 610_000_000, "gpu_busy_ns": 0}
    more = {"cpu_time_ns": 1_900_000_000, "cpu_frequency_mhz": 3870.5}
    return FakeRun(loads=loads, counters={**counters, **more}, more={"device_share": 1.93})


RUNS: dict[str, Callable[[], FakeRun]] = {
    "usual": usual,
    "hostile": hostile,
    "not numbers": not_numbers,
    "one cell": one_cell,
    "failures only": failures_only,
    "interrupted": interrupted,
    "doubtful": doubtful,
    "asked twice": asked_twice,
    "noted": noted,
    "valued": valued,
    "large": large,
    "counted": counted,
}

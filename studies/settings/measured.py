"""One setting against what a stack does without it, in one interleaved run, and both scored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.analyse.comparison import compare_variants
from bench.analyse.interval import Estimate
from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.errors import BenchError
from bench.plan.backends import BACKENDS
from bench.plan.venvs import Venvs
from bench.prepare.recipes import INT4
from bench.store.reader import open_run
from studies.intervals.real import measure, run_module
from studies.intervals.stack import DEVICE
from studies.intervals.ways import COMPARE_THRESHOLD

COLUMNS = (
    *("setting", "stack", "instead of", "TTFT", "TPOT", "perplexity"),
    *("perplexity over the reference's, without", "with", "note"),
)
"""The first three ratios are of the setting over what it takes the place of.

Intervals are of 95 %, of times over blocks and of perplexities over texts.
"""

_SCORING = "20m"
"""For two loads at most: on a machine that is slow, too, all texts are scored."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One load option, or several that belong together.

    Args:
        name: of the setting, unique.
        backend: whose option it is.
        precision: weight format.
        options: as ``KEY=VALUE``, several with commas between.
        base: options of what it is compared with; empty for the defaults.
    """

    name: str
    backend: str
    precision: str
    options: str
    base: str = ""

    @property
    def variants(self) -> tuple[str, ...]:
        """Arguments of ``nox -s ab``: the setting is ``b``."""
        return ("--a", self._spec(self.base), "--b", self._spec(self.options))

    def _spec(self, options: str) -> str:
        return ",".join(f"{self.backend}.{option}" for option in options.split(",")) if options else "current"


_GENAI, _ORT, _LLAMA = "openvino-genai", "ort-genai", "llama-cpp"
_F32 = "inference_precision=f32"

_RECIPES = tuple(
    Setting(f"{backend}-{recipe}", backend, "int4", f"recipe={recipe}")
    for backend in (_GENAI, _ORT, _LLAMA)
    for recipe in list(INT4[BACKENDS[backend].artifact_format])[1:]
)
"""All ways in which int4 weights are made, but the default."""

SETTINGS = (
    *_RECIPES,
    Setting(f"{_GENAI}-kv-u8", _GENAI, "int4", "kv_cache_precision=u8"),
    Setting(f"{_GENAI}-sdpa", _GENAI, "int4", "attention_backend=SDPA"),
    Setting(f"{_GENAI}-fp32-in-f32", _GENAI, "fp32", _F32),
    Setting(f"{_GENAI}-int4-in-f32", _GENAI, "int4", _F32),
    Setting(f"{_GENAI}-int8-in-f32", _GENAI, "int8", _F32),
    Setting(f"{_GENAI}-float-activations", _GENAI, "int4", f"{_F32},dynamic_quantization_group_size=0", _F32),
    Setting(f"{_LLAMA}-kv-q8_0", _LLAMA, "int4", "type_k=q8_0,type_v=q8_0"),
)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What every setting is measured with.

    Args:
        model: as ``nox -s bench`` takes it.
        blocks: of each run; an interval needs two.
        results: each setting's runs are written to a folder of its own below it.
    """

    model: str
    blocks: int
    results: Path

    def arguments(self, setting: Setting) -> tuple[str, ...]:
        """Of ``nox -s ab``. Its own quality pass is short after few blocks, so it is left out."""
        load = ("--backend", setting.backend, "--device", DEVICE, "--precision", setting.precision)
        request = ("--prompt-tokens", "128", "--new-tokens", "32", "--blocks", str(self.blocks))
        return (*load, *request, "--model", self.model, "--no-quality", *setting.variants)


def row_of(setting: Setting, sweep: Sweep) -> tuple[str, ...]:
    """The row of one setting, in :data:`COLUMNS`; what failed is said in its last cell, and ends nothing."""
    what = (setting.options, f"{setting.backend} {setting.precision}", setting.base or "default")
    try:
        path = _measured(setting, sweep)
        unscored = _scored(path, sweep)
        run = analyse_run(open_run(path))
    except BenchError as error:
        return (*what, *[""] * 5, str(error))
    notes = dict.fromkeys([*(failure.message for failure in run.failures), *filter(None, [unscored])])
    return (*what, *figures(run), "; ".join(notes))


def _measured(setting: Setting, sweep: Sweep) -> Path:
    """The folder of the run: a finished one where a load failed, too."""
    venv = Venvs.from_environment({}).backend(BACKENDS[setting.backend], DEVICE)
    if venv.python is None:
        raise BenchError(f"not measured: {venv.reason}")
    folder = sweep.results / setting.name
    before = set(folder.glob("*/end.json"))
    try:
        measure(sweep.arguments(setting), folder)
    except BenchError as error:
        failed = str(error)
    else:
        failed = "the run was not finished"
    made = set(folder.glob("*/end.json")) - before
    if not made:
        raise BenchError(failed)
    return made.pop().parent


def _scored(path: Path, sweep: Sweep) -> str | None:
    """Have both variants score the texts; why not, where they cannot."""
    folders = ("--results-dir", str(path.parent), "--reports-dir", str(sweep.results / "reports"))
    try:
        run_module("bench.commands", "quality", str(path), "--max-time", _SCORING, *folders)
    except BenchError as error:
        return str(error)
    return None


def figures(run: RunAnalysis) -> tuple[str, ...]:
    """The five ratios of a run, blank where one was not measured."""
    (head,) = compare_variants(run, COMPARE_THRESHOLD).heads
    times = {one.metric: one.contrast.ratio for one in head.differences}
    words = next((one.contrast.ratio for one in head.qualities if one.contrast), None)
    beside = {load.variant: load.quality.ratio for load in run.loads if load.quality}
    ratios = (times.get("ttft_ms"), times.get("tpot_ms"), words, beside.get("a"), beside.get("b"))
    return tuple(map(shown, ratios))


def shown(ratio: Estimate | None, digits: int = 3) -> str:
    """A ratio and its interval, where it has one; blank without a ratio."""
    if ratio is None:
        return ""
    known = ratio.low is not None and ratio.high is not None
    ends = f" ({ratio.low:.{digits}f} to {ratio.high:.{digits}f})" if known else ""
    return f"{ratio.value:.{digits}f}{ends}"

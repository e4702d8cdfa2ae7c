"""The whole analysis of one stored run."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from backends.spec import hardware_of
from bench.analyse.agreement import answer_samples, answers_of, read_answers, read_right_answers
from bench.analyse.cell_result import cell_result
from bench.analyse.failures import failures, lost_blocks
from bench.analyse.grouping import group_by
from bench.analyse.loads import load_results, read_load_rows, unknown_load
from bench.analyse.ranking import faithful_rankings, memory_rankings, rankings
from bench.analyse.read_findings import read_findings
from bench.analyse.read_quality import read_quality, reference_of
from bench.analyse.results import AskedCell, CellResult, LoadResult, RunAnalysis
from bench.analyse.samples import Generations, prompts_of, request_of
from bench.errors import StoreError
from bench.store.reader import StoredRun
from bench.store.writer import goes_on

_NOT_WRITTEN = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError, pa.ArrowException),
    *(MemoryError, RecursionError),
)
"""What rows end in that no run writes, such as a negative count of tokens."""


def analyse_run(run: StoredRun, *, levels_only: bool = False) -> RunAnalysis:
    """Estimates, intervals, rankings and failures of ``run``; works on runs that ended early or still go on.

    ``levels_only``: leaves out rankings and the distribution of tokens: the estimates and costs that a history or a
    fleet's page needs take two thirds of the time.

    Raises:
        StoreError: a file of the run cannot be read, or holds what no run writes.
    """
    try:
        return _analysed(run, levels_only=levels_only)
    except _NOT_WRITTEN as error:
        raise StoreError(
            f"cannot read {run.path}: its rows are not those that a run writes ({type(error).__name__}: {error}); any "
            "reader of parquet still shows them (docs/schema.md)"
        ) from error


def _analysed(run: StoredRun, *, levels_only: bool) -> RunAnalysis:
    load_rows, generations = read_load_rows(run), Generations(run)
    loads = load_results(run, load_rows, generations.first_requests())
    planned = {str(cell["cell_key"]): cell for cell in (run.record.get("plan") or {}).get("cells") or ()}
    key_of_process = {str(row["load_id"]): str(row["load_key"]) for row in load_rows}

    def load_of(load_id: str, cell_key: str) -> LoadResult:
        """The plan decides: a killed harness leaves generations without a load row."""
        of_cell = planned.get(cell_key)
        key = str(of_cell["load_key"]) if of_cell else key_of_process.get(load_id, "")
        return loads.get(key) or unknown_load(key or cell_key or load_id)

    results: dict[str, CellResult] = {}
    seen: set[str] = set()
    for samples in generations.cells():
        seen.add(samples.cell_key)
        result = cell_result(samples, load_of(samples.load_ids[0], samples.cell_key), levels_only=levels_only)
        if result:
            results[samples.cell_key] = result
    bad = generations.bad_rows()
    for key, lost in lost_blocks(run, bad, {key: cell.ttft_ms.by_block for key, cell in results.items()}).items():
        results[key] = replace(results[key], lost=lost)
    asked = (run.record.get("options") or {}).get("reference")
    right = read_right_answers(run)
    reference = None if right else reference_of((load for load in loads.values() if not load.simulated), asked)
    # The ids of simulated answers are made up.
    load_keys = {key: cell.load.load_key for key, cell in results.items() if not cell.load.simulated}
    on_cpu = _on_cpu(loads.values())
    beside = right or (reference.load_key if reference else None)
    answered, vocabulary = read_answers(run, load_keys), (run.record.get("model") or {}).get("vocab_size")
    for key, answers in answers_of(answered, load_keys, beside, on_cpu, vocabulary).items():
        results[key] = replace(results[key], answers=answers)
    for key, quality in read_quality(run, loads.values(), _flaws(run.record, results.values()), asked).items():
        loads[key] = replace(loads[key], quality=quality)
    results = {key: replace(cell, load=loads.get(cell.load.load_key, cell.load)) for key, cell in results.items()}
    order = [*(key for key in planned if key in results), *(key for key in results if key not in planned)]
    cells = tuple(results[key] for key in order)
    ranked = () if levels_only else cells
    found = tuple(rankings(ranked))
    return RunAnalysis(
        record=run.record,
        end=run.end,
        loads=tuple(loads.values()),
        cells=cells,
        failures=tuple(failures(bad, load_of, load_rows, results.keys())),
        unreached=tuple(
            AskedCell(key, load_of("", key), *request_of(cell), cell.get("ask", "first"))
            for key, cell in planned.items()
            if key not in seen
        ),
        rankings=found,
        faithful_rankings=tuple(faithful_rankings(cells, found)),
        findings=tuple(read_findings(run, load_rows)),
        memory_rankings=tuple(memory_rankings(ranked)),
        reference=loads[reference.load_key] if reference else None,
        right_answers=right.reference if right else None,
        prompts=prompts_of(run),
        samples=answer_samples(run, answered, cells, right or reference),
        goes_on=run.end is None and goes_on(run.path),
        damaged={run.called(path): why for path, why in run.damaged.items()},
    )


def _on_cpu(loads: Iterable[LoadResult]) -> dict[str, str]:
    """``load_key`` of each load on another device -> that of the same artifact, with the same stack, on the CPU."""
    alike = group_by(
        (load for load in loads if load.artifact_digest),
        lambda load: (load.variant, load.backend, load.artifact_digest),
    )
    found: dict[str, str] = {}
    for own in alike.values():
        on_cpu = next((load for load in own if hardware_of(load.device_requested) == "CPU"), None)
        if on_cpu:
            found |= {load.load_key: on_cpu.load_key for load in own if hardware_of(load.ran_on) != "CPU"}
    return found


def _flaws(record: Mapping[str, Any], cells: Iterable[CellResult]) -> dict[str, str]:
    """``load_key`` -> what is wrong with its answers, as a reason of :class:`bench.analyse.quality.Quality`.

    Random weights may answer with one token repeated.
    """
    synthetic = (record.get("model") or {}).get("synthetic")
    answered = [(cell.load.load_key, cell.answers) for cell in cells if cell.answers]
    found = {}
    for key, own in group_by(answered, lambda one: one[0]).items():
        if any(answers.outside for _, answers in own):
            found[key] = "vocabulary"
        elif not synthetic and all(answers.collapsed for _, answers in own):
            found[key] = "collapsed"
    return found

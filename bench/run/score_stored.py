"""The quality pass of a run that was stored before: the same loads, as long as they are still what was timed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from backends.reasons import first_of
from bench.analyse.conditions import other_machine, venv_of
from bench.errors import StoreError
from bench.findings import Code
from bench.measure.attempt import LoadPlan, RunFacts
from bench.measure.prompt_keys import shapes_of
from bench.measure.store_rows import Row
from bench.measure.worker import Timeouts
from bench.observe.limits import limits
from bench.observe.machine import hardware, machine_id
from bench.observe.memory import memory_cap
from bench.observe.packages import changes, describe_venvs, normalized
from bench.plan.backends import BACKENDS
from bench.plan.cells import Cell, Load
from bench.plan.estimate import quality_seconds
from bench.plan.options import Options
from bench.plan.venvs import Venvs
from bench.prepare.preparation import Say
from bench.prepare.prompts import PromptBook
from bench.prepare.stage import preparation_for
from bench.run.doctor.readiness import look
from bench.run.guard.after import judge_quality
from bench.run.load_plans import named_venvs, plan_load
from bench.run.machine_lock import SHARED_QUALITY, hold_machine
from bench.run.quality import Measured, QualityPass, keep_answers, keep_pieces, questions_of, reference_for, texts_of
from bench.run.record import measured_model
from bench.scratch import Scratch
from bench.store.digests import record_digests
from bench.store.reader import StoredRun
from bench.store.schema import ANSWERS, PIECES
from bench.store.writer import replace_rows


def loads_of(run: StoredRun) -> list[Load]:
    """The loads of the plan of ``run``, as far as this project has their backends.

    Raises:
        StoreError: the run has no plan.
    """
    try:
        return [
            Load(one["backend"], one["device"], one["precision"], one["options"], one["variant"])
            for one in run.record["plan"]["loads"]
            if one["backend"] in BACKENDS
        ]
    except (KeyError, TypeError) as error:
        raise StoreError(f"{run.path / 'run.json'} has no plan with loads") from error


def _cells_of(run: StoredRun, loads: Iterable[Load]) -> list[Cell]:
    by_key = {load.key: load for load in loads}
    return [
        Cell(
            by_key[one["load_key"]],
            one["prompt_tokens"],
            one["new_tokens"],
            one["batch_size"],
            turn=one.get("turn") or 0,
        )
        for one in run.record["plan"]["cells"]
        if one["load_key"] in by_key
    ]


def check(run: StoredRun) -> None:
    """Whether the loads of ``run`` can be scored here.

    Raises:
        StoreError: they cannot.
    """
    if run.end is None:
        raise StoreError(f"{run.path} has no end.json: the run still goes on, or was killed")
    if run.shared is not None:
        raise StoreError(
            f"{run.path} is a run of a dataset: score it where it was measured, and `nox -s collect -- --replace` it"
        )
    here = {"machine_id": machine_id(), "machine": hardware(limits())}
    if other_machine(run.record, here) is not None:
        raise StoreError(f"{run.path} was measured on another machine: its loads can be scored there alone")


def score_stored(run: StoredRun, options: Options, venvs: Venvs, seconds: float | None, say: Say) -> None:
    """Score the loads of ``run`` that have numbers; their rows take the place of those that they had.

    Args:
        run: is finished, and of this machine.
        options: the model, as in the record of the run, the cache, and what to do if another run measures here.
        seconds: how long it may take; ``None`` for as long as after a run.

    Raises:
        BenchError: no load can be scored, or the rows cannot be written.
        KeyboardInterrupt: the user asked to stop; what was scored is written.
    """
    measured = Measured.of(run)
    loads = [load for load in loads_of(run) if load.key in measured.load_keys]
    beside = hold_machine(loads, run.run_id, f"nox -s quality -- {run.run_id}", options, say)
    readiness = look(loads, venvs)
    again = replace(options, model=measured_model(run.record, options.model))
    preparer = preparation_for(again, venvs, [load for load in loads if readiness.can_run(load)], say)
    model, book = run.record.get("model") or {}, PromptBook.made_up()
    if preparer is not None:
        if preparer.model().digest != model.get("digest"):
            raise StoreError(f"the model {options.model} is not the one that was measured, {model.get('name')}")
        book = preparer.prompts()
    changed = _changed(run, loads, venvs)
    plans: dict[str, LoadPlan] = {}
    for load in loads:
        plan = plan_load(load, venvs.of(load), preparer, readiness, {}, say)
        why = plan.error or changed.get(load.key) or _other_artifact(run, load, plan)
        if why is None:
            plans[load.key] = plan
        else:
            say(f"not scored: {load.label}: {why}")
    usable = [load for load in loads if load.key in plans]
    if not usable:
        raise StoreError(f"no load of {run.path} can be scored")
    texts = texts_of(book, {cell["prompt_tokens"] for cell in run.record["plan"]["cells"]})
    asked = run.record.get("options") or {}
    shapes = shapes_of(asked.get("new_tokens") or (), asked.get("batch_sizes") or (), asked.get("turns"))
    context = model.get("context_tokens")
    questions = questions_of(
        book, _cells_of(run, usable), shapes, measured.block, run.record["plan"]["repeats"], context
    )
    reference = reference_for(asked.get("reference", "auto"), usable, preparer, texts, questions, context, say)
    allowed = quality_seconds(run.record["plan"]["blocks"], measured.seconds) if seconds is None else seconds
    rows: list[Row] = []
    scratch = Scratch()
    quality = QualityPass(texts, reference, context, plans, _facts(run, scratch.path), say)
    try:
        keep_answers(run.path, reference)
        keep_pieces(run, preparer, say)
        quality.score(usable, measured, allowed, rows.extend)
    finally:
        scratch.remove()
        # A load that was not reached keeps the rows that it had.
        new = [row for row in rows if row.get("error_type") != "Interrupted"]
        if new:
            replace_rows(run, "quality", ~pc.field("load_key").isin({row["load_key"] for row in new}), new)
            found = [*judge_quality(run), *([SHARED_QUALITY] if beside else ())]
            others = (pc.field("code") != Code.BROKEN.word) & (pc.field("message") != SHARED_QUALITY.message)
            replace_rows(run, "findings", others, [one.row() for one in found])
        record_digests(run.path, ("quality", "findings", PIECES, ANSWERS))


def _facts(run: StoredRun, scratch: Path) -> RunFacts:
    model = run.record.get("model") or {}
    return RunFacts(
        machine_id=str(run.record["machine_id"]),
        model=str(model.get("name")),
        model_digest=model.get("digest"),
        threads=run.record["plan"]["threads"],
        timeouts=Timeouts(),
        scratch=scratch,
        memory_cap_bytes=memory_cap(),
    )


def _changed(run: StoredRun, loads: Sequence[Load], venvs: Venvs) -> dict[str, str]:
    """``load_key`` -> in which of its packages its stack is another one than was timed."""
    named = named_venvs(loads, venvs)
    now, then = describe_venvs(named), run.record.get("venvs") or {}
    names = {venv: name for name, venv in named.items()}
    found = {}
    for load in loads:
        # The run may have named it otherwise: beside another venv of the stack, or without one.
        timed = then.get(venv_of(run.record, load.backend, load.device, load.variant)) or {}
        found[load.key] = _differing(timed, now[names[venvs.of(load)]])
    variants = run.record["plan"].get("variants") or {}
    for load in loads:
        # One of load options runs in the project's own venv.
        if load.variant and (variants.get(load.variant) or {}).get("kind") != "options":
            found[load.key] = "it is a variant of `nox -s ab`, whose stack is not there: measure it again"
    return {key: why for key, why in found.items() if why is not None}


def _differing(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    before, after = (normalized(one.get("packages")) for one in (then, now))
    in_both = before.keys() & after.keys()
    changed = changes(*({name: one[name] for name in in_both} for one in (before, after)))
    if not changed:
        return None
    return (
        f"its stack is not the one that was timed: {first_of(changed)}; measure it again, or name the old one by "
        "--worker"
    )


def _other_artifact(run: StoredRun, load: Load, plan: LoadPlan) -> str | None:
    if plan.artifact is None:
        return None
    where = (pc.field("load_key") == load.key) & pc.field("artifact_digest").is_valid()
    timed = set(run.table("loads", ["artifact_digest"], where)["artifact_digest"].to_pylist())
    if not timed or plan.artifact.digest in timed:
        return None
    return "its artifact is not the one that was timed, which this version would make in another way: measure it again"

"""The untimed passes: a load scores given texts (rows of the table ``quality``), and a stack profiles itself."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from backends.contract import Text
from backends.spec import family
from bench.errors import WorkerError, WorkerFailed, WorkerTimeout, WorkerUnsupported
from bench.measure.attempt import LoadPlan, RunFacts, start_worker
from bench.measure.store_rows import Row
from bench.measure.verdict import Placement
from bench.observe.clocks import Moment
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load, digest
from bench.prepare.prompts import Prompt, kind_of
from bench.store.schema import LONGEST

_SLACK_S = 120.0
"""How much longer than its time a worker may take to answer: a stack may have to end what it has begun."""


_SCORED = ("log_probs", "top_ids", "reference_log_probs", "kl", "same_top")


@dataclass(frozen=True, slots=True)
class Reference:
    """What loads are compared with.

    Args:
        file: of its distributions.
        answers: file of its answers to prompts.
    """

    name: str
    file: Path
    answers: Path


def score_load(
    load: Load,
    load_plan: LoadPlan,
    facts: RunFacts,
    scratch: Path,
    texts: Sequence[Text],
    reference: Reference | None,
    seconds: float,
) -> list[Row]:
    """Have a worker of its own load ``load`` and score ``texts``.

    ``seconds``: how long it may score, the load not counted.

    Returns:
        one row per text that was reached, or one row that says why there is none. It raises no :class:`WorkerError`.
        A load that fails with the longest prompt is asked for the others without it.
    """
    started = Moment()
    try:
        scored = _scored(load, load_plan, facts, scratch, texts, reference, seconds)
    except WorkerTimeout as error:
        return [failure(load, error, started)]
    except WorkerError as error:
        # What a device makes of a long prompt is not what it makes of the others.
        others = [text for text in texts if text.name != LONGEST]
        if not others or len(others) == len(texts):
            return [failure(load, error, started)]
        rows = score_load(
            load, load_plan, facts, scratch.with_name(f"{scratch.name}-again"), others, reference, seconds
        )
        (longest,) = (text for text in texts if text not in others)
        refused = {**failure(load, error, started), **_of_text(longest)}
        return [refused, *rows] if any(row["status"] == "ok" for row in rows) else rows
    by_name = {text.name: text for text in texts}
    rows = []
    for one in scored:
        known = {name: one[name] or None for name in _SCORED}
        compared = reference.name if reference is not None and known["reference_log_probs"] is not None else None
        of_text = {**_of_text(by_name[one["name"]]), **known, "reference": compared}
        rows.append({**of_text, **_of(load, started), "status": "ok"})
    return rows


def failure(load: Load, error: WorkerError, started: Moment) -> Row:
    """The row of a load that could not be scored."""
    why = {"status": error.status, "error_type": error.error_type, "error_message": str(error)}
    return {**_of(load, started), **why}


def left_out(load: Load, text: Text, reason: str) -> Row:
    """The row of a text that a load is not asked to score."""
    error = WorkerUnsupported(reason, error_type="UnsupportedError")
    return {**failure(load, error, Moment()), **_of_text(text)}


def _scored(
    load: Load,
    plan: LoadPlan,
    facts: RunFacts,
    scratch: Path,
    texts: Sequence[Text],
    reference: Reference | None,
    seconds: float,
) -> Sequence[Mapping[str, Any]]:
    if family(load.device) not in BACKENDS[load.backend].scores:
        raise WorkerUnsupported(
            f"{load.backend} tells neither logits nor log-probabilities of given tokens on {load.device}",
            error_type="UnsupportedError",
        )
    if plan.error is not None:
        raise WorkerFailed(str(plan.error), error_type="PrepareError")
    # What hangs here has been timed already, so that it need not be waited for as long.
    timeouts = replace(facts.timeouts, generation_s=min(facts.timeouts.generation_s, _SLACK_S + 4 * seconds))
    model = (plan.path, load.device, load.precision, facts.threads, load.options)
    file = reference.file if reference is not None else None
    with start_worker(load, plan, replace(facts, timeouts=timeouts), scratch) as worker:
        worker.open()
        scored = worker.score(*model, texts=[asdict(text) for text in texts], reference=file, seconds=seconds)
    if not scored:
        raise WorkerTimeout(f"no token was scored within {seconds:.0f} s")
    return scored


def _of(load: Load, started: Moment) -> Row:
    return {"load_key": load.key, "device": load.device, "started_at": started.at, "ended_at": started.now()}


def _of_text(text: Text) -> Row:
    return {
        "text": text.name,
        "kind": kind_of(text.name),
        "text_digest": digest(list(text.ids)),
        "first_position": text.start,
        "positions": text.positions,
    }


NEW_TOKENS = 4
"""A prefill and some decode steps; further steps have the same nodes."""


def profile_load(load: Load, plan: LoadPlan, facts: RunFacts, scratch: Path, prompt: Prompt) -> Placement | None:
    """Where the stack's own profile places ``load``; ``None`` where it has none, or nothing can be loaded.

    A failed pass does not fail the load: the placement then says why there is no profile.
    """
    if family(load.device) not in BACKENDS[load.backend].profiled or plan.error is not None:
        return None
    model = (plan.path, load.device, load.precision, facts.threads, load.options)
    try:
        with start_worker(load, plan, facts, scratch) as worker:
            worker.open()
            return worker.profile(*model, prompt=prompt.ids, new_tokens=NEW_TOKENS)
    except WorkerError as error:
        return Placement("", {}, problem=str(error))

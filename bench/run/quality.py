"""The quality pass: after the last block each load that has numbers scores the same texts, in a process of its own."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from backends.contract import Question, Text
from backends.spec import OPENVINO_PROVIDERS, family
from bench.errors import BenchError, MachineError, PrepareError, WorkerFailed
from bench.measure.attempt import LoadPlan, RunFacts
from bench.measure.prompt_keys import Shapes, prompt_key
from bench.measure.scoring import Reference, failure, left_out, score_load
from bench.measure.store_rows import Row
from bench.observe.clocks import Moment
from bench.plan.backends import BACKENDS
from bench.plan.cells import Cell, Load
from bench.prepare.preparation import ANSWERS_FILE, REFERENCE_FILE, Preparation, Say
from bench.prepare.prompts import PromptBook, PromptKey
from bench.store.files import read_json, write_json
from bench.store.reader import StoredRun
from bench.store.schema import ANSWERS, LONGEST, PIECES

_LONG_TOKENS = 256
_SCORED_OF_LONGEST = 64
_MOST_QUESTIONS = 3
"""Per prompt length, over all shapes; each shape has one at least."""
_ASKED_TOKENS = 2048
"""Of all prompts of a length together, where they are more than one."""
_ANSWER_TOKENS = 64
"""Beyond which an answer of the reference does not go."""
_LEAST_S = 1.0
"""For which a load may score however little time is left."""
_ENDED = "the quality pass was stopped before; `nox -s quality` scores this load"

Commit = Callable[[Sequence[Row]], object]


def texts_of(book: PromptBook, prompt_tokens: Iterable[int]) -> list[Text]:
    """The texts in the order in which they are scored: the longest prompt, if it is a long one, then the fixed ones.

    Of the longest prompt the end is scored alone: what a device makes of a long prompt shows there. It goes first
    because it takes little time, and a slow load need not come to the end of the others.
    """
    texts = [Text(name, ids) for name, ids in book.texts.items()]
    longest = max(prompt_tokens, default=0)
    if longest <= _LONG_TOKENS:
        return texts
    key = PromptKey(longest, 0, 0)
    ids = book.prompts_for_visit(0, [key])[key].ids
    return [Text(LONGEST, ids, start=longest - 1 - _SCORED_OF_LONGEST), *texts]


def questions_of(
    book: PromptBook, cells: Iterable[Cell], shapes: Shapes, block: int, repeats: int, context_tokens: int | None
) -> list[Question]:
    """The prompts that the reference answers: the first timed ones of ``block``, the first sequence of a batch.

    They are a sample, so that the reference takes a small part of a run: at most three of each prompt length, fewer of
    long prompts, one at least of each shape; and at most 64 tokens of an answer. Where two prompts of a visit would
    begin alike, one of them has another first word there than here, and its answers are not compared.

    Args:
        cells: of the run; those beyond the context are left out.
        block: the first that is measured.
    """
    new_tokens: dict[int, int] = {}
    keys: set[PromptKey] = set()
    for cell in cells:
        length = cell.prompt_tokens
        if context_tokens is None or length + cell.new_tokens <= context_tokens:
            share = min(_MOST_QUESTIONS, _ASKED_TOKENS // length) // max(1, len(shapes))
            keys |= {prompt_key(shapes, cell, ordinal, 0) for ordinal in range(min(repeats, max(1, share)))}
            new_tokens[length] = max(new_tokens.get(length, 0), min(cell.new_tokens, _ANSWER_TOKENS))
    prompts = book.prompts_for_visit(block, keys)
    return [Question(prompt.digest, prompt.ids, new_tokens[key.prompt_tokens]) for key, prompt in prompts.items()]


def reference_for(
    asked: str,
    loads: Iterable[Load],
    preparer: Preparation | None,
    texts: Sequence[Text],
    questions: Sequence[Question],
    context_tokens: int | None,
    say: Say,
) -> Reference | None:
    """The model's own weights in transformers as a reference, made if it is missing; ``None`` if there is none.

    The report then compares with a load of the run where it can. What cannot be made is said, and fails nothing.

    Args:
        asked: the option ``reference``.
        context_tokens: of the model; longer texts are left out.
    """
    scoring = any(family(load.device) in BACKENDS[load.backend].scores for load in loads)
    if asked != "auto" or preparer is None or not scoring:
        return None
    try:
        made = preparer.reference(_fitting(texts, context_tokens), questions)
    except (PrepareError, MachineError) as error:
        say(f"reference  none: {error}")
        return None
    return Reference(f"transformers {made.precision}", made.path / REFERENCE_FILE, made.path / ANSWERS_FILE)


def keep_answers(folder: Path, reference: Reference | None) -> None:
    """Keep the answers of the reference in the run's ``folder``, so that it can be analysed without the cache."""
    if reference is not None:
        write_json(folder / ANSWERS, {"reference": reference.name, "answers": read_json(reference.answers)})


def keep_pieces(run: StoredRun, preparer: Preparation | None, say: Say) -> None:
    """Keep in the run's folder what the ids of its answers read as, so that a report shows them as text."""
    from bench.analyse.agreement import read_right_answers  # noqa: PLC0415 - scipy is not for collecting

    if preparer is None:
        return
    answers = run.table("generations", ["token_ids"])["token_ids"]
    ids = {*pc.unique(pc.list_flatten(pc.list_flatten(answers))).to_pylist()}
    right = read_right_answers(run)
    ids.update(*(answer.tolist() for answer in right.answers.values()) if right else ())
    try:
        pieces = preparer.pieces(ids)
        write_json(run.path / PIECES, {str(one): piece for one, piece in sorted(pieces.items())})
    except BenchError as error:
        say(f"answers    are not shown as text: {error}")


def _fitting(texts: Sequence[Text], context_tokens: int | None) -> list[Text]:
    return [text for text in texts if context_tokens is None or len(text.ids) <= context_tokens]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run has measured, as far as the pass depends on it.

    Args:
        load_keys: of the loads that have a number.
        start_s: key of a load -> time to start its worker and to load it, the median of its processes.
        block: the first in which something was measured.
    """

    load_keys: frozenset[str]
    start_s: Mapping[str, float]
    seconds: float
    block: int = 0

    @classmethod
    def of(cls, run: StoredRun) -> Measured:
        """Read it from what is stored."""
        parts = ("process_start_s", "import_s", "load_s")
        loads = run.table("loads", ["load_id", "load_key", "started_at", "ended_at", *parts]).to_pylist()
        counts = (pc.field("status") == "ok") & ~pc.field("warmup") & pc.field("invalid_reason").is_null()
        counted = run.table("generations", ["load_id", "block"], counts)
        with_numbers = set(counted["load_id"].to_pylist())
        starts: dict[str, list[float]] = {}
        for row in loads:
            if row["load_s"] is not None:
                starts.setdefault(row["load_key"], []).append(sum(row[part] or 0.0 for part in parts))
        return cls(
            load_keys=frozenset(row["load_key"] for row in loads if row["load_id"] in with_numbers),
            start_s={key: statistics.median(seconds) for key, seconds in starts.items()},
            seconds=sum((row["ended_at"] - row["started_at"]).total_seconds() for row in loads),
            block=min(counted["block"].to_pylist(), default=0),
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """One load that scores; ``load_key`` is that of the load which its rows are of."""

    load: Load
    load_key: str


def turns_of(loads: Iterable[Load]) -> list[Turn]:
    """The loads that are asked, each followed by the same artifact on the CPU where it is on another device.

    A simulated load is asked only where it was told how well it is to score.
    """
    found = []
    for load in loads:
        if BACKENDS[load.backend].simulated and load.options.get("perplexity_ratio") is None:
            continue
        found += [Turn(one, load.key) for one in (load, on_cpu(load)) if one is not None]
    return found


def on_cpu(load: Load) -> Load | None:
    """``load`` on the CPU, by the same stack; ``None`` where it is there already, or the stack cannot."""
    spec = BACKENDS[load.backend]
    provider = family(load.device)
    device = f"{provider}.CPU" if provider in OPENVINO_PROVIDERS else "CPU"
    if device == load.device or load.precision not in (spec.precisions(device) or ()):
        return None
    if family(device) not in spec.scores or family(load.device) not in spec.scores:
        return None
    kept = {name: value for name, value in load.options.items() if name in spec.options}
    return replace(load, device=device, options=spec.load_options(device, load.precision, {}, kept))


@dataclass(frozen=True, slots=True)
class QualityPass:
    """Scores ``texts`` with loads of a run; ``context_tokens``: of the model; a longer text is left out."""

    texts: Sequence[Text]
    reference: Reference | None
    context_tokens: int | None
    load_plans: Mapping[str, LoadPlan]
    facts: RunFacts
    say: Say

    def score(
        self,
        loads: Iterable[Load],
        measured: Measured,
        seconds: float,
        commit: Commit,
        scored: Container[tuple[str, str]] = (),
    ) -> None:
        """Have each of ``loads`` that has numbers score the texts, and commit its rows when it has.

        Args:
            seconds: how long all of it may take, starts and loads included. What one load leaves is for the others.
            scored: load key and device of what was scored before.

        Raises:
            KeyboardInterrupt: the user asked to stop at once.

        A load that was not reached, because the user asked to stop, has a row that says so.
        """
        turns = [
            turn
            for turn in turns_of(load for load in loads if load.key in measured.load_keys)
            if (turn.load_key, turn.load.device) not in scored
        ]
        end = time.monotonic() + seconds
        left = list(turns)
        try:
            while left and not self.facts.stopping():
                turn = left[0]
                self.say(f"quality {len(turns) - len(left) + 1} of {len(turns)}: {_name(turn)}")
                share = (end - time.monotonic()) / len(left)
                rows = self._rows(turn, max(_LEAST_S, share - measured.start_s.get(turn.load_key, 0.0)))
                self.say(f"    {in_short(rows)}")
                commit(rows)
                left.pop(0)
        finally:
            stopped = WorkerFailed(_ENDED, error_type="Interrupted")
            for turn in left:
                commit([_filed(failure(turn.load, stopped, Moment()), turn)])

    def _rows(self, turn: Turn, seconds: float) -> list[Row]:
        load, plan = turn.load, self.load_plans[turn.load_key]
        fitting = _fitting(self.texts, self.context_tokens)
        reason = f"longer than the {self.context_tokens} tokens of the model's context"
        rows = [left_out(load, text, reason) for text in self.texts if text not in fitting]
        if fitting:
            scratch = self.facts.scratch / f"quality-{turn.load_key}-{load.device}"
            rows += score_load(load, plan, self.facts, scratch, fitting, self.reference, seconds)
        return [_filed(row, turn) for row in rows]


def _name(turn: Turn) -> str:
    load = turn.load
    variant = f"{load.variant}: " if load.variant else ""
    return f"{variant}{load.backend} {load.device} {load.precision}"


def _filed(row: Row, turn: Turn) -> Row:
    """A row under the key of the load that it is of: the same artifact on the CPU has no other."""
    return {**row, "load_key": turn.load_key}


def in_short(rows: Sequence[Mapping[str, Any]]) -> str:
    """What a load's rows say, for the terminal."""
    scored = [row for row in rows if row["status"] == "ok"]
    if not scored:
        last = rows[-1]
        return f"{last['status']}: {last['error_message']}"
    values = [value for row in scored if row["kind"] != LONGEST for value in row["log_probs"]]
    tokens = f"{sum(len(row['log_probs']) for row in scored)} tokens of {len(scored)} texts"
    if not values or None in values:
        return f"{tokens}, and what was scored is not finite" if values else tokens
    # No float holds a larger power of e.
    perplexity = math.exp(min(700.0, -statistics.fmean(values)))
    return f"{tokens}, perplexity {perplexity:.4g}"

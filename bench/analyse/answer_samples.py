"""What configurations wrote in answer to a few prompts, in text, beside the answer of the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import pyarrow.compute as pc

from bench.analyse.agreement import RightAnswers
from bench.analyse.results import AnswerSample, CellResult, LoadResult, SampledAnswer
from bench.errors import StoreError
from bench.store.reader import StoredRun
from bench.store.schema import PIECES

_MOST_PROMPTS = 3
_UNKNOWN_PIECE = "\ufffd"


def answer_samples(
    run: StoredRun, cells: Sequence[CellResult], reference: RightAnswers | LoadResult | None
) -> tuple[AnswerSample, ...]:
    """One prompt of each of at most three lengths; none of a run that does not hold the text of its tokens.

    Raises:
        StoreError: the generations cannot be read.
    """
    pieces = read_pieces(run)
    answered = [cell for cell in cells if cell.answers is not None and cell.ask == "first"]
    if isinstance(reference, RightAnswers):
        right = [cell for cell in answered if cell.answers is not None and cell.answers.compared]
    else:
        right = [cell for cell in answered if reference is not None and cell.load.load_key == reference.load_key]
    if not pieces or not right:
        return ()
    beside = reference.answers if isinstance(reference, RightAnswers) else None
    samples = (
        _sample(run, one, [cell for cell in answered if cell.shape == one.shape], beside, pieces)
        for one in _spread(right)
    )
    return tuple(one for one in samples if one)


def read_pieces(run: StoredRun) -> Mapping[str, str]:
    """The text of each token of ``run``; empty where there is no such file, and where it is none."""
    try:
        found = run.document(PIECES)
    except StoreError:
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _spread(right: Sequence[CellResult]) -> list[CellResult]:
    """Of the smallest batch and the longest answer: the shortest prompt, the longest, and one in between."""
    least = min((cell.batch_size, -cell.new_tokens) for cell in right)
    by_shape = {cell.shape: cell for cell in reversed(right) if (cell.batch_size, -cell.new_tokens) == least}
    own = [by_shape[shape] for shape in sorted(by_shape)]
    return own if len(own) <= _MOST_PROMPTS else [own[0], own[len(own) // 2], own[-1]]


def _sample(
    run: StoredRun,
    one: CellResult,
    cells: Sequence[CellResult],
    right: Mapping[str, Any] | None,
    pieces: Mapping[str, str],
) -> AnswerSample | None:
    """The answers to the first timed prompt of ``one``; ``None`` without two.

    Args:
        run: to read from.
        one: a cell that answered it.
        cells: that may have, ``one`` among them.
        right: digest of a prompt -> what the reference answers; ``None`` where ``one`` is the reference.
        pieces: id -> text.
    """
    prompt, ids = _ids(run, one, [cell.cell_key for cell in cells])
    answered = [cell for cell in cells if cell.cell_key in ids]
    if right is None:
        reference, others = ids.get(one.cell_key), [cell for cell in answered if cell.cell_key != one.cell_key]
    else:
        known = right.get(prompt.partition("+")[0])
        reference, others = None if known is None else known.tolist(), answered
    if reference is None or not others:
        return None
    answers = [(one.load if right is None else None, reference), *((cell.load, ids[cell.cell_key]) for cell in others)]
    return AnswerSample(one.prompt_tokens, tuple(_answer(load, own, reference, pieces) for load, own in answers))


def _ids(run: StoredRun, one: CellResult, keys: Sequence[str]) -> tuple[str, dict[str, list[int]]]:
    """The first timed prompt of ``one``, by its digest, and ``cell_key`` -> its answer, the first of a batch."""
    where = (
        pc.field("cell_key").isin(keys)
        & (pc.field("block") == min(one.ttft_ms.by_block))
        & (pc.field("status") == "ok")
        & pc.field("invalid_reason").is_null()
        & ~pc.field("warmup")
    )
    columns = ("cell_key", "iteration", "block", "status", "invalid_reason", "warmup", "prompt_digest", "token_ids")
    rows: list[dict[str, Any]] = run.table("generations", columns).filter(where).to_pylist()
    rows.sort(key=lambda row: row["iteration"])
    prompt = next((row["prompt_digest"] for row in rows if row["cell_key"] == one.cell_key), None) or ""
    found: dict[str, list[int]] = {}
    for row in rows:
        if prompt and row["prompt_digest"] == prompt and row["token_ids"]:
            found.setdefault(row["cell_key"], [step[0] for step in row["token_ids"] if step])
    return prompt, found


def _answer(
    load: LoadResult | None, ids: Sequence[int], right: Sequence[int], pieces: Mapping[str, str]
) -> SampledAnswer:
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ids, right, strict=False)))
    # The reference's answer may have fewer tokens than were timed.
    texts = [pieces.get(str(one), _UNKNOWN_PIECE) for one in ids[: len(right)]]
    return SampledAnswer(
        load=load,
        alike=alike,
        text_alike="".join(texts[:alike]),
        first_other="".join(texts[alike : alike + 1]),
        rest="".join(texts[alike + 1 :]),
    )

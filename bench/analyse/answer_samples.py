"""What configurations wrote in answer to a few prompts, in text, beside the answer of the run's reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from bench.analyse.results import AnswerSample, CellResult, LoadResult, SampledAnswer
from bench.errors import StoreError
from bench.store.files import read_json
from bench.store.reader import StoredRun
from bench.store.schema import PIECES

_MOST_PROMPTS = 3
_UNKNOWN_PIECE = "\ufffd"


def answer_samples(
    run: StoredRun, cells: Sequence[CellResult], reference: LoadResult | None
) -> tuple[AnswerSample, ...]:
    """One prompt of each of at most three lengths; none of a run that does not hold the text of its tokens.

    Raises:
        StoreError: the generations cannot be read.
    """
    pieces = read_pieces(run.path)
    answered = [cell for cell in cells if cell.answers is not None and cell.ask == "first"]
    right = [cell for cell in answered if reference is not None and cell.load.load_key == reference.load_key]
    if not pieces or not right:
        return ()
    samples = (_sample(run, one, [cell for cell in answered if _alike(cell, one)], pieces) for one in _spread(right))
    return tuple(one for one in samples if one)


def read_pieces(folder: Path) -> Mapping[str, str]:
    """The text of each token of the run in ``folder``; empty where there is no such file, and where it is none."""
    try:
        found = read_json(folder / PIECES)
    except StoreError:
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _spread(right: Sequence[CellResult]) -> list[CellResult]:
    """Of the smallest batch and the longest answer: the shortest prompt, the longest, and one in between."""
    least = min((cell.batch_size, -cell.new_tokens) for cell in right)
    own = [cell for cell in right if (cell.batch_size, -cell.new_tokens) == least]
    own.sort(key=lambda cell: cell.prompt_tokens)
    return own if len(own) <= _MOST_PROMPTS else [own[0], own[len(own) // 2], own[-1]]


def _alike(one: CellResult, other: CellResult) -> bool:
    shape = one.prompt_tokens, one.new_tokens, one.batch_size
    return shape == (other.prompt_tokens, other.new_tokens, other.batch_size)


def _sample(
    run: StoredRun, right: CellResult, cells: Sequence[CellResult], pieces: Mapping[str, str]
) -> AnswerSample | None:
    """The answers to the first timed prompt of ``right``; ``None`` without one beside it."""
    ids = _ids(run, right, [cell.cell_key for cell in cells])
    if right.cell_key not in ids:
        return None
    others = [cell for cell in cells if cell.cell_key in ids and cell.cell_key != right.cell_key]
    answers = [_answer(cell, ids[cell.cell_key], ids[right.cell_key], pieces) for cell in (right, *others)]
    return AnswerSample(right.prompt_tokens, tuple(answers)) if others else None


def _ids(run: StoredRun, right: CellResult, keys: Sequence[str]) -> dict[str, list[int]]:
    """``cell_key`` -> the ids of its answer, the first sequence of a batch."""
    where = (
        pc.field("cell_key").isin(keys)
        & (pc.field("block") == min(right.ttft_ms.by_block))
        & (pc.field("status") == "ok")
        & pc.field("invalid_reason").is_null()
        & ~pc.field("warmup")
    )
    columns = ("cell_key", "iteration", "block", "status", "invalid_reason", "warmup", "prompt_digest", "token_ids")
    rows: list[dict[str, Any]] = run.table("generations", columns, where).to_pylist()
    rows.sort(key=lambda row: row["iteration"])
    prompt = next((row["prompt_digest"] for row in rows if row["cell_key"] == right.cell_key), None)
    found: dict[str, list[int]] = {}
    for row in rows:
        if prompt is not None and row["prompt_digest"] == prompt and row["token_ids"]:
            found.setdefault(row["cell_key"], [step[0] for step in row["token_ids"] if step])
    return found


def _answer(cell: CellResult, ids: Sequence[int], right: Sequence[int], pieces: Mapping[str, str]) -> SampledAnswer:
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ids, right, strict=False)))
    texts = [pieces.get(str(one), _UNKNOWN_PIECE) for one in ids]
    return SampledAnswer(
        load=cell.load,
        alike=alike,
        text_alike="".join(texts[:alike]),
        first_other="".join(texts[alike : alike + 1]),
        rest="".join(texts[alike + 1 :]),
    )

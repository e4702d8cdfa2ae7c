"""Whether configurations answer alike: the ids of their timed answers beside those of a reference.

All loads of a run are asked the same prompts, so two answers to one prompt can be compared id by id. Answers are chosen
greedily: after the first id that differs the texts go separate ways, so what counts is how far they agree. The
reference is the model's own weights, as far as they were asked the prompts too, or else a load of the run.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.lib.stride_tricks import sliding_window_view

from bench.analyse.results import Answers, AnswerSample, CellResult, LoadResult, SampledAnswer
from bench.errors import StoreError
from bench.store.reader import StoredRun
from bench.store.schema import ANSWERS, PIECES

PHRASE = 4
"""How many ids in a row are a phrase."""

COLLAPSED_FROM = 8
"""How many tokens an answer has at least, to be called collapsed where all of them are one and the same."""

_COLUMNS = ("cell_key", "prompt_digest", "new_tokens", "batch_size", "warmup", "status", "invalid_reason", "token_ids")

_MIX = np.array([1, 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], dtype=np.uint64).view(np.int64)
"""Odd numbers that spread ids over 64 bits (the constants of splitmix64)."""

_Request = tuple[str, int]
"""The digest of a request's prompts, and how many new tokens were asked for."""

_Pair = tuple[Any, Any]
"""Ids of answers [steps, sequences], and the right ones."""


class Answered(NamedTuple):
    """What a generation answered: its request, whether it is a warm-up, and ids [steps, sequences]."""

    request: _Request
    warmup: bool
    ids: Any


@dataclass(frozen=True, slots=True)
class RightAnswers:
    """What the model's own weights answer.

    Args:
        reference: what computed them, e.g. ``transformers fp32``.
        answers: digest of a prompt -> the ids of its answer, which may have fewer tokens than the run asked for.
    """

    reference: str
    answers: Mapping[str, Any]


def read_right_answers(run: StoredRun) -> RightAnswers | None:
    """Those of ``run``; ``None`` for a run that has none."""
    try:
        found = run.document(ANSWERS)
        answers = {digest: np.array([*ids], dtype=np.int64) for digest, ids in found["answers"].items()}
        return RightAnswers(str(found["reference"]), answers)
    except (StoreError, LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def read_answers(run: StoredRun, cells: Container[str]) -> dict[str, list[Answered]]:
    """``cell_key`` -> the answers of each of ``cells`` that ended well, in the order in which they were given."""
    found: dict[str, list[Answered]] = {}
    for batch in run.batches("generations", _COLUMNS) if cells else ():
        unmarked = pc.and_(pc.is_null(batch["invalid_reason"]), pc.is_valid(batch["prompt_digest"]))
        rows = batch.filter(pc.and_(pc.equal(batch["status"], "ok"), unmarked))
        names = ("cell_key", "prompt_digest", "new_tokens", "batch_size", "warmup")
        columns = (rows[name].to_pylist() for name in names)
        for cell_key, digest, length, size, warmup, ids in zip(*columns, _ids(rows["token_ids"]), strict=True):
            if cell_key in cells and len(ids) == length * size:
                found.setdefault(cell_key, []).append(Answered((digest, length), warmup, ids.reshape(length, size)))
    return found


def answers_of(
    answered: Mapping[str, Sequence[Answered]],
    loads: Mapping[str, str],
    reference: RightAnswers | str | None,
    on_cpu: Mapping[str, str],
    vocabulary: int | None,
) -> dict[str, Answers]:
    """``cell_key`` -> its answers, of cells that have any that were timed.

    Args:
        loads: ``cell_key`` of each -> its ``load_key``.
        reference: what answers are compared with: the right ones, those of the load with this ``load_key``, or
            nothing.
        on_cpu: ``load_key`` of a load on another device -> that of the same artifact on the CPU.
        vocabulary: how many tokens the model has; ``None`` where that is not recorded.
    """
    timed = {key: [(one.request, one.ids) for one in own if not one.warmup] for key, own in answered.items()}
    of_load: dict[str, dict[_Request, Any]] = {}
    for cell_key, own in timed.items():
        of_load.setdefault(loads[cell_key], {}).update(own)
    answers = {}
    for cell_key, own in timed.items():
        if not own:
            continue
        load = loads[cell_key]
        if isinstance(reference, RightAnswers):
            pairs = _beside_right(own, reference.answers)
        else:
            pairs = _beside(own, of_load.get(reference, {}) if reference and load != reference else {})
        known = _answers(own, pairs, _repeats(answered[cell_key]))
        beside = _compared(_beside(own, of_load.get(on_cpu.get(load, ""), {})))
        most = np.inf if vocabulary is None else vocabulary
        outside = sum(np.count_nonzero((ids < 0) | (ids >= most)) for _, ids in own)
        on_its_cpu = {f"cpu_{name}": beside[name] for name in ("first_difference", "alike") if beside}
        answers[cell_key] = replace(known, outside=int(outside), **on_its_cpu)
    return answers


def _repeats(own: Sequence[Answered]) -> list[bool]:
    """Of each sequence of an answer to prompts that were asked before, whether it is another than the first."""
    first: dict[_Request, Any] = {}
    differs: list[bool] = []
    for one in own:
        earlier = first.setdefault(one.request, one.ids)
        if earlier is not one.ids:
            differs += (earlier != one.ids).any(axis=0).tolist()
    return differs


def _ids(column: Any) -> list[Any]:
    steps = pc.list_flatten(column)
    ends = _ends(steps)[_ends(column)[1:]]
    flat = pc.list_flatten(steps).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return np.split(flat, ends)[:-1]


def _ends(lists: Any) -> Any:
    """Where each list ends in the flat array, after a 0 where the first begins."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths)])


def _beside(own: Sequence[tuple[_Request, Any]], right: Mapping[_Request, Any]) -> list[_Pair]:
    return [(ids, right[one]) for one, ids in own if one in right and right[one].shape == ids.shape]


def _beside_right(own: Sequence[tuple[_Request, Any]], right: Mapping[str, Any]) -> list[_Pair]:
    """The first sequence of each answer of a cell, as far as the right one to its prompt goes, beside that."""
    pairs = []
    for (prompts, length), ids in own:
        answer = right.get(prompts.partition("+")[0])
        if answer is not None:
            known = min(length, len(answer))
            pairs.append((ids[:known, :1], answer[:known, None]))
    return pairs


def _answers(own: Sequence[tuple[_Request, Any]], pairs: Sequence[_Pair], repeats: Sequence[bool]) -> Answers:
    different = np.concatenate([[len(np.unique(answer)) for answer in ids.T] for _, ids in own])
    lengths = np.concatenate([np.full(ids.shape[1], len(ids)) for _, ids in own])
    return Answers(
        **_compared(pairs),
        distinct=float(np.median(different / lengths)),
        repeated=len(repeats),
        repeats_that_differ=sum(repeats),
        collapsed=bool(np.all((different == 1) & (lengths >= COLLAPSED_FROM))),
        phrases_again=_phrases_again(own),
    )


def _phrases_again(own: Sequence[tuple[_Request, Any]]) -> float | None:
    answers = [answer for _, ids in own for answer in ids.T if len(answer) >= 2 * PHRASE]
    if not answers:
        return None
    phrases = [sliding_window_view(answer, PHRASE) for answer in answers]
    # One number per phrase; that two phrases share one is as unlikely as a collision of 64 bits.
    numbers = [(one * _MIX).sum(axis=1) for one in phrases]
    return float(np.median([1 - len(np.unique(one)) / len(one) for one in numbers]))


def _compared(pairs: Sequence[_Pair]) -> dict[str, Any]:
    """The fields of :class:`Answers` that follow from answers beside others; none without any."""
    differs = [ids != right for ids, right in pairs]
    if not differs:
        return {}
    firsts = np.concatenate([np.where(one.any(axis=0), one.argmax(axis=0), len(one)) for one in differs])
    lengths = np.concatenate([np.full(one.shape[1], len(one)) for one in differs])
    return {
        "compared": len(firsts),
        "first_difference": float(np.median(firsts)),
        "mean_first_difference": float(np.mean(firsts)),
        "alike": float(np.mean(firsts == lengths)),
        "compared_tokens": int(lengths.max()),
    }


_MOST_PROMPTS = 3
_UNKNOWN_PIECE = "\ufffd"


def answer_samples(
    run: StoredRun,
    answered: Mapping[str, Sequence[Answered]],
    cells: Sequence[CellResult],
    reference: RightAnswers | LoadResult | None,
) -> tuple[AnswerSample, ...]:
    """One prompt of each of at most three lengths; none of a run that does not hold the text of its tokens."""
    pieces = read_pieces(run)
    own = [cell for cell in cells if cell.answers is not None and cell.ask == "first"]
    if isinstance(reference, RightAnswers):
        right = [cell for cell in own if cell.answers is not None and cell.answers.compared]
    else:
        right = [cell for cell in own if reference is not None and cell.load.load_key == reference.load_key]
    if not pieces or not right:
        return ()
    beside = reference.answers if isinstance(reference, RightAnswers) else None
    samples = (
        _sample(answered, one, [cell for cell in own if cell.shape == one.shape], beside, pieces)
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
    answered: Mapping[str, Sequence[Answered]],
    one: CellResult,
    cells: Sequence[CellResult],
    right: Mapping[str, Any] | None,
    pieces: Mapping[str, str],
) -> AnswerSample | None:
    """The answers to the first timed prompt of ``one``, of a batch the first; ``None`` without two.

    ``right``: digest of a prompt -> what the reference answers; ``None`` where ``one`` is the reference.
    """
    prompt = next(each.request for each in answered[one.cell_key] if not each.warmup)
    ids: dict[str, list[int]] = {}
    for cell in cells:
        for each in answered[cell.cell_key]:
            if each.request == prompt and not each.warmup:
                ids.setdefault(cell.cell_key, each.ids[:, 0].tolist())
    others = [cell for cell in cells if cell.cell_key in ids and not (right is None and cell is one)]
    if right is None:
        reference = ids[one.cell_key]
    else:
        known = right.get(prompt[0].partition("+")[0])
        reference = [] if known is None else known.tolist()
    if not reference or not others:
        return None
    answers = [(one.load if right is None else None, reference), *((cell.load, ids[cell.cell_key]) for cell in others)]
    return AnswerSample(one.prompt_tokens, tuple(_answer(load, own, reference, pieces) for load, own in answers))


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

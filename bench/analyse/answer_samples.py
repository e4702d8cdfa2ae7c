"""What configurations wrote in answer to a few prompts, in text, beside the answer of the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from bench.analyse.agreement import Answered, RightAnswers
from bench.analyse.results import AnswerSample, CellResult, LoadResult, SampledAnswer
from bench.errors import StoreError
from bench.store.reader import StoredRun
from bench.store.schema import PIECES

_MOST_PROMPTS = 3
_UNKNOWN_PIECE = "\ufffd"


def answer_samples(
    run: StoredRun,
    answered: Mapping[str, Sequence[Answered]],
    cells: Sequence[CellResult],
    reference: RightAnswers | LoadResult | None,
) -> tuple[AnswerSample, ...]:
    """One prompt of each of at most three lengths; none of a run that does not hold the text of its tokens.

    Args:
        run: for that text.
        answered: see :func:`bench.analyse.agreement.read_answers`.
        cells: of the run.
        reference: what the answers are compared with.
    """
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

    Args:
        answered: by ``cell_key``.
        one: a cell that answered it.
        cells: that may have, ``one`` among them.
        right: digest of a prompt -> what the reference answers; ``None`` where ``one`` is the reference.
        pieces: id -> text.
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

"""What a worker makes of the logits that a stack yields: log-probabilities, and how they differ from a reference's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.contract import ArtifactError, BackendError, Scores, Text
from backends.scoring import TOP, Reference, divergence, log_softmax, reference_arrays, score_texts

LONG = 1e9
"""Seconds that are never up."""


def logits(positions: int, vocabulary: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 3, (positions, vocabulary)).astype(np.float32)


def text(count: int, vocabulary: int, name: str = "chat-1", start: int = 0, seed: int = 1) -> Text:
    ids = np.random.default_rng(seed).integers(0, vocabulary, count).tolist()
    return Text(name, ids, start)


def exact_divergence(reference: Any, mine: Any) -> Any:
    p, q = log_softmax(reference), log_softmax(mine)
    return (np.exp(p) * (p - q)).sum(axis=1)


def reference_of(rows: Any, one: Text) -> Reference:
    return Reference(reference_arrays(iter([Scores(0, one.start, logits=rows)]), [one]))


def test_log_softmax_is_of_probabilities_that_sum_to_one() -> None:
    rows = logits(5, 40)
    assert np.exp(log_softmax(rows)).sum(axis=1) == pytest.approx(np.ones(5))
    assert log_softmax(rows + 1000) == pytest.approx(log_softmax(rows), abs=1e-3)


def test_the_log_probability_is_that_of_the_next_id() -> None:
    one, rows = text(6, 40), logits(5, 40)
    (scored,) = score_texts(iter([Scores(0, 0, logits=rows)]), [one], None, LONG)
    wanted = [log_softmax(rows)[place, one.ids[place + 1]] for place in range(5)]
    assert scored.log_probs == pytest.approx(wanted)
    assert scored.top_ids == rows.argmax(axis=1).tolist()
    assert (scored.reference_log_probs, scored.kl, scored.same_top) == ([], [], [])


def test_rows_one_by_one_and_several_texts_side_by_side_give_the_same() -> None:
    texts = [text(6, 40), text(6, 40, "code-1", seed=2)]
    rows = [logits(5, 40, 3), logits(5, 40, 4)]
    whole = (Scores(index, 0, logits=rows[index]) for index in (0, 1))
    single = (Scores(index, place, logits=rows[index][place : place + 1]) for place in range(5) for index in (0, 1))
    assert score_texts(single, texts, None, LONG) == score_texts(whole, texts, None, LONG)


def test_a_text_is_scored_from_its_first_position_on() -> None:
    one, rows = text(10, 40, start=6), logits(3, 40)
    assert one.positions == 3
    (scored,) = score_texts(iter([Scores(0, 6, logits=rows)]), [one], reference_of(rows, one), LONG)
    assert scored.log_probs == pytest.approx([log_softmax(rows)[place, one.ids[place + 7]] for place in range(3)])
    assert scored.reference_log_probs == pytest.approx(scored.log_probs)


def test_a_model_does_not_differ_from_itself() -> None:
    one, rows = text(6, 40), logits(5, 40)
    (scored,) = score_texts(iter([Scores(0, 0, logits=rows)]), [one], reference_of(rows, one), LONG)
    assert scored.kl == pytest.approx([0] * 5, abs=1e-6)
    assert scored.same_top == [True] * 5


def test_the_divergence_is_the_whole_one_where_the_reference_kept_all_ids() -> None:
    one, mine, others = text(6, TOP), logits(5, TOP, 1), logits(5, TOP, 2)
    (scored,) = score_texts(iter([Scores(0, 0, logits=mine)]), [one], reference_of(others, one), LONG)
    assert scored.kl == pytest.approx(exact_divergence(others, mine), rel=1e-4)
    assert scored.same_top == (mine.argmax(axis=1) == others.argmax(axis=1)).tolist()


def test_the_divergence_is_never_above_the_whole_one_and_near_it() -> None:
    others, mine = logits(30, 4 * TOP, 1), logits(30, 4 * TOP, 2)
    one = text(31, 4 * TOP)
    (scored,) = score_texts(iter([Scores(0, 0, logits=mine)]), [one], reference_of(others, one), LONG)
    whole = exact_divergence(others, mine)
    assert (np.array(scored.kl) <= whole + 1e-6).all()
    assert np.mean(scored.kl) == pytest.approx(whole.mean(), rel=0.15)


def test_ids_that_a_model_holds_impossible_diverge_without_bound_and_without_a_warning() -> None:
    tops = np.log([[0.5, 0.5]])
    mine = log_softmax(np.array([[0.0, -2000.0, 0.0]]))
    assert divergence(mine, np.array([[0, 1]]), tops)[0] > 500


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_finite_are_told_as_none(bad: float) -> None:
    one, rows = text(4, 40), logits(3, 40)
    right = rows.copy()
    rows[1, 7] = bad
    (scored,) = score_texts(iter([Scores(0, 0, logits=rows)]), [one], reference_of(right, one), LONG)
    assert [value is None for value in scored.log_probs] == [False, True, False]
    assert [value is None for value in scored.kl] == [False, True, False]


def test_log_probabilities_alone_are_compared_with_those_of_the_reference() -> None:
    one, rows = text(4, 40), logits(3, 40)
    (scored,) = score_texts(iter([Scores(0, 0, log_probs=[-1, -2, -3])]), [one], reference_of(rows, one), LONG)
    assert scored.log_probs == [-1, -2, -3]
    assert len(scored.reference_log_probs) == 3
    assert (scored.top_ids, scored.kl, scored.same_top) == ([], [], [])


def test_a_text_that_the_reference_lacks_is_scored_without_it() -> None:
    one, rows = text(4, 40), logits(3, 40)
    (scored,) = score_texts(iter([Scores(0, 0, logits=rows)]), [one], Reference({}), LONG)
    assert len(scored.log_probs) == 3
    assert (scored.reference_log_probs, scored.kl) == ([], [])


def test_no_more_is_asked_for_when_the_time_is_up() -> None:
    texts = [text(4, 40), text(4, 40, "code-1")]

    def stack() -> Iterator[Scores]:
        yield Scores(0, 0, logits=logits(3, 40))
        raise AssertionError("asked for more")

    scored = score_texts(stack(), texts, None, 0)
    assert [one.name for one in scored] == ["chat-1"]


@pytest.mark.parametrize(
    ("ids", "places", "words"),
    [
        ([1, 2, 3], [1], "scored position 1 of text chat-1 where 0 was due"),
        ([1, 2, 3], [0, 0], "scored position 0 of text chat-1 where 1 was due"),
        ([1, 2, 3], [0, 1, 2], "more positions of text chat-1 than it has"),
        ([1, 90, 3], [0], "text chat-1 has id 90, this model a vocabulary of 40"),
    ],
)
def test_what_does_not_belong_to_the_text_is_refused(ids: Sequence[int], places: Sequence[int], words: str) -> None:
    scores = (Scores(0, place, logits=logits(1, 40)) for place in places)
    with pytest.raises(BackendError, match=words):
        score_texts(scores, [Text("chat-1", ids)], None, LONG)


def test_a_reference_of_another_vocabulary_is_refused() -> None:
    one = text(4, 40)
    rows = logits(3, 60)
    rows[:, 55] = 100
    with pytest.raises(ArtifactError, match=r"the reference has id 5\d, this model a vocabulary of 40"):
        score_texts(iter([Scores(0, 0, logits=logits(3, 40))]), [one], reference_of(rows, one), LONG)


def test_a_reference_comes_back_from_its_file(tmp_path: Path) -> None:
    one, rows = text(4, 40), logits(3, 40)
    arrays = reference_arrays(iter([Scores(0, 0, logits=rows[:2]), Scores(0, 2, logits=rows[2:])]), [one])
    np.savez(tmp_path / "reference.npz", **arrays)
    found = Reference.read(tmp_path / "reference.npz").at("chat-1", slice(1, 3))
    assert found is not None
    log_probs, ids, tops = found
    assert log_probs == pytest.approx([log_softmax(rows)[place, one.ids[place + 1]] for place in (1, 2)])
    assert ids[:, 0].tolist() == rows[1:].argmax(axis=1).tolist()
    assert (np.diff(tops, axis=1) <= 0).all()


def test_a_file_that_is_no_reference_is_named(tmp_path: Path) -> None:
    file = tmp_path / "reference.npz"
    file.write_bytes(b"not one")
    with pytest.raises(BackendError, match=r"reference\.npz cannot be read"):
        Reference.read(file)


@pytest.mark.parametrize("at", [0, 30, 200, -100, -10])
@pytest.mark.parametrize("cut", [True, False])
def test_a_damaged_reference_is_named(tmp_path: Path, at: int, cut: bool) -> None:
    """Cut off, or with a bit that turned: of the archive that it is, of a file in it, or of what is compressed."""
    file = tmp_path / "reference.npz"
    arrays: dict[str, Any] = {"chat-1/log_probs": np.arange(200.0), "chat-1/ids": np.arange(600)}
    np.savez_compressed(file, **arrays)
    whole = bytearray(file.read_bytes())
    whole[at] ^= 1
    file.write_bytes(whole[:at] if cut else whole)
    with pytest.raises(BackendError, match=r"reference\.npz cannot be read .*: remove its folder"):
        Reference.read(file)

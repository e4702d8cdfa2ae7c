from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from bench.errors import PrepareError, UsageError
from bench.prepare.prompts import TEXT_TOKENS, PromptBook, PromptKey, kind_of

BOOK = PromptBook(
    kinds={"chat": tuple(range(100, 137)), "code": tuple(range(200, 211))},
    openers=tuple(range(1_000, 1_064)),
    bos=(1,),
    vocab_size=2_000,
)
WIDE = PromptBook(kinds=BOOK.kinds, openers=tuple(range(10**6)), bos=(), vocab_size=10**6)

KEYS = st.builds(PromptKey, st.integers(2, 400), st.integers(-3, 5), st.integers(0, 3))


@given(wanted=st.sets(KEYS, min_size=1, max_size=20), block=st.integers(0, 30))
def test_every_prompt_has_exactly_the_ids_asked_for(wanted: set[PromptKey], block: int) -> None:
    assert all(len(prompt.ids) == key.prompt_tokens for key, prompt in BOOK.prompts_for_visit(block, wanted).items())


@given(wanted=st.sets(KEYS, min_size=1, max_size=60), block=st.integers(0, 30))
def test_no_two_prompts_of_a_visit_begin_alike(wanted: set[PromptKey], block: int) -> None:
    openers = [prompt.ids[1] for prompt in BOOK.prompts_for_visit(block, wanted).values()]
    assert len(set(openers)) == len(wanted)


@given(wanted=st.lists(KEYS, min_size=1, max_size=20), block=st.integers(0, 30))
def test_prompts_do_not_depend_on_the_order_of_asking(wanted: list[PromptKey], block: int) -> None:
    assert BOOK.prompts_for_visit(block, wanted) == BOOK.prompts_for_visit(block, wanted[::-1])


@given(key=KEYS, others=st.sets(KEYS, max_size=20), block=st.integers(0, 30))
def test_a_prompt_without_a_collision_is_the_same_in_any_company(
    key: PromptKey, others: set[PromptKey], block: int
) -> None:
    wanted = {key, *others}
    alone = {one: WIDE.prompts_for_visit(block, [one])[one] for one in wanted}
    together = WIDE.prompts_for_visit(block, wanted)
    if len({prompt.ids[0] for prompt in alone.values()}) == len(wanted):
        assert together == alone


@given(wanted=st.sets(KEYS, min_size=2, max_size=40), block=st.integers(0, 30))
def test_a_collision_changes_the_opener_and_nothing_else(wanted: set[PromptKey], block: int) -> None:
    together = BOOK.prompts_for_visit(block, wanted)
    assert all(together[key].ids[2:] == BOOK.prompts_for_visit(block, [key])[key].ids[2:] for key in wanted)


def test_every_prompt_begins_with_the_models_bos() -> None:
    key = PromptKey(5, 0, 0)
    assert BOOK.prompts_for_visit(0, [key])[key].ids[0] == 1


def test_the_shortest_prompt_is_bos_and_one_id() -> None:
    key = PromptKey(2, 0, 0)
    assert len(BOOK.prompts_for_visit(0, [key])[key].ids) == 2


def test_a_shorter_prompt_is_refused() -> None:
    with pytest.raises(UsageError, match="a prompt of 1 tokens cannot be made: this model's shortest has 2"):
        BOOK.prompts_for_visit(0, [PromptKey(1, 0, 0)])


def test_more_prompts_than_openers_are_refused() -> None:
    with pytest.raises(UsageError, match="65 different prompts"):
        BOOK.prompts_for_visit(0, [PromptKey(8, ordinal, 0) for ordinal in range(65)])


def test_blocks_get_different_prompts() -> None:
    key = PromptKey(32, 0, 0)
    assert WIDE.prompts_for_visit(0, [key])[key].ids != WIDE.prompts_for_visit(1, [key])[key].ids


def test_warm_ups_are_asked_the_same_in_every_block() -> None:
    key = PromptKey(32, -1, 0)
    assert WIDE.prompts_for_visit(0, [key]) == WIDE.prompts_for_visit(1, [key])


@pytest.mark.parametrize(("ordinal", "name"), [(1, "32/7/1/2"), (-1, "32/0/-1/2")])
def test_a_prompt_is_named_after_what_it_depends_on(ordinal: int, name: str) -> None:
    key = PromptKey(32, ordinal, 2)
    assert BOOK.prompts_for_visit(7, [key])[key].prompt_id == name


def test_equal_digests_mean_equal_ids() -> None:
    wanted = [PromptKey(16, ordinal, 0) for ordinal in range(30)]
    prompts = BOOK.prompts_for_visit(0, wanted).values()
    assert len({prompt.digest for prompt in prompts}) == len({prompt.ids for prompt in prompts})


def test_prompts_stay_the_same_from_version_to_version() -> None:
    key = PromptKey(6, 0, 0)
    assert BOOK.prompts_for_visit(0, [key])[key].ids == (1, 1024, 208, 209, 210, 200)


def test_text_is_continued_from_its_start_when_it_ends() -> None:
    key = PromptKey(300, 0, 0)
    body = BOOK.prompts_for_visit(0, [key])[key].ids[2:]
    text = BOOK.kinds[BOOK.prompts_for_visit(0, [key])[key].kind]
    assert all(text[(text.index(left) + 1) % len(text)] == right for left, right in pairwise(body))


def test_a_made_up_book_stays_within_its_vocabulary() -> None:
    key = PromptKey(500, 0, 0)
    assert max(PromptBook.made_up(50).prompts_for_visit(0, [key])[key].ids) < 50


def test_a_made_up_book_calls_its_text_random() -> None:
    key = PromptKey(5, 0, 0)
    assert PromptBook.made_up().prompts_for_visit(0, [key])[key].kind == "random"


def test_a_made_up_book_has_texts_to_score() -> None:
    texts = PromptBook.made_up(50).texts
    assert {(kind_of(name), len(ids), max(ids) < 50) for name, ids in texts.items()} == {("random", TEXT_TOKENS, True)}


def test_a_made_up_books_prompts_stay_the_same_from_version_to_version() -> None:
    key = PromptKey(5, 0, 0)
    assert PromptBook.made_up().prompts_for_visit(0, [key])[key].ids == (16092, 21666, 10260, 10384, 17951)


@pytest.mark.parametrize(("name", "kind"), [("chat-2", "chat"), ("longest-prompt", "longest-prompt")])
def test_the_kind_of_a_text_stands_before_its_number(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_a_vocabulary_too_small_for_prompts_is_refused() -> None:
    with pytest.raises(UsageError):
        PromptBook.made_up(1)


def test_a_book_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "prompts.json"
    book = {"kinds": {"chat": [1, 2]}, "openers": [3], "bos": [], "vocab_size": 4, "texts": {"chat-1": [2, 1]}}
    file.write_text(json.dumps(book), "utf-8")
    assert PromptBook.read(file) == PromptBook({"chat": (1, 2)}, (3,), (), 4, {"chat-1": (2, 1)})


def test_a_damaged_book_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "prompts.json"
    file.write_text("{}", "utf-8")
    with pytest.raises(PrepareError, match="nox -s clean"):
        PromptBook.read(file)


@given(wanted=st.sets(KEYS, min_size=1, max_size=25), spare=st.sets(KEYS, max_size=25), block=st.integers(0, 30))
def test_spare_prompts_change_none_of_the_others(wanted: set[PromptKey], spare: set[PromptKey], block: int) -> None:
    alone, both = BOOK.prompts_for_visit(block, wanted), BOOK.prompts_for_visit(block, wanted, spare)
    assert {key: both[key] for key in wanted} == alone


@given(wanted=st.sets(KEYS, min_size=1, max_size=25), spare=st.sets(KEYS, max_size=25), block=st.integers(0, 30))
def test_spare_prompts_begin_like_no_other(wanted: set[PromptKey], spare: set[PromptKey], block: int) -> None:
    openers = [prompt.ids[1] for prompt in BOOK.prompts_for_visit(block, wanted, spare).values()]
    assert len(set(openers)) == len(wanted | spare)


def test_more_spare_prompts_than_openers_are_refused_with_the_remedy() -> None:
    spare = [PromptKey(8, -n, 0) for n in range(1, 65)]
    with pytest.raises(UsageError, match="or a lower --max-warmups"):
        BOOK.prompts_for_visit(0, [PromptKey(8, 0, 0)], spare)

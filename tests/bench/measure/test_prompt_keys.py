from __future__ import annotations

import itertools

from bench.measure.prompt_keys import prompt_key, shapes_of
from bench.plan.cells import Cell, Load
from bench.prepare.prompts import PromptKey

LOAD = Load("simulated", "CPU", "int4")
SHAPES = tuple(itertools.product((0,), (16, 64), (1, 4)))


def test_no_prompt_is_asked_twice_by_cells_of_one_length() -> None:
    keys = [
        prompt_key(SHAPES, Cell(LOAD, 32, new_tokens, batch_size), ordinal, row)
        for _, new_tokens, batch_size in SHAPES
        for ordinal in range(-2, 3)
        for row in range(batch_size)
    ]
    assert len(keys) == len(set(keys))


def test_the_first_shape_of_a_sweep_has_the_prompts_of_a_sweep_of_its_own() -> None:
    cell = Cell(LOAD, 32, 16, 1)
    assert prompt_key(SHAPES, cell, 2, 0) == prompt_key(((0, 16, 1),), cell, 2, 0) == PromptKey(32, 2, 0)


def test_two_chats_share_no_prompt_where_their_turns_are_of_one_length() -> None:
    shapes = shapes_of((64,), (1,), (1, 2))
    cells = (Cell(LOAD, 192, 64, turn=turn) for turn in (1, 2))
    assert len({prompt_key(shapes, cell, ordinal, 0) for cell in cells for ordinal in range(-2, 3)}) == 10


def test_a_sweep_without_a_chat_has_the_shapes_that_it_had() -> None:
    assert shapes_of((64, 16), (1,)) == shapes_of((64, 16), (1,), None) == ((0, 16, 1), (0, 64, 1))


def test_a_warm_up_of_a_later_shape_is_still_a_warm_up() -> None:
    assert prompt_key(SHAPES, Cell(LOAD, 32, 64, 4), -1, 0).ordinal < 0

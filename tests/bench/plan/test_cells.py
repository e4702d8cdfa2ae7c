from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from bench.plan.cells import Cell, Load, Request, conversation_tokens, digest

OPTIONS = st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)))
LOAD = Load("openvino-genai", "CPU", "int4", {"attention_backend": "PA", "kv_cache_precision": None})


def test_the_key_of_a_load_never_changes() -> None:
    assert LOAD.key == "ca886394b72d6ecd"


def test_the_key_of_a_cell_never_changes() -> None:
    assert Cell(LOAD, 128, 64).key == "912d4a8e503dabc3"


def test_the_label_of_a_cell_names_all_its_axes() -> None:
    assert Cell(LOAD, 128, 64).label == "openvino-genai-CPU-int4-p128-n64-b1"


def test_asking_again_is_part_of_the_label() -> None:
    assert Cell(LOAD, 128, 64, ask="again").label == "openvino-genai-CPU-int4-p128-n64-b1-again"


def test_the_turn_of_a_chat_is_part_of_the_label() -> None:
    assert Cell(LOAD, 704, 64, turn=4).label == "openvino-genai-CPU-int4-p704-n64-b1-t4"


@given(st.integers(1, 4096), st.integers(1, 4096), st.integers(1, 64))
def test_the_prompt_of_a_turn_is_its_history_and_its_message(message: int, new: int, turn: int) -> None:
    request = Request(conversation_tokens(message, new, turn), new, 1, turn)
    assert request.message_tokens == message
    before = Request((turn - 1) * (message + new), 1, 1) if turn > 1 else None
    assert request.before_again == before


def test_outside_of_a_chat_there_is_no_history() -> None:
    assert (Request(128, 64, 1).message_tokens, Request(128, 64, 1).before_again) == (0, Request(128, 64, 1))


def test_a_variant_leads_the_label() -> None:
    assert Load("ort-genai", "CPU", "int8", variant="old").label == "old-ort-genai-CPU-int8"


@given(OPTIONS)
def test_the_order_of_options_does_not_change_the_key(options: dict[str, object]) -> None:
    turned = dict(reversed(list(options.items())))
    assert Load("a", "CPU", "int4", options).key == Load("a", "CPU", "int4", turned).key


@given(OPTIONS)
def test_the_key_survives_json(options: dict[str, object]) -> None:
    again = json.loads(json.dumps(options))
    assert Load("a", "CPU", "int4", again).key == Load("a", "CPU", "int4", options).key


@pytest.mark.parametrize(
    "other",
    [
        Cell(Load("b", "CPU", "int4"), 8, 4),
        Cell(Load("a", "GPU", "int4"), 8, 4),
        Cell(Load("a", "CPU", "int8"), 8, 4),
        Cell(Load("a", "CPU", "int4", {"x": 1}), 8, 4),
        Cell(Load("a", "CPU", "int4", variant="v"), 8, 4),
        Cell(Load("a", "CPU", "int4"), 9, 4),
        Cell(Load("a", "CPU", "int4"), 8, 5),
        Cell(Load("a", "CPU", "int4"), 8, 4, 2),
        Cell(Load("a", "CPU", "int4"), 8, 4, ask="again"),
        Cell(Load("a", "CPU", "int4"), 8, 4, turn=1),
    ],
)
def test_each_axis_is_part_of_a_cells_identity(other: Cell) -> None:
    assert other.key != Cell(Load("a", "CPU", "int4"), 8, 4).key


def test_what_has_no_json_has_no_key() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest(float("nan"))

"""Who scores which texts after the last block, in how much time, and what is written of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from backends.contract import Question, Text
from backends.spec import BackendSpec, OptionSpec
from bench.analyse.agreement import read_pieces, read_right_answers
from bench.errors import MachineError, PrepareError
from bench.measure.attempt import LoadPlan, RunFacts
from bench.measure.prompt_keys import shapes_of
from bench.measure.scoring import Reference
from bench.measure.worker import Timeouts
from bench.plan.backends import BACKENDS
from bench.plan.cells import Cell, Load
from bench.plan.venvs import Venv
from bench.prepare.prompts import PromptBook, PromptKey
from bench.run import quality
from bench.run.quality import (
    Measured,
    QualityPass,
    in_short,
    keep_answers,
    keep_pieces,
    on_cpu,
    questions_of,
    reference_for,
    texts_of,
    turns_of,
)
from bench.store.files import write_json
from bench.store.reader import open_run
from tests.support.stored_runs import FakeRun

Rows = list[dict[str, Any]]

TEXT = Text("chat-1", tuple(range(10)))
QUESTION = Question("a", (1, 2, 3), 4)
HERE = LoadPlan(Venv("python"))
ODD = BackendSpec(
    name="odd",
    target="",
    group=None,
    artifact_format="none",
    devices={"CPU": ("int4", "fp32"), "XPU": ("int4",), "NPU": ("int4", "fp16"), "OPENVINO": ("int4",)},
    default_precisions=("int4",),
    scores=("CPU", "NPU", "OPENVINO"),
    options={
        "padded": OptionSpec(64, "", devices=("NPU",)),
        "kv": OptionSpec("f16", ""),
        "pool": OptionSpec(1, "", ("CPU",)),
    },
)


@pytest.fixture(autouse=True)
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "odd", ODD)


def load(precision: str, device: str = "CPU", backend: str = "odd", **options: Any) -> Load:
    return Load(backend, device, precision, options)


def measured(*loads: Load, start_s: float = 2.0) -> Measured:
    return Measured(frozenset(one.key for one in loads), {one.key: start_s for one in loads}, 600.0)


@dataclass
class Played:
    """Plays the scoring of loads: each takes ``takes_s`` of a clock, and notes for how long it was asked."""

    takes_s: float = 0.0
    now: float = 0.0
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    act: Callable[[], None] = lambda: None

    def score_load(
        self,
        one: Load,
        plan: LoadPlan,
        facts: RunFacts,
        scratch: Path,
        texts: Sequence[Text],
        reference: Any,
        seconds: float,
    ) -> Rows:
        self.act()
        self.asked.append((one.precision, one.device, round(seconds)))
        self.now += self.takes_s
        moment = datetime.now(UTC)
        common = {"load_key": one.key, "device": one.device, "status": "ok", "started_at": moment, "ended_at": moment}
        return [{**common, "text": text.name, "kind": "chat", "log_probs": [-1.0]} for text in texts]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    made = Played()
    monkeypatch.setattr(quality, "score_load", made.score_load)
    monkeypatch.setattr("time.monotonic", lambda: made.now)
    return made


def run_pass(
    *loads: Load,
    seconds: float = 60.0,
    texts: Sequence[Text] = (TEXT,),
    context: int | None = None,
    stopping: Callable[[], bool] = lambda: False,
    rows: Rows | None = None,
) -> tuple[Rows, list[str]]:
    """The rows of a pass over ``loads``, and what was said."""
    said: list[str] = []
    found: Rows = [] if rows is None else rows
    facts = RunFacts("m", "model", None, None, Timeouts(), Path(), stopping=stopping)
    one = QualityPass(texts, None, context, dict.fromkeys((one.key for one in loads), HERE), facts, said.append)
    one.score(loads, measured(*loads), seconds, found.extend)
    return found, said


# -- texts


def test_the_texts_are_those_of_the_book_in_their_order() -> None:
    book = PromptBook({}, (1,), (), 8, texts={"code-1": (1, 2, 3), "chat-1": (4, 5)})
    assert texts_of(book, [32, 256]) == [Text("code-1", (1, 2, 3)), Text("chat-1", (4, 5))]


def test_of_a_long_prompt_the_last_64_positions_are_scored_before_all_texts() -> None:
    book = PromptBook.made_up(vocab_size=1_000)
    longest, *_ = texts_of(book, [32, 300])
    key = PromptKey(300, 0, 0)
    assert (longest.name, longest.positions) == ("longest-prompt", 64)
    assert longest.ids == book.prompts_for_visit(0, [key])[key].ids


# -- prompts that the reference answers


def questions(
    *cells: tuple[int, int, int], repeats: int = 5, block: int = 0, context: int | None = None
) -> list[Question]:
    """Those of two loads that are asked these prompt tokens, new tokens and batch sizes."""
    shapes = shapes_of({new for _, new, _ in cells}, {size for *_, size in cells})
    asked = [Cell(load(precision), *cell) for precision in ("int4", "fp32") for cell in cells]
    return questions_of(PromptBook.made_up(vocab_size=1_000), asked, shapes, block, repeats, context)


def lengths(found: Sequence[Question]) -> list[tuple[int, int]]:
    return [(len(one.ids), one.new_tokens) for one in found]


def test_the_reference_answers_the_first_timed_prompts_of_each_length() -> None:
    found = questions((32, 16, 1), (128, 16, 1), block=2)
    keys = {PromptKey(length, ordinal, 0) for length in (32, 128) for ordinal in range(3)}
    prompts = PromptBook.made_up(vocab_size=1_000).prompts_for_visit(2, keys)
    assert found == [Question(one.digest, one.ids, 16) for one in prompts.values()]


def test_no_more_prompts_are_answered_than_are_asked() -> None:
    assert lengths(questions((32, 16, 1), repeats=2)) == [(32, 16)] * 2


def test_of_long_prompts_fewer_are_answered() -> None:
    assert lengths(questions((1024, 8, 1), (4096, 8, 1))) == [(1024, 8), (1024, 8), (4096, 8)]


def test_each_shape_has_prompts_of_its_own_and_the_longest_answer_is_made_for_all() -> None:
    found = questions((32, 4, 1), (32, 16, 1), (32, 4, 2), (32, 16, 2))
    assert (lengths(found), len({one.digest for one in found})) == ([(32, 16)] * 4, 4)


def test_a_long_answer_is_made_in_part() -> None:
    assert lengths(questions((32, 500, 1), repeats=1)) == [(32, 64)]


def test_what_is_beyond_the_context_is_not_answered() -> None:
    assert lengths(questions((32, 16, 1), (100, 16, 1), repeats=1, context=100)) == [(32, 16)]


# -- who is asked


def test_a_load_on_another_device_is_scored_on_the_cpu_too() -> None:
    npu = load("int4", "NPU", padded=512, kv="u8")
    (first, second) = turns_of([npu])
    assert (first.load, second.load) == (npu, load("int4", "CPU", kv="u8", pool=1))
    assert {first.load_key, second.load_key} == {npu.key}


@pytest.mark.parametrize("one", [load("int4"), load("fp16", "NPU"), load("int4", "OPENVINO.CPU"), load("int4", "XPU")])
def test_without_another_device_or_a_way_to_load_it_on_the_cpu_it_is_scored_once(one: Load) -> None:
    assert on_cpu(one) is None


def test_a_provider_of_openvino_has_a_cpu_of_its_own() -> None:
    twin = on_cpu(load("int4", "OPENVINO.NPU"))
    assert twin is not None
    assert twin.device == "OPENVINO.CPU"


def test_a_simulated_load_is_asked_only_if_it_was_told_what_to_answer() -> None:
    told = load("int4", backend="simulated", perplexity_ratio=1.3)
    assert [turn.load for turn in turns_of([load("int4", backend="simulated"), told])] == [told]


def test_a_load_without_a_number_is_not_asked(played: Played) -> None:
    facts = RunFacts("m", "model", None, None, Timeouts(), Path())
    one = QualityPass([TEXT], None, None, {}, facts, lambda _: None)
    one.score([load("int4")], measured(), 60.0, lambda _: None)
    assert played.asked == []


# -- the time


def test_the_time_is_spread_evenly_without_that_of_the_starts(played: Played) -> None:
    played.takes_s = 20.0
    run_pass(load("int4"), load("fp32"), load("int4", kv="u8"), seconds=60.0)
    assert [seconds for _, _, seconds in played.asked] == [18, 18, 18]


def test_what_one_load_leaves_is_for_the_others(played: Played) -> None:
    played.takes_s = 6.0
    run_pass(load("int4"), load("fp32"), seconds=60.0)
    assert [seconds for _, _, seconds in played.asked] == [28, 52]


def test_every_load_is_asked_for_something(played: Played) -> None:
    played.takes_s = 50.0
    run_pass(load("int4"), load("fp32"), seconds=60.0)
    assert [seconds for _, _, seconds in played.asked] == [28, 8]
    run_pass(load("int4"), seconds=0.0)
    assert played.asked[-1][2] == 1


# -- what is written and said


def test_rows_of_the_cpu_are_of_the_load_on_the_device(played: Played) -> None:
    npu = load("int4", "NPU")
    rows, _ = run_pass(npu)
    assert [(row["load_key"], row["device"]) for row in rows] == [(npu.key, "NPU"), (npu.key, "CPU")]


def test_one_line_per_load_says_which_and_another_what(played: Played) -> None:
    _, said = run_pass(load("int4"), load("fp32"))
    assert said[:3] == [
        "quality 1 of 2: odd CPU int4",
        "    1 tokens of 1 texts, perplexity 2.718",
        "quality 2 of 2: odd CPU fp32",
    ]


def test_a_text_beyond_the_context_is_left_out_with_the_reason(played: Played) -> None:
    rows, _ = run_pass(load("int4"), texts=[Text("code-1", tuple(range(20))), TEXT], context=10)
    assert [(row["text"], row["status"]) for row in rows] == [("code-1", "unsupported"), ("chat-1", "ok")]
    assert rows[0]["error_message"] == "longer than the 10 tokens of the model's context"


def test_where_no_text_fits_the_load_is_not_started(played: Played) -> None:
    rows, said = run_pass(load("int4"), context=5)
    assert (played.asked, len(rows)) == ([], 1)
    assert said[-1] == "    unsupported: longer than the 5 tokens of the model's context"


def test_what_is_not_finite_is_said() -> None:
    row = {"status": "ok", "kind": "chat", "log_probs": [-1.0, None]}
    assert in_short([row]) == "2 tokens of 1 texts, and what was scored is not finite"


def test_the_longest_prompt_has_no_part_in_the_perplexity() -> None:
    row = {"status": "ok", "kind": "longest-prompt", "log_probs": [-1.0]}
    assert in_short([row]) == "1 tokens of 1 texts"


# -- interruptions


def test_loads_that_were_not_reached_have_a_row_that_says_so(played: Played) -> None:
    rows, _ = run_pass(load("int4"), load("fp32"), stopping=lambda: bool(played.asked))
    assert [(row["status"], row.get("error_type")) for row in rows] == [("ok", None), ("failed", "Interrupted")]
    assert "`nox -s quality`" in rows[1]["error_message"]


def test_ctrl_c_ends_the_pass_and_keeps_what_was_scored(played: Played) -> None:
    rows: Rows = []

    def act() -> None:
        if played.asked:
            raise KeyboardInterrupt

    played.act = act
    with pytest.raises(KeyboardInterrupt):
        run_pass(load("int4"), load("fp32"), load("int4", kv="u8"), rows=rows)
    assert [row.get("error_type") for row in rows] == [None, "Interrupted", "Interrupted"]


# -- what was measured


def test_only_loads_with_a_counted_generation_have_numbers(tmp_path: Path) -> None:
    fake = FakeRun()
    fake.break_cells("ort-genai-CPU-int4", "failed", "no")
    found = Measured.of(open_run(fake.write(tmp_path)))
    assert found.load_keys == {one.key for one in fake.loads} - {load("int4", backend="ort-genai").key}


# -- what answers read as


@pytest.mark.slow
def test_the_text_of_each_id_of_the_answers_is_kept(tmp_path: Path) -> None:
    run = open_run(FakeRun(agreeing={"int4": 3, "int8": 9}).write(tmp_path))
    asked: list[int] = []

    def pieces(ids: Sequence[int]) -> dict[int, str]:
        asked.extend(ids)
        return {one: f" word{one}" for one in ids}

    keep_pieces(run, cast("Any", SimpleNamespace(pieces=pieces)), print)
    rows = run.table("generations", ["token_ids"]).to_pylist()
    answered = {one for row in rows for step in row["token_ids"] or () for one in step}
    assert sorted(asked) == sorted(answered) != []
    assert read_pieces(run) == {str(one): f" word{one}" for one in answered}


def kept_answers(run: Path, folder: Path) -> None:
    write_json(folder / "answers.json", {"a": [7, 70_000]})
    keep_answers(run, Reference("transformers fp32", folder / "reference.npz", folder / "answers.json"))


def test_the_answers_of_the_reference_are_kept_in_the_run(tmp_path: Path) -> None:
    path = FakeRun().write(tmp_path)
    kept_answers(path, tmp_path)
    found = read_right_answers(open_run(path))
    assert found is not None
    assert (found.reference, found.answers["a"].tolist()) == ("transformers fp32", [7, 70_000])


def test_without_a_reference_none_are_kept(tmp_path: Path) -> None:
    path = FakeRun().write(tmp_path)
    keep_answers(path, None)
    assert read_right_answers(open_run(path)) is None


@pytest.mark.slow
def test_the_text_of_the_references_answers_is_kept_too(tmp_path: Path) -> None:
    path = FakeRun(agreeing={"int4": 3}).write(tmp_path)
    kept_answers(path, tmp_path)
    pieces = SimpleNamespace(pieces=lambda ids: {one: f" word{one}" for one in ids})
    keep_pieces(open_run(path), cast("Any", pieces), print)
    assert read_pieces(open_run(path))["70000"] == " word70000"


def test_answers_whose_text_cannot_be_had_are_said(tmp_path: Path) -> None:
    def pieces(_: Sequence[int]) -> dict[int, str]:
        raise PrepareError("no tokenizer")

    said: list[str] = []
    keep_pieces(open_run(FakeRun().write(tmp_path)), cast("Any", SimpleNamespace(pieces=pieces)), said.append)
    assert said == ["answers    are not shown as text: no tokenizer"]


# -- the reference


class Preparer:
    """Plays the preparation of a model."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem
        self.asked: list[Text] = []
        self.questions: list[Question] = []

    def reference(self, texts: Sequence[Text], questions: Sequence[Question]) -> Any:
        self.asked, self.questions = list(texts), list(questions)
        if self.problem:
            raise self.problem
        return SimpleNamespace(precision="bf16", path=Path("made"))


def refer(asked: str, preparer: Any, *loads: Load) -> tuple[Any, list[str]]:
    said: list[str] = []
    texts = [TEXT, Text("code-1", range(20))]
    return reference_for(asked, loads, preparer, texts, [QUESTION], 10, said.append), said


def test_the_models_own_weights_are_the_reference_for_what_fits_the_context() -> None:
    preparer = Preparer()
    assert refer("auto", preparer, load("int4")) == (
        Reference("transformers bf16", Path("made") / "reference.npz", Path("made") / "answers.json"),
        [],
    )
    assert (preparer.asked, preparer.questions) == ([TEXT], [QUESTION])


@pytest.mark.parametrize("asked", ["none", "odd-CPU-fp32"])
def test_none_is_made_where_another_is_asked_for(asked: str) -> None:
    assert refer(asked, Preparer(), load("int4")) == (None, [])


def test_none_is_made_where_no_load_can_be_scored() -> None:
    assert refer("auto", Preparer(), load("int4", "XPU")) == (None, [])


@pytest.mark.parametrize("problem", [PrepareError("no room"), MachineError("no room")])
def test_one_that_cannot_be_made_is_said_and_fails_nothing(problem: Exception) -> None:
    assert refer("auto", Preparer(problem), load("int4")) == (None, ["reference  none: no room"])

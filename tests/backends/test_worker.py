"""The worker stamps each step itself, answers every request, and outlives whatever a stack raises."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import Pipe
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from backends.channel import PROTOCOL_VERSION, ChannelClosed, Message, receive, send
from backends.contract import (
    BackendError,
    Device,
    DeviceUnavailableError,
    Evidence,
    GenerationDetails,
    LoadOptions,
    Scores,
    StepCallback,
    StepCountError,
    Text,
)
from backends.worker import Worker, timed_generation

Generate = Callable[[Sequence[Sequence[int]], int, StepCallback], None]
Line = tuple[Any, Any]


def steady(prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> None:
    """What a stack should do."""
    for step in range(new_tokens):
        on_step([100 * row + step for row, _ in enumerate(prompts)])


class ToySession:
    """A session that generates as it is told, and remembers what it was asked."""

    def __init__(self, generate: Generate = steady) -> None:
        self.how = generate
        self.asked: list[tuple[Sequence[Sequence[int]], int]] = []
        self.closed = False

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        self.asked.append((prompts, new_tokens))
        self.how(prompts, new_tokens, on_step)
        return GenerationDetails(setup_ns=5)

    def evidence(self) -> Evidence:
        return Evidence("CPU", "read-back", "a toy", versions={"toy": "1"})

    def score(self, texts: Sequence[Text]) -> Iterator[Scores]:
        return scores(texts, -0.5)

    def close(self) -> None:
        self.closed = True


def scores(texts: Sequence[Text], log_prob: float) -> Iterator[Scores]:
    """The same log-probability at each position."""
    for index, text in enumerate(texts):
        yield Scores(index, text.start, log_probs=[log_prob] * text.positions)


class ToyBackend:
    """A backend with one device; its artifact ``broken`` cannot be loaded."""

    session = ToySession()
    loads: list[tuple[Path, LoadOptions]]

    def __init__(self) -> None:
        type(self).session = ToySession()
        type(self).loads = []

    def devices(self) -> list[Device]:
        return [Device("CPU", "a toy")]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> ToySession:
        if device != "CPU":
            raise DeviceUnavailableError(f"no {device} here, only CPU")
        if artifact.name == "broken":
            raise RuntimeError
        self.loads.append((artifact, options))
        return self.session


class OtherwiseBackend(ToyBackend):
    """One that loads a model in its own way to score texts."""

    def score(self, artifact: Path, device: str, options: LoadOptions, texts: Sequence[Text]) -> Iterator[Scores]:
        self.loads.append((artifact, options))
        yield from scores(texts, -0.25)


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("a_toy_stack")
    module.ToyBackend = ToyBackend  # type: ignore[attr-defined]
    module.OtherwiseBackend = OtherwiseBackend  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_toy_stack", module)


@pytest.fixture
def line() -> Iterator[Line]:
    harness, worker = Pipe()
    with harness, worker:
        yield harness, worker


def serve(connection: Any) -> None:
    worker = Worker(connection)
    worker.greet()
    worker.serve()


def talk(line: Line, *requests: Message) -> list[Message]:
    """Say all requests beforehand, let the worker serve them, and return its answers."""
    harness, worker = line
    for request in (*requests, {"kind": "bye"}):
        send(harness, **request)
    serve(worker)
    answers = []
    while harness.poll(0):
        answers.append(receive(harness))
    return answers


OPEN: Message = {"kind": "open", "target": "a_toy_stack:ToyBackend"}
LOAD: Message = {
    "kind": "load",
    "artifact": "somewhere",
    "device": "CPU",
    "precision": "int4",
    "threads": 2,
    "extra": {"attention": "SDPA"},
}
GENERATE: Message = {"kind": "generate", "prompts": [[1, 2, 3]], "new_tokens": 4}
GO: Message = {"kind": "go"}


# -- the timed region


def test_each_step_leaves_one_stamp() -> None:
    assert len(timed_generation(ToySession(), [[1]], 5).stamps_ns) == 5


def test_the_stamps_lie_after_the_submission_and_before_the_return() -> None:
    recording = timed_generation(ToySession(), [[1]], 5)

    assert sorted(recording.stamps_ns) == recording.stamps_ns
    assert recording.submitted_ns <= recording.stamps_ns[0] <= recording.stamps_ns[-1] <= time.perf_counter_ns()


def test_the_stack_gets_exactly_the_prompt_and_the_count() -> None:
    session = ToySession()
    timed_generation(session, [[7, 0, 2], [7, 1, 1]], 3)

    assert session.asked == [([[7, 0, 2], [7, 1, 1]], 3)]


def test_the_ids_are_kept_per_step_and_sequence() -> None:
    assert timed_generation(ToySession(), [[1], [2]], 3).token_ids == [[0, 100], [1, 101], [2, 102]]


def test_ids_of_a_type_of_the_stack_become_numbers() -> None:
    class Id:
        def __int__(self) -> int:
            return 42

    def own_type(prompts: Any, new_tokens: int, on_step: Any) -> None:
        on_step([Id()])

    assert timed_generation(ToySession(own_type), [[1]], 1).token_ids == [[42]]


def test_the_details_of_the_stack_are_kept() -> None:
    assert timed_generation(ToySession(), [[1]], 1).details.setup_ns == 5


def test_the_timed_region_begins_after_all_is_ready() -> None:
    ready_at: list[int] = []
    recording = timed_generation(ToySession(), [[1]], 1, lambda: ready_at.append(time.perf_counter_ns()))

    assert recording.submitted_ns >= ready_at[0]


def test_cpu_time_of_the_region_is_counted() -> None:
    def busy(prompts: Any, new_tokens: int, on_step: StepCallback) -> None:
        until = time.process_time_ns() + 20_000_000
        while time.process_time_ns() < until:
            pass
        on_step([1])

    assert timed_generation(ToySession(busy), [[1]], 1).cpu_time_ns >= 20_000_000


@pytest.mark.parametrize("taken", [0, 3, 5, 64])
def test_another_count_of_steps_is_an_error(taken: int) -> None:
    def wrong(prompts: Any, new_tokens: int, on_step: StepCallback) -> None:
        steady(prompts, taken, on_step)

    with pytest.raises(StepCountError, match=f"asked for 4 steps, the stack answered with {taken}"):
        timed_generation(ToySession(wrong), [[1]], 4)


def test_a_step_without_an_id_for_each_sequence_is_an_error() -> None:
    with pytest.raises(StepCountError, match="2 ids per step"):
        timed_generation(ToySession(lambda prompts, count, on_step: on_step([1])), [[1], [2]], 1)


# -- requests and answers


def test_the_worker_introduces_itself(line: Line) -> None:
    (hello,) = talk(line)

    assert (hello["kind"], hello["protocol"]) == ("hello", PROTOCOL_VERSION)


def test_opening_tells_the_devices(line: Line) -> None:
    opened = talk(line, OPEN)[-1]

    assert [device["name"] for device in opened["devices"]] == ["CPU"]


def test_loading_tells_the_evidence(line: Line) -> None:
    loaded = talk(line, OPEN, LOAD)[-1]

    assert (loaded["kind"], loaded["evidence"]["versions"]) == ("loaded", {"toy": "1"})


def test_a_load_hands_on_what_was_asked(line: Line) -> None:
    talk(line, OPEN, LOAD)

    assert ToyBackend.loads == [(Path("somewhere"), LoadOptions("int4", 2, {"attention": "SDPA"}))]


def test_a_generation_is_announced_and_ended_around_its_numbers(line: Line) -> None:
    answers = talk(line, OPEN, LOAD, GENERATE, GO)

    assert [answer["kind"] for answer in answers[3:]] == ["ready", "finished", "generation"]


def test_a_generation_tells_stamps_and_ids(line: Line) -> None:
    generation = talk(line, OPEN, LOAD, GENERATE, GO)[-1]

    assert (len(generation["stamps_ns"]), generation["token_ids"]) == (4, [[0], [1], [2], [3]])


def test_the_session_is_closed_at_goodbye(line: Line) -> None:
    talk(line, OPEN, LOAD)

    assert ToyBackend.session.closed


@pytest.mark.fault("worker-children")
def test_a_harness_that_is_gone_ends_the_worker(line: Line) -> None:
    line[0].close()

    with pytest.raises(ChannelClosed):
        serve(line[1])


# -- what goes wrong


def test_a_stack_that_is_not_installed_is_named(line: Line) -> None:
    error = talk(line, {"kind": "open", "target": "no_such_stack:Backend"})[-1]

    assert "cannot import no_such_stack" in error["message"]
    assert error["error_type"] == "ImportError"


def test_an_absent_device_is_unsupported(line: Line) -> None:
    error = talk(line, OPEN, LOAD | {"device": "NPU"})[-1]

    assert (error["unsupported"], error["error_type"]) == (True, "DeviceUnavailableError")


def test_an_error_without_words_is_told_by_its_name(line: Line) -> None:
    error = talk(line, OPEN, LOAD | {"artifact": "broken"})[-1]

    assert (error["unsupported"], error["message"]) == (False, "RuntimeError")


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (KeyError("vocab_size"), "KeyError: 'vocab_size'"),
        (IndexError("index out of range in self"), "IndexError: index out of range in self"),
        (MemoryError(), "MemoryError"),
        (ImportError("libx.so.1: cannot open shared object file"), "libx.so.1: cannot open shared object file"),
        (
            RuntimeError("no kernel for Half\nException raised from f at x.cpp:1 (most recent call first):\nframe #0"),
            "no kernel for Half",
        ),
        (BackendError("first line; a remedy. Please keep it."), "first line; a remedy. Please keep it."),
    ],
    ids=repr,
)
def test_of_what_a_stack_raises_the_cause_is_told_in_a_line(
    line: Line, monkeypatch: pytest.MonkeyPatch, raised: Exception, message: str
) -> None:
    def load(*_: object) -> None:
        raise raised

    monkeypatch.setattr(ToyBackend, "load", load)
    error = talk(line, OPEN, LOAD)[-1]
    assert (error["message"], error["error_type"]) == (message, type(raised).__name__)


def test_the_traceback_goes_to_standard_error(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    talk(line, OPEN, LOAD | {"artifact": "broken"})

    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("request_", [LOAD, GENERATE], ids=["load", "generate"])
def test_a_request_out_of_order_is_refused(line: Line, request_: Message) -> None:
    assert "came before" in talk(line, request_)[-1]["message"]


def test_what_a_library_says_in_the_users_language_is_told(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "126: modül bulunmuyor: İşlem"

    def load(*_: object) -> None:
        message.encode("cp1254").decode("utf-8")

    monkeypatch.setattr(ToyBackend, "load", load)
    monkeypatch.setattr("locale.getencoding", lambda: "cp1254")
    assert talk(line, OPEN, LOAD)[-1]["message"] == message


def test_a_file_that_is_no_text_is_not_told(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> None:
        (b"\xff" * 5000).decode("utf-8")

    monkeypatch.setattr(ToyBackend, "load", load)
    assert talk(line, OPEN, LOAD)[-1]["message"].startswith("'utf-8' codec can't decode byte")


def test_an_unknown_request_is_refused(line: Line) -> None:
    assert talk(line, {"kind": "dance"})[-1]["message"] == "no such request: dance"


def test_a_generation_without_go_is_refused(line: Line) -> None:
    assert talk(line, OPEN, LOAD, GENERATE, GENERATE)[-1]["message"] == "the harness did not say go"


def test_the_worker_goes_on_after_a_generation_that_failed(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fails_once(prompts: Any, new_tokens: int, on_step: StepCallback) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise BackendError("out of luck")
        steady(prompts, new_tokens, on_step)

    def load(self: ToyBackend, artifact: Path, device: str, options: LoadOptions) -> ToySession:
        return ToySession(fails_once)

    monkeypatch.setattr(ToyBackend, "load", load)
    answers = talk(line, OPEN, LOAD, GENERATE, GO, GENERATE, GO)

    assert [answer["kind"] for answer in answers[3:]] == ["ready", "error", "ready", "finished", "generation"]


# -- scoring texts


SCORE: Message = {
    **LOAD,
    "kind": "score",
    "texts": [{"name": "chat-1", "ids": [1, 2, 3], "start": 0}, {"name": "longest-prompt", "ids": [1] * 9, "start": 5}],
    "reference": None,
    "seconds": 60,
}


@pytest.mark.parametrize(("stack", "log_prob"), [(ToyBackend, -0.5), (OtherwiseBackend, -0.25)])
def test_texts_are_scored_without_a_load_of_its_own(line: Line, stack: type[ToyBackend], log_prob: float) -> None:
    *_, scored = talk(line, {**OPEN, "target": f"a_toy_stack:{stack.__name__}"}, SCORE)

    assert scored["kind"] == "scored"
    assert [(one["name"], one["log_probs"]) for one in scored["texts"]] == [
        ("chat-1", [log_prob] * 2),
        ("longest-prompt", [log_prob] * 3),
    ]
    assert [options.extra for _, options in stack.loads] == [{"attention": "SDPA"}]


def test_a_reference_that_cannot_be_read_is_an_error(line: Line, tmp_path: Path) -> None:
    *_, answer = talk(line, OPEN, {**SCORE, "reference": str(tmp_path / "gone.npz")})

    assert (answer["kind"], answer["error_type"]) == ("error", "BackendError")
    assert "gone.npz cannot be read" in answer["message"]

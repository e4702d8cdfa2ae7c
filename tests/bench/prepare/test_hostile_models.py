"""Models from strangers: what is refused before a stack or a converter sees it, and with which words."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.prepare.model_source import resolve_model
from bench.prepare.preparation import Preparation
from bench.prepare.ready_made import ReadyMade
from bench.prepare.stage import Preparer
from tests.support.converters import StandIn
from tests.support.faults import write_between
from tests.support.hostile_models import HOSTILE, Hostile, gguf, hugging_face, openvino_ir, ort_genai

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- hostile models: begin -->", "<!-- hostile models: end -->"

NAMES = [f"{hostile.format}: {hostile.trick}" for hostile in HOSTILE]

Prepare = Callable[[Path], Preparation]


@pytest.fixture
def prepare(tmp_path: Path, corpus: Path, stand_in: StandIn) -> Prepare:
    """The preparation of a model that the user names, with converters that are never called."""
    assert stand_in.calls == []

    def make(path: Path) -> Preparation:
        source, cache = resolve_model(str(path)), tmp_path / "cache"
        kind = Preparer if source.ready_made is None else ReadyMade
        return kind(source, conversion_python=sys.executable, cache=cache, say=lambda _: None, corpus=corpus)

    return make


@pytest.fixture
def told(tmp_path: Path, prepare: Prepare, stand_in: StandIn) -> Callable[[Hostile], str]:
    """What the user is told of a hostile model, without the paths of this machine."""

    def refuse(hostile: Hostile) -> str:
        place = tmp_path / "place"
        place.mkdir()
        path = hostile.make(place)
        with pytest.raises(UsageError) as refused:
            prepare(path).model()
        assert (refused.value.exit_status, stand_in.calls) == (4, [])
        words = str(refused.value).replace(str(path), "MODEL").replace(str(place), "…")
        return words.replace(f"the model {resolved_label(path)}", "the model MODEL")

    return refuse


def resolved_label(path: Path) -> str:
    try:
        return resolve_model(str(path)).label
    except UsageError:
        return path.name


def rows() -> dict[str, str]:
    """Format and trick -> what the user is told, as the page has it."""
    text = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {f"{row[0]}: {row[1]}": row[2].strip("` ") for row in cells[1:]}


@pytest.mark.parametrize("hostile", HOSTILE, ids=NAMES)
def test_it_is_refused_with_the_line_that_the_page_has(hostile: Hostile, told: Callable[[Hostile], str]) -> None:
    if hostile.links and sys.platform == "win32":
        pytest.skip("links need a right that users of Windows lack")
    said = told(hostile)
    assert "\n" not in said
    if os.environ.get("AIPC_BENCH_UPDATE_DOCS"):
        write({**rows(), f"{hostile.format}: {hostile.trick}": said})
    assert rows()[f"{hostile.format}: {hostile.trick}"] == said


def test_the_page_has_no_other_rows() -> None:
    assert [*rows()] == NAMES


def write(lines: dict[str, str]) -> None:
    """Bring the table of the page up to date; ``AIPC_BENCH_UPDATE_DOCS=1`` has this test do so."""
    table = [
        f"| {hostile.format} | {hostile.trick} | `` {lines[name]} `` |"
        for name, hostile in zip(NAMES, HOSTILE, strict=True)
        if name in lines
    ]
    head = ["| format | what it tries | what you are told |", "|---|---|---|"]
    write_between(PAGE, BEGIN, END, [*head, *table])


@pytest.mark.parametrize(
    "make",
    [
        ort_genai,
        openvino_ir,
        lambda folder: gguf(folder / "model.gguf"),
        hugging_face,
    ],
    ids=["GenAI", "IR", "GGUF", "Hugging Face"],
)
@pytest.mark.process
def test_the_models_that_these_are_made_from_are_taken(
    tmp_path: Path, prepare: Prepare, stand_in: StandIn, make: Callable[[Path], Path]
) -> None:
    facts = {"weight_elements": {"fp32": 4}, "stored_bytes": 16, "context_tokens": 8, "vocab_size": 2}
    stand_in.answer(facts)
    place = tmp_path / "place"
    place.mkdir()
    assert prepare(make(place)).model().facts.parameters == 4

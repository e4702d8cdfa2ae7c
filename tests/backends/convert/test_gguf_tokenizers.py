"""The tokenizer that is made of a GGUF file, held against the one whose vocabulary the file has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.gguf_vocabularies import KINDS, TEXT
from tests.support.interpreters import told

pytestmark = pytest.mark.conversion

Said = dict[str, dict[str, object]]

ASK = """
import json, sys
from pathlib import Path
from transformers import AutoTokenizer
from backends.convert import ConversionError
from backends.convert.gguf_tokenizer import convert
from backends.convert.tokenize_corpus import openers, prefix
said = {}
for file in map(Path, sys.argv[2:]):
    output = file.with_name(file.stem + "-made")
    output.mkdir()
    try:
        note = convert(str(file), output, {})["note"]
    except ConversionError as error:
        said[file.stem] = {"refused": str(error)}
        continue
    tokenizer = AutoTokenizer.from_pretrained(output)
    ids = tokenizer(sys.argv[1], add_special_tokens=False)["input_ids"]
    said[file.stem] = {
        "ids": ids, "text": tokenizer.decode(ids), "bos": prefix(tokenizer), "note": note,
        "openers": len(openers(tokenizer, 10_000)),
    }
print(json.dumps(said))
"""


PAIRS = """
import json, time
from backends.convert.gguf_tokenizer import _pairs

long = [letter * 60_000 for letter in "cdefghijklmnopqrstuvwxyz"]
vocabulary = {token: index for index, token in enumerate(["a", "b", "ab", "ba", "aba", "", *long])}
before = time.process_time()
found = list(_pairs(vocabulary))
print(json.dumps({"pairs": found, "seconds": time.process_time() - before}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vocabularies")


@pytest.fixture(scope="module")
def trained(conversion_python: str, folder: Path) -> dict[str, object]:
    return told(conversion_python, "-m", "tests.support.gguf_vocabularies", str(folder))


@pytest.fixture(scope="module")
def said(conversion_python: str, folder: Path, trained: dict[str, object]) -> dict[str, object]:
    files = [folder / f"{kind}.gguf" for kind in KINDS]
    for name, beside in (("beside", "qwen2"), ("another", "llama-bpe"), ("only-beside", "qwen2")):
        own = folder / name
        own.mkdir()
        gguf = "nothing" if name == "only-beside" else "qwen2"
        shutil.copyfile(folder / f"{gguf}.gguf", own / f"{name}.gguf")
        shutil.copyfile(folder / f"{beside}.json", own / "tokenizer.json")
        files.append(own / f"{name}.gguf")
    return told(conversion_python, "-c", ASK, TEXT, *map(str, files))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("unheard-of", "nothing")])
def test_its_ids_are_those_of_the_models_own(trained: dict[str, object], said: Said, kind: str) -> None:
    assert said[kind]["ids"] == trained[kind]
    assert said[kind]["note"] is None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "nothing"])
def test_a_text_comes_back_as_it_was(said: Said, kind: str) -> None:
    assert str(said[kind]["text"]).removeprefix(" ") == TEXT


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "nothing"])
def test_there_are_words_to_begin_prompts_with(said: Said, kind: str) -> None:
    assert int(str(said[kind]["openers"])) > 100


@pytest.mark.parametrize(
    ("kind", "bos"), [("llama-bpe", [1]), ("tekken", [1]), ("spm", [1]), ("qwen2", []), ("smollm", [])]
)
def test_a_bos_is_put_before_a_text_where_the_model_wants_one(said: Said, kind: str, bos: list[int]) -> None:
    assert said[kind]["bos"] == bos


def test_a_way_of_splitting_that_is_not_known_is_said(said: Said) -> None:
    assert "split as for Llama 3, because the way 'unheard-of' is not known here" in str(said["unheard-of"]["note"])


def test_a_tokenizer_beside_the_file_is_taken_if_it_is_of_the_same_vocabulary(
    trained: dict[str, object], said: Said
) -> None:
    assert said["beside"]["ids"] == trained["qwen2"]


def test_one_of_another_model_is_not(trained: dict[str, object], said: Said) -> None:
    assert said["another"]["ids"] == trained["qwen2"]


def test_a_file_without_a_vocabulary_asks_for_one_beside_it(trained: dict[str, object], said: Said) -> None:
    assert "has no tokenizer" in str(said["nothing"]["refused"])
    assert "put the tokenizer.json of the model into the file's folder" in str(said["nothing"]["refused"])
    assert said["only-beside"]["ids"] == trained["qwen2"]


def test_long_tokens_of_a_stranger_are_cut_where_tokens_end_alone(conversion_python: str) -> None:
    found = told(conversion_python, "-c", PAIRS)
    assert found["pairs"] == [["a", "b"], ["b", "a"], ["a", "ba"], ["ab", "a"]]
    assert found["seconds"] < 5

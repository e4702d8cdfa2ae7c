"""Every converter for real, in the conversion venv."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from bench.errors import PrepareError
from bench.prepare.facts import facts_of
from bench.prepare.models import DEFAULT_FACTS, SHAPES, resolve_model
from bench.prepare.prompts import PromptKey
from bench.prepare.stage import Preparer

pytestmark = pytest.mark.contract

PreparerFor = Callable[[str], Preparer]

ASK = """
import json, sys
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
chat = [{"role": "user", "content": "What is the capital of France?"}]
asked = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
answer = model.generate(**asked, max_new_tokens=12, do_sample=False)[0][asked["input_ids"].shape[1]:]
text = "Two  spaces, 2024,\\n\\tand a tab."
print(json.dumps({
    "answer": tokenizer.decode(answer, skip_special_tokens=True),
    "round_trip": tokenizer.decode(tokenizer(text)["input_ids"]) == text,
    "eos": tokenizer.eos_token,
}))
"""


@pytest.fixture(scope="module")
def asked(preparer_for: PreparerFor, conversion_python: str) -> dict[str, object]:
    """What the default model's directory answers, once for all."""
    directory = preparer_for("default").model().path
    done = subprocess.run(
        [conversion_python, "-c", ASK, str(directory)], capture_output=True, check=True, text=True, encoding="utf-8"
    )
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_the_default_model_knows_the_capital_of_france(asked: dict[str, object]) -> None:
    assert "Paris" in str(asked["answer"])


def test_its_tokenizer_gives_text_back_as_it_was(asked: dict[str, object]) -> None:
    assert asked["round_trip"] is True


def test_its_answers_end_with_the_chat_templates_own_mark(asked: dict[str, object]) -> None:
    assert asked["eos"] == "<|im_end|>"


def test_the_default_model_is_what_the_preflight_says(preparer_for: PreparerFor) -> None:
    assert facts_of(preparer_for("default").model().path) == DEFAULT_FACTS


def test_openvino_int4_is_a_mixture_and_says_so(preparer_for: PreparerFor) -> None:
    shares = preparer_for("default").artifact("openvino-ir", "int4", "CPU").weight_bits
    assert {name: round(share, 3) for name, share in (shares or {}).items()} == {
        "int4": 0.789,
        "int8": 0.21,
        "fp32": 0.0,
    }


def test_ort_int4_counts_its_scales(preparer_for: PreparerFor) -> None:
    bits = preparer_for("default").artifact("ort-genai", "int4", "CPU").bits_per_weight
    assert bits == pytest.approx(5.007, abs=0.001)


def test_the_corpus_has_no_unknown_tokens(preparer_for: PreparerFor) -> None:
    kinds = preparer_for("default").prompts().kinds
    assert all(0 not in ids for ids in kinds.values())


def test_a_long_visit_finds_enough_openers(preparer_for: PreparerFor) -> None:
    wanted = [
        PromptKey(n, ordinal, row) for n in (32, 128, 512, 1_024) for ordinal in range(-2, 10) for row in range(8)
    ]
    prompts = preparer_for("default").prompts().prompts_for_visit(0, wanted)
    assert len({prompt.ids[0] for prompt in prompts.values()}) == len(wanted)


def test_a_synthetic_model_has_its_shapes_facts(preparer_for: PreparerFor) -> None:
    assert facts_of(preparer_for("synthetic:tiny").model().path) == SHAPES["tiny"].facts


@pytest.mark.parametrize(
    ("artifact_format", "file"), [("openvino-ir", "openvino_model.xml"), ("ort-genai", "genai_config.json")]
)
def test_a_synthetic_model_converts(preparer_for: PreparerFor, artifact_format: str, file: str) -> None:
    assert (preparer_for("synthetic:tiny").artifact(artifact_format, "int4", "CPU").path / file).is_file()


def test_a_cast_model_is_stored_as_asked(preparer_for: PreparerFor) -> None:
    assert preparer_for("synthetic:tiny").artifact("huggingface", "bf16", "CPU").weight_bits == {"bf16": 1.0}


def test_nothing_is_pending_after_all_was_made(preparer_for: PreparerFor) -> None:
    preparer = preparer_for("synthetic:tiny")
    wanted = [("huggingface", "bf16", "CPU"), ("openvino-ir", "int4", "CPU")]
    for item in wanted:
        preparer.artifact(*item)
    preparer.prompts()
    assert preparer.pending(wanted) == []


def test_a_model_of_an_unknown_architecture_fails_with_a_reason(
    preparer_for: PreparerFor, conversion_python: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = preparer_for("synthetic:tiny").model().path
    copy = tmp_path_factory.mktemp("strange")
    for file in made.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    config = json.loads((copy / "config.json").read_text("utf-8"))
    (copy / "config.json").write_text(json.dumps({**config, "model_type": "unheard-of"}), "utf-8")
    cache = tmp_path_factory.mktemp("strange-cache")
    preparer = Preparer(resolve_model(str(copy)), conversion_python=conversion_python, cache=cache, say=lambda _: None)
    with pytest.raises(PrepareError, match="unheard-of"):
        preparer.artifact("openvino-ir", "int4", "CPU")

"""Every converter for real, in the conversion venv."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Question, Text
from backends.scoring import TOP, Reference
from bench.errors import PrepareError
from bench.prepare import stage
from bench.prepare.cache import Artifact
from bench.prepare.model_facts import facts_of
from bench.prepare.model_source import DEFAULT_FACTS, SHAPES, resolve_model
from bench.prepare.preparation import ANSWERS_FILE, CORPUS, REFERENCE_FILE, Wanted
from bench.prepare.prompts import PromptKey
from bench.prepare.ready_made import ReadyMade
from bench.prepare.stage import Preparer
from tests.support.interpreters import told
from tests.support.models import lacking_a_weight

pytestmark = pytest.mark.conversion

PreparerFor = Callable[[str], Preparer]

ASK = """
import json, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
torch.set_num_threads(1)  # two wait for each other where the machine does other work
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
def asked(preparer_for: PreparerFor, forking_python: str) -> dict[str, object]:
    """What the default model's directory answers, once for all."""
    directory = preparer_for("default").model().path
    done = subprocess.run(
        [forking_python, "-c", ASK, str(directory)], capture_output=True, check=True, text=True, encoding="utf-8"
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


@pytest.mark.parametrize("int4", ["calibrated", "document"])
def test_openvino_int4_is_made_in_each_way(
    preparer_for: PreparerFor, forking_python: str, tmp_path: Path, int4: str
) -> None:
    source = resolve_model(str(preparer_for("synthetic:tiny").model().path))
    # A few texts calibrate as all do, in a fraction of the time.
    pieces = [piece for piece in (CORPUS / "writing.txt").read_text("utf-8").split("\n\n") if len(piece) >= 200]
    (tmp_path / "few.txt").write_text("\n\n".join(pieces[:4]), "utf-8")
    settings: Any = {"cache": tmp_path / "cache", "say": lambda _: None, "corpus": tmp_path}
    made = Preparer(source, conversion_python=forking_python, **settings).artifact("openvino-ir", "int4", "CPU", int4)
    assert {"openvino_model.xml", "openvino_tokenizer.xml"} <= {file.name for file in made.path.iterdir()}
    assert 0 < (made.weight_bits or {})["int4"] < 0.9


def test_ort_int4_is_a_mixture_too(preparer_for: PreparerFor) -> None:
    shares = preparer_for("default").artifact("ort-genai", "int4", "CPU").weight_bits or {}
    assert (round(shares["int4"], 2), round(shares["int8"], 2)) == (0.64, 0.36)


def test_ort_int4_counts_its_scales(preparer_for: PreparerFor) -> None:
    bits = preparer_for("default").artifact("ort-genai", "int4", "CPU", "plain").bits_per_weight
    assert bits == pytest.approx(5.007, abs=0.001)


@pytest.mark.parametrize(
    ("spec", "artifact_format", "precision", "apart"),
    [
        # ONNX Runtime GenAI keeps a float embedding beside the quantized head, though the model ties them.
        ("default", "ort-genai", "int8", 49_152 * 576 * 32),
        ("default", "openvino-ir", "int4", 0),
        # The synthetic ones tie nothing. OpenVINO keeps 8 bits a weight, a scale and a zero point a row.
        ("synthetic:tiny", "openvino-ir", "int4", 2_048 * (256 * 8 + 16 + 8)),
        ("synthetic:tiny", "gguf", "fp32", 2_048 * 256 * 32),
    ],
)
def test_a_table_that_is_only_looked_up_is_told_apart(
    preparer_for: PreparerFor, spec: str, artifact_format: str, precision: str, apart: int
) -> None:
    made = preparer_for(spec).artifact(artifact_format, precision, "CPU")
    assert made.bits_per_weight is not None
    assert made.bits_read_per_weight is not None
    bits = (made.bits_per_weight - made.bits_read_per_weight) * made.manifest["parameters"]
    assert bits == pytest.approx(apart, abs=16)


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


EVIL = """
import pathlib
pathlib.Path({marker!r}).touch()
from transformers import Phi3Config as Config, Phi3ForCausalLM as Model, PreTrainedTokenizerFast as Tokenizer
"""


def test_code_that_came_with_a_model_is_not_run(preparer_for: PreparerFor, forking_python: str, tmp_path: Path) -> None:
    folder, marker = tmp_path / "evil", tmp_path / "marker"
    shutil.copytree(preparer_for("synthetic:tiny").model().path, folder)
    (folder / "evil.py").write_text(EVIL.format(marker=str(marker)), "utf-8")
    code: dict[str, dict[str, Any]] = {
        "config.json": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    }
    code["tokenizer_config.json"] = {"AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"]}
    for name, named in code.items():
        settings = json.loads((folder / name).read_text("utf-8"))
        settings |= {"auto_map": named, "chat_template": "{{ raise_exception('rendered') }}"}
        (folder / name).write_text(json.dumps(settings), "utf-8")
    source = resolve_model(str(folder))
    made = Preparer(source, conversion_python=forking_python, cache=tmp_path / "cache", say=lambda _: None)
    assert made.prompts().kinds
    assert made.artifact("ort-genai", "fp32", "CPU").weight_bits
    assert not marker.exists()


@pytest.mark.parametrize(
    ("precision", "formats"),
    [("int4", {"q4_0", "q8_0", "fp32"}), ("int8", {"q8_0", "fp32"}), ("fp16", {"fp16", "fp32"}), ("fp32", {"fp32"})],
)
def test_a_gguf_is_made_of_the_float_weights(preparer_for: PreparerFor, precision: str, formats: set[str]) -> None:
    made = preparer_for("synthetic:tiny").artifact("gguf", precision, "CPU")
    assert (set(made.weight_bits or {}), (made.path / "model.gguf").is_file()) == (formats, True)


def test_the_packages_gguf_is_taken_as_it_is(preparer_for: PreparerFor) -> None:
    shares = preparer_for("default").artifact("gguf", "original", "CPU").weight_bits or {}
    assert max(shares, key=lambda name: shares[name]) == "q4_1"


SPLIT = """
import sys
import gguf
reader = gguf.GGUFReader(sys.argv[1])
writer = gguf.GGUFWriter(sys.argv[2], "phi3", split_max_tensors=20)
for field in reader.fields.values():
    if not field.name.startswith(("GGUF.", "general.architecture")):
        writer.add_key_value(field.name, field.contents(), field.types[0])
for tensor in reader.tensors:
    writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
"""


def _ready_made(file: Path, forking_python: str, cache: Path) -> ReadyMade:
    return ReadyMade(resolve_model(str(file)), conversion_python=forking_python, cache=cache, say=lambda _: None)


@pytest.fixture
def whole(preparer_for: PreparerFor) -> Artifact:
    return preparer_for("synthetic:tiny").artifact("gguf", "int8", "CPU")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right that users of Windows lack")
def test_a_gguf_that_is_a_link_into_the_hubs_cache_arrives_whole(
    whole: Artifact, forking_python: str, tmp_path: Path
) -> None:
    blob, snapshot = (
        tmp_path / "models--acme--tiny" / "blobs" / "a",
        tmp_path / "models--acme--tiny" / "snapshots" / "1",
    )
    blob.parent.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    shutil.copyfile(whole.path / "model.gguf", blob)
    (snapshot / "tiny.gguf").symlink_to("../../blobs/a")
    made = _ready_made(snapshot, forking_python, tmp_path / "cache").artifact("gguf", "original", "CPU")
    assert (made.path / "tiny.gguf").read_bytes() == blob.read_bytes()
    assert made.weight_bits == whole.weight_bits


def test_the_parts_of_a_gguf_arrive_together(whole: Artifact, forking_python: str, tmp_path: Path) -> None:
    asked = [forking_python, "-c", SPLIT, str(whole.path / "model.gguf"), str(tmp_path / "tiny.gguf")]
    subprocess.run(asked, check=True, capture_output=True)
    parts = sorted(tmp_path.glob("*.gguf"))
    made = _ready_made(parts[1], forking_python, tmp_path / "cache").artifact("gguf", "original", "CPU")
    assert [file.name for file in sorted(made.path.glob("*.gguf"))] == [file.name for file in parts]
    assert (made.weight_bits, made.bits_per_weight) == (whole.weight_bits, whole.bits_per_weight)


@pytest.mark.parametrize("precision", ["int4", "int8"])
def test_an_npus_weights_are_symmetric(preparer_for: PreparerFor, precision: str) -> None:
    made = preparer_for("synthetic:tiny").artifact("openvino-ir", precision, "NPU")
    stated = (made.path / "openvino_model.xml").read_text("utf-8")
    assert re.findall(r'<mode value="(\w+)"', stated) == [f"{precision}_sym"]


def test_a_cast_model_is_stored_as_asked(preparer_for: PreparerFor) -> None:
    assert preparer_for("synthetic:tiny").artifact("huggingface", "bf16", "CPU").weight_bits == {"bf16": 1.0}


def test_weights_that_lie_beside_the_models_own_are_not_cast(
    preparer_for: PreparerFor, forking_python: str, tmp_path: Path
) -> None:
    copy = tmp_path / "twice"
    shutil.copytree(preparer_for("synthetic:tiny").model().path, copy)
    shutil.copyfile(next(copy.glob("model-*.safetensors")), copy / "consolidated.safetensors")
    source = resolve_model(str(copy))
    preparer = Preparer(source, conversion_python=forking_python, cache=tmp_path / "cache", say=lambda _: None)
    made = preparer.artifact("huggingface", "bf16", "CPU")
    assert not (made.path / "consolidated.safetensors").exists()
    assert facts_of(made.path).parameters == SHAPES["tiny"].facts.parameters


def test_nothing_is_pending_after_all_was_made(preparer_for: PreparerFor) -> None:
    preparer = preparer_for("synthetic:tiny")
    wanted = [Wanted("huggingface", "bf16", "CPU"), Wanted("openvino-ir", "int4", "CPU")]
    for item in wanted:
        preparer.artifact(*item)
    preparer.prompts()
    assert preparer.pending(wanted) == []


LONG = Text("longest-prompt", tuple(range(3, 203)), 135)
SHORT = Text("chat-1", tuple(range(500, 580)))

QUESTIONS = tuple(
    Question(f"{ids[0]}-{ids[-1]}", tuple(ids), new_tokens)
    for ids, new_tokens in ((range(5, 25), 6), (range(40, 60), 6), (range(9), 3))
)

DIRECTLY = """
import json, sys, torch
from transformers import AutoModelForCausalLM
torch.set_num_threads(1)
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
scored, answered = [], {}
with torch.no_grad():
    for ids in json.loads(sys.argv[2]):
        rows = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), dim=-1)
        scored.append([rows[place, ids[place + 1]].item() for place in range(len(ids) - 1)])
    for digest, ids, new_tokens in json.loads(sys.argv[3]):
        all_ids = list(ids)
        for _ in range(new_tokens):
            all_ids.append(int(model(torch.tensor([all_ids])).logits[0, -1].argmax()))
        answered[digest] = all_ids[len(ids):]
print(json.dumps({"scored": scored, "answered": answered}))
"""


@pytest.fixture(scope="module")
def directly(preparer_for: PreparerFor, forking_python: str) -> dict[str, Any]:
    """What transformers itself computes: the scores of the texts, and greedy answers, each prompt alone."""
    asked = [(one.digest, one.ids, one.new_tokens) for one in QUESTIONS]
    arguments = (str(preparer_for("synthetic:tiny").model().path), json.dumps([SHORT.ids, LONG.ids]), json.dumps(asked))
    return told(forking_python, "-c", DIRECTLY, *arguments)


@pytest.fixture(scope="module")
def made(preparer_for: PreparerFor) -> Artifact:
    """The reference of the texts, with answers."""
    return preparer_for("synthetic:tiny").reference([SHORT, LONG], QUESTIONS)


@pytest.fixture(scope="module")
def scored(made: Artifact) -> Reference:
    return Reference.read(made.path / REFERENCE_FILE)


def _of(reference: Reference, text: Text) -> tuple[Any, Any, Any]:
    found = reference.at(text.name, slice(None))
    assert found is not None
    return found


def test_a_reference_is_what_transformers_computes(directly: dict[str, Any], scored: Reference) -> None:
    for text, computed in zip((SHORT, LONG), directly["scored"], strict=True):
        log_probs, _, _ = _of(scored, text)
        assert log_probs.tolist() == pytest.approx(computed[text.start :], abs=1e-4)


def test_a_reference_holds_the_scored_positions_and_no_others(scored: Reference) -> None:
    _, ids, _ = _of(scored, LONG)
    assert ids.shape == (LONG.positions, TOP)


def test_a_reference_in_bf16_is_near(
    preparer_for: PreparerFor, scored: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_REFERENCE_BYTES", {"bf16": 2})
    made = preparer_for("synthetic:tiny").reference([SHORT])
    log_probs, _, _ = _of(Reference.read(made.path / REFERENCE_FILE), SHORT)
    exactly, _, _ = _of(scored, SHORT)
    assert (made.precision, log_probs.tolist() == exactly.tolist()) == ("bf16", False)
    assert log_probs.tolist() == pytest.approx(exactly.tolist(), abs=0.2)


def test_a_reference_answers_each_prompt_as_if_it_were_alone(directly: dict[str, Any], made: Artifact) -> None:
    assert json.loads((made.path / ANSWERS_FILE).read_text("utf-8")) == directly["answered"]


def test_ids_that_the_model_does_not_have_are_told_in_one_line(preparer_for: PreparerFor) -> None:
    with pytest.raises(PrepareError, match=r"id 5000.*another tokenizer; a load of the run can be named"):
        preparer_for("synthetic:tiny").reference([Text("chat-1", (1, 5_000, 2))])


def test_weights_that_are_no_numbers_make_no_reference(
    preparer_for: PreparerFor, forking_python: str, tmp_path: Path
) -> None:
    copy = tmp_path / "damaged"
    shutil.copytree(preparer_for("synthetic:tiny").model().path, copy)
    weights = max(copy.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1_024] + b"\xff" * 1_024)
    source = resolve_model(str(copy))
    preparer = Preparer(source, conversion_python=forking_python, cache=tmp_path / "cache", say=lambda _: None)
    with pytest.raises(PrepareError, match="not finite in fp32: download it again"):
        preparer.reference([SHORT])


Strange = Callable[..., Preparer]


@pytest.fixture
def strange(preparer_for: PreparerFor, forking_python: str, tmp_path: Path) -> Strange:
    """Prepares a small model whose configuration says something else."""

    def make(**settings: object) -> Preparer:
        copy = tmp_path / "strange"
        shutil.copytree(preparer_for("synthetic:tiny").model().path, copy)
        config = json.loads((copy / "config.json").read_text("utf-8"))
        (copy / "config.json").write_text(json.dumps({**config, **settings}), "utf-8")
        source = resolve_model(str(copy))
        return Preparer(source, conversion_python=forking_python, cache=tmp_path / "cache", say=lambda _: None)

    return make


def test_a_model_of_an_unknown_architecture_fails_with_a_reason(strange: Strange) -> None:
    with pytest.raises(PrepareError, match="unheard-of"):
        strange(model_type="unheard-of").artifact("openvino-ir", "int4", "CPU")


@pytest.mark.parametrize("artifact_format", ["openvino-ir", "ort-genai"])
def test_a_model_that_lacks_a_weight_is_not_converted_with_a_random_one(
    preparer_for: PreparerFor, forking_python: str, tmp_path: Path, artifact_format: str
) -> None:
    key = "model.layers.1.mlp.down_proj.weight"
    lacking = lacking_a_weight(preparer_for("synthetic:tiny").model().path, tmp_path / "lacking", key)
    source = resolve_model(str(lacking))
    preparer = Preparer(source, conversion_python=forking_python, cache=tmp_path / "cache", say=lambda _: None)
    with pytest.raises(PrepareError, match=rf"weights are missing.*{key}"):
        preparer.artifact(artifact_format, "int4", "CPU")


@pytest.mark.parametrize("artifact_format", ["openvino-ir", "ort-genai"])
def test_a_model_with_code_of_its_own_is_explained(strange: Strange, artifact_format: str) -> None:
    classes = {"AutoConfig": "configuration_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}
    preparer = strange(model_type="phi-own", architectures=["OwnForCausalLM"], auto_map=classes)
    with pytest.raises(PrepareError, match=r"with your rights .* --trust-remote-code"):
        preparer.artifact(artifact_format, "int4", "CPU")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"architectures": ["MambaForCausalLM"]}, "MambaForCausalLM cannot be written as GGUF here: give a .gguf file"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "transformers refuses the model's config.json"),
        ({"hidden_act": "gelu"}, "llama.cpp does not compute Phi3ForCausalLM with gelu instead of silu: measure"),
    ],
)
def test_what_cannot_be_a_gguf_says_so_in_one_line(strange: Strange, settings: dict[str, object], said: str) -> None:
    with pytest.raises(PrepareError) as failed:
        strange(**settings).artifact("gguf", "int8", "CPU")
    assert (said in str(failed.value), "Fatal Python error" in str(failed.value)) == (True, False)

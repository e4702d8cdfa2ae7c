from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import MachineError, PrepareError, UsageError
from bench.plan.cells import Request
from bench.prepare import preparation, stage
from bench.prepare.cache import ArtifactStore, Made
from bench.prepare.hub_model import HubModel
from bench.prepare.model_source import DEFAULT_PACKAGE
from bench.prepare.preparation import Wanted
from bench.prepare.stage import Preparer, beyond_context
from tests.support.models import write_weights

pytestmark = pytest.mark.process

WANTED = [Wanted("openvino-ir", "int4", "CPU"), Wanted("ort-genai", "int4", "CPU")]
COMMIT = "0cb88a4f764b7a12671c53f0838cd831a0843b95"
Make = Callable[..., Preparer]


def test_a_directory_is_used_where_it_lies(preparer_of: Make, model_directory: Path) -> None:
    assert preparer_of(str(model_directory)).model().path == model_directory


def test_a_directory_in_the_wanted_precision_is_not_converted(
    preparer_of: Make, model_directory: Path, stand_in: Any
) -> None:
    preparer_of(str(model_directory)).artifact("huggingface", "fp32", "CPU")
    assert stand_in.calls == []


def test_weights_that_lie_beside_the_models_own_change_nothing(preparer_of: Make, model_directory: Path) -> None:
    def known() -> tuple[str, int, dict[str, float] | None, float | None, int]:
        preparer = preparer_of(str(model_directory))
        made = preparer.artifact("huggingface", "fp32", "CPU")
        model = preparer.model()
        return model.digest, model.facts.parameters, made.weight_bits, made.bits_per_weight, made.bytes

    before = known()
    write_weights(model_directory / "consolidated.safetensors", {"tok_embeddings.weight": np.zeros((8, 4))})
    assert known() == before


def test_everything_is_pending_at_first(preparer_of: Make, model_directory: Path) -> None:
    labels = [work.label for work in preparer_of(str(model_directory)).pending(WANTED)]
    assert labels == ["my-model to openvino-ir int4", "my-model to ort-genai int4", "the corpus to ids of my-model"]


def test_pending_makes_nothing(preparer_of: Make, model_directory: Path, stand_in: Any) -> None:
    preparer_of(str(model_directory)).pending(WANTED)
    assert stand_in.calls == []


def test_what_is_made_is_not_pending(preparer_of: Make, model_directory: Path, stand_in: Any) -> None:
    preparer = preparer_of(str(model_directory))
    for wanted in WANTED:
        preparer.artifact(*wanted)
    preparer.prompts()
    assert preparer.pending(WANTED) == []


def test_a_second_run_converts_nothing(preparer_of: Make, model_directory: Path, stand_in: Any) -> None:
    for _ in range(2):
        preparer_of(str(model_directory)).artifact("openvino-ir", "int4", "CPU")
    assert stand_in.calls == ["openvino-ir"]


def test_changed_weights_are_converted_again(preparer_of: Make, model_directory: Path, stand_in: Any) -> None:
    preparer_of(str(model_directory)).artifact("openvino-ir", "int4", "CPU")
    with (model_directory / "model.safetensors").open("ab") as file:
        file.write(b"more")
    preparer_of(str(model_directory)).artifact("openvino-ir", "int4", "CPU")
    assert stand_in.calls == ["openvino-ir", "openvino-ir"]


def test_an_artifact_tells_the_share_of_each_weight_format(
    preparer_of: Make, model_directory: Path, stand_in: Any
) -> None:
    artifact = preparer_of(str(model_directory)).artifact("openvino-ir", "int4", "CPU")
    assert artifact.weight_bits == {"int4": 0.9375, "int8": 0.0625}


def test_effective_bits_are_over_the_models_parameters(preparer_of: Make, model_directory: Path, stand_in: Any) -> None:
    artifact = preparer_of(str(model_directory)).artifact("openvino-ir", "int4", "CPU")
    assert artifact.bits_per_weight == 48 * 8 / 96


def test_what_is_converted_is_said(preparer_of: Make, model_directory: Path, stand_in: Any) -> None:
    said: list[str] = []
    preparer_of(str(model_directory), said).artifact("openvino-ir", "int4", "CPU")
    assert said[0].startswith("converting my-model to openvino-ir int4 (about ")


def test_a_failed_conversion_is_tried_again_next_time(preparer_of: Make, model_directory: Path, stand_in: Any) -> None:
    preparer = preparer_of(str(model_directory))
    stand_in.behave("die")
    with pytest.raises(PrepareError):
        preparer.artifact("openvino-ir", "int4", "CPU")
    stand_in.behave("work")
    assert preparer.artifact("openvino-ir", "int4", "CPU").bytes == 48


def test_prompts_are_read_from_the_artifact(preparer_of: Make, model_directory: Path, stand_in: Any) -> None:
    assert preparer_of(str(model_directory)).prompts().openers == (4, 5, 6, 7)


def test_another_corpus_gives_other_prompts(
    preparer_of: Make, model_directory: Path, stand_in: Any, corpus: Path
) -> None:
    preparer_of(str(model_directory)).prompts()
    (corpus / "chat.txt").write_text("Good evening.", "utf-8")
    preparer_of(str(model_directory)).prompts()
    assert stand_in.calls == ["prompts", "prompts"]


def test_another_text_of_quality_gives_other_prompts(
    preparer_of: Make, model_directory: Path, stand_in: Any, texts: Path
) -> None:
    preparer_of(str(model_directory)).prompts()
    (texts / "chat-1.txt").write_text("This is new.", "utf-8")
    preparer_of(str(model_directory)).prompts()
    assert stand_in.calls == ["prompts", "prompts"]


def test_line_ends_of_a_checkout_give_no_other_prompts(
    preparer_of: Make, model_directory: Path, stand_in: Any, texts: Path
) -> None:
    (texts / "chat-1.txt").write_bytes(b"One line.\nAnother.\n")
    preparer_of(str(model_directory)).prompts()
    (texts / "chat-1.txt").write_bytes(b"One line.\r\nAnother.\r\n")
    preparer_of(str(model_directory)).prompts()
    assert stand_in.calls == ["prompts"]


def test_every_kind_of_text_comes_before_the_second_of_any(
    preparer_of: Make, model_directory: Path, stand_in: Any
) -> None:
    preparer_of(str(model_directory)).prompts()
    given = [Path(name).stem for name in stand_in.options["texts"]]
    assert given == ["chat-1", "writing-1", "chat-2"]


def test_a_text_is_no_longer_than_a_small_context(preparer_of: Make, model_directory: Path, stand_in: Any) -> None:
    preparer_of(str(model_directory)).prompts()
    assert stand_in.options["text_tokens"] == 100


def test_no_text_of_quality_at_all_is_refused(
    preparer_of: Make, model_directory: Path, stand_in: Any, texts: Path
) -> None:
    for file in texts.iterdir():
        file.unlink()
    with pytest.raises(PrepareError, match="no texts for quality: restore it"):
        preparer_of(str(model_directory)).prompts()


def test_an_id_has_the_piece_of_text_that_it_stands_for(
    preparer_of: Make, model_directory: Path, stand_in: Any
) -> None:
    assert preparer_of(str(model_directory)).pieces([1, 0]) == {1: " a", 0: "<s>"}


@pytest.mark.parametrize("unknown", [3, 4, -1])
def test_an_id_that_the_tokenizer_lacks_has_no_piece(
    preparer_of: Make, model_directory: Path, stand_in: Any, unknown: int
) -> None:
    assert preparer_of(str(model_directory)).pieces([unknown]) == {}


def test_too_little_memory_starts_nothing(
    preparer_of: Make, model_directory: Path, stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "free_memory_bytes", lambda: 1_000_000)
    with pytest.raises(MachineError, match="of memory"):
        preparer_of(str(model_directory)).artifact("openvino-ir", "int4", "CPU")
    assert stand_in.calls == []


def test_the_default_model_needs_its_package(preparer_of: Make) -> None:
    with pytest.raises(PrepareError, match=f"{DEFAULT_PACKAGE} is not in the conversion venv"):
        preparer_of("default").pending(WANTED)


def test_a_synthetic_model_is_pending_before_its_artifacts(preparer_of: Make) -> None:
    labels = [work.label for work in preparer_of("synthetic:tiny").pending(WANTED)]
    assert labels[0] == "synthetic:tiny to a Hugging Face directory"


def test_a_downloaded_model_that_is_quantized_already_is_refused_before_it_is_converted(
    preparer_of: Make, tmp_path: Path, stand_in: Any
) -> None:
    preparer = preparer_of(f"owner/name-FP8@{COMMIT}")

    def download(output: Path) -> Made:
        (output / "config.json").write_text('{"quantization_config": {"quant_method": "fp8"}}', "utf-8")
        return Made({})

    ArtifactStore(tmp_path / "cache").get(preparer._hub_key(COMMIT), download)
    with pytest.raises(UsageError, match=r"owner/name-FP8: this model is quantized already \(fp8\)"):
        preparer.model()
    assert stand_in.calls == []


def test_a_hub_model_of_unknown_size_says_so(preparer_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"model.safetensors": {"bytes": 7_000_000, "place": None}}
    monkeypatch.setattr(stage, "find_model", lambda *_: HubModel("owner/name", COMMIT, files))
    pending = preparer_of("owner/name").pending(WANTED)
    assert (pending[0].label, pending[0].disk_bytes) == ("the download of owner/name (7 MB)", 7_000_000)
    assert all("size unknown so far" in work.label for work in pending[1:])


def test_an_impossible_artifact_is_refused_before_anything_is_made(preparer_of: Make, model_directory: Path) -> None:
    with pytest.raises(UsageError):
        preparer_of(str(model_directory)).pending([Wanted("openvino-ir", "bf16", "CPU")])


def test_a_request_may_fill_the_context() -> None:
    assert beyond_context("a model", 100, Request(36, 64, 1)) is None


def test_a_request_beyond_the_context_names_cell_and_limit() -> None:
    reason = beyond_context("a model", 100, Request(37, 64, 1)) or ""
    assert reason.startswith("p37-n64: 37 prompt + 64 new tokens are more than the 100 tokens of a model's context")


def test_a_turn_beyond_the_context_is_refused_with_its_turn() -> None:
    reason = beyond_context("a model", 1000, Request(1472, 64, 1, 8)) or ""
    assert reason.startswith("p1472-n64-t8: 1472 prompt + 64 new tokens are more than the 1000 tokens")
    assert reason.endswith("ask for fewer with --turns, --prompt-tokens or --new-tokens")


def test_an_unknown_context_limits_nothing() -> None:
    assert beyond_context("a model", None, Request(10**6, 64, 1)) is None

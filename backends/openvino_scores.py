"""What a model thinks of given texts, asked of OpenVINO GenAI's pipeline or of OpenVINO itself."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai

from backends.contract import BackendError, Scores, Text, one_line


def log_probabilities(pipeline: Any, texts: Sequence[Text]) -> Iterator[Scores]:
    """What a ``ContinuousBatchingPipeline`` says of the ids of a prompt; it hands out no logits.

    One text after the other: all at once have the same values, in three quarters of the time, but the logits of all of
    them are in memory then.
    """
    config = genai.GenerationConfig()
    config.echo = True
    config.logprobs = 1
    # With a new token the pipeline refuses logits that are not finite.
    config.max_new_tokens = 0
    config.apply_chat_template = False
    for index, text in enumerate(texts):
        try:
            handle = pipeline.add_request(index, ov.Tensor(_row(text.ids)), config)
            while pipeline.has_non_finished_requests():
                pipeline.step()
            found = [value for answer in handle.read_all() for value in answer.generated_log_probs]
        except RuntimeError as error:
            raise _not_scored(text, one_line(error)) from error
        if len(found) != len(text.ids):
            raise _not_scored(text, f"{len(found)} log-probabilities came for its {len(text.ids)} ids")
        # The first id has nothing before it; 1.0 stands in its place.
        yield Scores(index, text.start, log_probs=np.array(found[text.start + 1 :]))


def logits(compiled: Any, texts: Sequence[Text]) -> Iterator[Scores]:
    """The logits of a compiled model with a state, which is the KV cache and begins empty for each text."""
    request = compiled.create_infer_request()
    names = {name for port in compiled.inputs for name in port.names}
    for index, text in enumerate(texts):
        inputs = {name: value for name, value in _inputs(text).items() if name in names}
        try:
            request.reset_state()
            request.infer(inputs)
            # The next text's come into the same memory.
            rows = request.get_tensor("logits").data[0, text.start : -1].copy()
        except RuntimeError as error:
            raise _not_scored(text, one_line(error)) from error
        yield Scores(index, text.start, logits=rows)


def _inputs(text: Text) -> dict[str, Any]:
    """All that an exported decoder may take, by the names that optimum-intel gives."""
    length = len(text.ids)
    return {
        "input_ids": _row(text.ids),
        "attention_mask": _row([1] * length),
        "position_ids": _row(range(length)),
        "beam_idx": np.zeros(1, dtype=np.int32),
    }


def _row(values: Sequence[int]) -> Any:
    return np.array([values], dtype=np.int64)


def _not_scored(text: Text, reason: str) -> BackendError:
    return BackendError(f"OpenVINO could not score text {text.name}: {reason}")

"""What the source's own weights say, to hold against what a load says: of given texts, and in answer to prompts."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from backends.contract import BackendError, LoadOptions, Question, Text
from backends.convert import ConversionError
from backends.hf_transformers import Transformers, TransformersSession
from backends.scoring import reference_arrays

REFERENCE_FILE = "reference.npz"
ANSWERS_FILE = "answers.json"


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write ``reference.npz`` and ``answers.json`` for the directory ``source``, by transformers on the CPU.

    The options are ``precision``, the type of weights and computation, and ``texts`` and ``questions``, the fields of
    :class:`backends.contract.Text` and :class:`backends.contract.Question` of each. The facts are counts.
    """
    texts = [Text(**text) for text in options["texts"]]
    questions = [Question(**question) for question in options["questions"]]
    precision = options["precision"]
    try:
        session = Transformers().load(Path(source), "CPU", LoadOptions(precision))
        arrays = reference_arrays(session.score(texts), texts)
        answers = _answers(session, questions)
    except BackendError as error:
        raise ConversionError(f"{error}; a load of the run can be named with --reference instead") from error
    if any(not np.isfinite(values).all() for name, values in arrays.items() if name.endswith("/log_probs")):
        raise ConversionError(
            f"the model's own weights give probabilities that are not finite in {precision}: download it again"
        )
    np.savez_compressed(output / REFERENCE_FILE, **arrays)
    (output / ANSWERS_FILE).write_text(json.dumps(answers, separators=(",", ":")), "utf-8")
    return {"texts": len(texts), "positions": sum(text.positions for text in texts), "answers": len(answers)}


def _answers(session: TransformersSession, questions: Iterable[Question]) -> dict[str, list[int]]:
    """Digest of each prompt -> the ids of its answer; prompts of one shape are a batch, to read the weights once."""

    def shape(question: Question) -> tuple[int, int]:
        return len(question.ids), question.new_tokens

    found: dict[str, list[int]] = {}
    for (_, new_tokens), alike in groupby(sorted(questions, key=shape), shape):
        batch = list(alike)
        steps: list[Sequence[int]] = []
        session.generate([question.ids for question in batch], new_tokens, steps.append)
        found |= {question.digest: [step[row] for step in steps] for row, question in enumerate(batch)}
    return found

from __future__ import annotations

import pytest

from bench import PROJECT_ROOT
from bench.findings import BY_WORD, MESSAGES, SEVERITIES, Code, Values, message
from tests.support.messages import sample


@pytest.mark.parametrize("code", Code, ids=lambda code: code.word)
def test_every_kind_has_a_known_severity_and_ends_in_advice(code: Code) -> None:
    assert code.severity in SEVERITIES
    assert code.advice.endswith(".")


@pytest.mark.parametrize("code", Code, ids=lambda code: code.word)
def test_every_kind_stands_in_the_documentation(code: Code) -> None:
    rows = (PROJECT_ROOT / "docs/metrics.md").read_text(encoding="utf-8").splitlines()
    (row,) = (row for row in rows if row.startswith(f"| `{code.word}` |"))
    severity, meaning, advice = (part.strip() for part in row.strip("|").split("|")[1:])
    assert (severity, advice) == (code.severity, code.advice)
    assert meaning


def test_kinds_are_told_apart_by_their_words_and_titles() -> None:
    assert len(BY_WORD) == len({code.title for code in Code}) == len(Code)


@pytest.mark.parametrize("key", MESSAGES)
def test_a_message_is_filled_by_its_values(key: str) -> None:
    assert "{" not in message([key], sample(MESSAGES[key]))


def test_several_messages_are_one_line() -> None:
    values: Values = {"metric": "TTFT", "percent": 17.25, "p": 0.00123, "tests": 42}
    assert message(["drift-rose", "may-be-chance"], values) == (
        "TTFT rose by 17 % from the first block to the last (p = 0.0012); "
        "it may be chance, as one of 42 tests in this run"
    )

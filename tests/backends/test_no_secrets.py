from __future__ import annotations

import pytest

from backends.no_secrets import scrubbed, without_secrets


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        ("a @ https://me:key@example.org/a.whl", "a @ https://example.org/a.whl"),
        ("git+https://abcdef@github.com/acme/x@v1", "git+https://github.com/acme/x@v1"),
        (
            "--a 'a @ https://example.org/a.whl?key=1#sha256=2' --b same",
            "--a 'a @ https://example.org/a.whl#sha256=2' --b same",
        ),
        ("HF_TOKEN=abc x", "HF_TOKEN=*** x"),
        ("AWS_SECRET_ACCESS_KEY='a b' y", "AWS_SECRET_ACCESS_KEY=*** y"),
        ("run --token abc --api-key=abc --new-tokens 8", "run --token *** --api-key=*** --new-tokens 8"),
        ('{"password": "x y", "eos_token_id": 2}', '{"password": ***, "eos_token_id": 2}'),
        ("Authorization: Bearer abcdefghij.klm\nnext", "Authorization: ***\nnext"),
        ("sent 'bearer abcdefghij'", "sent 'bearer ***'"),
        ("hf_ABCDEFGHIJKLMNOPQR is no token", "*** is no token"),
        ("ghp_ABCDEFGHIJKLMNOPQR, github_pat_ABCDEFGHIJKLMNOPQR", "***, ***"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def", "***"),
        ("a.b-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0. eyJ.eyJhbGciOiJIUzI1NiJ9", "a.b-*** eyJ.eyJhbGciOiJIUzI1NiJ9"),
        ("AUTH_TOKEN_FILE_2=a TOKEN_a=b https://a?b", "AUTH_TOKEN_FILE_2=*** TOKEN_a=b https://a"),
    ],
)
def test_a_secret_is_left_out(text: str, recorded: str) -> None:
    assert without_secrets(text) == recorded
    assert without_secrets(recorded) == recorded


@pytest.mark.parametrize(
    "text",
    [
        "openvino-genai==2026.4.1.0",
        "nox -s bench -- --prompt-tokens 16,64 --new-tokens 8 --load-option ort-genai.recipe=plain",
        "KeyError: 'token'",
        "eos_token_id=2, max_tokens=5, AUTHOR=me, cell_key=ab",
        "EOS token = 2 '</s>'; the model has no special token: choose another",
        "/home/you/hf_models/model.safetensors: a=b?c=d",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", ["a://a", "TOKEN_", "TOKEN_A", "eyJabcdefgh-", "--token ", "'token' ", '"token": ', "basic "]
)
def test_a_long_text_of_what_nearly_is_a_secret_comes_to_an_end(part: str) -> None:
    """A search that went over the rest of the text from each part would take many minutes."""
    text = part * (500_000 // len(part))
    assert without_secrets(f"{text}; HF_TOKEN=abc").endswith("; HF_TOKEN=***")


def test_texts_are_found_however_deep() -> None:
    value = {"a": ["https://me@example.org", 1, None, {"b": ("HF_TOKEN=abc",)}], "c": True}
    assert scrubbed(value) == {"a": ["https://example.org", 1, None, {"b": ["HF_TOKEN=***"]}], "c": True}

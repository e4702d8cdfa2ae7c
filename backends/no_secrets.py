"""What is recorded of commands, errors and the output of stacks loses what looks like a password, a token or a key."""

import re
from typing import Any

HIDDEN = "***"
"""What stands in the place of a secret."""

_NAME = r"(?:token|secret|passw(?:or)?d|credentials?|api[_-]?key|access[_-]?key|auth)"
_VALUE = r"(?:\"[^\"]*\"|'[^']*'|[^\s'\",;]+)"
# Text of others is searched: no pattern may begin at many places of a text and run on to its end from each.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # The user of an address, and its query.
    (re.compile(r"(\w://)[^\s/@'\"]*@"), r"\1"),
    (re.compile(r"(\w://[^\s?'\"]*)(?:\?[^\s#'\"]*)?"), r"\1"),
    # HF_TOKEN=…, --api-key …, "password": "…", and headers of HTTP
    (re.compile(rf"\b((?i:\w*{_NAME})(?:_[A-Z0-9_]{{1,64}})?=){_VALUE}"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(?<!\S)(--?[\w-]*{_NAME}[ =]){_VALUE}"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)([\"'][\w-]*{_NAME}[\"']\s*:\s*)(?:\"[^\"]*\"|'[^']*')"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b((?:proxy-)?authorization|private-token|x-api-key)(\s*[:=]\s*)[^\r\n'\"]+"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/-]{8,}=*"), rf"\1 {HIDDEN}"),
    # JSON Web Tokens: begun at the first letter of what can be the head of one, and only where the rest follows.
    (re.compile(r"(?<![\w-])(?=[\w-]+\.[\w-]{8,}\.)([\w-]*?)\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), rf"\1{HIDDEN}"),
    # Hugging Face, GitHub, GitLab, OpenAI and its like, Slack, Amazon, Google, PyPI
    (
        re.compile(
            r"\b(?:hf_[A-Za-z0-9]{16,}|gh[opsur]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|sk-[\w-]{16,}"
            r"|xox[abprs]-[\w-]{10,}|A(?:KIA|SIA)[0-9A-Z]{16}|AIza[\w-]{30,}|pypi-[\w-]{16,})"
        ),
        HIDDEN,
    ),
)


def without_secrets(text: str) -> str:
    """``text`` without what looks like a secret; of addresses without user and query, as either may hold one."""
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text


def scrubbed(value: Any) -> Any:
    """The same of every text in lists and mappings."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {key: scrubbed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(one) for one in value]
    return value

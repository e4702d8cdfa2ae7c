"""What a stack says when it fails, in one line: the cause, without stack frames, source positions and advice.

What stacks advise (install, upgrade, open an issue) is for their own users, and changes nothing in a venv that is made
by this project. All that was printed stays in the worker's last lines and in the converter's log.
"""

import re
from collections.abc import Sequence

LONGEST = 500
"""Characters of a reason."""

_LONGEST_LINE = 20 * LONGEST
"""Characters of a line, and of a paragraph, that are looked at."""

_SHOWN = 3

STACK = re.compile(
    r"^\s*(Exception raised from |C\+\+ CapturedTraceback|frame #\d|Stack ?trace\b|Call stack\b|Backtrace\b"
    r"|\*\*\* Check failure stack trace|@ +0x[0-9a-f]+|#\d+ +(0x)?[0-9a-f]|note: run with `RUST_BACKTRACE)",
    re.IGNORECASE,
)
"""How the frames of a stack begin, and all that follows."""

TRACEBACK = "Traceback (most recent call last):"
"""How Python's own stack begins."""

_POSITIONS = (
    # OpenVINO: a line, and what was checked where, before what is wrong
    (re.compile(r"^Exception from [^\s:]+:\d+:\s*", re.MULTILINE), ""),
    (re.compile(r"Check '[^\n]*' failed at [^\s:]+:\d+:[ \t]*\n?[ \t]*(?=\S)"), ""),
    (re.compile(r"(Check '[^\n]*' failed) at [^\s:]+:\d+:?"), r"\1"),
    # ONNX Runtime
    (re.compile(r"\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : "), ""),
    (
        re.compile(r"Non-zero status code returned while running (\w+) node\. Name:'([^']*)' Status Message: "),
        r"\1 \2: ",
    ),
    (re.compile(r"(?<=\S)\.(?=[a-z_]+\.cc:\d+ )"), ". "),
    # Tried once for each word, and a folder's name once for each run without spaces: an error may quote megabytes.
    (re.compile(r"((?<!\S)\S*[/\\])?\b\w+\.(cc|cpp|cxx|cu|h|hpp):\d+ (\w+(::\w+)*(\([^)\n]*\))? (?=[A-Z]))?"), ""),
    # torch
    (re.compile(r"\[enforce fail at [^\]]*\][^.\n]*\. "), ""),
    # glog and abseil: severity and time, thread, position
    (re.compile(r"^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [^\]\s]+:\d+\] ", re.MULTILINE), ""),
)
"""What names a place in a library's source code -> what stands for it."""

_ADVICE = re.compile(
    r"^(\[\w+\] )?(You (can|may|might|should|need)\b|If (you|this|using|the|it|reserved|that)\b|In this case\b"
    r"|Please\b|Make sure\b"
    r"|Ensure\b|Example\b|For example\b|See\b|For (more|further|details|debugging|a list)\b|Consider\b|Try\b"
    r"|To (fix|solve|avoid|disable|enable|see|get|use)\b|Available frontends\b|This could be because\b|Compile with\b"
    r"|Did you\b|Alternatively\b|Hint\b|Note\b|Refer to\b|Check (that|your|out|if)\b|Visit\b|Run `|Install\b"
    r"|We recommend\b|Set `|Use `|Failed nodes:|CUDA kernel errors might\b|Read more\b|Feel free\b|Open an issue\b)"
)
"""How sentences begin that say what to do, or guess."""

_INSTALL = re.compile(r"\s*\([^()]*\bpip3? install\b[^()]*\)")
_SENTENCE = re.compile(r"(?<=[.!])\s+(?=[A-Z`\"'])|\s+(?=Please )")


def in_one_line(text: str) -> str:
    """The cause in ``text``, which is the message of a library's error; empty if it has no words."""
    lines = _without_stack([line[:_LONGEST_LINE] for line in plain(text).splitlines()])
    kept = "\n".join(lines)
    for pattern, stands in _POSITIONS:
        kept = pattern.sub(stands, kept)
    paragraphs = [_joined(part)[:_LONGEST_LINE] for part in re.split(r"\n\s*\n", kept) if part.strip()]
    # OpenVINO leaves blank lines where a message was passed on.
    meant = paragraphs if text.startswith("Exception from ") else _begun(paragraphs)
    sentences = [sentence for part in meant for sentence in _SENTENCE.split(_INSTALL.sub("", part))]
    causes = [sentence for place, sentence in enumerate(sentences) if place == 0 or not _ADVICE.match(sentence)]
    return shortened(" ".join(causes).strip())


def plain(text: str) -> str:
    """``text`` without colours and other controls of a terminal."""
    return re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", text)


def shortened(text: str) -> str:
    """``text``, without its end where it is no line any more that somebody reads."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rsplit(' ', 1)[0]} …"


def first_of(names: Sequence[str]) -> str:
    """The first of ``names``, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _without_stack(lines: list[str]) -> list[str]:
    """``lines`` up to the first stack frame; of a Python traceback alone what was raised."""
    if lines and lines[0].startswith(TRACEBACK):
        places = [place for place, line in enumerate(lines) if line.startswith(TRACEBACK)]
        lines = [line for line in lines[places[-1] + 1 :] if line[:1].strip()]
    first = next((place for place, line in enumerate(lines) if STACK.match(line) or line == TRACEBACK), len(lines))
    return lines[:first] if any(line.strip() for line in lines[:first]) else lines


def _joined(paragraph: str) -> str:
    """Its lines as one, without those that advise."""
    first, *others = (" ".join(line.split()) for line in paragraph.splitlines() if line.strip())
    kept = [first]
    for line in others:
        if not _ADVICE.match(line):
            kept.append(line)
        elif line.endswith(":"):
            break  # what is listed goes with it
    return " ".join(kept)


def _begun(paragraphs: list[str]) -> list[str]:
    """The first paragraph, and what it announces; those that follow advise."""
    count = next((place for place, part in enumerate(paragraphs) if not part.endswith(":")), len(paragraphs) - 1)
    return paragraphs[: count + 1]

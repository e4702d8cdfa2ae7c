"""One finding of the guard: codes and values, see :mod:`bench.findings`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.findings import BY_WORD, Code, Values, message

JUDGED_AT_THE_END = (
    *(Code.DRIFT, Code.TREND, Code.ALIKE_BLOCKS, Code.BIMODAL),
    *(Code.OUTLIER_BLOCK, Code.OUTLIER_GENERATION, Code.BROKEN),
)
"""What is found in the whole of a run, and so again where it is carried on."""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding.

    Args:
        values: numbers and strings of its messages, by name.
        messages: keys of :data:`bench.findings.MESSAGES`; the word of the kind if empty.
        severity: one of :data:`bench.findings.SEVERITIES`; the usual one of the kind if empty.
    """

    code: Code
    values: Values = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    severity: str = ""
    load_id: str | None = None
    cell_key: str | None = None
    block: int | None = None

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Found:
        """A finding as it was stored."""
        return cls(
            BY_WORD[row["code"]],
            json.loads(row["message_values"]),
            tuple(row["message_keys"]),
            row["severity"],
            *(row[name] for name in ("load_id", "cell_key", "block")),
        )

    @property
    def keys(self) -> tuple[str, ...]:
        return self.messages or (self.code.word,)

    @property
    def message(self) -> str:
        return message(self.keys, self.values)

    @property
    def weight(self) -> str:
        return self.severity or self.code.severity

    @property
    def fails_strict(self) -> bool:
        """Whether ``--strict`` turns it into failure."""
        return self.weight != "info"

    def row(self) -> dict[str, Any]:
        """As a row of the table ``findings``."""
        subject = "cell" if self.cell_key is not None else "load" if self.load_id is not None else "run"
        return {
            "code": self.code.word,
            "severity": self.weight,
            "subject": subject,
            "load_id": self.load_id,
            "cell_key": self.cell_key,
            "block": self.block,
            "message": self.message,
            "advice": self.code.advice,
            "message_keys": self.keys,
            "message_values": json.dumps(self.values, ensure_ascii=False),
            "seen_at": datetime.now(UTC),
        }


def line(found: Found) -> str:
    """A finding in one line, for the terminal."""
    return f"{found.weight:<10} {found.message}. {found.code.advice}"

"""``python -m studies.fuzz.one READER FOLDER SECONDS``: fuzz one reader, in a process that what it finds may end.

``FOLDER`` keeps ``corpus/`` and ``found/``: what ended the process, and a ``.bin`` with a ``.txt`` for each place at
which an error came up that is none of the project's own.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import atheris

from bench.errors import BenchError

LONGEST_S, MOST_MB = 10, 1000
"""Of a single read: its time, and the memory of the process."""

_NUMBERS = (True, -1, 0, 2**63, 1e308, float("nan"), float("inf"))
_VALUES: tuple[Any, ...] = (None, *_NUMBERS, "", "x", "\x1b[2J", "../x", "\ud800", [], {}, [None])
"""What stands in for a value of JSON."""


def mutated(data: bytes, largest: int, seed: int) -> bytes:
    """Other bytes; of JSON, half of the time, the same with a value or a name that is another one."""
    draw = random.Random(seed)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict | list) or draw.random() < 0.5:
        return bytes(atheris.Mutate(data, largest))
    holders = [value]
    for holder in holders:
        inner = holder.values() if isinstance(holder, dict) else holder
        holders += [one for one in inner if isinstance(one, dict | list) and one]
    _change(draw.choice(holders), draw)
    return json.dumps(value).encode()[:largest]


def _change(holder: Any, draw: random.Random) -> None:
    if isinstance(holder, list):
        holder[draw.randrange(len(holder) or 1) :] = [draw.choice((*_VALUES, *holder))]
        return
    key = draw.choice((*holder, "x"))
    removed = holder.pop(key, None)
    if draw.random() < 0.8:
        holder[draw.choice((key, key, key, "x"))] = draw.choice((*_VALUES, [removed], {"x": removed}, removed))


def main(name: str, folder: Path, seconds: int) -> None:
    """Fuzz until the time is up, which ends the process."""
    with atheris.instrument_imports(include=["bench", "backends"]):
        from tests.support.readers import READERS  # noqa: PLC0415 - instrumented as it is imported

    corpus, found = folder / "corpus" / name, folder / "found"
    for made in (corpus, found):
        made.mkdir(parents=True, exist_ok=True)
    file, read = READERS[name](Path(tempfile.mkdtemp(prefix="aipc-fuzz-")))
    (corpus / "whole").write_bytes(file.read_bytes())

    def once(data: bytes) -> None:
        file.write_bytes(data)
        try:
            with suppress(BenchError):
                read()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            place = traceback.extract_tb(error.__traceback__)[-1]
            known = found / f"{name}-{type(error).__name__}-{Path(place.filename).stem}-{place.lineno}.txt"
            if not known.exists():
                known.with_suffix(".bin").write_bytes(data)
                known.write_text(traceback.format_exc(), "utf-8", "backslashreplace")

    limits = (f"-max_total_time={seconds}", f"-timeout={LONGEST_S}", f"-rss_limit_mb={MOST_MB}", "-max_len=65536")
    said = (f"-artifact_prefix={found / name}-", "-verbosity=0", "-print_final_stats=1")
    atheris.Setup([sys.argv[0], *limits, *said, str(corpus)], once, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))

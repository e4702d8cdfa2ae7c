"""Run folders and datasets for the tests of many machines."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from bench.dataset.collect import Outcome, collect
from bench.plan.cells import Load
from bench.store.digests import record_digests
from tests.support.stored_runs import FakeRun

FIRST, SECOND, DECEMBER = "20261122T211735Z-3f9a1c", "20261123T211735Z-000002", "20261201T010101Z-000003"


def write_run(folder: Path, run_id: str = FIRST, machine_id: str = "m" * 16, **changes: Any) -> Path:
    """A small run; ``changes`` are attributes of :class:`FakeRun`."""
    settings = {"loads": [Load("ort-genai", "CPU", "int4")], "prompt_tokens": (32,), "blocks": 2, **changes}
    day = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T{run_id[9:11]}:{run_id[11:13]}:{run_id[13:15]}+00:00"
    record = {"created_at": day, "machine_id": machine_id, **changes.get("record", {})}
    more = {"machine_id": machine_id, **changes.get("more", {})}
    return FakeRun(**{**settings, "record": record, "more": more}).write(folder, run_id)


def edited(run: Path, **record: Any) -> Path:
    """A run with other entries in run.json, whose digests are right."""
    found = json.loads((run / "run.json").read_text("utf-8"))
    (run / "run.json").write_text(json.dumps({**found, **record}), "utf-8")
    if (run / "digests.json").is_file():
        record_digests(run)
    return run


def zipped(run: Path, archive: Path, below: str = "") -> Path:
    """The files of a run in a zip, ``below`` a folder in it."""
    with zipfile.ZipFile(archive, "w") as opened:
        for file in sorted(run.rglob("*")):
            if file.is_file():
                opened.write(file, f"{below}{file.relative_to(run).as_posix()}")
    return archive


def collected(*sources: Path | str, into: Path, again: bool = False) -> tuple[Outcome, list[tuple[str, str]]]:
    """What a collect gave, and what it said."""
    said: list[tuple[str, str]] = []
    cache = Path(tempfile.gettempdir()) / "no-mirrors"
    outcome = collect([str(one) for one in sources], str(into), lambda *words: said.append(words), cache, again=again)
    return outcome, said

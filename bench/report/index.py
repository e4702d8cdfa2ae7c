"""The page of all reports of a folder, by what the JSON beside each says of it, which is taken for hostile."""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.analyse.conditions import recorded_at
from bench.analyse.results import CellResult, Finding
from bench.errors import MachineError
from bench.report.language import ENGLISH, chosen, gettext as _
from bench.report.redact import Private, address, shown_text
from bench.store.files import write_files
from bench.store.reader import as_utc

PAGES = {
    "summary.json": ("index.html", "run"),
    "compare.json": ("compare.html", "comparison"),
    "gate.json": ("gate.md", "gate"),
    "history.json": ("history.html", "history"),
    "fleet.json": ("fleet.html", "fleet"),
}
"""What is read -> the page that it stands beside, and what that shows. A folder without any of them is no report."""
GENERATOR = "AIPC Bench, index of reports"
"""By what this page is known again, so that no other one is ever written over."""
MOST_HEADLINE = 400
"""Characters of a headline."""

_HEAD_BYTES = 2048
_MOST_TIMES = 10
_MOST_BYTES = 64_000_000
_MOST_CHARACTERS = 200
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One page: ``name`` is that of its folder, ``href`` relative to the folder of reports, ``kind`` of :data:`PAGES`.

    ``headline`` is in the language that is chosen if the JSON has it, else in English. The other fields are those of
    :func:`about_fields`.
    """

    kind: str
    name: str
    href: str
    created_at: datetime | None
    machine: str
    model: str
    synthetic_model: bool
    backends: tuple[str, ...]
    simulated: str
    cells: int | None
    headline: str
    headline_language: str
    serious: tuple[str, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that looks like a report's and cannot be read, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """A folder of reports: entries newest first, then what could not be read."""

    entries: tuple[Entry, ...]
    unreadable: tuple[Unreadable, ...]


def read_entries(reports: Path) -> Found:
    """Read every report of the folder ``reports``, for a reader of the language that is chosen.

    Nothing that lies there makes this fail.
    """
    found = [_read(path) for path in report_files(reports)]
    entries = [one for one in found if isinstance(one, Entry)]
    entries.sort(key=lambda one: one.created_at or datetime.min.replace(tzinfo=UTC), reverse=True)
    return Found(tuple(entries), tuple(one for one in found if isinstance(one, Unreadable)))


def report_files(reports: Path) -> list[Path]:
    """The JSON files of all reports, by name."""
    try:
        folders = sorted(reports.iterdir())
    except OSError:
        return []
    return [folder / name for folder in folders for name in PAGES if _is_there(folder / name)]


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _read(path: Path) -> Entry | Unreadable | None:
    page, kind = PAGES[path.name]
    name = f"{path.parent.name}/{path.name}"
    if not _is_there(path.with_name(page)):
        return Unreadable(name, _("{page} is not beside it").format(page=page))
    try:
        if path.stat().st_size > _MOST_BYTES:
            return Unreadable(name, _("it is too large to be a report's"))
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        # Removed since it was listed.
        return None
    except (OSError, ValueError, RecursionError) as error:
        return Unreadable(name, _("it is no JSON that can be read ({error})").format(error=type(error).__name__))
    about = value.get("about") if isinstance(value, dict) else None
    if not isinstance(about, dict):
        return Unreadable(name, _("it does not say what it is about: an older version wrote it, or something else did"))
    cells, simulated, headlines = (about.get(field) for field in ("cells", "simulated", "headlines"))
    own = _text(headlines.get(chosen().code), MOST_HEADLINE) if isinstance(headlines, dict) else ""
    return Entry(
        kind=kind,
        name=path.parent.name,
        href=quote(os.fsencode(path.parent.name)) + "/" + page,
        created_at=as_utc(about.get("created_at")),
        machine=_text(about.get("machine")),
        model=_text(about.get("model")),
        synthetic_model=about.get("synthetic_model") is True,
        backends=_texts(about.get("backends")),
        # What does not say that nothing in it was played is not shown as measured.
        simulated=simulated if simulated in ("none", "some") else "all",
        cells=cells if isinstance(cells, int) and not isinstance(cells, bool) and cells >= 0 else None,
        headline=own or _text(about.get("headline"), MOST_HEADLINE),
        headline_language=chosen().code if own else ENGLISH.code,
        serious=_texts(about.get("serious")),
        ended=about.get("ended") is True,
    )


def _text(value: Any, most: int = _MOST_CHARACTERS) -> str:
    return value[:most] if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    found = value[:_MOST_LISTED] if isinstance(value, list) else ()
    return tuple(_text(one) for one in found if isinstance(one, str))


def update_index(reports: Path) -> Path:
    """Write ``index.html`` of the folder ``reports`` anew, in the language that is chosen; returns its path.

    Raises:
        MachineError: it cannot be written, or a page that is no index of reports has its name.
    """
    index = reports / "index.html"
    for _attempt in range(_MOST_TIMES):
        _refuse_another(index)
        before = _state(reports)
        write_files(reports, {index: page(read_entries(reports))})
        # Whoever writes last looks again, so no report is left out that was there by then.
        if _state(reports) == before:
            break
    return index


def index_lines(reports: Path, private: Private | None = None) -> list[str]:
    """Write the index, and say where it is, or why it is not; a report does not fail for it."""
    try:
        return [f"reports    {address(update_index(reports), private)}"]
    except MachineError as error:
        return [f"the index of reports is not up to date: {shown_text(str(error), private)}"]


def publish(folder: Path, files: Mapping[str, str], page: str, private: Private | None) -> list[str]:
    """Write the files of a report by their names, and the index of all; returns the lines that say where these are.

    ``page`` is which of ``files`` people open, of :data:`PAGES`; the lines do not tell what is ``private``.

    Raises:
        MachineError: the files cannot be written.
    """
    write_files(folder, {folder / name: content for name, content in files.items()})
    kind = dict(PAGES.values())[page]
    return [*index_lines(folder.parent, private), f"{kind:<10} {address(folder / page, private)}"]


def page(found: Found) -> str:
    """The page of one folder, in the language that is chosen; its script only sorts."""
    from bench.report.template import render_page  # noqa: PLC0415 - jinja2 takes a moment

    return render_page("index", found=found, generator=GENERATOR)


def _state(reports: Path) -> list[tuple[Path, int, int]]:
    found = []
    for path in report_files(reports):
        with suppress(OSError):
            stat = path.stat()
            found.append((path, stat.st_mtime_ns, stat.st_size))
    return found


def _refuse_another(index: Path) -> None:
    try:
        with index.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise MachineError(f"cannot read {index}: {error.strerror or error}") from error
    if f'content="{GENERATOR}"'.encode() not in head:
        raise MachineError(f"{index} is another page and stays; choose another folder with --reports-dir")


# -- what the JSON beside a page says that it is about


def about(
    record: Mapping[str, Any],
    headlines: Mapping[str, str],
    cells: Iterable[CellResult],
    findings: Iterable[Finding],
    *,
    ended: bool,
) -> dict[str, Any]:
    """What a page is about whose newest run has this ``record``: its measured cells, and findings of all its runs.

    ``headlines`` are the answer in a sentence by the code of each language, ``ended`` whether all runs came to an end.
    """
    measured = list(cells)
    return about_fields(
        created_at=record.get("created_at"),
        machine=recorded_at(record, "machine", "cpu", "name"),
        machine_id=record.get("machine_id"),
        model=recorded_at(record, "model", "name"),
        synthetic_model=bool(recorded_at(record, "model", "synthetic")),
        backends=[cell.load.backend for cell in measured],
        simulated=[cell.load.simulated for cell in measured],
        cells=len({cell.cell_key for cell in measured}),
        headlines=headlines,
        serious=[one.code for one in findings if one.severity == "serious"],
        ended=ended,
    )


def about_fields(
    *,
    backends: Iterable[str],
    simulated: Iterable[bool],
    serious: Iterable[str],
    headlines: Mapping[str, str],
    **fields: Any,
) -> dict[str, Any]:
    """The fields of an entry, from what is not yet gathered; ``simulated`` is ``none``, ``some`` or ``all``.

    ``headline`` is in English, as all that programs read; ``headlines`` has it in the other languages.
    """
    kinds = set(simulated)
    shortened = {code: headline[:MOST_HEADLINE] for code, headline in headlines.items()}
    return {
        **fields,
        "backends": list(dict.fromkeys(backends)),
        "simulated": "none" if True not in kinds else "some" if False in kinds else "all",
        "serious": list(dict.fromkeys(serious)),
        "headline": shortened.pop(ENGLISH.code),
        "headlines": shortened,
    }

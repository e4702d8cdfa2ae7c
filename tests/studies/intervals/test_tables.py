"""Tables for a terminal and for a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UsageError
from studies.intervals.tables import BEGIN, END, Table, as_lines, as_markdown, write_markdown

TABLE = Table("Shares", ("noise", "share"), (("quiet", "5 %"), ("<b>|é", "10 %")), "A note.")


def test_a_terminal_of_any_encoding_can_show_it() -> None:
    assert all(line.isascii() for line in as_lines(TABLE))


def test_numbers_stand_under_each_other() -> None:
    assert len({len(line) for line in list(as_lines(TABLE))[2:]}) == 1


def test_foreign_text_stays_text_in_markdown() -> None:
    assert "| &lt;b&gt;\\|é | 10 % |" in as_markdown([TABLE])


def test_a_page_with_marks_keeps_what_is_around_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nAfter.\n", encoding="utf-8")
    write_markdown(page, [TABLE])
    text = page.read_text("utf-8")

    assert (
        text.startswith(f"# Before\n\n{BEGIN}\n\n### Shares"),
        text.endswith(f"{END}\n\nAfter.\n"),
        "old" in text,
    ) == (
        True,
        True,
        False,
    )


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="name another file"):
        write_markdown(page, [TABLE])

    assert page.read_text("utf-8") == "mine"


def test_a_new_page_holds_the_tables(tmp_path: Path) -> None:
    write_markdown(tmp_path / "new" / "page.md", [TABLE])

    assert (tmp_path / "new" / "page.md").read_text("utf-8").startswith("### Shares\n\nA note.\n\n| noise | share |")

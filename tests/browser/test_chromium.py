from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.chromium import find_chromium, in_ci


def nothing_on_path(name: str) -> str | None:
    return None


def test_the_browser_that_the_user_names_is_taken() -> None:
    found = find_chromium({"AIPC_BENCH_CHROMIUM": "/opt/my browser"}, which=lambda name: f"/usr/bin/{name}")
    assert found == Path("/opt/my browser")


def test_a_browser_on_the_path_is_found() -> None:
    on_path = {"chromium": "/usr/bin/chromium"}
    assert find_chromium({}, which=on_path.get) == Path("/usr/bin/chromium")


def test_chrome_comes_before_a_chromium_that_may_be_a_snap() -> None:
    on_path = {"chromium": "/snap/bin/chromium", "google-chrome": "/usr/bin/google-chrome"}
    assert find_chromium({}, which=on_path.get) == Path("/usr/bin/google-chrome")


def test_edge_is_found_where_windows_keeps_it(tmp_path: Path) -> None:
    edge = tmp_path / "Microsoft" / "Edge" / "Application" / "msedge.exe"
    edge.parent.mkdir(parents=True)
    edge.touch()
    assert find_chromium({"PROGRAMFILES(X86)": str(tmp_path)}, which=nothing_on_path) == edge


def test_a_machine_without_a_browser_has_none(tmp_path: Path) -> None:
    assert find_chromium({"PROGRAMFILES": str(tmp_path)}, which=nothing_on_path) is None


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("1", True), ("false", False), ("", False)])
def test_ci_is_what_the_variable_says(value: str, expected: bool) -> None:
    assert in_ci({"CI": value}) is expected

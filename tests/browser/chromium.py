"""Which browser of this system the tests open a report in: any that is built on Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

VARIABLE = "AIPC_BENCH_CHROMIUM"
# Chrome first: Ubuntu's chromium is a snap, which sees neither /tmp nor hidden folders.
NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "microsoft-edge", "msedge", "chrome")
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
WINDOWS_PLACES = (
    ("Microsoft", "Edge", "Application", "msedge.exe"),
    ("Google", "Chrome", "Application", "chrome.exe"),
    ("Chromium", "Application", "chrome.exe"),
)
REMEDY = (
    f"no Chromium, Chrome or Edge was found: install one (Debian: `apt-get install chromium`), "
    f"or name its executable in {VARIABLE}"
)

FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
"""What keeps a browser from asking anything of a network, and from a GPU that a test machine may not have."""


def find_chromium(
    environ: Mapping[str, str] = os.environ, which: Callable[[str], str | None] = shutil.which
) -> Path | None:
    """The executable of a browser: as named by the user, else on PATH, else where Windows keeps it."""
    if named := environ.get(VARIABLE):
        return Path(named)
    for name in NAMES:
        if found := which(name):
            return Path(found)
    folders = [Path(environ[name]) for name in WINDOWS_FOLDERS if environ.get(name)]
    places = (folder.joinpath(*parts) for parts in WINDOWS_PLACES for folder in folders)
    return next((place for place in places if place.is_file()), None)


def in_ci(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether nobody looks on, so that a test that cannot run has to fail."""
    return environ.get("CI", "").lower() not in ("", "0", "false")

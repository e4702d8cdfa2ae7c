"""Experiments about the project itself: what its intervals are worth, what its harness costs."""

from __future__ import annotations


def say(line: str) -> None:
    """Print a line at once, since a study takes long."""
    print(line, flush=True)

"""The commands beside the sweep: one argument parser and one call each."""

from bench.cli import one_line


def say(line: str) -> None:
    """Print a line at once."""
    print(one_line(line), flush=True)

"""Where this checkout is: the harness is run from it, and hands it to the processes that it starts."""

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[1]

"""The harness: plans, prepares, measures, stores, analyses and reports. It runs from its checkout."""

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[1]
"""The checkout, which is handed to the processes that the harness starts."""

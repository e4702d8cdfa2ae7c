"""``python -m studies NAME …``: run one study, the ``main`` of the package of that name in this folder."""

from __future__ import annotations

import sys
from importlib import import_module

from bench.commands.child import break_as_interrupt

if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    break_as_interrupt()
    name, *arguments = sys.argv[1:]
    sys.exit(import_module(f"studies.{name.replace('-', '_')}.__main__").main(arguments))

"""``python -m bench.commands NAME …``: run one command, the ``main`` of the module of that name in this folder."""

import sys
from importlib import import_module

from bench.commands.child import break_as_interrupt

if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    break_as_interrupt()
    name, *arguments = sys.argv[1:]
    sys.exit(import_module(f"bench.commands.{name}").main(arguments))

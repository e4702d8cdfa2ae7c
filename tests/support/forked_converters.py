"""Converters that are forked from one process, which has imported their stacks.

Each conversion still has the request, folder, environment and log that the product gives it. That it starts from
nothing as well is shown by the main job. On Windows every converter does.
"""

from __future__ import annotations

import importlib
import os
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support import fork_server

IMPORTED = ("to_openvino", "to_ort_genai", "to_gguf", "cast", "reference", "synthetic", "tokenize_corpus")
"""Converters whose imports are shared, in this order: the builder of ONNX Runtime GenAI puts its folder on the path."""


@contextmanager
def forking(python: str, folder: Path) -> Iterator[str]:
    """A program to be called in the place of the interpreter ``python`` of the conversion venv."""
    if sys.platform == "win32":
        yield python
        return
    from bench import PROJECT_ROOT  # noqa: PLC0415 - the conversion venv runs this file without the harness
    from bench.prepare.converter import environment  # noqa: PLC0415 - likewise

    with fork_server.serving(python, __name__, PROJECT_ROOT, environment(folder, online=False)) as name:
        program = folder / "python"
        asking = shlex.join([python, "-SI", fork_server.__file__, name, "backends.convert"])
        program.write_text(f'#!/bin/sh\nexec {asking} "$@"\n', "utf-8")
        program.chmod(0o755)
        yield str(program)


def convert(arguments: Sequence[str]) -> None:
    """Convert, and end as a converter does."""
    from backends.convert.__main__ import main  # noqa: PLC0415 - in the conversion venv alone

    status = 1
    try:
        if sys.platform != "win32":
            os.setsid()
        status = main([*arguments])
    except BaseException:  # noqa: BLE001 - nothing of this process goes on in that of all others
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__" and sys.platform != "win32":
    for converter in IMPORTED:
        importlib.import_module(f"backends.convert.{converter}")
    fork_server.serve(sys.argv[1], convert)

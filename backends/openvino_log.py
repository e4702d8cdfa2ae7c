"""The properties of compiled models in OpenVINO GenAI's log; its API does not expose them."""

import os
import re
import sys
import tempfile
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")

_LEVEL, _INFORMATION = "OPENVINO_LOG_LEVEL", "3"
"""GenAI asks the environment at each model; above the level of warnings it prints."""

_STDOUT = 1
_MODEL = re.compile(r"^Model: (.*)$")
_PROPERTY = re.compile(r"^  ([A-Z][A-Z0-9_]*): *(.*)$")
_LANGUAGE_MODEL = "LLM"


def with_log(make: Callable[[], Made]) -> tuple[Made, str]:
    """Call ``make`` with GenAI's log on.

    Returns:
        what it made, and what the process wrote to its standard output meanwhile, native libraries included. If it
        raises, that goes where it would have gone.
    """
    sys.stdout.flush()
    try:
        kept = os.dup(_STDOUT)
    except OSError:
        return make(), ""
    level = os.environ.get(_LEVEL)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), _STDOUT)
        os.environ[_LEVEL] = _INFORMATION
        made = False
        try:
            result = make()
            made = True
        finally:
            if level is None:
                del os.environ[_LEVEL]
            else:
                os.environ[_LEVEL] = level
            os.dup2(kept, _STDOUT)
            os.close(kept)
            file.seek(0)
            text = file.read()
            if not made:
                os.write(_STDOUT, text)
    return result, text.decode("utf-8", "replace")


def model_properties(text: str) -> dict[str, str]:
    """The properties of the language model among the printed ones, devices as ``GPU.0`` or, of several, ``GPU.0+CPU``.

    Empty if no language model was printed; tokenizers are models in ``text``, too.
    """
    title, found = "", {}
    for line in text.splitlines():
        if begun := _MODEL.match(line):
            title = begun[1]
        elif _LANGUAGE_MODEL in title and (one := _PROPERTY.match(line)):
            found[one[1]] = one[2].strip()
    if "EXECUTION_DEVICES" in found:
        found["EXECUTION_DEVICES"] = "+".join(found["EXECUTION_DEVICES"].split())
    return found

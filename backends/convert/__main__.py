"""One conversion per process: ``python -m backends.convert request.json``.

The request is a JSON object: ``task`` (a name in :data:`TASKS`), ``source``, ``output`` (an empty folder), ``options``,
``online`` (whether it needs the network), ``memory_cap`` in bytes, and ``result``, the file that the answer is written
to. The answer is a JSON object too: ``{"ok": true, "facts": …}`` or ``{"ok": false, "message": …}``, with
``"refused": true`` where the converter takes no such model at all; no answer means that the process died.
"""

import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from backends.contract import one_line
from backends.convert import ConversionError, RefusedError
from backends.hf_weights import architecture_of
from backends.process import (
    cap_memory,
    end_children_too,
    end_with_harness,
    first_to_end,
    leave_network,
    unattended,
)

TASKS = {
    "cast": "backends.convert.cast",
    "gguf": "backends.convert.gguf_model",
    "gguf-as-is": "backends.convert.gguf_file",
    "gguf-tokenizer": "backends.convert.gguf_tokenizer",
    "hub": "backends.convert.hub",
    "hub-lookup": "backends.convert.hub_lookup",
    "inspect": "backends.convert.inspect_artifact",
    "openvino-ir": "backends.convert.to_openvino",
    "ort-genai": "backends.convert.to_ort_genai",
    "prompts": "backends.convert.tokenize_corpus",
    "reference": "backends.convert.reference",
    "synthetic": "backends.convert.synthetic",
    "to-gguf": "backends.convert.to_gguf",
}
"""Task -> the module whose ``convert`` does it; the others stay unloaded."""


def main(arguments: list[str]) -> int:
    """Carry out the request in the file that ``arguments`` names; the exit status is 0 if it was done."""
    if len(arguments) != 1:
        print("usage: python -m backends.convert request.json", file=sys.stderr)
        return 2
    unattended()
    first_to_end()
    end_children_too()
    request = json.loads(Path(arguments[0]).read_text("utf-8"))
    if not request["online"]:
        leave_network()
    cap_memory(request["memory_cap"])
    end_with_harness()
    answer = carry_out(request)
    Path(request["result"]).write_text(json.dumps(answer), "utf-8")
    return 0 if answer["ok"] else 1


def carry_out(request: dict[str, Any]) -> dict[str, Any]:
    """Do what ``request`` asks, and answer; errors of the converter become an answer too."""
    try:
        task = importlib.import_module(TASKS[request["task"]])
        facts = task.convert(request["source"], Path(request["output"]), request["options"])
    except RefusedError as error:
        return {"ok": False, "message": str(error), "refused": True}
    except ConversionError as error:
        return {"ok": False, "message": str(error)}
    except Exception as error:  # noqa: BLE001  converters raise anything; the log keeps the traceback
        traceback.print_exc()
        return {"ok": False, "message": _explained(error, request["source"])}
    return {"ok": True, "facts": facts}


def _explained(error: Exception, source: str) -> str:
    """The converter's own words, or, where a model asks for ``trust_remote_code``, what that means.

    Some converters name the folder ``source`` where the model's architecture is what they do not know.
    """
    if "trust_remote_code" not in str(error):
        words = one_line(error)
        if isinstance(error, NotImplementedError) and source in words:
            words = words.replace(source, architecture_of(Path(source)) or Path(source).name)
        return f"{type(error).__name__}: {words}" if str(error) else words
    return (
        "the model wants to run Python code that came with it, with your rights (trust_remote_code), which this tool "
        "never does; if you trust its author, convert it yourself with `optimum-cli export openvino --model MODEL "
        "--trust-remote-code FOLDER` and give FOLDER with --model, or choose a model that transformers knows"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

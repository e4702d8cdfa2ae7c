"""A stand-in for the converters that needs no inference stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

STAND_IN = """
import json, pathlib, subprocess, sys, time
request = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))
output, task = pathlib.Path(request["output"]), request["task"]
behaviour = pathlib.Path(__file__).with_name("behaviour").read_text("utf-8")
print("loading", flush=True)
if behaviour == "die":
    print("the last words", flush=True)
    sys.exit(9)
if behaviour == "hang":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (output / "half").write_text(str(child.pid), "utf-8")
    time.sleep(600)
if behaviour in ("refuse", "refuse the model"):
    answer = {"ok": False, "message": "this architecture is unknown: choose another model"}
    answer["refused"] = behaviour == "refuse the model"
else:
    answer = pathlib.Path(__file__).with_name("answer")
    facts = json.loads(answer.read_text("utf-8"))
    if task == "prompts":
        facts = {}
        book = {"kinds": {"chat": [1, 2, 3]}, "openers": [4, 5, 6, 7], "bos": [], "vocab_size": 8}
        book["texts"] = {"chat-1": [1, 2]}
        (output / "prompts.json").write_text(json.dumps(book), "utf-8")
        (output / "pieces.json").write_text(json.dumps(["<s>", " a", " b", None]), "utf-8")
    (output / "model.bin").write_bytes(b"0" * 48)
    with pathlib.Path(__file__).with_name("calls").open("a", encoding="utf-8") as calls:
        calls.write(task + "\\n")
    pathlib.Path(__file__).with_name("options").write_text(json.dumps(request["options"]), "utf-8")
    answer = {"ok": True, "facts": facts}
pathlib.Path(request["result"]).write_text(json.dumps(answer), "utf-8")
"""


class StandIn:
    """Converters that do as told; ``calls`` names the tasks that were carried out."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "backends" / "convert"
        self._folder.mkdir(parents=True)
        (root / "backends" / "__init__.py").touch()
        (self._folder / "__init__.py").touch()
        (self._folder / "__main__.py").write_text(STAND_IN, "utf-8")
        self.behave("work")
        self.answer({"weight_elements": {"int4": 60, "int8": 4}, "stored_bytes": 48})

    def answer(self, facts: dict[str, Any]) -> None:
        (self._folder / "answer").write_text(json.dumps(facts), "utf-8")

    def behave(self, how: str) -> None:
        (self._folder / "behaviour").write_text(how, "utf-8")

    @property
    def options(self) -> dict[str, Any]:
        """What the last task was given."""
        options: dict[str, Any] = json.loads((self._folder / "options").read_text("utf-8"))
        return options

    @property
    def calls(self) -> list[str]:
        file = self._folder / "calls"
        return file.read_text("utf-8").split() if file.exists() else []

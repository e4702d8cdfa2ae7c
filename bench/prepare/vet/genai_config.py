"""The configuration of an ONNX Runtime GenAI model, read by a list of the keys that are taken.

ONNX Runtime GenAI hands every key of ``session_options`` that it does not know to ONNX Runtime, and some that it does
know load libraries, write files or name memory. So a key is taken if it is known to do nothing of the kind.
"""

import json
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.prepare.vet.files import DOCUMENT, Folder, RefusedError

NAME = "genai_config.json"

_LONGEST_TEXT = 512

_Taker = Callable[[Any, str], Any]
"""Takes a value and the place where it stands; raises :class:`RefusedError` where it is none for that place."""


def _refused(where: str, problem: str) -> RefusedError:
    return RefusedError(f"{NAME}: {where or 'it'} {problem}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < 2**63 and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT and (value.isprintable() or not value)


_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "number": (_is_number, "is no number"),
    "numbers": (
        lambda value: all(map(_is_number, value if isinstance(value, list) else [value])),
        "is neither a number nor a list of numbers",
    ),
    "text": (_is_text, f"is no text of up to {_LONGEST_TEXT} characters"),
    "texts": (lambda value: isinstance(value, list) and all(map(_is_text, value)), "is no list of texts"),
}
"""Kind of a plain value -> whether one is of it, and what is said of one that is not."""


def _plain(kind: str) -> _Taker:
    is_one, problem = _KINDS[kind]

    def take(value: Any, where: str) -> Any:
        if not is_one(value):
            raise _refused(where, problem)
        return value

    return take


_text = _plain("text")


def _entries(value: Any, where: str) -> Iterator[tuple[str, Any, str]]:
    """Name, value and place of each entry of the object ``value``."""
    if not isinstance(value, dict):
        raise _refused(where, "is no object")
    for name, one in value.items():
        if not _is_text(name):
            raise _refused(where, "has a key that is no name")
        yield name, one, f"{where}.{name}".lstrip(".")


def _named(take: _Taker) -> _Taker:
    """Of an object whose keys are names that the model gives."""
    return lambda value, where: {name: take(one, place) for name, one, place in _entries(value, where)}


def _object(known: Mapping[str, _Taker]) -> _Taker:
    """Of an object with no other keys than those that are ``known``."""

    def take(value: Any, where: str) -> dict[str, Any]:
        taken = {}
        for key, one, place in _entries(value, where):
            if key not in known:
                reason = _KEYS["refused"].get(key, f"is none of the keys that are taken (see {DOCUMENT})")
                raise _refused(place, f"{reason}: remove it from a copy of the folder, if the model works without it")
            taken[key] = known[key](one, place)
        return taken

    return take


def _providers(value: Any, where: str) -> list[dict[str, Any]]:
    """Objects of providers, each with its options; ``null`` stands for none."""
    if not isinstance(value, list):
        raise _refused(where, "is no list")
    taken = []
    for entry in value:
        for name, options, place in _entries(entry, where):
            known = _KEYS["options"].get(name.lower().removesuffix("executionprovider"), ())
            taken.append({name: _object(dict.fromkeys(known, _text))({} if options is None else options, place)})
    return taken


_KEYS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_TAKERS = {"providers": _providers, **{kind: _plain(kind) for kind in _KINDS}}


def _known(name: str) -> dict[str, _Taker]:
    """The keys of the object that the list calls ``name``, each with what takes its value."""
    return {key: _TAKERS[kind] for kind, keys in _KEYS[name].items() for key in keys}


def vet(folder: Folder, config: Any) -> tuple[str, list[str]]:
    """The text of the configuration as it is taken, and the names of the ONNX files that it names.

    Raises:
        RefusedError: a key is not taken, or its value is none that it can have.
    """
    graphs: list[str] = []

    def filename(value: Any, where: str) -> str:
        name = str(_text(value, where))
        if not name.endswith(".onnx"):
            raise _refused(where, f"names {name!r}, which is no .onnx file")
        folder.file(name, NAME)
        graphs.append(name)
        return name

    graph = {"filename": filename, "session_options": _object(_known("session")), "run_options": _object(_known("run"))}
    stages = _named(_object({**_known("stage"), **graph, "output_names_forwarder": _named(_text)}))

    def pipeline(value: Any, where: str) -> Any:
        if isinstance(value, list):
            return [stages(one, f"{where}[{place}]") for place, one in enumerate(value)]
        return stages(value, where)

    ports = {"inputs": _named(_text), "outputs": _named(_text)}
    more = {"sliding_window": _object(_known("window")), "pipeline": pipeline}
    model = _object({**_known("model"), "decoder": _object({**_known("decoder"), **graph, **ports, **more})})
    engine = _object(dict.fromkeys(("dynamic_batching", "static_batching"), _object(_known("batching"))))
    taken = _object({"model": model, "search": _object(_known("search")), "engine": engine})(config, "")
    if not graphs:
        raise _refused("model.decoder.filename", "is missing: without a graph it is no model")
    # GenAI's own reader of JSON knows no \u0000 for a letter.
    return json.dumps(taken, indent=4, ensure_ascii=False), graphs

"""What reads files and messages of strangers, each with a small one that it takes: whole, to be damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq

from backends.bounded_json import read_json
from backends.channel import ProtocolError, receive, send
from backends.convert.hub_files import needed, placed, refusal
from bench.analyse.conditions import mismatches
from bench.analyse.run import analyse_run
from bench.errors import BenchError
from bench.plan.options import resolve_options
from bench.prepare.cache import MANIFEST, read_artifact
from bench.prepare.model_facts import facts_of
from bench.prepare.vet.take import take
from bench.report.exports.summary_json import summary_json
from bench.report.exports.summary_rows import cell_rows, summary_csv
from bench.report.language import in_each
from bench.report.run_page import run_page, summary_markdown
from bench.report.run_table import run_table
from bench.report.run_view import view_run
from bench.report.run_words import banners, nothing_measured
from bench.store.digests import differences
from bench.store.reader import open_run, without_damaged
from tests.support.charts import blank_charts
from tests.support.hostile_models import gguf, gguf_field, gguf_text, hugging_face, openvino_ir, ort_genai

Read = Callable[[], object]
"""Reads the file as it is then; what is wrong with it is a :class:`bench.errors.BenchError`, and nothing else."""

_RUNS = Path(__file__).resolve().parents[1] / "golden" / "runs"
_SWEEP = """backend = ["openvino-genai", "ort-genai"]
precision = "int4"
prompt_tokens = [32, 128]
blocks = 3

[load_options.openvino-genai]
attention_backend = "SDPA"
"""


def _sweep(folder: Path) -> tuple[Path, Read]:
    file = folder / "sweep.toml"
    file.write_text(_SWEEP, "utf-8", newline="\n")
    return file, lambda: resolve_options({"config": str(file)}, folder)


def _gguf(folder: Path) -> tuple[Path, Read]:
    fields = [gguf_field("general.alignment", 4, (32).to_bytes(4, "little")), gguf_field("a", 8, gguf_text("b"))]
    file = gguf(folder / "m.gguf", fields)
    return file, lambda: take("gguf", file, "m", folder)


def _onnx(folder: Path) -> tuple[Path, Read]:
    return ort_genai(folder) / "model.onnx", lambda: take("ort-genai", folder, "m", folder)


def _genai(folder: Path) -> tuple[Path, Read]:
    return ort_genai(folder) / "genai_config.json", lambda: take("ort-genai", folder, "m", folder)


def _ir(folder: Path) -> tuple[Path, Read]:
    return openvino_ir(folder) / "openvino_model.xml", lambda: take("openvino-ir", folder, "m", folder)


def _safetensors(folder: Path) -> tuple[Path, Read]:
    return hugging_face(folder) / "model.safetensors", lambda: facts_of(folder)


def _config(folder: Path) -> tuple[Path, Read]:
    return hugging_face(folder) / "config.json", lambda: facts_of(folder)


def _hub(folder: Path) -> tuple[Path, Read]:
    file = folder / "files.json"
    names = ["config.json", "tokenizer.json", "model.safetensors.index.json", "model-1.safetensors", "a/b.gguf"]
    index = {"weight_map": {"weight": "model-1.safetensors"}}
    file.write_text(json.dumps({**dict.fromkeys(names), **index}), "utf-8")

    def read() -> None:
        try:
            listed = read_json(file)
        except ValueError:
            return
        names = [str(name) for name in listed] if isinstance(listed, dict) else []
        needed(names, placed(listed) if names else {})
        refusal("acme/tiny", names, "hf")

    return file, read


def _manifest(folder: Path) -> tuple[Path, Read]:
    file = folder / MANIFEST
    told = {"schema_version": 2, "format": "gguf", "precision": "int4", "digest": "a", "files": {}, "facts": {}}
    file.write_text(json.dumps({**told, "weight_bits": {"int4": 1.0}, "bits_per_weight": 4.5}), "utf-8")
    return file, lambda: read_artifact(folder)


class _Said:
    """A line to a worker on which lies what a file holds."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def send_bytes(self, data: bytes, /) -> None:
        self.file.write_bytes(data)

    def recv_bytes(self, maxlength: int | None = None, /) -> bytes:
        return self.file.read_bytes()


def _message(folder: Path) -> tuple[Path, Read]:
    file = folder / "message"
    send(_Said(file), "generation", submitted_ns=1, stamps_ns=[2, 3], token_ids=[[1], [2]], cpu_time_ns=1, details={})

    def read() -> None:
        with suppress(ProtocolError):
            receive(_Said(file))

    return file, read


def _of_a_run(name: str) -> Callable[[Path], tuple[Path, Read]]:
    def make(folder: Path) -> tuple[Path, Read]:
        run = Path(shutil.copytree(_RUNS / "20261128T235139Z-92c760", folder / "20261128T235139Z-92c760"))
        file = run / name
        if file.suffix == ".parquet":
            # With a checksum, and packed, nearly all that is damaged would be found before it is read.
            pq.write_table(pq.read_table(file), file, compression="none")
        elif name in _BESIDE:
            file.write_text(json.dumps(_BESIDE[name]), "utf-8")
        return file, lambda: _report(run)

    return make


_BESIDE = {
    "digests.json": {"loads/all.parquet": "0"},
    "answers.json": {"reference": "transformers fp32", "answers": {"a": [1, 2]}},
    "pieces.json": {"1": "one", "2": "two"},
}


def _report(run: Path) -> None:
    """What a report says, without its charts."""
    with suppress(BenchError):
        differences(run)
    view = view_run(analyse_run(without_damaged(open_run(run, rest=True))))
    rows = cell_rows(view)
    said = (run_table(view), summary_markdown(view), summary_json(view, rows, in_each(nothing_measured)))
    "".join((*said, summary_csv(rows), *banners(view))).encode()
    with blank_charts():
        run_page(view, "", b"")
    mismatches(view.analysis.record, view.analysis.record)


READERS: Mapping[str, Callable[[Path], tuple[Path, Read]]] = {
    "sweep": _sweep,
    "gguf": _gguf,
    "onnx": _onnx,
    "genai": _genai,
    "ir": _ir,
    "safetensors": _safetensors,
    "config": _config,
    "hub": _hub,
    "manifest": _manifest,
    "message": _message,
    "run": _of_a_run("run.json"),
    "end": _of_a_run("end.json"),
    "digests": _of_a_run("digests.json"),
    "answers": _of_a_run("answers.json"),
    "pieces": _of_a_run("pieces.json"),
    "loads": _of_a_run("loads/all.parquet"),
    "generations": _of_a_run("generations/all.parquet"),
}
"""What is read -> makes it in an empty folder, and gives its file and what reads it."""

"""A Hugging Face directory to OpenVINO IR, by optimum-intel's own exporter."""

import shutil
import sys
from pathlib import Path
from typing import Any

import optimum.exporters.openvino.convert as exporter
import optimum.exporters.openvino.model_configs  # noqa: F401 - its architectures put themselves on a list
from optimum.commands.optimum_cli import main
from optimum.exporters.tasks import TasksManager
from packaging.version import Version
from transformers import AutoConfig

from backends.contract import installed_versions
from backends.convert import ConversionError, RefusedError
from backends.convert.as_stored import refuse_incomplete
from backends.convert.openvino_weights import weights_of

_MODEL = "openvino_model"
_TASK = "text-generation-with-past"
_SHORTEST_SAMPLE = 200
"""Characters; shorter paragraphs say little of how a model's activations are distributed."""


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Export the directory ``source``, tokenizer included, with ``options["arguments"]``, which are the recipe.

    With ``options["calibrated"]``, arguments of ``OVWeightQuantizationConfig``, NNCF then compresses the exported
    weights so that they fit what the model computes for the texts in the files ``options["corpus"]``.
    """
    _refuse_unknown(source)
    refuse_incomplete()
    # torch checks a trace by a second one and computes the inputs three times more: a third of a conversion's time.
    # All that it can find is a model that draws random numbers; the exporter leaves it out for some architectures.
    exporter.allow_skip_tracing_check = lambda *_: True
    calibrated = options.get("calibrated")
    exported = output.parent / "exported" if calibrated else output
    sys.argv = ["optimum-cli", "export", "openvino", "--model", source, *options["arguments"], str(exported)]
    main()
    if not (exported / f"{_MODEL}.xml").is_file():
        raise ConversionError("optimum-cli wrote no openvino_model.xml: the model's architecture may be unknown to it")
    if calibrated:
        _compress(exported, output, calibrated, [Path(file).read_text("utf-8") for file in options["corpus"]])
    return weights_of(output / f"{_MODEL}.xml")


def _refuse_unknown(source: str) -> None:
    """Refuse what the exporter would refuse too, but only once it has read all weights, and in words for its authors.

    Raises:
        RefusedError: it has no export for the architecture, not for text alone, or not with this transformers.
    """
    config = AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    kind = config.model_type
    versions = installed_versions("optimum-intel", "transformers")
    named, mine = f"optimum-intel {versions['optimum-intel']}", versions["transformers"]
    remedy = "choose another stack for this model, or give an OpenVINO IR of it"
    tasks = TasksManager._SUPPORTED_MODEL_TYPE.get(kind, {}).get("openvino", {})  # noqa: SLF001 - no public look-up
    if not tasks:
        raise RefusedError(f"{named} exports no {kind} models: {remedy}")
    if _TASK not in tasks:
        raise RefusedError(f"{named} exports {kind} models for {', '.join(tasks)} alone, not for text: {remedy}")
    export = tasks[_TASK](config)
    oldest, newest = (getattr(export, f"{end}_TRANSFORMERS_VERSION", None) for end in ("MIN", "MAX"))
    ends = []
    if newest is not None and Version(mine) > Version(str(newest)):
        ends.append(f"up to {newest}")
    if oldest is not None and Version(mine) < Version(str(oldest)):
        ends.append(f"from {oldest} on")
    if ends:
        raise RefusedError(
            f"{named} exports {kind} models with transformers {ends[0]}, the conversion venv has {mine}: {remedy}"
        )


def _compress(exported: Path, output: Path, settings: dict[str, Any], texts: list[str]) -> None:
    from optimum.intel import OVModelForCausalLM, OVWeightQuantizationConfig  # noqa: PLC0415 - few recipes need it

    pieces = [piece for text in texts for piece in text.split("\n\n") if len(piece) >= _SHORTEST_SAMPLE]
    config = OVWeightQuantizationConfig(**settings, dataset=pieces, tokenizer=str(exported), num_samples=len(pieces))
    model = OVModelForCausalLM.from_pretrained(
        exported, quantization_config=config, compile=False, export=False, local_files_only=True
    )
    model.save_pretrained(output)
    for file in exported.iterdir():
        if file.stem != _MODEL and not (output / file.name).exists():
            shutil.copy2(file, output)
    shutil.rmtree(exported)

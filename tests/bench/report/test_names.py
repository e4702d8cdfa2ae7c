from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.drawing.style import line_styles
from bench.report.names import Naming, name_all
from bench.store.reader import open_run

MakeRun = Callable[..., Any]


def named(run: Any, folder: Path) -> Naming:
    return name_all(analyse_run(open_run(run.write(folder))))


def test_a_line_is_a_backend_device_precision(fake_run: MakeRun, tmp_path: Path) -> None:
    naming = named(fake_run(), tmp_path)
    assert [series.name for series in naming.series][:2] == ["openvino-genai CPU int4", "openvino-genai CPU int8"]


def test_a_stacks_ways_to_a_device_have_colours_of_their_own(fake_run: MakeRun, tmp_path: Path) -> None:
    loads = [Load("ort-genai", device, "int4") for device in ("CPU", "OPENVINO.CPU", "DML", "GPU")]
    styles = line_styles(named(fake_run(loads=loads), tmp_path).series)
    by_device = {load.device: styles[load.key].colour for load in loads}
    assert (len(set(by_device.values())), by_device["CPU"] == by_device["GPU"]) == (3, True)


def test_options_side_by_side_split_a_line(fake_run: MakeRun, tmp_path: Path) -> None:
    loads = [Load("openvino-genai", "CPU", "int4", {"attention_backend": name}) for name in ("PA", "SDPA")]
    names = [series.name for series in named(fake_run(loads=loads), tmp_path).series]
    assert names == [
        "openvino-genai CPU int4 [attention_backend=PA]",
        "openvino-genai CPU int4 [attention_backend=SDPA]",
    ]


def test_options_that_follow_the_prompt_do_not_split_a_line(fake_run: MakeRun, tmp_path: Path) -> None:
    class Padded(fake_run):  # type: ignore[misc, valid-type]
        @property
        def cells(self) -> list[Any]:
            lengths = {32: self.loads[0], 128: self.loads[1]}
            return [cell for cell in super().cells if lengths[cell.prompt_tokens] == cell.load]

    loads = [Load("openvino-genai", "NPU", "int4", {"MAX_PROMPT_LEN": n}) for n in (32, 128)]
    naming = named(Padded(loads=loads, prompt_tokens=(32, 128)), tmp_path)
    assert [len(series.cells) for series in naming.series] == [2]


def test_variants_have_lines_of_their_own(fake_run: MakeRun, tmp_path: Path) -> None:
    loads = [Load("ort-genai", "CPU", "int4", variant=name) for name in ("A", "B")]
    names = [series.name for series in named(fake_run(loads=loads), tmp_path).series]
    assert names == ["A: ort-genai CPU int4", "B: ort-genai CPU int4"]


@pytest.mark.parametrize(("precision", "shown"), [("fp16", "fp16 (in f32)"), ("fp32", "fp32"), ("int4", "int4")])
def test_weights_that_are_computed_in_another_float_type_say_so(
    fake_run: MakeRun, tmp_path: Path, precision: str, shown: str
) -> None:
    names = [series.name for series in named(fake_run(loads=[Load("ort-genai", "CPU", precision)]), tmp_path).series]
    assert names == [f"ort-genai CPU {shown}"]


@pytest.mark.slow
def test_no_two_lines_look_the_same(fake_run: MakeRun, tmp_path: Path) -> None:
    devices, formats = ("CPU", "GPU", "NPU"), ("int4", "int8", "fp16", "bf16", "fp32")
    loads = [Load(b, d, p) for b in ("openvino-genai", "ort-genai", "simulated") for d in devices for p in formats]
    looks = line_styles(named(fake_run(loads=loads, prompt_tokens=(32,), blocks=1, repeats=1), tmp_path).series)
    assert len(set(looks.values())) == len(loads)


@pytest.mark.parametrize("attribute", ["marker", "dashes"])
def test_formats_differ_by_more_than_colour(fake_run: MakeRun, tmp_path: Path, attribute: str) -> None:
    loads = [Load("ort-genai", "CPU", p) for p in ("int4", "int8", "fp16", "fp32")]
    looks = line_styles(named(fake_run(loads=loads, prompt_tokens=(32,), blocks=1, repeats=1), tmp_path).series)
    assert len({getattr(one, attribute) for one in looks.values()}) == len(loads)


@pytest.mark.parametrize(
    ("specs", "names"),
    [
        (("ort-genai==1", "current"), ["a (1): ort-genai CPU int4", "b (current): ort-genai CPU int4"]),
        (("ort-genai.x=1", "ort-genai.x=2"), ["a (x=1): ort-genai CPU int4", "b (x=2): ort-genai CPU int4"]),
        (
            ("onnxruntime-genai==0.17.0", "/" + "x" * 50 + "/bin/python"),
            [
                "a (onnxruntime-genai==0.17.0): ort-genai CPU int4",
                f"b (…{'x' * 28}/bin/python): ort-genai CPU int4",
            ],
        ),
    ],
)
def test_variants_are_named_by_what_they_are(
    fake_run: MakeRun, tmp_path: Path, specs: tuple[str, str], names: list[str]
) -> None:
    run = fake_run(loads=[Load("ort-genai", "CPU", "int4", variant=name) for name in ("a", "b")])
    run.variants = {name: {"spec": spec} for name, spec in zip(("a", "b"), specs, strict=True)}
    assert [series.name for series in named(run, tmp_path).series] == names

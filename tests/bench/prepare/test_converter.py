from __future__ import annotations

import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench import PROJECT_ROOT
from bench.errors import MachineError, ModelRefused, PrepareError
from bench.observe.isolation import network_kept
from bench.prepare import converter
from bench.prepare.converter import Converter, environment, tail
from bench.prepare.recipes import Recipe

pytestmark = pytest.mark.process

TOY = Recipe("openvino-ir", {}, {})


def run(tmp_path: Path) -> dict[str, Any]:
    output = tmp_path / "work" / "out"
    output.mkdir(parents=True)
    return Converter(sys.executable, tmp_path / "logs").run(
        TOY, "somewhere", output, title="toy to openvino-ir int4", log_name="toy"
    )


def test_the_converters_facts_come_back(tmp_path: Path, stand_in: Any) -> None:
    assert run(tmp_path)["stored_bytes"] == 48


def test_a_refusal_comes_back_with_its_reason(tmp_path: Path, stand_in: Any) -> None:
    stand_in.behave("refuse")
    with pytest.raises(PrepareError, match=r"toy to openvino-ir int4 failed: this architecture is unknown: choose"):
        run(tmp_path)


def test_a_model_that_the_converter_takes_never_is_refused_in_its_words_alone(tmp_path: Path, stand_in: Any) -> None:
    stand_in.behave("refuse the model")
    with pytest.raises(ModelRefused, match=r"^this architecture is unknown: choose another model$"):
        run(tmp_path)


@pytest.mark.fault("convert-killed")
def test_a_death_comes_back_with_the_last_lines(tmp_path: Path, stand_in: Any) -> None:
    stand_in.behave("die")
    with pytest.raises(PrepareError) as failed:
        run(tmp_path)
    assert str(failed.value) == (
        "converting toy to openvino-ir int4 failed: the converter died (exit code 9); its last words: the last words "
        f"(all it printed is in {tmp_path / 'logs' / 'toy.log'})"
    )


@pytest.mark.fault("convert-killed")
def test_an_interrupt_ends_the_converter_and_its_children(
    tmp_path: Path, stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.behave("hang")
    half = tmp_path / "work" / "out" / "half"

    def interrupt(*_: object) -> int:
        while not (half.exists() and half.read_text("utf-8")):
            time.sleep(0.02)
        raise KeyboardInterrupt

    monkeypatch.setattr(converter, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    child = int(half.read_text("utf-8"))
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


@pytest.mark.fault("convert-memory")
def test_a_converter_is_stopped_before_the_machine_runs_out_of_memory(
    tmp_path: Path, stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.behave("hang")
    half = tmp_path / "work" / "out" / "half"

    def shortage() -> str | None:
        return "1 MB of 8192 MB left" if half.exists() and half.read_text("utf-8") else None

    monkeypatch.setattr(converter, "starving", shortage)
    with pytest.raises(PrepareError, match=r"int4 was stopped before the machine ran out of memory: 1 MB of 8192 MB"):
        run(tmp_path)
    child = int(half.read_text("utf-8"))
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


REACHES = """
import socket
from backends.convert import ConversionError
def convert(source, output, options):
    with socket.socket() as one:
        reached = one.connect_ex(("127.0.0.1", options["port"])) == 0
    return {"reached": reached, "granted": len(bytearray(400_000_000))}
"""


@pytest.fixture
def other_converters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real start of a converter, and converters that tell what they reach."""
    root = tmp_path / "other project"
    shutil.copytree(PROJECT_ROOT / "backends", root / "backends", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("cast", "hub"):
        (root / "backends" / "convert" / f"{name}.py").write_text(REACHES, encoding="utf-8")
    monkeypatch.setattr("bench.processes.PROJECT_ROOT", root)


def reaches(tmp_path: Path, task: str) -> dict[str, Any]:
    output = tmp_path / "work" / "out"
    output.mkdir(parents=True)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        recipe = Recipe(task, {}, {"port": listening.getsockname()[1]})
        return Converter(sys.executable, tmp_path / "logs").run(
            recipe, "somewhere", output, title="toy", log_name="toy"
        )


def test_the_download_alone_reaches_anybody(tmp_path: Path, other_converters: None) -> None:
    assert reaches(tmp_path / "hub", "hub")["reached"]
    if (kept := network_kept()) is not None:
        pytest.skip(f"converters keep the network here: {kept}")
    assert not reaches(tmp_path / "cast", "cast")["reached"]


@pytest.mark.fault("convert-memory")
def test_a_converter_that_takes_more_than_its_cap_says_so(
    tmp_path: Path, other_converters: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converter, "memory_cap", lambda: 200_000_000)
    with pytest.raises(PrepareError, match=r"MemoryError.*; memory cap: it may take 0\.2 GB, .* use a smaller model"):
        reaches(tmp_path, "cast")


def test_an_interpreter_that_is_not_there_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="nox -s models"):
        Converter(str(tmp_path / "nothing"), tmp_path).versions(["torch"])


def test_versions_tell_what_is_missing(tmp_path: Path) -> None:
    found = Converter(sys.executable, tmp_path).versions(["pytest", "no-such-package"])
    assert found == {"pytest": pytest.__version__, "no-such-package": None}


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_converters_are_offline(tmp_path: Path, name: str) -> None:
    assert environment(tmp_path, online=False)[name] == "1"


def test_a_download_is_not_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert "HF_HUB_OFFLINE" not in environment(tmp_path, online=True)


def test_the_tail_shows_the_last_state_of_a_progress_bar(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"start\n10%\r50%\r100%\n\n")
    assert tail(log) == "start\n100%\n\n"


def test_a_dll_that_a_converter_lacks_is_told_with_where_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("Traceback", encoding="utf-8")
    answer = {"ok": False, "message": "ImportError: DLL load failed while importing _pybind_state"}
    said = converter._failure("toy to int4", answer, 1, tmp_path / "log", 10**9)
    assert "; install Microsoft's Visual C++ Redistributable" in said
    assert "\n" not in said

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.plan.specs import looks_like_interpreter, looks_like_options, python_at, requirements_in


@pytest.mark.parametrize("text", ["openvino-genai.attention_backend=SDPA", "a.b=1,a.c=2", "simulated.series_ms=1;2"])
def test_options_look_like_options(text: str) -> None:
    assert looks_like_options(text)


@pytest.mark.parametrize("text", ["openvino-genai==2026.4", "./a.b=c", "a.b==1", "current"])
def test_other_things_do_not_look_like_options(text: str) -> None:
    assert not looks_like_options(text)


@pytest.mark.parametrize("text", ["/usr/bin/python3", "venv\\Scripts\\python.exe", "python", "python3.12", "./x"])
def test_paths_look_like_interpreters(text: str) -> None:
    assert looks_like_interpreter(text)


@pytest.mark.parametrize("text", ["openvino-genai==1", "./dist/x-1-py3-none-any.whl", "a @ file:///x/y", "current"])
def test_packages_do_not_look_like_interpreters(text: str) -> None:
    assert not looks_like_interpreter(text)


def test_an_interpreter_is_taken_where_it_is() -> None:
    assert python_at(sys.executable, "--a") == str(Path(sys.executable))


def test_an_interpreter_that_is_not_there_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--a: no interpreter at .*nowhere; a variant is one of packages"):
        python_at(str(tmp_path / "nowhere"), "--a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("openvino-genai==2026.4.1.0", ("openvino-genai==2026.4.1.0",)),
        ("onnxruntime-genai==0.17.0 onnxruntime==1.30.0", ("onnxruntime-genai==0.17.0", "onnxruntime==1.30.0")),
        ("  openvino-genai == 2026.4.1.0rc1 ", ("openvino-genai==2026.4.1.0rc1",)),
        ("a[b, c] == 1", ("a[b,c]==1",)),
        ("torch===2.13.0+cpu", ("torch===2.13.0+cpu",)),
        ("a @ https://example.org/a-1-py3-none-any.whl", ("a @ https://example.org/a-1-py3-none-any.whl",)),
    ],
)
def test_requirements_are_read_one_by_one(text: str, expected: tuple[str, ...]) -> None:
    assert requirements_in(text, "--a") == expected


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    folder = tmp_path / "my dist"
    folder.mkdir()
    path = folder / "openvino_genai-2026.5-py3-none-any.whl"
    path.write_bytes(b"a build")
    return path


def test_a_wheel_is_the_package_that_its_name_says_with_its_digest(wheel: Path) -> None:
    digest = hashlib.sha256(b"a build").hexdigest()
    assert requirements_in(str(wheel), "--a") == (f"openvino-genai @ {wheel.as_uri()}#sha256={digest}",)


def test_another_build_under_the_same_name_is_another_requirement(wheel: Path) -> None:
    before = requirements_in(str(wheel), "--a")
    wheel.write_bytes(b"another build")
    assert requirements_in(str(wheel), "--a") != before


def test_a_wheel_may_be_named_by_its_url(wheel: Path) -> None:
    assert requirements_in(f"openvino-genai @ {wheel.as_uri()}", "--a") == requirements_in(str(wheel), "--a")
    assert len(requirements_in(f"openvino-genai @ {wheel.as_uri().replace('///', '//localhost/')}", "--a")) == 1


def test_a_wheel_may_stand_beside_other_packages(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(wheel.parent)
    found = requirements_in(f".{os.sep}{wheel.name} openvino==2026.5", "--a")
    assert (found[0].partition(" ")[0], found[1]) == ("openvino-genai", "openvino==2026.5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--a: expected packages with exact versions"),
        ("openvino-genai", "'openvino-genai' leaves the version open; write openvino-genai==VERSION"),
        ("openvino-genai>=2026", "leaves the version open"),
        ("openvino-genai==2026.*", "leaves the version open"),
        ("openvino-genai==1,!=2", "leaves the version open"),
        ("openvino-genai=2026", "'openvino-genai=2026' is no requirement (Expected"),
        (r"C:\v\x", r"'C:\v\x' is no requirement"),
        ("--pre", "'--pre' is no requirement"),
        ("./nowhere-1-py3-none-any.whl", "--a: no package at"),
        ("a @ file:///nowhere.whl", "--a: no package at"),
        ("a @ file://server/share/a.whl", f"--a: no package at {Path('//server/share/a.whl')}"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        requirements_in(text, "--a")
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_is_refused_with_the_command_that_makes_a_wheel(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder; make a wheel of it, `pip wheel --no-deps -w dist"):
        requirements_in(f"a @ {tmp_path.as_uri()}", "--a")


def test_a_wheel_must_be_named_as_one(tmp_path: Path) -> None:
    (tmp_path / "build.whl").write_bytes(b"")
    with pytest.raises(UsageError, match=r"build\.whl is not named as a package is"):
        requirements_in(str(tmp_path / "build.whl"), "--a")

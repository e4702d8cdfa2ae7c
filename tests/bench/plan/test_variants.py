from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.plan.environments import environment
from bench.plan.options import Options
from bench.plan.variants import Variant, requirements_in

MakeOptions = Callable[..., Options]
OLD, NEW = "openvino-genai==2026.3.0.0", "openvino-genai==2026.4.0.0"


def test_without_variants_there_are_none(make_options: MakeOptions) -> None:
    assert make_options().variants == {}


def test_two_versions_are_variants_of_the_backend_that_pins_the_package(make_options: MakeOptions) -> None:
    options = make_options("--a", OLD, "--b", NEW)
    assert {name: (one.kind, one.backend, one.spec, one.requirements) for name, one in options.variants.items()} == {
        "a": ("packages", "openvino-genai", OLD, (OLD,)),
        "b": ("packages", "openvino-genai", NEW, (NEW,)),
    }


def test_the_variants_backend_alone_is_measured(make_options: MakeOptions) -> None:
    options = make_options("--a", OLD, "--b", NEW, "--backend", "ort-genai,openvino-genai")
    assert options.backends == ("openvino-genai",)


def test_variants_have_ten_blocks_unless_asked_otherwise(make_options: MakeOptions) -> None:
    variants = ("--a", OLD, "--b", NEW)
    assert [make_options(*variants, *more).blocks for more in ((), ("--profile", "quick"))] == [10, 3]


@pytest.mark.parametrize(
    ("packages", "more", "backend"),
    [
        ("onnxruntime-genai==0.17.0 onnxruntime==1.30.0", (), "ort-genai"),
        ("onnxruntime-genai==0.17.0", ("--backend", "optimum-intel"), "optimum-intel"),
        ("onnxruntime-genai-directml==0.13.0", ("--device", "DML"), "ort-genai"),
        ("onnxruntime-genai==0.17.0", ("--device", "OPENVINO.CPU"), "ort-genai"),
        ("transformers==5.0", ("--backend", "optimum-intel,transformers"), "transformers"),
        ("nncf==3.3.0", (), "optimum-intel"),
        ("openvino-genai==2026.3.0.0 openvino==2026.3.0", (), "openvino-genai"),
        ("llama-cpp-python==0.3.35", (), "llama-cpp-python"),
        ("cyllama==0.6.1", (), "llama-cpp"),
        ("cyllama-vulkan==0.6.1", ("--device", "VULKAN"), "llama-cpp"),
    ],
)
def test_the_backend_is_the_one_whose_environment_pins_the_package(
    make_options: MakeOptions, packages: str, more: tuple[str, ...], backend: str
) -> None:
    assert make_options("--a", packages, "--b", "current", *more).variants["a"].backend == backend


def test_current_is_what_the_project_pins(make_options: MakeOptions) -> None:
    options = make_options("--a", "current", "--b", NEW)
    assert environment("openvino-genai").replacing(options.variants["a"].requirements).name == "openvino-genai"


def test_same_is_what_the_other_is(make_options: MakeOptions) -> None:
    options = make_options("--a", OLD, "--b", "same")
    assert (options.variants["b"].requirements, options.variants["b"].spec) == ((OLD,), "same")


def test_the_same_twice_is_an_a_a_run(make_options: MakeOptions) -> None:
    options = make_options("--a", "same", "--b", "same", "--backend", "transformers")
    assert [one.backend for one in options.variants.values()] == ["transformers", "transformers"]


def test_load_options_are_variants_and_win_over_the_runs(make_options: MakeOptions) -> None:
    variants = ("--a", "openvino-genai.attention_backend=SDPA", "--b", "current")
    options = make_options(*variants, "--load-option", "openvino-genai.attention_backend=PA")
    assert {name: (one.kind, dict(one.options)) for name, one in options.variants.items()} == {
        "a": ("options", {"attention_backend": "SDPA"}),
        "b": ("options", {}),
    }


def test_an_interpreter_is_a_variant_of_the_one_backend(make_options: MakeOptions) -> None:
    options = make_options("--a", sys.executable, "--b", "current", "--backend", "ort-genai")
    assert {name: (one.kind, one.python) for name, one in options.variants.items()} == {
        "a": ("interpreter", sys.executable),
        "b": ("packages", None),
    }


def test_options_may_be_tried_in_an_interpreter_of_the_users(make_options: MakeOptions) -> None:
    variants = ("--a", "openvino-genai.attention_backend=SDPA", "--b", "current")
    assert make_options(*variants, "--worker", f"openvino-genai={sys.executable}").workers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--a", OLD), "--a is one of two variants, and --b names the other; 'current' is what the project pins"),
        (("--b", OLD), "--b is one of two variants, and --a names the other"),
        (
            ("--a", "numpie==1", "--b", "current"),
            "--a: no backend's environment pins numpie; the packages are openvino",
        ),
        (("--a", OLD, "--b", NEW, "--backend", "ort-genai"), "--a: no environment of ort-genai pins openvino-genai; "),
        (("--a", OLD, "--b", "nncf==3.3.0"), "--a is a variant of openvino-genai and --b of optimum-intel: they must"),
        (
            ("--a", "numpy==2.0", "--b", "same"),
            "--a: npu, llama-cpp, llama-cpp-python could be meant; name one by --backend",
        ),
        (("--a", "current", "--b", "same"), "--a current, --b current: nothing here says of which backend that is"),
        (("--a", sys.executable, "--b", "current"), "--a: nothing here says of which backend that is"),
        (("--a", OLD, "--b", "openvino-genai=3"), "--b: 'openvino-genai=3' is no requirement"),
        (("--a", "./nowhere/python", "--b", OLD), "--a: no interpreter at "),
        (("--a", "openvino-genai.speed=1", "--b", "current"), "openvino-genai has no load option 'speed'; it has"),
        (("--a", "vllm.speed=1", "--b", "current"), "expected BACKEND.KEY=VALUE"),
        (("--a", "simulated.ttft_ms=1,llama-cpp.flash_attention=off", "--b", "current"), "are two backends"),
        (
            ("--a", "simulated.ttft_ms=1", "--b", "current", "--backend", "ort-genai"),
            "is not among --backend ort-genai",
        ),
        (("--a", OLD, "--b", NEW, "--worker", f"openvino-genai={sys.executable}"), "--worker openvino-genai: which"),
        (("--a", "simulated==1", "--b", "current", "--backend", "simulated"), "the packages are none"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    make_options: MakeOptions, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make_options(*arguments)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_sweep_file_names_no_variants(make_options: MakeOptions, write_sweep: Callable[[str], str]) -> None:
    with pytest.raises(UsageError, match="a is for the command line only"):
        make_options("--config", write_sweep('a = "current"\n'))


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("a.b=1,a.c=2", "expected BACKEND.KEY=VALUE with a backend of"),
        ("simulated.x=1;2", "simulated has no load option 'x'"),
        *((text, "no interpreter at") for text in ("./a.b=c", "venv\\Scripts\\python.exe", "python3.12", "/nowhere/x")),
        ("a.b==1", "names a.b, which|no environment|no backend's environment pins a-b"),
        ("openvino-genai >= 1", "leaves the version open"),
        (" ", "expected packages with exact versions .*, got nothing"),
        ("./dist/x-1-py3-none-any.whl", "no package at"),
        ("a @ file:///x/y", "no package at"),
    ],
)
def test_options_interpreters_and_packages_are_told_apart(make_options: MakeOptions, text: str, refusal: str) -> None:
    with pytest.raises(UsageError, match=refusal):
        make_options("--backend", "simulated", "--a", text, "--b", "current")


def test_an_interpreter_is_taken_where_it_is(make_options: MakeOptions) -> None:
    options = make_options("--backend", "openvino-genai", "--a", sys.executable, "--b", "current")
    assert options.variants["a"].python == str(Path(sys.executable))


def test_a_folder_may_have_an_at_sign_in_its_name(make_options: MakeOptions, tmp_path: Path) -> None:
    folder = tmp_path / "python@3.12"
    folder.mkdir()
    for name in ("python3", "openvino_genai-1-py3-none-any.whl"):
        (folder / name).touch()
    given = make_options("--backend", "openvino-genai", "--a", str(folder / "python3"), "--b", str(folder / name))
    assert given.variants["a"].python == str(folder / "python3")
    assert given.variants["b"].requirements[0].startswith("openvino-genai @ file://")


def test_what_is_too_long_for_a_name_is_no_interpreter(make_options: MakeOptions) -> None:
    with pytest.raises(UsageError, match="no interpreter at"):
        make_options("--backend", "simulated", "--a", "/" + "x" * 5000, "--b", "current")


def test_an_interpreter_that_is_not_there_is_refused_with_its_path(make_options: MakeOptions, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--a: no interpreter at .*nowhere; a variant is one of packages"):
        make_options("--a", str(tmp_path / "nowhere"), "--b", "current")


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
        ("--pre", "'--pre' is no requirement"),
        ("./nowhere-1-py3-none-any.whl", "--a: no package at"),
        ("a @ file:///nowhere.whl", "--a: no package at"),
        ("a @ file://server/share/a.whl", f"--a: no package at {Path('//server/share/a.whl')}"),
    ],
)
def test_a_spec_that_cannot_be_is_refused_in_one_line(text: str, message: str) -> None:
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


@pytest.mark.parametrize(
    ("requirements", "reason"),
    [(("a==1", "openvino-genai==2"), None), (("a==1",), "changes nothing of openvino-genai on")],
)
def test_one_package_of_its_environment_makes_a_variant(requirements: tuple[str, ...], reason: str | None) -> None:
    variant = Variant("a==1", "packages", "openvino-genai", requirements)
    assert (reason or "") in (variant.why_not("CPU", "int4") or "")
    assert (variant.why_not("CPU", "int4") is None) == (reason is None)

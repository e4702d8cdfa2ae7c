"""What the lock files hold, which venvs are installed from them, and what is said of those that are not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import noxfile
from bench.errors import PrepareError
from bench.plan import environments
from bench.plan.environments import EXTRAS, PLUGINS, environment, known_groups
from bench.prepare import install, locks
from bench.prepare.install import is_ready
from bench.prepare.installers import complaints, explanation
from bench.prepare.locks import Row, lock_of, parse, unlocked, without
from bench.prepare.resolve import renew
from tests.nox_sessions.fake import PROJECT, SHA, AbortedError, FakeSession, as_session, lock, made, write_project

REAL = Path(noxfile.__file__).parent


def noted(venv: str) -> Any:
    return json.loads((install.VENVS / venv / "lock.json").read_text("utf-8"))


def handed(fake: FakeSession) -> list[str]:
    """What pip is asked to install, call by call."""
    return [call[-1] for call in fake.pip_calls if "--dry-run" not in call]


class Pip(FakeSession):
    """Reports a build of torch, and lists what ``lists`` says."""

    def __init__(self, lists: dict[str, str], torch: str = "2", requires: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.lists, self.build = lists, {"name": "torch", "version": torch, "requires_dist": list(requires)}
        self.hashed: list[str] = []

    def run(self, *arguments: str, **options: Any) -> str | None:
        if "--report" in arguments:
            report = {"install": [{"metadata": self.build}]}
            Path(arguments[arguments.index("--report") + 1]).write_text(json.dumps(report), encoding="utf-8")
        if "-r" in arguments:
            self.hashed.append(Path(arguments[-1]).read_text("utf-8"))
        said = super().run(*arguments, **options)
        if "list" in arguments and "config" not in arguments:
            return json.dumps([{"name": name, "version": version} for name, version in self.lists.items()])
        return said


# -- the project's own locks ------------------------------------------------------------------------------------------


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    """The locks and the groups of this project."""
    for module in (environments, locks):
        monkeypatch.setattr(module, "PROJECT_ROOT", REAL)
    environments.read_project.cache_clear()


def test_every_group_of_the_project_has_a_lock_of_its_pins(real: None) -> None:
    assert [why for group in known_groups() if (why := locks.problem(group)) is not None] == []


def test_there_is_no_lock_of_no_group(real: None) -> None:
    assert {file.stem for file in (REAL / "locks").iterdir()} == set(known_groups())


def test_each_row_has_a_version_and_hashes_of_files(real: None) -> None:
    for group in known_groups():
        for row in parse(locks.lock_file(group).read_text("utf-8")):
            assert "==" in row.requirement
            assert row.hashes
            assert all(one.startswith("sha256:") and len(one) == len(SHA) for one in row.hashes)


@pytest.mark.slow
def test_what_runs_the_same_code_has_the_same_versions(real: None) -> None:
    held = {row.requirement for row in lock_of(environment("tests")).rows}
    for group in ("harness", *environments.extra_groups()):
        rows = parse(locks.lock_file(group).read_text("utf-8"))
        names = {row.name for row in lock_of(environment("tests")).rows}
        assert {row.requirement.split(" ;")[0] for row in rows if row.name in names} <= {
            one.split(" ;")[0] for one in held
        }


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_lock_is_read_as_it_was_written(root: Path) -> None:
    lock("ort-genai")
    rows = [Row("onnxruntime-genai==6", (SHA, SHA)), Row("numpy==1 ; python_version < '3.12'", (SHA,), ("a", "b"))]
    locks.write("ort-genai", rows)
    assert parse(locks.lock_file("ort-genai").read_text("utf-8")) == tuple(rows)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "locks/ort-genai.txt is not there: `nox -s lock` makes it"),
        ("# pin: onnxruntime-genai==5\n", "was made from other pins than pyproject.toml has"),
        ("# pin: onnxruntime-genai==6\nnumpy==1 --hash=sha256:0\n", "does not hold onnxruntime-genai==6"),
        ("# pin: onnxruntime-genai==6\nonnxruntime-genai==6\n", "has no hash of onnxruntime-genai"),
        ("# pin: onnxruntime-genai==6\n<<<<<<< HEAD\n", "holds what is no requirement (Expected package name"),
    ],
)
def test_a_lock_that_is_none_for_the_pins_says_so(root: Path, text: str | None, said: str) -> None:
    if text is not None:
        lock("ort-genai")
        locks.lock_file("ort-genai").write_text(text, encoding="utf-8")
    assert said in str(locks.problem("ort-genai"))


def test_the_check_asks_nobody_and_names_all_that_is_old(root: Path) -> None:
    for group in known_groups():
        lock(group)
    noxfile.lock(as_session(FakeSession("--check")))
    locks.lock_file("ort-genai").unlink()
    with pytest.raises(AbortedError, match=r"ort-genai\.txt is not there"):
        noxfile.lock(as_session(FakeSession("--check")))


def test_an_option_that_it_does_not_have_is_refused() -> None:
    fake = FakeSession("--chekc")
    with pytest.raises(SystemExit) as stopped:
        noxfile.lock(as_session(fake))
    assert (stopped.value.code, fake.said) == (4, ["error: lock knows no --chekc; it takes --check and --upgrade"])


# -- making them ------------------------------------------------------------------------------------------------------


def uv(monkeypatch: pytest.MonkeyPatch, plain: str, full: str, status: int = 0) -> list[list[str]]:
    """Plays uv: writes ``plain``, or ``full`` if asked for that format."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        commands.append(command)
        text = full if "pylock.toml" in command else plain
        Path(command[command.index("-o") + 1]).write_text(text, encoding="utf-8")
        return CompletedProcess(command, status, "", "no such version")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


EVERYWHERE = "python_full_version < '3.14' and platform_python_implementation == 'CPython' and sys_platform == 'linux'"
PLAIN = f"""\
onnxruntime-genai==6 ; {EVERYWHERE} \\
    --hash=sha256:1 \\
    --hash=sha256:2 \\
    --hash=sha256:3
numpy==1 ; python_full_version < '3.12' and platform_python_implementation == 'CPython' \\
    --hash=sha256:4
    # via onnxruntime-genai, -c /home/me/locks/tests.txt
"""
WHEEL = '{{ url = "https://x/{}", hashes = {{ sha256 = "{}" }} }}'


def pylock(*wheels: str) -> str:
    listed = ", ".join(WHEEL.format(name, number) for number, name in enumerate(wheels, start=1))
    sdist = 'sdist = { url = "https://x/n-1.tar.gz", hashes = { sha256 = "4" } }'
    return f'[[packages]]\nname = "o"\nwheels = [{listed}]\n[[packages]]\nname = "n"\n{sdist}\n'


def renewed(monkeypatch: pytest.MonkeyPatch, *wheels: str) -> str:
    monkeypatch.setattr("bench.prepare.resolve.known_groups", lambda: ("ort-genai",))
    monkeypatch.setattr("bench.prepare.resolve.pins", lambda group: ("onnxruntime-genai==6",))
    uv(monkeypatch, PLAIN, pylock(*wheels))
    list(renew("python", range(11, 14), upgrade=False))
    return locks.lock_file("ort-genai").read_text("utf-8")


def test_a_lock_has_the_files_of_our_systems_and_pythons_and_no_marker_that_all_have(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = renewed(
        monkeypatch,
        "o-6-cp311-cp311-manylinux_2_28_x86_64.whl",
        "o-6-cp311-cp311-macosx_11_0_arm64.whl",
        "o-6-cp314-cp314-win_amd64.whl",
    )
    assert text.splitlines()[2:] == [
        "onnxruntime-genai==6 \\",
        "    --hash=sha256:1",
        "numpy==1 ; python_full_version < '3.12' \\",
        "    --hash=sha256:4",
        "    # via onnxruntime-genai",
    ]


@pytest.mark.parametrize(
    ("wheel", "kept"),
    [
        ("o-6-py3-none-any.whl", True),
        ("o-6-py2.py3-none-any.whl", True),
        ("o-6-cp39-abi3-win_amd64.whl", True),
        ("o-6-cp313-cp313-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", True),
        ("o-6-cp312-cp312-musllinux_1_2_aarch64.whl", True),
        ("o-6-cp310-cp310-win_amd64.whl", False),
        ("o-6-cp313-cp313t-win_amd64.whl", False),
        ("o-6-cp314-abi3-win_amd64.whl", False),
        ("o-6-pp311-pypy311_pp73-win_amd64.whl", False),
        ("o-6-cp312-cp312-win32.whl", False),
        ("o-6-cp312-cp312-manylinux_2_17_i686.whl", False),
        ("not-a-wheel.whl", False),
    ],
)
def test_which_wheels_a_lock_has(root: Path, monkeypatch: pytest.MonkeyPatch, wheel: str, kept: bool) -> None:
    text = renewed(monkeypatch, "o-6-py3-none-win_arm64.whl", wheel)
    assert ("--hash=sha256:2" in text) == kept


def test_a_group_without_a_solution_leaves_its_lock_as_it_was(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock("tests")
    before = locks.lock_file("tests").read_text("utf-8")
    uv(monkeypatch, "", "", status=1)
    with pytest.raises(PrepareError, match="the packages of tests cannot be resolved: no such version"):
        list(renew("python", range(11, 14), upgrade=False))
    assert locks.lock_file("tests").read_text("utf-8") == before


# -- installing from them ---------------------------------------------------------------------------------------------


def test_a_venv_is_installed_by_hash_and_says_so(root: Path) -> None:
    lock("ort-genai", "numpy==2.4.6")
    pip = Pip({"onnxruntime-genai": "6", "NumPy": "2.4.6", "pip": "1"})
    made(pip, "ort-genai")
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(pip.pip_calls[0])
    assert [row.requirement for row in parse(pip.hashed[0])] == ["onnxruntime-genai==6", "numpy==2.4.6"]
    assert noted("ort-genai") == {"locked": True, "installer": "pip"}


def test_what_is_installed_beside_is_installed_by_hash_after_the_check(root: Path) -> None:
    lock("conversion")
    lock("default-model")
    pip = Pip({"torch": "2", "openvino": "3", "weights": "4"})
    made(pip, "conversion")
    assert [[row.name for row in parse(text)] for text in pip.hashed] == [["torch", "openvino"], ["weights"]]
    assert noted("conversion") == {"locked": True, "installer": "pip"}


def test_a_changed_lock_makes_a_venv_anew(root: Path) -> None:
    lock("ort-genai", "numpy==2.4.6")
    made(FakeSession(), "ort-genai")
    assert is_ready(environment("ort-genai"))
    lock("ort-genai", "numpy==2.4.7")
    assert not is_ready(environment("ort-genai"))


def test_a_build_of_torch_of_the_users_is_taken_by_name_without_what_it_does_not_need(root: Path) -> None:
    lock("transformers")
    rows = [
        Row("torch==2", (SHA,)),
        Row("transformers==7", (SHA,)),
        Row("numpy==1", (SHA,), ("transformers",)),
        Row("sympy==1", (SHA,), ("torch",)),
        Row("mpmath==1", (SHA,), ("sympy",)),
        Row("nvidia-cublas==13", (SHA,), ("torch",)),
        Row("cuda-pathfinder==1", (SHA,), ("nvidia-cublas",)),
    ]
    locks.write("transformers", rows)
    listed = {"torch": "2+cpu", "transformers": "7", "numpy": "1", "sympy": "1", "mpmath": "1"}
    pip = Pip(listed, "2+cpu", ("sympy>=1", "pyyaml; extra == 'pyyaml'"))
    made(pip, "transformers")
    assert [row.name for row in parse(pip.hashed[0])] == ["transformers", "numpy", "sympy", "mpmath"]
    assert handed(pip)[1] == "torch==2+cpu"
    reason = "installed by name, from an index of yours: torch 2+cpu"
    assert noted("transformers") == {"locked": False, "unlocked_reason": reason, "installer": "pip"}


def test_the_public_torch_is_installed_by_hash(root: Path) -> None:
    lock("transformers")
    pip = Pip({"torch": "2", "transformers": "7"})
    made(pip, "transformers")
    assert (len(handed(pip)), noted("transformers")) == (1, {"locked": True, "installer": "pip"})


def test_packages_of_the_users_are_added_to_the_locked_ones(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock("harness")
    lock("energy")
    monkeypatch.setenv(EXTRAS, "energy")
    monkeypatch.setenv(PLUGINS, "toy==1")
    pip = Pip({"pytest": "1", "codecarbon": "12", "toy": "1"})
    made(pip, "harness")
    assert [row.requirement for row in parse(pip.hashed[0])] == ["pytest==1", "codecarbon==12"]
    assert handed(pip)[1:] == ["toy==1"]
    assert noted("harness")["unlocked_reason"] == "installed by name, from an index of yours: toy 1"


def test_what_is_compiled_here_is_not_said_to_be_locked(root: Path) -> None:
    lock("llama-cpp-python")
    pip = Pip({"llama-cpp-python": "10"})
    made(pip, "llama-cpp-python")
    assert "--only-binary" not in pip.pip_calls[0]
    assert noted("llama-cpp-python")["unlocked_reason"] == "compiled here, by build tools that no lock has"


@pytest.mark.parametrize("old", [True, False])
def test_without_a_lock_a_venv_is_made_and_says_why(root: Path, monkeypatch: pytest.MonkeyPatch, old: bool) -> None:
    lock("ort-genai")
    if old:
        write_project(root, PROJECT.replace("genai==6", "genai==66"))
    else:
        monkeypatch.setenv(locks.VARIABLE, "off")
    fake = FakeSession()
    made(fake, "ort-genai")
    why = noted("ort-genai")["unlocked_reason"]
    assert fake.pip_calls[0][-1].startswith("onnxruntime-genai==6")
    assert f"ort-genai is installed without a lock: {why}" in fake.said
    assert ("other pins" in why, "AIPC_BENCH_LOCK=off" in why) == (old, not old)


def test_a_variant_has_no_lock(root: Path) -> None:
    lock("ort-genai")
    variant = environment("ort-genai").replacing(["onnxruntime-genai==5"])
    made(FakeSession(), variant)
    assert noted(variant.name)["unlocked_reason"] == "its pins were replaced for `nox -s ab`"


# -- rules ------------------------------------------------------------------------------------------------------------


def test_less_one_package_what_others_need_stays() -> None:
    rows = [Row("a==1", ()), Row("b==1", (), ("a",)), Row("torch==1", (), ("a",)), Row("c==1", (), ("torch", "b"))]
    assert [row.name for row in without(rows, ["a==1", "torch==1"], "torch", [])] == ["a", "b", "c"]


def test_what_is_not_of_the_lock_is_named_with_its_version() -> None:
    rows = [Row("numpy==1 ; python_version < '3.12'", ()), Row("numpy==2", ()), Row("a-b==3", ())]
    assert unlocked(rows, {"A_b": "3", "numpy": "2", "torch": "4"}) == ("torch 4",)


PIPS_WORDS = """\
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated
    six==1.17.0 from https://me:key@mirror/six-1.17.0.whl#sha256=47 (from -r r.txt (line 1)):
        Expected sha256 00
             Got        47
"""


@pytest.mark.parametrize(("package", "hinted"), [("numpy", True), ("onnxruntime-genai", False)])
def test_a_version_that_an_index_lacks_need_not_be_the_locks(
    root: Path, tmp_path: Path, package: str, hinted: bool
) -> None:
    log = tmp_path / "pip.log"
    log.write_text(f"ERROR: No matching distribution found for {package}==6", encoding="utf-8")
    assert explanation(log, environment("ort-genai")) == []
    lock("ort-genai", "numpy==6")
    said = [f"ERROR: No matching distribution found for {package}==6", f"HINT: {locks.LACKING}"]
    assert explanation(log, environment("ort-genai")) == (said if hinted else [])


def test_an_index_that_cannot_be_reached_is_not_one_that_lacks_a_version(root: Path, tmp_path: Path) -> None:
    why = "NewConnectionError(\"HTTPConnection(host='127.0.0.1', port=9): [Errno 111] Connection refused\")"
    retried = f"WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by '{why}': /simple/numpy/\n"
    found = "ERROR: Could not find a version that satisfies the requirement numpy==6 (from versions: {})\n"
    lacking = "ERROR: No matching distribution found for numpy==6\n"
    lock("ort-genai", "numpy==6")
    log = tmp_path / "pip.log"
    log.write_text(retried + found.format("none") + lacking, "utf-8")
    error, hint = explanation(log, environment("ort-genai"))
    assert error == f"ERROR: the package index cannot be reached: {why}"
    assert "PIP_INDEX_URL" in hint
    # It was reached at last.
    log.write_text(retried + found.format("4, 5") + lacking, "utf-8")
    assert explanation(log, environment("ort-genai"))[-1] == f"HINT: {locks.LACKING}"


def test_another_file_than_the_locks_is_named_with_a_remedy(tmp_path: Path) -> None:
    log = tmp_path / "pip.log"
    log.write_text(PIPS_WORDS, encoding="utf-8")
    error, hint = explanation(log, environment("ort-genai"))
    assert error == (
        "ERROR: six==1.17.0 from https://mirror/six-1.17.0.whl is not the file whose hash the lock of ort-genai has"
    )
    assert hint.startswith("HINT: if you trust this index")
    assert "AIPC_BENCH_LOCK=off" in hint
    log.write_text("ERROR: Could not find a version\n", encoding="utf-8")
    assert (explanation(log, environment("ort-genai")), complaints(log, "")) == (
        [],
        ["ERROR: Could not find a version"],
    )

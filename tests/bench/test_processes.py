"""Which process works, and how its end is described."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from bench import PROJECT_ROOT, processes
from bench.processes import child_environment, working_process
from bench.store.schema import LOADS

ACCESS_VIOLATION = 0xC0000005
WAITING = (sys.executable, "-c", "import sys; sys.stdin.read()")
"""A program that ends with its input.

It is not killed at its start: on Windows the ``python.exe`` of a venv that ends before it has put the interpreter, its
child, into its job leaves it behind.
"""


def test_the_process_that_was_started_is_the_one_that_works() -> None:
    assert working_process(os.getpid(), os.getpid()) == os.getpid()


@pytest.mark.process
def test_a_child_that_says_so_is_the_one_that_works() -> None:
    with subprocess.Popen(WAITING, stdin=subprocess.PIPE) as child:
        assert working_process(os.getpid(), child.pid) == child.pid


@pytest.mark.usefixtures("no_home")
def test_a_child_of_a_user_without_a_home_folder_gets_one_in_the_checkout() -> None:
    assert child_environment({})["HOME"] == str(PROJECT_ROOT / ".nox" / "home")


def test_a_child_has_its_users_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert child_environment({})["HOME"] == str(tmp_path)


SECRETS = (
    *("AWS_SECRET_ACCESS_KEY", "AZURE_CLIENT_SECRET", "GITHUB_TOKEN", "OPENAI_API_KEY", "SSH_AUTH_SOCK", "PGPASSWORD"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "KUBECONFIG", "NETRC", "LLAMA_API_KEY", "OPENVINO_MODEL_SERVER_PASSWORD"),
    *("PIP_INDEX_URL", "UV_INDEX_PASSWORD", "MY_OWN", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONBREAKPOINT"),
)
OF_THE_HUB: tuple[str, ...] = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HTTPS_PROXY", "SSL_CERT_FILE")
if sys.platform != "win32":  # Windows has names in capitals only, whatever was set.
    OF_THE_HUB = (*OF_THE_HUB, "http_proxy")
NEEDED = (
    *("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "LOCALAPPDATA", "NUMBER_OF_PROCESSORS"),
    *("CXX", "INCLUDE"),
    *("OMP_NUM_THREADS", "ONEAPI_ROOT", "OPENVINO_LOG_LEVEL", "CUDA_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"),
)


@pytest.fixture
def everything_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SECRETS, *OF_THE_HUB, *NEEDED):
        monkeypatch.setenv(name, f"mine of {name}")


@pytest.mark.parametrize("online", [False, True])
@pytest.mark.usefixtures("everything_set")
def test_a_child_gets_no_key_of_anything(online: bool) -> None:
    assert not {*SECRETS} & child_environment({}, online=online).keys()


@pytest.mark.usefixtures("everything_set")
def test_a_child_gets_what_finds_programs_and_drivers_and_what_changes_its_speed() -> None:
    assert {name: f"mine of {name}" for name in NEEDED}.items() <= child_environment({}).items()


@pytest.mark.usefixtures("everything_set")
def test_the_hub_alone_gets_its_token_and_the_proxies() -> None:
    assert {*OF_THE_HUB} <= child_environment({}, online=True).keys()
    assert not {*OF_THE_HUB} & child_environment({}).keys()


def test_a_child_reports_its_use_to_nobody() -> None:
    names = ("HF_HUB_DISABLE_TELEMETRY", "ORT_DISABLE_TELEMETRY", "NNCF_CI", "CI")
    assert [child_environment({}, online=True).get(name) for name in names] == ["1", "1", "1", "true"]


def test_a_child_that_needs_no_network_reads_no_token_of_its_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    offline = child_environment({})
    assert [offline[name] for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_IMPLICIT_TOKEN")] == [
        *"111"
    ]


@pytest.mark.parametrize("told", [0, -1, 2**30])
def test_a_process_that_is_none_is_not_believed(told: int) -> None:
    assert working_process(os.getpid(), told) == os.getpid()


@pytest.mark.process
def test_a_process_that_comes_from_elsewhere_is_not_believed() -> None:
    with subprocess.Popen(WAITING, stdin=subprocess.PIPE) as child:
        assert working_process(child.pid, os.getpid()) == child.pid


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "exit code 3"),
        (-9, "killed by signal 9, as the system does when memory runs out"),
        (-11, "killed by signal 11, segmentation fault: a library crashed"),
        (-64, "killed by signal 64"),
        (ACCESS_VIOLATION, "exit code 0xC0000005, access violation: a library crashed"),
        (ACCESS_VIOLATION - 2**32, "exit code 0xC0000005, access violation: a library crashed"),
        (0xC0000135, "exit code 0xC0000135, a DLL was not found"),
        (0xC0DE0001, "exit code 0xC0DE0001"),
    ],
)
def test_an_end_is_said_in_words(code: int, words: str) -> None:
    assert processes.exit_in_words(code) == words


@pytest.mark.parametrize("code", [0, 70, -9, ACCESS_VIOLATION, 0xFFFFFFFF, None])
def test_every_code_fits_into_its_column(code: int | None) -> None:
    column = pa.array([processes.signed_exit_code(code)], LOADS.field("exit_code").type)
    assert column.to_pylist() == [processes.signed_exit_code(code)]


@pytest.mark.parametrize("code", [0, 70, -9])
def test_a_code_of_its_size_is_stored_as_it_is(code: int) -> None:
    assert processes.signed_exit_code(code) == code


def test_a_status_of_windows_is_stored_as_windows_shows_it() -> None:
    assert processes.signed_exit_code(ACCESS_VIOLATION) == -1073741819


def test_a_stored_status_is_shown_in_hexadecimal() -> None:
    assert processes.format_exit_code(-1073741819) == "0xC0000005"

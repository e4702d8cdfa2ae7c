"""What a night in CI does: .github/night.py, the steps of action.yml, and the workflow that calls it."""

from __future__ import annotations

import http.server
import importlib.util
import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from bench.commands.gate import parser as gate_parser
from bench.plan.flags import BY_NAME

ROOT = Path(__file__).parents[1]
ACTION = (ROOT / "action.yml").read_text("utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "bench-nightly.yml").read_text("utf-8")


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, in a folder of its own, as outside GitHub."""
    spec = importlib.util.spec_from_file_location("night", ROOT / ".github" / "night.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return module


def write_run(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}", "utf-8")


def sessions(night: ModuleType, monkeypatch: pytest.MonkeyPatch, **does: Callable[[], int]) -> list[tuple[str, ...]]:
    """Stand-ins for nox's sessions; returns the command lines that they are called with."""
    called: list[tuple[str, ...]] = []

    def run(session: str, *arguments: str) -> int:
        called.append((session, *arguments))
        return does[session]()

    monkeypatch.setattr(night, "nox", run)
    return called


def measured(status: int, name: str = "20300101T000000Z-aaaaaa") -> Callable[[], int]:
    def bench() -> int:
        write_run(Path("results", name))
        Path("reports", name).mkdir(parents=True)
        Path("reports", name, "summary.md").write_text("the answer\n", "utf-8")
        return status

    return bench


@pytest.mark.parametrize(
    ("bench", "gate", "baselines", "status", "kept"),
    [
        (0, 0, 5, 0, True),
        (0, 1, 5, 1, False),
        (0, 2, 5, 2, False),
        (0, 2, 4, 0, True),
        (0, 0, 0, 0, True),
        (1, 0, 5, 0, False),
        (1, 2, 4, 2, False),
        (1, 0, 0, 2, False),
        (0, 4, 4, 4, False),
    ],
)
def test_which_nights_become_baselines(
    night: ModuleType, monkeypatch: pytest.MonkeyPatch, bench: int, gate: int, baselines: int, status: int, kept: bool
) -> None:
    for number in range(baselines):
        write_run(Path("baselines", f"before{number}"))
    called = sessions(night, monkeypatch, bench=measured(bench), gate=lambda: gate)
    assert night.main(["bench", "--profile", "quick"]) == bench
    assert night.main(["gate", "--threshold", "5%"]) == status
    assert Path("baselines", "20300101T000000Z-aaaaaa").is_dir() == kept
    assert ("baseline=true" in Path("GITHUB_OUTPUT").read_text("utf-8")) == kept
    names = [str(Path("baselines", f"before{number}")) for number in range(baselines)]
    head = ("--head", "20300101T000000Z-aaaaaa", "--threshold", "5%")
    judged = [("gate", "--baseline", *names, *head)] if baselines else []
    assert called == [("bench", "--profile", "quick"), *judged]


def test_the_last_ten_baselines_are_kept(night: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        write_run(Path("baselines", f"2029010{number}T000000Z-aaaaaa"))
    sessions(night, monkeypatch, bench=measured(0), gate=lambda: 0)
    night.main(["bench"])
    night.main(["gate"])
    kept = sorted(path.name for path in Path("baselines").iterdir())
    assert len(kept) == 10
    assert (kept[0], kept[-1]) == ("20290101T000000Z-aaaaaa", "20300101T000000Z-aaaaaa")


def test_the_summary_and_the_run_are_handed_on_also_after_a_failure(
    night: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(Path("results", "20310101T000000Z-earlier"))
    sessions(night, monkeypatch, bench=measured(1))
    assert night.main(["bench"]) == 1
    assert Path("GITHUB_OUTPUT").read_text("utf-8") == "run=20300101T000000Z-aaaaaa\n"
    assert Path("GITHUB_STEP_SUMMARY").read_text("utf-8") == "the answer\n"


def test_a_night_in_which_nothing_was_measured_is_not_judged_by_an_earlier_one(
    night: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions(night, monkeypatch, bench=measured(0))
    night.main(["bench"])
    sessions(night, monkeypatch, bench=lambda: 4)
    assert night.main(["bench"]) == 4
    assert night.main(["gate"]) == 2
    assert "nothing was measured" in capsys.readouterr().out


def test_an_unknown_step_is_a_usage_error(night: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert night.main(["measure"]) == 4
    assert "STEP" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "shown"), [(0, "| machine |\n"), (4, "")])
def test_the_page_of_all_machines_is_of_the_dataset_and_in_the_summary(
    night: ModuleType, monkeypatch: pytest.MonkeyPatch, status: int, shown: str
) -> None:
    def page() -> int:
        Path("reports", "fleet").mkdir(parents=True)
        Path("reports", "fleet", "fleet.md").write_text("| machine |\n", "utf-8")
        return status

    called = sessions(night, monkeypatch, fleet=page)
    assert night.main(["fleet", "--newest", "5"]) == status
    assert called == [("fleet", "report", "--results-dir", "dataset", "--reports-dir", "reports", "--newest", "5")]
    summary = Path("GITHUB_STEP_SUMMARY")
    assert (summary.read_text("utf-8") if summary.exists() else "") == shown


def test_the_last_job_makes_and_uploads_the_page_of_all_machines() -> None:
    made, uploaded = WORKFLOW.index("night.py fleet"), WORKFLOW.index("path: reports/fleet")
    assert WORKFLOW.index("nox -s collect") < WORKFLOW.index("path: dataset") < made < uploaded


# -- baselines from GitHub's artifacts --------------------------------------------------------------------------------


def zipped(**files: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


class GitHub(http.server.BaseHTTPRequestHandler):
    """Its API for artifacts, and the storage that it redirects to."""

    artifacts: ClassVar[list[dict[str, Any]]] = []
    storage: ClassVar[dict[str, bytes]] = {}
    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        if self.path.startswith("/api/zip/"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/api/zip/", "/storage/"))
            self.end_headers()
            return
        listing = json.dumps({"artifacts": self.artifacts}).encode()
        body = self.storage.get(self.path.removeprefix("/storage/")) if "/storage/" in self.path else listing
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[GitHub]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), GitHub)
    api = f"http://127.0.0.1:{server.server_port}/api"
    GitHub.seen = []
    GitHub.storage = {"good": zipped(**{"20300101T000000Z-aaaaaa/run.json": "{}"})}

    def artifact(name: str, created: str, branch: str = "main", repository: int = 1, **more: object) -> dict[str, Any]:
        run = {"head_branch": branch, "repository_id": 1, "head_repository_id": repository}
        made = {"archive_download_url": f"{api}/zip/{name}", "created_at": created, "expired": False}
        return {**made, "workflow_run": run, **more}

    GitHub.artifacts = [
        artifact("old", "2030-01-01T00:00:00Z"),
        artifact("good", "2030-01-02T00:00:00Z"),
        artifact("expired", "2030-01-03T00:00:00Z", expired=True),
        artifact("of-a-fork", "2030-01-04T00:00:00Z", repository=2),
        artifact("of-a-branch", "2030-01-05T00:00:00Z", branch="other"),
    ]
    variables = {"API_URL": api, "REPOSITORY": "lab/bench", "REF_NAME": "main", "TOKEN": "secret"}
    for name, value in variables.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield GitHub
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.process
def test_baselines_are_those_of_the_newest_artifact_of_this_branch(night: ModuleType, github: type[GitHub]) -> None:
    write_run(Path("baselines", "of-a-disk"))
    assert night.main(["fetch", "baselines-lunar lake", "baselines"]) == 0
    assert [path.name for path in Path("baselines").iterdir()] == ["20300101T000000Z-aaaaaa"]
    (listing, token), _, (storage, to_storage) = github.seen
    assert listing == "/api/repos/lab/bench/actions/artifacts?name=baselines-lunar+lake&per_page=100"
    assert (token, storage, to_storage) == ("Bearer secret", "/storage/good", None)


@pytest.mark.process
@pytest.mark.parametrize(
    "archive",
    [b"", zipped(**{"20300101T000000Z-aaaaaa/run.json": "{}" * 99})[:-30], None],
    ids=["empty", "cut", "gone"],
)
def test_baselines_of_the_disk_stay_where_the_artifact_cannot_be_had(
    night: ModuleType, github: type[GitHub], archive: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    github.storage = {} if archive is None else {"good": archive}
    write_run(Path("baselines", "of-a-disk"))
    assert night.main(["fetch", "baselines-x", "baselines"]) == 0
    assert [path.name for path in Path("baselines").iterdir()] == ["of-a-disk"]
    assert "::warning::the artifact baselines-x cannot be fetched" in capsys.readouterr().out


@pytest.mark.process
def test_an_artifact_writes_nothing_outside_the_baselines(
    night: ModuleType, github: type[GitHub], tmp_path: Path
) -> None:
    github.storage = {"good": zipped(**{"../../out": "x", "/root": "x", "a/run.json": "{}"})}
    assert night.main(["fetch", "baselines-x", "baselines"]) == 0
    assert not (tmp_path.parent / "out").exists()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        str(Path("baselines", "a", "run.json")),
        str(Path("baselines", "out")),
        str(Path("baselines", "root")),
    ]


@pytest.mark.process
def test_the_first_night_has_no_artifact(
    night: ModuleType, github: type[GitHub], capsys: pytest.CaptureFixture[str]
) -> None:
    github.artifacts = []
    assert night.main(["fetch", "baselines-x", "baselines"]) == 0
    assert "no artifact baselines-x yet" in capsys.readouterr().out


# -- the files that GitHub reads --------------------------------------------------------------------------------------


def test_the_action_runs_the_steps_that_the_script_has() -> None:
    script = (ROOT / ".github" / "night.py").read_text("utf-8")
    assert re.findall(r"NIGHT: ([\w-]+)", ACTION) == ["set-up", "set-up", "fetch", "bench", "gate"]
    steps = re.findall(r"NIGHT: ([\w-]+)", ACTION) + re.findall(r"night\.py ([\w-]+)", WORKFLOW)
    assert set(steps) == set(re.findall(r'case \["([\w-]+)"', script))


def test_the_gate_runs_after_a_night_in_which_something_failed() -> None:
    (head,) = re.findall(r"- name: Gate\n(.*?)env:", ACTION, flags=re.DOTALL)
    assert "if: always() && steps.bench.outputs.run != ''" in head


@pytest.mark.parametrize("text", [ACTION, WORKFLOW], ids=["action", "workflow"])
def test_default_options_exist(text: str) -> None:
    (bench,) = re.findall(r"^ +arguments:\n.*?default: (.*?)$", text, flags=re.MULTILINE | re.DOTALL)
    (gate,) = re.findall(r"^ +gate-arguments:\n.*?default: (.*?)$", text, flags=re.MULTILINE | re.DOTALL)
    assert {flag.replace("-", "_") for flag in re.findall(r"--([a-z-]+)", bench)} <= set(BY_NAME)
    assert set(re.findall(r"--[a-z-]+", gate)) <= set(re.findall(r"--[a-z-]+", gate_parser().format_help()))


def test_the_workflow_hands_the_action_inputs_that_it_has() -> None:
    inputs = re.findall(r"^  ([a-z-]+):$", ACTION.partition("\noutputs:\n")[0], flags=re.MULTILINE)
    step = WORKFLOW.partition("uses: ./aipc-bench")[2].partition("\n\n")[0]
    handed = re.findall(r"^ {10}([a-z-]+):", step, flags=re.MULTILINE)
    assert set(inputs) - set(handed) == {"token"}
    assert set(handed) <= set(inputs)

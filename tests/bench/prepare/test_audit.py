"""Known faults by the real pip-audit, which asks a database on this machine that gives a recorded answer."""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
import threading
import venv
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from bench.commands import audit as command
from bench.errors import PrepareError
from bench.plan.venvs import VARIABLE
from bench.prepare import audit
from bench.prepare.audit import AuditError, Fault, faults_of, judgements, licence_table, locked_packages, write_sbom

RECORDED = {
    "id": "GHSA-hxxf-235m-72v3",
    "aliases": ["CVE-2024-11393", "PYSEC-2024-228"],
    "summary": "Deserialization of untrusted data",
    "details": "…",
    "published": "2024-11-22T21:32:14Z",
    "modified": "2025-02-19T20:14:50Z",
    "affected": [
        {
            "package": {"name": "transformers", "ecosystem": "PyPI", "purl": "pkg:pypi/transformers"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "4.48.0"}]}],
        }
    ],
    "schema_version": "1.6.0",
}
"""A fault in the form in which osv.dev tells it."""
FAULT = Fault("transformers", "4.45.2", ("PYSEC-2024-228", "CVE-2024-11393", "GHSA-hxxf-235m-72v3"), ("4.48.0",))


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The address of a database that knows one fault, and what it is asked."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((query["package"]["name"], query["version"]))
            found: Any = {"vulns": [RECORDED]} if asked[-1] == ("transformers", "4.45.2") else {}
            answer = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: Any) -> None:
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.process
def test_every_version_is_asked_for_and_a_fault_is_told(database: tuple[str, list[tuple[str, str]]]) -> None:
    url, asked = database
    packages = [("numpy", "2.4.6"), ("numpy", "2.5.5"), ("transformers", "4.45.2"), ("transformers", "5.5.4")]
    assert list(faults_of(packages, ["-s", "osv", "--osv-url", url])) == [FAULT]
    assert sorted(asked) == packages


@pytest.mark.process
def test_a_database_that_does_not_answer_is_no_clean_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(AuditError, match=r"the database of faults did not answer: .*refused"):
        list(faults_of([("numpy", "2.4.6")], ["-s", "osv", "--osv-url", "http://127.0.0.1:1/"]))


@pytest.fixture
def small_venv(tmp_path: Path) -> str:
    """The interpreter of an environment that has what pip wrote about pytest, and no other of our hundred packages."""
    home = tmp_path / "venv"
    venv.create(home, symlinks=sys.platform != "win32")
    paths = sysconfig.get_paths("venv", {"base": str(home), "platbase": str(home)})
    written = Path(str(distribution("pytest").locate_file(f"pytest-{pytest.__version__}.dist-info")))
    shutil.copytree(written, Path(paths["purelib"]) / written.name)
    return str(Path(paths["scripts"]) / Path(sys.executable).name)


@pytest.mark.process
def test_what_is_installed_is_written_with_its_licences(small_venv: str, tmp_path: Path) -> None:
    file = tmp_path / "tests.cdx.json"
    write_sbom(small_venv, file)
    components = {one["name"]: one for one in json.loads(file.read_text("utf-8"))["components"]}
    assert components["pytest"]["version"] == pytest.__version__
    assert "| pytest | MIT | tests |" in list(licence_table({"tests": small_venv}))


# -- judgements -------------------------------------------------------------------------------------------------------

JUDGED = """
[[judged]]
package = "transformers"
version = "4.45.2"
ids = ["CVE-2024-11393"]
date = 2026-11-29
reason = "not reached"
"""


def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, *found: Fault
) -> tuple[int, list[str]]:
    """The exit status and the lines of the command where ``text`` was judged and ``found`` is known."""
    (tmp_path / "judged.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(command, "judgements", lambda: judgements(tmp_path / "judged.toml"))
    monkeypatch.setattr(command, "locked_packages", lambda: {("transformers", "4.45.2"): ["npu"]})
    monkeypatch.setattr(command, "faults_of", lambda *_: iter(found))
    return command.main([]), capsys.readouterr().out.splitlines()


def test_a_judged_fault_is_told_and_accepted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, lines = told(monkeypatch, capsys, tmp_path, JUDGED, FAULT)
    fault = "transformers 4.45.2 (npu): PYSEC-2024-228, CVE-2024-11393, GHSA-hxxf-235m-72v3, fixed in 4.48.0"
    assert status == 0
    assert lines == [
        f"{fault}; accepted on 2026-11-29: not reached",
        "1 versions of packages, 0 faults that were not judged",
    ]


@pytest.mark.parametrize("text", ["", JUDGED.replace("4.45.2", "4.45.1"), JUDGED.replace("11393", "11392")])
def test_a_fault_that_nobody_judged_for_this_version_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    status, lines = told(monkeypatch, capsys, tmp_path, text, FAULT)
    assert (status, lines[0].endswith("fixed in 4.48.0; NOT JUDGED")) == (1, True)


def test_a_judgement_that_is_not_needed_any_more_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, lines = told(monkeypatch, capsys, tmp_path, JUDGED)
    assert (status, lines[0]) == (0, "judged, and not found any more: transformers 4.45.2 CVE-2024-11393")


@pytest.mark.parametrize("text", ["[[judged", "judged = 1", JUDGED.replace("reason", "why"), "[[judged]]"])
def test_a_judgement_without_a_reason_or_a_date_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "judged.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PrepareError, match="each entry"):
        judgements(tmp_path / "judged.toml")


def test_the_projects_own_judgements_are_of_locked_versions() -> None:
    assert {(one.package, one.version) for one in judgements()} <= locked_packages().keys()


# -- licences ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        (
            "License-Expression: MIT OR Apache-2.0\nClassifier: License :: OSI Approved :: MIT License",
            "MIT OR Apache-2.0",
        ),
        ("License: text\nClassifier: License :: OSI Approved :: BSD License\nClassifier: Topic :: Toys", "BSD License"),
        ("License: 3-Clause BSD License", "3-Clause BSD License"),
        ("Summary: a toy", "not stated"),
    ],
)
def test_a_package_of_several_environments_is_one_row(tmp_path: Path, metadata: str, licence: str) -> None:
    venvs = {}
    for name in ("b", "a"):
        about = tmp_path / name / "lib" / "python3.12" / "site-packages" / "toy-1.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.4\nName: Toy\nVersion: 1\n{metadata}\n", encoding="utf-8")
        venvs[name] = str(tmp_path / name / "bin" / "python")
    assert list(licence_table(venvs))[2:] == [f"| toy | {licence} | a, b |"]


def test_each_environment_that_is_here_has_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(python: str, file: Path) -> None:
        file.write_text("{}", encoding="utf-8")

    here = {"x": {"python": str(tmp_path / "bin" / "python")}, "y": {"failed": ["not here"]}}
    monkeypatch.setenv(VARIABLE, json.dumps(here))
    monkeypatch.setattr(command, "write_sbom", write)
    assert command.main(["--sbom", str(tmp_path / "new")]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.splitlines()] == ["x.cdx.json", "licences.md"]


def test_a_lock_names_each_package_once_per_version() -> None:
    assert audit.locked_packages()["transformers", "4.45.2"] == ["npu"]

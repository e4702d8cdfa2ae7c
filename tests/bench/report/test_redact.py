from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

import bench.report.redact as redaction
from bench import PROJECT_ROOT
from bench.analyse.adaptive import EndedBy
from bench.analyse.comparison import Caveat
from bench.analyse.fleet import Why
from bench.analyse.quality import Verdict
from bench.analyse.quality_change import QualityVerdict
from bench.analyse.read_history import Reason
from bench.analyse.results import Use
from bench.analyse.run import analyse_run
from bench.analyse.tradeoff import Against
from bench.commands.compare import main as compare
from bench.commands.fleet_report import main as fleet
from bench.commands.gate import main as gate
from bench.commands.history import main as history
from bench.commands.report import main as report
from bench.findings import MESSAGES
from bench.metrics import METRICS
from bench.plan.cells import Load
from bench.report import quality_words, sitting_words
from bench.report.redact import Private, redacted, redacted_folder, shown_path
from bench.report.run_page import run_page
from bench.report.run_view import view_run
from bench.store.reader import open_run
from tests.support.markup import visible, words_of
from tests.support.stored_runs import FakeRun

USERS, HOSTS = ("annagram", "Borys Koval"), ("ACME-LT-0815", "acme-lt-0815.corp.example")
OURS = Private(
    frozenset(USERS),
    frozenset(HOSTS),
    {"/home/annagram": "<home>", "/srv/secretproject": "<project>", r"C:\Users\Borys Koval": "<home>"},
)


def said(text: str) -> str:
    return redacted(text, OURS)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("cannot open /home/annagram/models/secret.xml: it is gone", "cannot open <home>: it is gone"),
        ("/home/annagram", "<home>"),
        ("/home/annagram2/x is another's", "<home> is another's"),
        ("--worker ort-genai=/srv/secretproject/.venv/bin/python -x", "--worker ort-genai=<project> -x"),
        ('File "/opt/tools/lib/python3.12/run.py", line 3', 'File "<path>", line 3'),
        ("/a b/c/d is odd", "/a b/c/d is odd"),
        ("/data/my models/x.gguf is odd", "<path> is odd"),
        ("~/aipc-bench/.nox/w/x/bin/python", "<home>"),
        ("~otto/x", "<home>"),
        (r"in C:\Users\Borys Koval\AppData\Local\x.dll failed", "in <home> failed"),
        (r"in C:\Users\Carol Smith\AppData\Local\x.dll failed", "in <home> failed"),
        (r"'D:\\builds\\secret\\x.dll'", "'<path>'"),
        ("D:/builds/secret/x.dll", "<path>"),
        (r"\\fileserver\share\anna\x.onnx is slow", "<path> is slow"),
        ("file:///C:/Users/Borys%20Koval/x", "<path>"),
        ("-I/home/someone/include", "-I<home>"),
        ("annagram@ACME-LT-0815: hello", "<user>@<host>: hello"),
        ("on acme-lt-0815.corp.example now", "on <host> now"),
        ("by Borys Koval", "by <user>"),
        ("https://user:pw@pypi.corp.example/simple/x", "<address>"),
    ],
)
def test_what_is_private_is_replaced(raw: str, shown: str) -> None:
    assert said(raw) == shown


@pytest.mark.parametrize(
    "text",
    [
        "nox -s bench -- --prompt-tokens 32,128",
        "12 tokens/s and 3 ms/token",
        "either/or",
        "https://download.pytorch.org/whl/cpu",
        "sudo chmod a+r /sys/class/powercap/intel-rapl:0/energy_uj",
        "Intel(R) Core(TM) Ultra 7 258V",
        "annagrams and anagram",
        "results/20261122T211735Z-3f9a1c",
        "1/2",
        "N/A",
    ],
)
def test_what_is_not_private_stays(text: str) -> None:
    assert said(text) == text


def test_users_are_learned_from_the_homes_that_are_named() -> None:
    value = (r"C:\Users\Carol\x", "/home/dave_w/y", "Carol and dave_w were here")
    assert redacted(value, OURS)[2] == "<user> and <user> were here"


@pytest.mark.parametrize("name", ["root", "runner", "bench", "ort-genai", "cpu", "ab", ""])
def test_names_that_tell_nothing_are_left_where_they_are_words(name: str) -> None:
    assert redacted("the root runner bench ort-genai cpu ab", Private(frozenset({name}), frozenset(), {})) == (
        "the root runner bench ort-genai cpu ab"
    )


def test_a_code_stays_whatever_users_are_called() -> None:
    private = Private(frozenset({"lost"}), frozenset(), {})
    assert redacted(Caveat("lost", {"run": "of lost"}), private) == Caveat("lost", {"run": "of <user>"})


def test_only_texts_are_changed_and_the_original_is_not(tmp_path: Path) -> None:
    analysis = analyse_run(open_run(FakeRun(prompt_tokens=(32,)).write(tmp_path)))
    found = redacted(analysis, OURS)
    assert found.cells[0].ttft_ms == analysis.cells[0].ttft_ms
    assert found.cells[0].load is found.loads[0]
    assert analysis.record["venvs"]["ort-genai"]["interpreter"] == "~/aipc-bench/.nox/w/x/bin/python"
    assert found.record["venvs"]["ort-genai"]["interpreter"] == "<home>"


def test_the_fields_of_a_record_stay_whatever_users_and_machines_are_called() -> None:
    record = {"reason": "finished", "max_blocks": 3, "plan": {"cells": [{"ask": "first"}]}, "/home/max/x": 1}
    private = Private(frozenset({"reason", "max", "cells"}), frozenset({"plan"}), {})
    assert redacted(record, private) == {**dict(list(record.items())[:3]), "<home>": 1}


def test_packages_that_are_named_for_somebody_are_not_told() -> None:
    record = {"venvs": {"packages": {"annagram_tools": "1.0"}}}
    assert redacted(record, OURS) == {"venvs": {"packages": {"<user>_tools": "1.0"}}}


POLICY = {
    "code": "held-back",
    "severity": "serious",
    "subject": "run",
    "message": "",
    "advice": "",
    "message_keys": ["policy"],
    "message_values": '{"value": "SCHED_BATCH"}',
}
CODES = (
    *MESSAGES,
    *METRICS,
    *quality_words._REASONS,
    *sitting_words._ENDS,
    *(code for codes in (Verdict, QualityVerdict, Use, EndedBy, Against, Reason, Why) for code in get_args(codes)),
)


def test_codes_stay_whatever_users_are_called() -> None:
    codes = [code for code in CODES if code is not None]
    names = frozenset(part for code in codes for part in (code, *re.split("[ _-]", code)))
    private = Private(names, frozenset(), {})
    assert redacted(codes, private) == codes
    assert redacted("by chance, at max-time", private) == "by <user>, at <user>"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reason", "cells", "model", "max", "policy", "chance", "memory", "plan", "machine"])
def test_a_page_has_all_its_parts_whatever_a_user_is_called(tmp_path: Path, name: str) -> None:
    run = FakeRun(prompt_tokens=(32,), blocks=2, repeats=1, findings=[POLICY], end=None)
    analysis = analyse_run(open_run(run.write(tmp_path)))

    def page(*names: str) -> str:
        found = redacted(analysis, Private(frozenset(names), frozenset(names), {}))
        said = visible(run_page(view_run(found), "", b""))
        return re.sub(rf"<(user|host)>|\b{name}\b", "", said, flags=re.IGNORECASE)

    assert page(name) == page()


def test_two_keys_that_become_alike_are_still_two() -> None:
    assert len(redacted({"/data/a/x": 1, "/data/b/y": 2}, OURS)) == 2


@pytest.mark.parametrize(
    "part", ["/", "\\", "/a b c d e ", "C:\\a b c\\", "a/", "x://", "a-", "a.", "a:", "~", "/a/", "file:", "/home/"]
)
def test_a_long_hostile_text_comes_to_an_end(part: str) -> None:
    assert isinstance(said(part * 20_000), str)


def test_marks_are_the_same_each_time() -> None:
    text = r"/home/annagram/x on ACME-LT-0815, C:\Users\Borys Koval\y"
    assert said(text) == said(text) == said(said(text))


def test_the_terminal_names_a_folder_from_the_working_folder_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown_path(tmp_path / "results" / "run", OURS) == "results/run"
    assert shown_path(tmp_path.parent / "elsewhere" / "annagram" / "run", OURS) == ".../<user>/run"
    assert shown_path(tmp_path, None) == str(tmp_path)


def test_a_folder_that_is_named_for_somebody_is_renamed() -> None:
    assert redacted_folder(Path("reports/run-of-annagram"), OURS) == Path("reports/run-of-user-redacted")


# -- whole reports

SECRETS = (
    *USERS,
    *HOSTS,
    "secretproject",
    "Carol",
    "fileserver",
    "quietmodels",
    "corp.example",
    "/home/",
    "C:\\Users",
    "C:\\\\Users",
    "/opt/hidden",
)
EVIL = (
    "annagram@ACME-LT-0815: cannot load /home/annagram/quietmodels/x.xml nor "
    "C:\\Users\\Carol Smith\\quietmodels\\y.dll "
    "nor \\\\fileserver\\share\\z nor /opt/hidden/lib/q.so from https://pypi.corp.example/simple"
)


def hostile(folder: Path, name: str, version: str = "1.0") -> Path:
    """Every text of a run that comes from outside names somebody or some place."""
    loads = [Load("ort-genai", "CPU", "int4"), Load("openvino-genai", "CPU", "int4", {"cache": "/home/annagram/c"})]
    venv = {
        "python": "3.12.1",
        "interpreter": "/home/annagram/secretproject/.venv/bin/python",
        "packages": {"onnxruntime-genai": f"{version} @ file:///home/annagram/wheels/x.whl"},
    }
    run = FakeRun(
        loads=loads,
        prompt_tokens=(32, 128),
        stderr=EVIL,
        more={"device_evidence": EVIL, "changed_hints": [("CACHE_DIR", EVIL)], "backend_version": f"1 {EVIL}"},
        counters={"energy_j": 1.0, "energy_source": EVIL},
        findings=[
            {"code": "other-load", "severity": "serious", "subject": "run", "message": EVIL, "advice": EVIL}
            | {"seen_at": datetime(2026, 1, 1, tzinfo=UTC)}
        ],
        venvs={
            "ort-genai": venv,
            "openvino-genai": venv,
            "npu": {"failed": [EVIL]},
            "llama-cpp": {"unsupported": EVIL},
        },
    )
    run.model = {**run.model, "name": "/home/annagram/quietmodels/phi", "note": EVIL}
    run.record = {
        "command": "nox -s bench -- --cache-dir /home/annagram/r --worker npu=C:\\Users\\Carol Smith\\py.exe",
        "observers": {"energy": {"source": EVIL, "cost_us": 2.0}},
    }
    run.break_cells("ort-genai-CPU-int4-p128", "failed", EVIL)
    return run.write(folder, name)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two such runs, on a machine whose names are known."""
    monkeypatch.setattr(redaction, "of_this_machine", lambda *_, **__: OURS)
    for place in ("bench.report.render", "bench.commands.stored_runs"):
        monkeypatch.setattr(f"{place}.of_this_machine", lambda *_, **__: OURS)
    monkeypatch.chdir(tmp_path)
    for number, version in enumerate(("1.0", "2.0")):
        path = hostile(tmp_path / "results", f"2026112{number}T000000Z-aaaaa{number}", version)
        file = path / "run.json"
        record = json.loads(file.read_text("utf-8")) | {"created_at": f"2026-11-2{number}T00:00:00+00:00"}
        file.write_text(json.dumps(record), "utf-8")
    return tmp_path


def leaks(folder: Path, printed: str) -> list[str]:
    """What of the secrets stands in any file below ``folder``, in any name, or in what was printed."""
    texts = {"terminal": printed}
    for path in folder.rglob("*"):
        texts[str(path.relative_to(folder))] = words_of(path) if path.is_file() else ""
    return [
        f"{where}: {secret}"
        for where, text in texts.items()
        for secret in SECRETS
        if secret.casefold() in where.casefold() + text.casefold()
    ]


@pytest.mark.slow
def test_the_run_itself_would_tell(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report([]) == 0
    assert len(leaks(home / "reports", capsys.readouterr().out)) > 50


@pytest.mark.parametrize(
    ("session", "arguments", "files", "status"),
    [
        (report, [], 8, 0),
        (compare, ["20261120T000000Z-aaaaa0", "20261121T000000Z-aaaaa1"], 3, 0),
        (history, [], 3, 0),
        (fleet, [], 4, 0),
        (gate, ["--baseline", "20261120T000000Z-aaaaa0", "--head", "20261121T000000Z-aaaaa1"], 2, 2),
    ],
    ids=["report", "compare", "history", "fleet", "gate"],
)
def test_no_file_and_no_line_tells_who_or_where(
    home: Path, capsys: pytest.CaptureFixture[str], session: Any, arguments: list[str], files: int, status: int
) -> None:
    before = {path: path.read_bytes() for path in (home / "results").rglob("*") if path.is_file()}
    assert session([*arguments, "--redact"]) == status
    printed = capsys.readouterr()
    (folder,) = [path for path in (home / "reports").iterdir() if path.is_dir()]
    assert folder.name.endswith("-redacted")
    assert len(list(folder.iterdir())) == files
    assert leaks(home / "reports", printed.out + printed.err) == []
    assert str(home) not in printed.out
    assert {path: path.read_bytes() for path in (home / "results").rglob("*") if path.is_file()} == before


@dataclass(frozen=True)
class Twice:
    """What holds the same value two times."""

    one: Any
    other: Any


def test_what_is_held_many_times_is_gone_through_once() -> None:
    value: Any = "/home/annagram/run"
    for _ in range(60):
        value = Twice(value, value)
    found = redacted(value, OURS)
    for _ in range(60):
        assert found.one is found.other
        found = found.one
    assert found == "<home>"


NOWHERE = "/home/annagram/quietmodels/run"
SESSIONS = {
    report: ([NOWHERE], "error: there is no run <home>"),
    compare: ([NOWHERE], "error: there is no run <home>"),
    history: ([NOWHERE], "error: there is no run <home>"),
    fleet: ([NOWHERE], "error: there is no run <home>"),
    gate: (["--head", NOWHERE], "error: there is no run <home>"),
}


@pytest.mark.parametrize("session", SESSIONS, ids=["report", "compare", "history", "fleet", "gate"])
def test_an_error_tells_neither_who_nor_where(home: Path, capsys: pytest.CaptureFixture[str], session: Any) -> None:
    arguments, begin = SESSIONS[session]
    assert session([*arguments, "--results-dir", "/srv/secretproject/results", "--redact"]) == 4
    told = capsys.readouterr().err
    assert told.startswith(begin)
    assert leaks(home / "reports", told) == []


@pytest.mark.parametrize("session", SESSIONS, ids=["report", "compare", "history", "fleet", "gate"])
def test_a_wrong_command_line_is_not_repeated_with_what_is_private(
    home: Path, capsys: pytest.CaptureFixture[str], session: Any
) -> None:
    assert session(["x", "--redact", "--sort", NOWHERE, f"--into={NOWHERE}"]) == 4
    told = capsys.readouterr().err
    assert "error: unrecognized arguments: " in told
    assert leaks(home / "reports", told) == []


def test_an_error_is_whole_without_the_option(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report([NOWHERE]) == 4
    assert f"there is no run {NOWHERE}" in capsys.readouterr().err


def test_a_gate_that_breaks_does_not_tell_either(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(EVIL)

    monkeypatch.setattr("bench.commands.gate.find_runs", broken)
    assert gate(["--head", "x", "--redact"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: the gate failed: RuntimeError: <user>@<host>: cannot load <home>")
    assert leaks(home / "reports", told) == []


def test_the_verdicts_of_a_gate_are_the_same_whoever_asks(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["--baseline", "20261120T000000Z-aaaaa0", "--head", "20261121T000000Z-aaaaa1"]
    named_like_a_verdict = Private(frozenset({"inconclusive"}), frozenset(), {})
    monkeypatch.setattr("bench.commands.stored_runs.of_this_machine", lambda *_: named_like_a_verdict)
    said = []
    for more in ([], ["--redact"]):
        gate([*asked, *more])
        said.append([line for line in capsys.readouterr().out.splitlines() if "inconclusive" in line])
    assert said[0] == said[1] != []


def test_the_figures_of_a_redacted_report_are_those_of_the_other(home: Path) -> None:
    assert report([]) == report(["--redact"]) == 0
    plain, taken = (
        json.loads((home / "reports" / f"20261121T000000Z-aaaaa1{end}" / "summary.json").read_text("utf-8"))
        for end in ("", "-redacted")
    )
    figures = [
        [(cell["cell_key"], cell["ttft_ms"], cell["tpot_low_ms"]) for cell in one["cells"]] for one in (plain, taken)
    ]
    assert figures[0] == figures[1]


@pytest.mark.usefixtures("no_home")
def test_a_user_without_a_home_folder_or_a_name_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_account() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", no_account)
    assert "<home>" not in redaction.of_this_machine().folders.values()


def test_this_machine_is_known_by_its_names_and_folders(tmp_path: Path) -> None:
    found = redaction.of_this_machine(tmp_path / "results", tmp_path / "reports")
    assert Path.home().name in found.users
    assert found.folders[str(Path.home())] == "<home>"
    assert found.folders[str(tmp_path / "results")] == "<results>"
    assert os.fspath(PROJECT_ROOT) in found.folders

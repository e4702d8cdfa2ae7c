"""The steps of a night in CI: ``python .github/night.py STEP``, with any Python 3.11 to 3.13, on Windows and Linux.

``action.yml`` runs them on GitHub; docs/ci.md shows them in GitLab and Jenkins. All work in the current folder, where
``results/``, ``reports/``, ``baselines/`` and ``dataset/`` lie from night to night::

    set-up                make .venv in the checkout, with nox
    fetch NAME FOLDER     a folder from the newest artifact of that name, if GitHub has one
    bench [ARGUMENT …]    nox -s bench; the exit status is its own
    gate [ARGUMENT …]     compare the run with baselines/; a good night becomes a baseline
    fleet [ARGUMENT …]    the page of all machines of dataset/, in reports/fleet

``bench`` writes the id of its run and its status to ``night.json``, which ``gate`` reads, and to the step's outputs.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv" / ("Scripts" if sys.platform == "win32" else "bin")
STATE = Path("night.json")
RESULTS, REPORTS, BASELINES, DATASET = Path("results"), Path("reports"), Path("baselines"), Path("dataset")
KEPT, JUDGED_FROM = 10, 5
"""How many baselines are kept, and from how many on a gate that cannot tell fails the night."""

CANNOT_TELL, USAGE = 2, 4
_LARGEST_ARCHIVE = 2**31


def set_up() -> int:
    """Make the venv that nox runs in, and put it first on the path of the steps that follow."""
    venv.EnvBuilder(with_pip=True).create(ROOT / ".venv")
    ended = subprocess.run([VENV / "python", "-m", "pip", "install", "-q", "nox"], check=False)
    append("GITHUB_PATH", f"{VENV}\n")
    return ended.returncode


def fetch(name: str, folder: Path) -> int:
    """Replace ``folder`` by the newest artifact of that name which this branch of this repository made.

    Without one, or if it cannot be had, what lies on the disk of the runner stays: that is no failure of the night.
    """
    try:
        found = newest_artifact(name)
        if found is None:
            print(f"no artifact {name} yet: {folder} is as it lies on this disk")
            return 0
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        unpack(get(found["archive_download_url"]), part)
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
        print(f"{folder} is the artifact {name} of {found['created_at']}")
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        print(f"::warning::the artifact {name} cannot be fetched, so {folder} is as it lies on this disk: {error}")
    return 0


def unpack(data: bytes, folder: Path) -> None:
    """Unpack an archive below a folder; zipfile leaves `..` and drives out of names."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    if sum(one.file_size for one in archive.infolist()) > _LARGEST_ARCHIVE:
        raise ValueError("it unpacks to more than 2 GiB")
    archive.extractall(folder)


def newest_artifact(name: str) -> dict[str, Any] | None:
    """The newest artifact of a name; of this branch and repository alone, since a pull request can upload any name."""
    query = urllib.parse.urlencode({"name": name, "per_page": 100})
    url = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/actions/artifacts?{query}"
    own = [
        one
        for one in json.loads(get(url))["artifacts"]
        if not one["expired"]
        and one["workflow_run"]["head_branch"] == os.environ["GITHUB_REF_NAME"]
        and one["workflow_run"]["head_repository_id"] == one["workflow_run"]["repository_id"]
    ]
    return max(own, key=lambda one: str(one["created_at"]), default=None)


def get(url: str) -> bytes:
    """What is at an address of GitHub's API; the token does not follow a redirect to the storage."""
    request = urllib.request.Request(url, headers={"Accept": "application/vnd.github+json"})  # noqa: S310
    request.add_unredirected_header("Authorization", f"Bearer {os.environ['GITHUB_TOKEN']}")
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - GitHub's own address
        return bytes(answer.read(_LARGEST_ARCHIVE))


def bench(arguments: Sequence[str]) -> int:
    """Measure; whatever was measured before a failure is there to be gated and uploaded."""
    STATE.unlink(missing_ok=True)
    before = runs(RESULTS)
    status = nox("bench", *arguments)
    new = sorted(runs(RESULTS) - before)
    if new:
        STATE.write_text(json.dumps({"run": new[-1], "status": status}), "utf-8")
        append("GITHUB_OUTPUT", f"run={new[-1]}\n")
        summarize(new[-1], "summary.md")
    return status


def gate(arguments: Sequence[str]) -> int:
    """Judge the night; one that was measured whole and shows no regression becomes a baseline."""
    if not STATE.exists():
        print("nothing was measured, so there is nothing to judge")
        return CANNOT_TELL
    state = json.loads(STATE.read_text("utf-8"))
    run, whole = str(state["run"]), state["status"] == 0
    baselines = nights()
    status = CANNOT_TELL
    if baselines:
        status = nox("gate", "--baseline", *map(str, baselines), "--head", run, *arguments)
        summarize(f"gate-{run}", "gate.md")
    too_few = whole and status == CANNOT_TELL and len(baselines) < JUDGED_FROM
    if whole and (status == 0 or too_few):
        shutil.copytree(RESULTS / run, BASELINES / run)
        for old in nights()[:-KEPT]:
            shutil.rmtree(old)
        append("GITHUB_OUTPUT", "baseline=true\n")
    return 0 if too_few else status


def fleet(arguments: Sequence[str]) -> int:
    """Make the page of the machines whose runs were collected."""
    status = nox("fleet", "report", "--results-dir", str(DATASET), "--reports-dir", str(REPORTS), *arguments)
    if status == 0:
        summarize("fleet", "fleet.md")
    return status


def nox(session: str, *arguments: str) -> int:
    """Run a session of the checkout; relative paths are the current folder's."""
    line = [str(VENV / "python"), "-m", "nox", "-f", str(ROOT / "noxfile.py"), "-s", session, "--", *arguments]
    print(subprocess.list2cmdline(line), flush=True)
    return subprocess.run(line, check=False).returncode


def runs(folder: Path) -> set[str]:
    """Names of the runs in a folder."""
    return {path.name for path in folder.glob("*/") if (path / "run.json").is_file()}


def nights() -> list[Path]:
    """The baselines, oldest first."""
    return [BASELINES / name for name in sorted(runs(BASELINES))]


def summarize(folder: str, name: str) -> None:
    """Append a page of the report to the summary of the job; with ``--redact`` it lies in a folder of its own."""
    pages = [REPORTS / one / name for one in (folder, f"{folder}-redacted")]
    append("GITHUB_STEP_SUMMARY", "".join(page.read_text("utf-8") for page in pages if page.is_file()))


def append(variable: str, text: str) -> None:
    """Append to the file that a variable of GitHub names; elsewhere there is none."""
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(text)


def main(arguments: Sequence[str]) -> int:
    """One step; its exit status."""
    match arguments:
        case ["set-up"]:
            return set_up()
        case ["fetch", name, folder]:
            return fetch(name, Path(folder))
        case ["bench", *rest]:
            return bench(rest)
        case ["gate", *rest]:
            return gate(rest)
        case ["fleet", *rest]:
            return fleet(rest)
    print(__doc__, file=sys.stderr)
    return USAGE


if __name__ == "__main__":
    # A step of action.yml cannot name this file on a command line, whose syntax differs from shell to shell.
    sys.exit(main(sys.argv[1:] or shlex.split(os.environ.get("NIGHT", ""))))

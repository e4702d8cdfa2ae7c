"""Which packages of the lock files have known faults, by pip-audit, and which of those faults were judged."""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageMetadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench import PROJECT_ROOT
from bench.errors import BenchError, PrepareError, cause
from bench.plan.environments import known_groups
from bench.prepare import locks
from bench.prepare.install import installed_in

JUDGED_FILE = PROJECT_ROOT / "docs" / "judged-faults.toml"
"""The faults that were looked at, each with a date and the reason why it is accepted."""


class AuditError(BenchError):
    """The database of faults could not be asked."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """A known fault of a locked package.

    Args:
        ids: the database's own, and those of others for the same fault.
        fixed: the versions that have it no more.
    """

    package: str
    version: str
    ids: tuple[str, ...]
    fixed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why faults of one version of a package are accepted, since when."""

    package: str
    version: str
    ids: frozenset[str]
    date: str
    reason: str

    def accepts(self, fault: Fault) -> bool:
        """Whether it is about ``fault``; another version of the package is judged anew."""
        same = (self.package, self.version) == (fault.package, fault.version)
        return same and not self.ids.isdisjoint(fault.ids)


def judgements(file: Path = JUDGED_FILE) -> list[Judgement]:
    """The faults that were judged.

    Raises:
        PrepareError: the file lacks something.
    """
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8")).get("judged", [])
        return [
            Judgement(one["package"], one["version"], frozenset(one["ids"]), one["date"].isoformat(), one["reason"])
            for one in entries
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PrepareError(
            f"{file.name} cannot be read ({type(error).__name__}: {cause(error, file)}): each entry [[judged]] "
            "has package, version, ids, date and reason"
        ) from error


def locked_packages() -> dict[tuple[str, str], list[str]]:
    """(name, version) of every package of every lock, whatever its marker -> the groups that have it."""
    found = defaultdict(list)
    for group in known_groups():
        for row in locks.parse(locks.lock_file(group).read_text(encoding="utf-8")):
            version = next(iter(Requirement(row.requirement).specifier)).version
            found[row.name, version].append(group)
    return dict(sorted(found.items()))


def faults_of(packages: Iterable[tuple[str, str]], options: Sequence[str]) -> Iterator[Fault]:
    """The known faults of packages.

    ``options``: of pip-audit: whom to ask.

    Raises:
        AuditError: there is no answer.
    """
    versions: dict[str, list[str]] = defaultdict(list)
    for name, version in packages:
        versions[name].append(version)
    # pip-audit takes one version of a package at a time.
    for turn in range(max(map(len, versions.values()), default=0)):
        pins = [f"{name}=={found[turn]}" for name, found in versions.items() if turn < len(found)]
        for one in _asked(pins, options):
            for fault in one.get("vulns", ()):
                ids = (fault["id"], *sorted(fault["aliases"]))
                yield Fault(one["name"], one["version"], ids, tuple(fault["fix_versions"]))


def _asked(pins: Iterable[str], options: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="aipc-bench-audit-") as folder:
        file = Path(folder, "requirements.txt")
        file.write_text("\n".join(pins), encoding="utf-8")
        asked = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json", "-r", str(file))
        command = [sys.executable, "-m", "pip_audit", *asked, *options]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    try:
        answer: Sequence[Mapping[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        why = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        raise AuditError(f"the database of faults did not answer: {why[:500]}") from error
    if skipped := [f"{one['name']} ({one['skip_reason']})" for one in answer if "skip_reason" in one]:
        raise AuditError(f"the database of faults did not answer on {', '.join(skipped)}")
    return answer


def write_sbom(python: str, file: Path) -> None:
    """Write what is installed beside an interpreter, with licences, as CycloneDX JSON.

    Raises:
        PrepareError: it cannot be read or written.
    """
    options = ("--output-reproducible", "--output-format", "JSON", "--output-file", str(file))
    command = [sys.executable, "-m", "cyclonedx_py", "environment", *options, python]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        raise PrepareError(f"{file} could not be made: {(done.stderr.strip().splitlines() or ['without a word'])[-1]}")


def licence_table(venvs: Mapping[str, str]) -> Iterator[str]:
    """The licences of what is installed as a table in Markdown; ``venvs`` is group -> interpreter."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for group, python in sorted(venvs.items()):
        for one in installed_in(Path(python).parents[1]):
            found[str(canonicalize_name(one.name)), _licence(one.metadata)].append(group)
    yield from ("| package | licence | environments |", "|---|---|---|")
    for (name, licence), groups in sorted(found.items()):
        yield f"| {name} | {licence} | {', '.join(dict.fromkeys(groups))} |"


def _licence(metadata: PackageMetadata) -> str:
    """A package's licence in its own words: an expression, else the names of classifiers, else a line of text."""
    named = [metadata["License-Expression"]] if "License-Expression" in metadata else []
    classifiers = metadata.get_all("Classifier") or []
    named = named or [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License :: ")]
    text = (metadata.get_all("License") or [""])[0]
    words = ", ".join(named) or next(iter(text.strip().splitlines()), "")
    return words.replace("|", "\\|")[:160] or "not stated"

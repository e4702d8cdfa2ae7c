"""``python -m bench.commands audit``: known faults of the locked packages, and what is installed, as SBOMs."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from bench.cli import Parser, command
from bench.errors import MachineError, cause
from bench.plan.venvs import VARIABLE
from bench.prepare.audit import faults_of, judgements, licence_table, locked_packages, write_sbom


@command
def main(arguments: Sequence[str]) -> int:
    """Do what ``arguments`` ask; returns 1 where a known fault was not judged, 2 where nobody answered."""
    asked = _parser().parse_args(arguments)
    if asked.sbom is not None:
        return _write_sboms(asked.sbom)
    options = ["-s", "osv", *(["--osv-url", asked.osv_url] if asked.osv_url else [])]
    packages, known = locked_packages(), judgements()
    used, open_faults = set(), 0
    for fault in faults_of(packages, options):
        judged = next((one for one in known if one.accepts(fault)), None)
        used.add(judged)
        open_faults += judged is None
        fixed = f"fixed in {', '.join(fault.fixed)}" if fault.fixed else "no version has a fix"
        word = "NOT JUDGED" if judged is None else f"accepted on {judged.date}: {judged.reason}"
        groups = ", ".join(packages[fault.package, fault.version])
        print(f"{fault.package} {fault.version} ({groups}): {', '.join(fault.ids)}, {fixed}; {word}")
    for one in known:
        if one not in used:
            print(f"judged, and not found any more: {one.package} {one.version} {', '.join(sorted(one.ids))}")
    print(f"{len(packages)} versions of packages, {open_faults} faults that were not judged")
    return 1 if open_faults else 0


def _write_sboms(folder: Path) -> int:
    handed = json.loads(os.environ.get(VARIABLE) or "{}")
    venvs = {group: venv["python"] for group, venv in handed.items() if "python" in venv}
    table = folder / "licences.md"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for group, python in venvs.items():
            write_sbom(python, folder / f"{group}.cdx.json")
            print(folder / f"{group}.cdx.json")
        table.write_text("\n".join(licence_table(venvs)) + "\n", encoding="utf-8")
    except OSError as error:
        raise MachineError(f"{folder} cannot be written ({cause(error, folder)}): name another folder") from error
    print(table)
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s audit --",
        description="Look up known faults of every package in the lock files, in the database of osv.dev.",
        epilog="docs/judged-faults.toml has those that were judged. Exit status: 0 no others, 1 others, 2 no answer.",
    )
    parser.add_argument("--osv-url", metavar="URL", help="another address of the database's query")
    parser.add_argument("--sbom", type=Path, metavar="FOLDER", help="instead write what each environment here holds")
    return parser

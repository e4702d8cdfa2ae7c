"""``python -m bench.commands verify [RUN …]``: whether stored runs, or artifacts, are as they were recorded."""

from collections.abc import Sequence
from pathlib import Path

from bench.cli import Parser, command, one_line, print_refusal
from bench.commands.stored_runs import add_folders, add_runs
from bench.errors import BenchError
from bench.prepare.cache import ArtifactStore, cache_root
from bench.prepare.check import check_artifacts, check_model
from bench.store.digests import differences
from bench.store.lookup import all_folders, find_folders
from bench.store.reader import open_run


@command
def main(arguments: Sequence[str]) -> int:
    """Check the runs that ``arguments`` name, else the newest one; returns 1 where one is not as it was recorded."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.remove and not asked.artifacts:
        parser.error("--remove is for --artifacts: what was measured is never removed")
    named = find_folders(asked.runs, asked.results_dir) if asked.runs else []
    folders = named if named or asked.artifacts else all_folders(asked.results_dir)[-1:]
    if asked.artifacts:
        return _artifacts(ArtifactStore(cache_root(asked.cache_dir)), folders, remove_them=asked.remove)
    status = 0
    for folder in folders:
        try:
            found = differences(folder)
        except BenchError as error:
            status = print_refusal(error)
            continue
        for line in found:
            print(one_line(f"{folder.name}: {line}"))
        if not found:
            print(f"{folder.name}: as it was recorded at its end")
        status = 1 if found else status
    return status


def _artifacts(store: ArtifactStore, runs: Sequence[Path], *, remove_them: bool) -> int:
    """Check all artifacts of the cache; of named runs, what they measured alone, and their model."""
    status, wanted = 0, set[str]()
    for folder in runs:
        try:
            lines, digests = _models_of(folder, store)
        except BenchError as error:
            status = print_refusal(error)
            continue
        wanted |= digests
        for line in lines:
            status = 1
            print(one_line(f"{folder.name}: {line}"))
    count, seen, damaged = 0, set[str](), list[Path]()
    for path, own, lines in check_artifacts(store, wanted if runs else None):
        count += 1
        seen |= own
        for line in lines:
            print(one_line(f"{path.name}: {line}"))
        damaged += [path] if lines else []
    for digest in sorted(wanted - seen):
        status = 1
        print(f"{digest[:16]}…: this artifact of the named runs is not in the cache; `nox -s models` makes it again")
    print(f"{store.root}: artifacts checked: {count}, not as they were made: {len(damaged)}")
    if damaged and not remove_them:
        print("add --remove to remove those, which are then made again when they are needed")
    for path in damaged if remove_them else ():
        print(f"{'removed' if store.remove(path, path.name) else 'in use, stayed'}: {path}")
    return 1 if damaged else status


def _models_of(folder: Path, store: ArtifactStore) -> tuple[list[str], set[str]]:
    """What of the user's own model is not what the run in ``folder`` measured; the digests of its artifacts."""
    run = open_run(folder)
    model, spec = run.record.get("model") or {}, (run.record.get("options") or {}).get("model")
    lines = check_model(str(model.get("kind")), str(spec), str(model.get("digest")), store)
    digests = run.table("loads", ["artifact_digest"])["artifact_digest"].unique().to_pylist()
    # A folder in Hugging Face format is measured where it lies.
    own = {model.get("digest")} if model.get("kind") == "directory" else set()
    return lines, {digest for digest in digests if digest is not None} - own


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s verify --",
        description="Whether the files of stored runs are as they were at the end of the run, by their digests.",
    )
    add_runs(parser, "folder or id of a run, or a glob (default: the newest)")
    parser.add_argument(
        "--artifacts",
        action="store_true",
        help="check artifacts instead: all in the cache, or those that named runs measured, and their own model",
    )
    parser.add_argument("--remove", action="store_true", help="remove artifacts that are not as they were made")
    parser.add_argument("--cache-dir", type=Path, metavar="DIR", help="where artifacts lie (default: the user's cache)")
    add_folders(parser)
    return parser

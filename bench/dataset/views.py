"""Views over stored runs for DuckDB, which may read nothing else on this machine.

Runs of a results folder and of a dataset have the same views, and runs of all schema versions the same columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from bench.dataset.bins import MACROS
from bench.dataset.machines import Machines
from bench.dataset.queries import Answer, answer_to, in_a_line
from bench.errors import StoreError, cause
from bench.scratch import Scratch
from bench.store.bounds import open_parquet
from bench.store.compact import live_files
from bench.store.dataset import DATASET_TABLES, DOCUMENTS, RUNS, is_dataset, open_dataset
from bench.store.lookup import all_folders
from bench.store.machine_names import machine_names
from bench.store.reader import open_run
from bench.store.schema import TABLES

Say = Callable[[str], None]

_PLACE = pa.schema([pa.field("machine", pa.string()), pa.field("month", pa.string())])
_OF_RUN = pa.schema([*RUNS, *_PLACE])

_VIEWS = dict(
    re.findall(r"^-- (\w+)\n(.*?);$", Path(__file__).with_suffix(".sql").read_text("utf-8"), re.MULTILINE | re.DOTALL)
)
"""View -> its query; ``latencies_of_folders`` is ``latencies`` where no bins are stored."""


class Views:
    """A connection to DuckDB in which stored runs are views, each made when it is asked for; a context manager.

    Args:
        say: told of each run or file that is left out.
        named: whether the names and labels of ``machines.toml`` are among the views.

    Raises:
        StoreError: there is no run, or the dataset cannot be read.
        UsageError: ``machines.toml`` is not as it should be.
    """

    def __init__(self, results: Path, say: Say, *, named: bool = True) -> None:
        self._spill = Scratch()
        self.connection = duckdb.connect(
            config={
                "temp_directory": str(self._spill.path),
                "python_enable_replacements": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._queries = dict(_VIEWS)
        self._files: dict[str, Callable[[], list[Path]]] = {}
        self._there: set[str] = set()
        try:
            self.connection.execute("SET TimeZone = 'UTC'")
            self._make(results, say, names=machine_names(results) if named else {})
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Views:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.connection.close()
        self._spill.remove()

    def answers(self, text: str) -> Iterator[Answer]:
        """The answers to queries, see :func:`bench.dataset.queries.answer_to`.

        Raises:
            StoreError: a file of the runs cannot be read.
        """
        words = _tables(text)
        some = (*self._queries, *(f"stored_{table}" for table in self._files))
        # What lists views lists all of them.
        asked = some if any(map(_lists, words)) else words.intersection(some)
        try:
            for name in some:
                if name in asked:
                    self._view(name)
        except duckdb.Error as error:
            raise StoreError(f"cannot read the runs: {in_a_line(error)}") from error
        return answer_to(self.connection, text)

    def _make(self, results: Path, say: Say, names: Mapping[str, Any]) -> None:
        rows = [{"machine": machine, "name": one.name, "labels": list(one.labels)} for machine, one in names.items()]
        schema = pa.schema([("machine", pa.string()), ("name", pa.string()), ("labels", pa.list_(pa.string()))])
        self._table("named", pa.Table.from_pylist(rows, schema=schema))
        for macro in MACROS:
            self.connection.execute(f"CREATE MACRO {macro}")
        of_folders = self._queries.pop("latencies_of_folders")
        if is_dataset(results):
            dataset = open_dataset(results)
            paths = [results / name for name in dataset.manifest.files]
            # Those on an object store are fetched when they are asked for.
            self._files = {table: partial(dataset.files, table) for table in DATASET_TABLES}
        else:
            files = self._of_folders(results, say)
            paths = [path for own in files.values() for path in own]
            self._queries["latencies"] = of_folders
            self._files = {table: partial(list, own) for table, own in files.items()}
        # Whoever made the data: a query reads these files and nothing else, and installs nothing.
        allowed = [named for path in paths for named in (_quoted(path), _pattern(path))]
        self.connection.execute(f"SET allowed_paths = [{', '.join(allowed)}]")
        self.connection.execute("SET enable_external_access = false")
        self.connection.execute("SET lock_configuration = true")

    def _view(self, name: str) -> None:
        """Make a view, and those that it is made from, unless they are there."""
        if name in self._there:
            return
        self._there.add(name)
        if name in self._queries:
            query = self._queries[name]
            for word in re.findall(r"\b(?:FROM|JOIN) (\w+)", query):
                if word in self._queries or word in {f"stored_{table}" for table in self._files}:
                    self._view(word)
        else:
            query = self._stored(name.removeprefix("stored_"))
        self.connection.execute(f"CREATE VIEW {name} AS {query}")

    def _of_folders(self, results: Path, say: Say) -> dict[str, list[Path]]:
        """The files of each table; the runs themselves become a table."""
        machines = Machines({})
        rows: dict[str, dict[str, Any]] = {}
        files: dict[str, list[Path]] = {table: [] for table in TABLES}
        for folder in all_folders(results):
            try:
                run = open_run(folder)
                own = {table: live_files(folder / table) for table in TABLES}
                there = {column: folder / DOCUMENTS[column] for column in ("run_json", "end_json")}
                texts = {column: file.read_text("utf-8") for column, file in there.items() if file.is_file()}
            except (StoreError, OSError, ValueError) as error:
                say(f"left out: {cause(error)}")
                continue
            if run.run_id in rows:
                say(f"left out: {folder} is a copy of the run {run.run_id}")
                continue
            rows[run.run_id] = {
                "run_id": run.run_id,
                "machine_id": run.machine_id,
                "created_at": run.created_at,
                **texts,
                "machine": machines.of(run.record)[0],
                "month": None if run.created_at is None else f"{run.created_at:%Y-%m}",
            }
            for table, paths in own.items():
                files[table] += [path for path in paths if _readable(path, say)]
        if not rows:
            raise StoreError(f"no run in {results} can be read")
        nullable = pa.schema([field.with_nullable(True) for field in _OF_RUN])
        self._table("stored_runs", pa.Table.from_pylist([*rows.values()], schema=nullable))
        return files

    def _stored(self, table: str) -> str:
        """The query for the files of a table with all columns of the newest schema, and where they are from."""
        hive, files = "runs" in self._files, self._files[table]()
        self._table(f"no_{table}", pa.schema([*DATASET_TABLES[table], *(_PLACE if hive else ())]).empty_table())
        query = f"FROM no_{table}"
        if files:
            listed = ", ".join(map(_pattern, files))
            options = "hive_partitioning = true, hive_types_autocast = false" if hive else "hive_partitioning = false"
            query += f" UNION ALL BY NAME FROM read_parquet([{listed}], union_by_name = true, {options})"
        if hive:
            return query
        return f"SELECT t.*, r.machine, r.month FROM ({query}) t JOIN stored_runs r USING (run_id)"  # noqa: S608

    def _table(self, name: str, rows: pa.Table) -> None:
        self.connection.register("handed_over", rows)
        self.connection.execute(f"CREATE TABLE {name} AS FROM handed_over")
        self.connection.unregister("handed_over")


def _tables(text: str) -> set[str]:
    """The tables that queries are about; where DuckDB cannot tell them yet, all words, which are too many at worst."""
    words = {*re.findall(r"\w+", text.casefold())}
    with suppress(duckdb.Error):
        apart = _parser()
        tables = {
            name.casefold() for one in apart.extract_statements(text) for name in apart.get_table_names(one.query)
        }
        # Those that are listed, and not asked, are no tables of the query.
        return tables | {word for word in words if _lists(word)}
    return words


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """A connection in which nothing is executed, kept since opening one takes longer than most queries."""
    return duckdb.connect()


def _lists(word: str) -> bool:
    """Whether a query with this word may list views."""
    return word in {"show", "information_schema", "pragma"} or word.startswith("duckdb_")


def _readable(path: Path, say: Say) -> bool:
    try:
        with open_parquet(path):
            pass
    except (OSError, ValueError, pa.ArrowException) as error:
        say(f"left out: cannot read {path}: {cause(error, path)}")
        return False
    return True


def _quoted(path: Path) -> str:
    return "'" + str(path.absolute()).replace("'", "''") + "'"


def _pattern(path: Path) -> str:
    """The path as a glob of DuckDB's that matches it alone."""
    return "".join(f"[{sign}]" if sign in "[*?" else sign for sign in _quoted(path))

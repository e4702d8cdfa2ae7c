"""One conversion as a process of its own, in the conversion venv, and the end of it when the user wants no more."""

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from bench.errors import MachineError, ModelRefused, PrepareError
from bench.last_words import last_words
from bench.observe.memory import memory_cap, refused_by_cap, starving
from bench.observe.packages import installed_packages, normalized
from bench.plan.venvs import missing_runtime
from bench.prepare.cache import reading
from bench.prepare.recipes import Recipe
from bench.processes import child_environment, end_tree, exit_in_words, process_group

_TAIL_BYTES = 65_536
_POLL_S = 0.5
_ONLINE = ("hub", "hub-lookup")


@dataclass(frozen=True, slots=True)
class Converter:
    """The conversion venv's interpreter, and the folder that receives what converters print."""

    python: str
    logs: Path

    def run(
        self,
        recipe: Recipe,
        source: str,
        output: Path,
        *,
        title: str,
        log_name: str,
        watch: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        """Convert ``source`` by ``recipe`` into the empty folder ``output``, whose parent is scratch space.

        ``watch`` is called again and again meanwhile.

        Returns:
            the converter's facts.

        Raises:
            PrepareError: it failed, or was stopped before memory ran out; the message is one line: ``title``, the
                reason, and where all it printed is.
            ModelRefused: it takes no such model; the message is its reason.
        """
        request, result, scratch = (output.parent / name for name in ("request.json", "result.json", "tmp"))
        scratch.mkdir()
        online, cap = recipe.task in _ONLINE, memory_cap() + _mapped_bytes(Path(source))
        asked = {"task": recipe.task, "source": source, "options": dict(recipe.options), "online": online}
        files = {"output": str(output), "result": str(result)}
        request.write_text(json.dumps({**asked, **files, "memory_cap": cap}), "utf-8")

        def watching() -> None:
            watch()
            if (shortage := starving()) is not None:
                raise PrepareError(f"converting {title} was stopped before the machine ran out of memory: {shortage}")

        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{log_name}.log"
        status = self._process(request, log, environment(scratch, online=online), watching)
        try:
            answer = json.loads(result.read_text("utf-8"))
        except (OSError, ValueError):
            answer = None
        if answer is not None and answer.get("refused"):
            raise ModelRefused(answer["message"])
        if answer is None or not answer["ok"]:
            raise PrepareError(_failure(title, answer, status, log, cap))
        return dict(answer["facts"])

    def versions(self, packages: Iterable[str]) -> dict[str, str | None]:
        """Package -> installed version, ``None`` for what is not installed; no package is imported.

        Raises:
            MachineError: the interpreter cannot be run.
        """
        try:
            installed = installed_packages(self.python)["packages"]
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise MachineError(
                f"the conversion venv's interpreter {self.python} does not run ({type(error).__name__}): "
                "make the venv again with `nox -s models`"
            ) from error
        versions = normalized(installed)
        return {name: versions.get(canonicalize_name(name)) for name in packages}

    def _process(self, request: Path, log: Path, env: Mapping[str, str], watch: Callable[[], None]) -> int:
        with log.open("wb") as stream:
            try:
                process = subprocess.Popen(
                    [self.python, "-m", "backends.convert", str(request)],
                    cwd=request.parent,
                    env=env,
                    stdin=subprocess.PIPE,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    **process_group(),
                )
            except OSError as error:
                raise MachineError(
                    f"the conversion venv's interpreter {self.python} does not start ({error.strerror}): "
                    "make the venv again with `nox -s models`"
                ) from error
            # Its standard input stays open as long as somebody wants the result.
            with process:
                try:
                    return _wait(process, watch)
                except BaseException:
                    end_tree(process.pid)
                    process.wait()
                    raise


def environment(scratch: Path, *, online: bool) -> dict[str, str]:
    """What a converter sees: the project's modules, no network unless ``online``, temporary files in ``scratch``."""
    ours = {
        "TMPDIR": str(scratch),
        "TEMP": str(scratch),
        "TMP": str(scratch),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Where the machine does other work, torch's threads would spin for each other most of the time.
        "OMP_WAIT_POLICY": "passive",
    }
    return child_environment(ours, online=online)


def _wait(process: subprocess.Popen[bytes], watch: Callable[[], None]) -> int:
    # On Windows a wait without end cannot be interrupted by Ctrl-C.
    while True:
        try:
            return process.wait(timeout=_POLL_S)
        except subprocess.TimeoutExpired:
            watch()


def _mapped_bytes(source: Path) -> int:
    """Of a model's files, which a converter may map into its memory; the system can take these back."""
    with reading(source):
        if source.is_file():
            return source.stat().st_size
        return sum(file.stat().st_size for file in source.glob("*") if file.is_file()) if source.is_dir() else 0


def _failure(title: str, answer: Mapping[str, Any] | None, status: int, log: Path, cap_bytes: int) -> str:
    if answer is not None:
        reason = answer["message"]
    else:
        words = last_words(tail(log))
        reason = f"the converter died ({exit_in_words(status)})" + (f"; its last words: {words}" if words else "")
    remedy = missing_runtime(reason) or refused_by_cap(reason, cap_bytes)
    said = f"converting {title} failed: {reason} (all it printed is in {log})"
    return f"{said}; {remedy}" if remedy else said


def tail(log: Path) -> str:
    """The end of ``log``; of progress bars, which rewrite their line, the last state."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        text = stream.read().decode("utf-8", "replace")
    return "\n".join(line.rstrip().rpartition("\r")[2] for line in text.split("\n"))

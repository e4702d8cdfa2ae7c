"""A model of the Hugging Face hub: which commit is meant, and its download."""

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import MachineError, ModelRefused, PrepareError, UsageError
from bench.plan.estimate import format_duration
from bench.plan.plan import quantized_already
from bench.prepare.cache import CACHE_VARIABLE, ArtifactKey, ArtifactStore, remembered
from bench.prepare.conversion_cost import PendingWork, existing_parent, gigabytes
from bench.prepare.converter import Converter
from bench.prepare.model_facts import WEIGHT_FORMATS, ModelFacts
from bench.prepare.model_source import ModelSource
from bench.prepare.preparation import Say
from bench.prepare.recipes import Recipe
from bench.scratch import scratch

_COMMIT = re.compile(r"[0-9a-f]{40}")
_MAIN = "main"
_REVISIONS = "hub-revisions.json"
_SHOWN_DIGITS = 12
_EVERY_S = 10.0
_USUAL_BYTES_PER_S = 20e6
"""What is assumed before the first byte has come."""


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model on the hub at one commit.

    Args:
        label: ``owner/name``.
        files: name -> what :mod:`backends.convert.hub_lookup` says of it; empty for a model that was downloaded before.
        facts: what the hub says of the model; ``None`` where that is not enough.
    """

    label: str
    commit: str
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facts: ModelFacts | None = None

    @property
    def name(self) -> str:
        """The model for people, with its commit."""
        return f"{self.label} at commit {self.commit[:_SHOWN_DIGITS]}"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file["bytes"] for file in self.files.values())

    @property
    def missing(self) -> int:
        """Bytes that no file on this machine has."""
        return sum(file["bytes"] for file in self.files.values() if not file["place"])

    def room(self, folder: Path) -> int:
        """Bytes that the files take on the disk of ``folder``; what lies on it already is linked."""
        disk, taken = existing_parent(folder).stat().st_dev, 0
        for file in self.files.values():
            # Of what was removed since the hub was asked the download tells.
            with contextlib.suppress(OSError):
                if file["place"] and Path(file["place"]).stat().st_dev == disk:
                    taken += file["bytes"]
        return self.size - taken

    def work(self, folder: Path) -> PendingWork:
        """What the download into ``folder`` takes."""
        label = f"the download of {self.label} ({gigabytes(self.missing)})"
        return PendingWork(label, 10 + self.missing / _USUAL_BYTES_PER_S, self.room(folder), 0, 200_000_000)


def find_model(
    source: ModelSource, store: ArtifactStore, converter: Converter, key_of: Callable[[str], ArtifactKey], say: Say
) -> HubModel:
    """The commit that ``source`` means now: the hub is asked, unless a commit was named that is here.

    Where the hub cannot be asked, it is the commit that the same revision was before, if that is here.

    ``key_of``: the key, by its commit, under which the model is kept.

    Raises:
        UsageError: there is no such model, or none that can be converted, or the user has no access to it.
        PrepareError: the hub cannot be asked, and the model is not here.
    """
    asked = source.revision or _MAIN
    if _COMMIT.fullmatch(asked) and store.find(key_of(asked)):
        return HubModel(source.label, asked)
    with remembered(store.root / _REVISIONS) as known:
        before: dict[str, str] = dict(known.get(source.hub_id, {}))
    here = {commit: made for commit in sorted({*before.values()}) if (made := store.find(key_of(commit))) is not None}
    owned = {
        file["sha256"]: str(made.path / name) for made in here.values() for name, file in made.manifest["files"].items()
    }
    options = {"revision": source.revision, "here": list(here), "owned": owned}
    try:
        found = _look_up(source, options, converter)
    except ModelRefused as error:
        raise UsageError(str(error)) from error
    if "unreachable" not in found:
        return _model(source, found)
    if before.get(asked) in here:
        found |= {"commit": before[asked], "files": {}}
    elif "commit" not in found:
        raise PrepareError(
            f"the model {source.spec} is not here, and the hub cannot be asked: {found['unreachable']}; "
            f"{found['remedy']}"
        )
    model = _model(source, found)
    say(f"the hub cannot be asked ({found['unreachable']}): {model.name}, which is here, is used")
    return model


def remember(source: ModelSource, commit: str, store: ArtifactStore) -> None:
    """Note that ``source`` means ``commit``, which is here now, for when the hub cannot be asked."""
    with remembered(store.root / _REVISIONS) as known:
        known.setdefault(source.hub_id, {})[source.revision or _MAIN] = commit


def _look_up(source: ModelSource, options: Mapping[str, Any], converter: Converter) -> dict[str, Any]:
    with scratch() as folder:
        try:
            output = folder / "out"
            output.mkdir()
            title = f"{source.label} to a list of its files"
            recipe = Recipe("hub-lookup", {}, options)
            return converter.run(recipe, source.hub_id, output, title=title, log_name=recipe.task)
        except OSError as error:
            raise MachineError(
                f"{error.filename or folder} cannot be written ({error.strerror or error}): free or unlock it, or set "
                f"{CACHE_VARIABLE}, and TMPDIR (Windows: TEMP), to other folders"
            ) from error


def _model(source: ModelSource, found: Mapping[str, Any]) -> HubModel:
    files = found.get("files", {})
    if files and found["quantized"]:
        raise UsageError(f"{source.label}: {quantized_already(found['quantized'])}")
    return HubModel(source.label, found["commit"], files, _facts(found) if files else None)


def _facts(found: Mapping[str, Any]) -> ModelFacts | None:
    counted, vocabulary, context = (found[name] for name in ("parameters", "vocab_size", "context_tokens"))
    if not counted or not isinstance(vocabulary, int) or not isinstance(context, int | None):
        return None
    return ModelFacts(
        parameters=sum(counted.values()),
        vocab_size=vocabulary,
        context_tokens=context,
        linear_widths=(),
        weight_elements={WEIGHT_FORMATS.get(kind, kind.lower()): count for kind, count in counted.items()},
        stored_bytes=sum(file["bytes"] for name, file in found["files"].items() if name.endswith(".safetensors")),
    )


def download(model: HubModel, source: ModelSource, folder: Path, output: Path, converter: Converter, say: Say) -> None:
    """Put the files of ``model`` into ``output``; say every ten seconds how far it is.

    ``folder``: what has come lies there until all has, so that an interrupted download is gone on with.

    Raises:
        MachineError: the disk has no room for it.
        PrepareError: it broke off, or the hub refused it.
    """
    here, whole = _bytes_in(folder), model.missing
    check_disk(model, folder, shutil.disk_usage(existing_parent(folder)).free)
    rest = f", {gigabytes(here)} of it here from before" if here else ""
    taken = sum(1 for file in model.files.values() if file["place"])
    linked = f"; {taken} of the files ({gigabytes(model.size - whole)}) are on this machine already" if taken else ""
    say(f"downloading {model.name}: {len(model.files)} files, {gigabytes(whole)}{rest}{linked}")
    start = time.monotonic()
    recipe = Recipe("hub", {}, {"commit": model.commit, "files": model.files, "folder": str(folder)})
    progress = Progress(lambda: _bytes_in(folder), whole, say)
    title = f"{source.label} from the hub"
    try:
        converter.run(recipe, source.hub_id, output, title=title, log_name="hub", watch=progress)
    except ModelRefused as error:
        raise PrepareError(f"the download of {model.name} broke off: {error}") from error
    say(f"downloaded {model.name}: done in {format_duration(time.monotonic() - start)}")


def check_disk(model: HubModel, folder: Path, free_bytes: int) -> None:
    """Whether the disk has room for what ``model`` still lacks in ``folder``.

    Raises:
        MachineError: it has not.
    """
    needed = model.room(folder) - _bytes_in(folder)
    if needed > free_bytes:
        raise MachineError(
            f"downloading {model.name} needs {gigabytes(needed)} of disk, {gigabytes(free_bytes)} are free: free some "
            f"(`nox -s clean` shows the cache), or move the cache with {CACHE_VARIABLE}"
        )


class Progress:
    """Says now and then how far a download is, when called again and again.

    Args:
        have: bytes that have come so far.
        whole: bytes that come in all.
    """

    def __init__(
        self, have: Callable[[], int], whole: int, say: Say, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._have, self._whole, self._say, self._clock = have, whole, say, clock
        self._told = (clock(), have())

    def __call__(self) -> None:
        (then, before), now = self._told, self._clock()
        if now - then < _EVERY_S:
            return
        have = self._have()
        rate = max(0, have - before) / (now - then)
        self._told = (now, have)
        left = f"about {format_duration((self._whole - have) / rate)} left" if rate else "waiting for the hub"
        share = have / self._whole if self._whole else 1
        self._say(f"  {have / 1e6:,.0f} MB of {self._whole / 1e6:,.0f} MB ({share:.0%}), {rate / 1e6:.1f} MB/s, {left}")


def _bytes_in(folder: Path) -> int:
    """What lies in ``folder``, of files that may just be getting another name."""
    total = 0
    for file in folder.glob("*"):
        with contextlib.suppress(OSError):
            total += file.stat().st_size
    return total

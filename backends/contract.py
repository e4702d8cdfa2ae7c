"""The contract between the harness and an inference stack; the worker (:mod:`backends.worker`) takes all time stamps.

Errors, and the status that each gives the row::

    BackendError                   failed       the stack could not do what it was asked
    ├── ArtifactError              failed       what lies on disk is not a model that this stack can load
    ├── StepCountError             failed       more or fewer decode steps than asked for
    └── UnsupportedError           unsupported  this combination cannot be, on this machine or at all
        └── DeviceUnavailableError unsupported  the device is not here, or not usable as it is
"""

import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, Protocol

from backends.reasons import in_one_line
from backends.spec import PREFIX_CACHING

StepCallback = Callable[[Sequence[int]], None]
"""Takes the ids of one decode step, one per sequence, the moment they are on the host."""

DeviceSource = Literal["read-back", "accepted", "unproven", "simulated", "none"]
"""How an executed device is known.

``read-back``: the loaded model named it. ``accepted``: the stack has no read-back, but took an explicit device that it
lists as present. ``unproven``: it took the device, but is known to hand its work to another one without a word, so that
only a counter of the device can show that it ran. ``simulated``: no device ran. ``none``: nothing is known.
"""

CompileCache = Literal["none", "cold", "hit", "unknown"]
"""Whether a load compiled afresh without a cache, filled one, was served by one, or cannot tell."""


class BackendError(Exception):
    """The stack could not do what it was asked. The message says what happened and what to do about it."""


class ArtifactError(BackendError):
    """The artifact is not a model that this stack can load."""


class StepCountError(BackendError):
    """The stack answered with more or fewer decode steps than it was asked for."""


class UnsupportedError(BackendError):
    """This combination cannot be, on this machine or with this stack."""


class DeviceUnavailableError(UnsupportedError):
    """The requested device is not among those that the stack can use here."""


def one_line(error: BaseException) -> str:
    """The cause in a stack's own error, see :mod:`backends.reasons`, to go into the message of one of ours."""
    return in_one_line(str(error)) or type(error).__name__


def require_file(artifact: Path, name: str, model: str) -> None:
    """Refuse a folder without the file that every ``model`` of its kind has."""
    if not (artifact / name).is_file():
        raise ArtifactError(f"{artifact} holds no {model} ({name} is missing); make it with `nox -s models`")


def installed_versions(*packages: str) -> dict[str, str]:
    """Package -> version, of those of ``packages`` that are installed."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def common_beginning(one: Sequence[int], other: Sequence[int]) -> int:
    """How many first ids two prompts share."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def known_beginning(prompts: Sequence[Sequence[int]], computed: Sequence[Sequence[int]]) -> int:
    """How many first ids of each of ``prompts`` a cache of the sequences ``computed`` holds.

    At most all but the last, whose logits are asked for; 0 where the batches are of other sizes.
    """
    if not computed or len(computed) != len(prompts):
        return 0
    shared = min(common_beginning(*pair) for pair in zip(prompts, computed, strict=True))
    return min(shared, len(prompts[0]) - 1)


def cannot_cut_back(stack: str) -> UnsupportedError:
    """The error for a model whose cache ``stack`` cannot cut back to what two prompts share."""
    return UnsupportedError(
        f"this model's cache cannot be cut back to the beginning that two prompts share, so that {stack} has no prefix "
        "cache for it: leave --ask again out"
    )


def variable_set(name: str, value: str, *, windows: bool = sys.platform == "win32") -> str:
    """How a variable of the environment is set before nox is called; in PowerShell, ``set`` is something else."""
    return f"$env:{name} = '{value}'" if windows else f"{name}={value}"


def program(file: str, *, windows: bool = sys.platform == "win32") -> str:
    """A program as it is typed before its arguments; PowerShell takes for a text what begins with a quotation mark."""
    if not windows:
        return shlex.quote(file)
    return file if re.fullmatch(r"[\w.:\\-]+", file) else "& '{}'".format(file.replace("'", "''"))


@dataclass(frozen=True, slots=True)
class Device:
    """A device that a stack can really use on this machine. ``None`` means: the stack does not tell.

    Args:
        name: the name by which ``load`` takes it, in the stack's canonical spelling, e.g. ``CPU`` or ``GPU.0``.
        adapter: the adapter that it is, as the system's counters name it: on Linux by :func:`pci_address`, on Windows
            by :func:`locally_unique`.
    """

    name: str
    description: str | None = None
    driver: str | None = None
    memory_bytes: int | None = None
    adapter: str | None = None


def pci_address(domain: int, bus: int, device: int, function: int = 0) -> str | None:
    """An adapter as Linux names it, e.g. ``0000:00:02.0``.

    ``None`` for zeros: a driver that does not tell leaves them, and they are the address of the host bridge.
    """
    place = (domain, bus, device, function)
    return "{:04x}:{:02x}:{:02x}.{:x}".format(*place) if any(place) else None


def locally_unique(number: int | bytes) -> str | None:
    """An adapter as Windows names it, e.g. ``d1c2``: its LUID in hex; bytes as they lie in memory, the low half first.

    ``None`` for 0, by which a driver does not tell.
    """
    value = number if isinstance(number, int) else int.from_bytes(number, "little")
    return f"{value:x}" if value else None


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load, apart from what and where.

    Args:
        precision: the weight format that the artifact was made in; a stack that converts on load makes it so.
        threads: CPU threads to compute with; ``None`` leaves the stack its own default.
    """

    precision: str
    threads: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prefix_caching(self) -> bool:
        """Whether the stack's prefix cache is on, see :class:`backends.spec.PrefixCache`."""
        return self.extra.get(PREFIX_CACHING) == "on"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a loaded model because it was read back. ``None`` means: the stack does not tell.

    Args:
        device: the device that executes, as far as ``device_source`` carries.
        note: one sentence for the reader of a report on where this knowledge comes from.
        inference_precision: the type in which the stack computes, e.g. ``f32``.
        activation_quantization: what activations are rounded to before they meet quantized weights: ``none`` where it
            is known that they are not, or e.g. ``int8, groups of 32``; ``int8 allowed, groups of 32`` where the kernels
            decide and do not report it.
        attention_backend: which attention implementation runs, e.g. ``PA``, ``SDPA``, ``GroupQueryAttention``.
        weight_bits: weight format -> share of parameters, only from a stack that changes weights on load.
        bits_per_weight: all that is stored of the weights, in bits, over the parameters; from such a stack.
        bits_read_per_weight: of these, without an embedding of which a token reads one row; from such a stack.
        changed_hints: property -> ``asked f16, got f32``, for what the stack was told and reads back otherwise.
        versions: package -> version, of the stack itself, the package that gives ``backend_version`` first.
    """

    device: str | None
    device_source: DeviceSource
    note: str
    inference_precision: str | None = None
    kv_cache_precision: str | None = None
    activation_quantization: str | None = None
    attention_backend: str | None = None
    threads: int | None = None
    weight_bits: Mapping[str, float] | None = None
    bits_per_weight: float | None = None
    bits_read_per_weight: float | None = None
    compile_cache: CompileCache = "unknown"
    changed_hints: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GenerationDetails:
    """What a stack can tell about one generation beside its steps.

    Args:
        setup_ns: the part of the time to first token that went into setting the request up (creating a generator,
            allocating its KV cache), in nanoseconds; ``None`` where the stack does not let it be seen.
        padded_prompt_tokens: the prompt length that was computed, where the stack pads; ``None`` where it does not.
    """

    setup_ns: int | None = None
    padded_prompt_tokens: int | None = None


class Session(Protocol):
    """One loaded model on one device."""

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """Continue ``prompts`` greedily by exactly ``new_tokens`` steps.

        Args:
            prompts: one sequence of ids, or a batch of sequences of equal length; taken exactly as given.
            new_tokens: decode steps to take, at least 1. An end-of-sequence id does not end the generation, and is
                not masked either: it is simply another id.
            on_step: called exactly once per step with one id per sequence, as soon as the ids are on the host.

        Raises:
            UnsupportedError: the stack cannot stream a batch of this size.
            BackendError: anything else that the stack could not do.
        """

    def evidence(self) -> Evidence:
        """Read back what was loaded. Called once after the load and outside of all timed regions."""

    def close(self) -> None:
        """Let go of the model."""


class Backend(Protocol):
    """One inference stack. The class is made without arguments, after its module (and so the stack) was imported."""

    def devices(self) -> list[Device]:
        """The devices that this machine really has, as the stack reports them."""

    def load(self, artifact: Path, device: str, options: LoadOptions) -> Session:
        """Load the model in the folder ``artifact`` onto ``device``.

        Raises:
            ArtifactError: the folder holds nothing that this stack can load.
            DeviceUnavailableError: the device is not here; never a silent fall-back to another one.
            BackendError: anything else.
        """


class ProfilingBackend(Backend, Protocol):
    """A stack that reports where it places the work, in a process of its own that is not timed.

    The harness asks only where the table says so (:attr:`backends.spec.BackendSpec.profiled`).
    """

    def profile(
        self, artifact: Path, device: str, options: LoadOptions, prompt: Sequence[int], new_tokens: int
    ) -> tuple[str, Mapping[str, float]]:
        """Load the model with the stack's own profiler on, generate once, and read the profile.

        Returns:
            the name that the profile gives to the execution provider of ``device``; and execution provider -> share of
            the executed nodes, largest first, which sum to 1.
        """


@dataclass(frozen=True, slots=True)
class Text:
    """A text whose tokens a model is to predict, each from those before it (teacher forcing).

    Args:
        ids: all of it, a BOS included where the model wants one.
        start: the first position that is scored; the model reads those before it too. Position ``p`` is the one whose
            logits predict ``ids[p + 1]``, so the last is ``len(ids) - 2``.
    """

    name: str
    ids: Sequence[int]
    start: int = 0

    @property
    def positions(self) -> int:
        """How many positions are scored."""
        return len(self.ids) - 1 - self.start


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt that a reference answers greedily.

    Args:
        digest: of its ids, by which its answers are known.
        ids: all of it, a BOS included where the model wants one.
    """

    digest: str
    ids: Sequence[int]
    new_tokens: int


def require_vocabulary(texts: Sequence[Text], vocabulary: int) -> None:
    """Refuse texts with an id that a model of ``vocabulary`` ids does not have."""
    for text in texts:
        if (highest := max(text.ids)) >= vocabulary:
            raise ArtifactError(
                f"text {text.name} has id {highest}, this model a vocabulary of {vocabulary}: "
                "the texts were made with another tokenizer"
            )


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model thinks of the next token at consecutive positions of one text. One of the last two is given.

    Args:
        logits: float array [positions, vocabulary].
        log_probs: float array [positions]: the natural logarithm of the probability of each next id, from a stack that
            gives no logits.
    """

    text: int
    position: int
    logits: Any = None
    log_probs: Any = None


class ScoringSession(Session, Protocol):
    """A loaded model that tells what it thinks of given tokens, in a process of its own that is not timed.

    The harness asks only where the table says so (:attr:`backends.spec.BackendSpec.scores`).
    """

    def score(self, texts: Sequence[Text]) -> Iterator[Scores]:
        """Score ``texts``.

        Yields:
            each scored position once, those of a text in ascending order. The caller may stop early: what comes first
            counts most, so a stack that takes one position at a time may go through several texts side by side.

        Raises:
            UnsupportedError: this device or this artifact gives neither logits nor log-probabilities.
            BackendError: anything else that the stack could not do.
        """


class ScoringBackend(Backend, Protocol):
    """A stack that loads a model otherwise to score texts: it is asked in the place of a :class:`ScoringSession`."""

    def score(self, artifact: Path, device: str, options: LoadOptions, texts: Sequence[Text]) -> Iterator[Scores]:
        """Load the model as :meth:`Backend.load` does for a timing, as far as that goes, and score ``texts``.

        It yields and raises what :meth:`ScoringSession.score` and :meth:`Backend.load` do.
        """

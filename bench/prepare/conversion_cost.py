"""What a conversion will take, and whether the machine has it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from backends.spec import ORIGINAL
from bench.errors import MachineError
from bench.observe.limits import usable_memory

BITS = {"int4": 5.1, "int8": 8.5, "fp16": 16.0, "bf16": 16.0, "fp32": 32.0, ORIGINAL: 0.0}
"""Stored bits per weight, scales included, about; what is taken as it is takes no room."""

_SIDE_FILES_BYTES = 10_000_000  # tokenizer, graph, configuration


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one conversion: lines through figures measured on two cores with models of 5 to 3,821 million parameters.

    Memory that the system can take back, as that of a source file that is mapped and not copied, is not counted: ORT's
    builder took a model of 3,821 million parameters through 23 GB of free memory, though its peak counter, which counts
    mapped pages too, reported 24. What is counted is
    ``base + per_source_byte * bytes of the source's weights + per_parameter * parameters``.
    """

    start_s: float
    s_per_million: float
    base_bytes: float
    per_source_byte: float = 0.0
    per_parameter: float = 0.0


_COSTS: Mapping[str, _Cost] = {
    "cast": _Cost(5, 0.02, 0.5e9, per_source_byte=1.0, per_parameter=4.0),
    "gguf": _Cost(10, 0.11, 0.8e9, per_parameter=6.0),
    "gguf-as-is": _Cost(3, 0, 0.2e9),
    "gguf-tokenizer": _Cost(6, 0, 0.8e9),
    "inspect": _Cost(4, 0, 0.5e9),
    "openvino-ir": _Cost(11, 0.05, 0.6e9, per_source_byte=1.3),
    "ort-genai": _Cost(7, 0.045, 0.6e9, per_parameter=4.5),
    "prompts": _Cost(6, 0, 0.8e9),
    "reference": _Cost(12, 0.15, 1.0e9, per_source_byte=1.05),
    "synthetic": _Cost(6, 0.03, 0.5e9, per_source_byte=0.2),
    "to-gguf": _Cost(5, 0.02, 0.8e9, per_parameter=0.5),
}


@dataclass(frozen=True, slots=True)
class PendingWork:
    """Something that would have to be made.

    Args:
        label: what, e.g. ``SmolLM2-135M-Instruct to openvino-ir int4``.
        scratch_bytes: space that is needed meanwhile and then given back.
        memory_bytes: the most memory that it holds at once.
    """

    label: str
    seconds: float
    disk_bytes: int
    scratch_bytes: int
    memory_bytes: int


def estimate(label: str, task: str, precision: str, parameters: int, source_bytes: int) -> PendingWork:
    """What making ``label`` will take, from the converter, the weight format, and the size of the model's weights."""
    cost = _COSTS[task]
    weights = int(parameters * BITS[precision] / 8) if precision else 0
    # optimum-intel first exports in the source's own precision, and compresses that.
    scratch = source_bytes if task == "openvino-ir" and precision in ("int4", "int8") else 0
    return PendingWork(
        label=label,
        seconds=cost.start_s + cost.s_per_million * parameters / 1e6,
        disk_bytes=weights + _SIDE_FILES_BYTES,
        scratch_bytes=scratch,
        memory_bytes=int(cost.base_bytes + cost.per_source_byte * source_bytes + cost.per_parameter * parameters),
    )


def disk_bytes(work: Collection[PendingWork]) -> int:
    """The disk space that ``work``, done one after the other, needs at most."""
    return sum(item.disk_bytes for item in work) + max((item.scratch_bytes for item in work), default=0)


def check_room(work: Collection[PendingWork], free_disk_bytes: int, free_memory_bytes: int) -> None:
    """Whether all of ``work``, done one after the other, fits.

    Raises:
        MachineError: it does not; the message says what is needed and what is free.
    """
    disk = disk_bytes(work)
    if disk > free_disk_bytes:
        labels = ", ".join(item.label for item in work)
        raise MachineError(
            f"converting {labels} needs about {gigabytes(disk)} of disk, {gigabytes(free_disk_bytes)} are free: "
            "free some (`nox -s clean` shows the cache), or move the cache with AIPC_BENCH_CACHE"
        )
    for item in work:
        if item.memory_bytes > free_memory_bytes:
            raise MachineError(
                f"converting {item.label} needs about {gigabytes(item.memory_bytes)} of memory, "
                f"{gigabytes(free_memory_bytes)} are free: close programs, or choose a smaller model"
            )


def free_memory_bytes() -> int:
    """Memory that could be had now without swapping."""
    return usable_memory().available_bytes


def existing_parent(folder: Path) -> Path:
    """``folder``, or the nearest folder above it that is there: the disk on which it will be made."""
    return next((path for path in (folder, *folder.absolute().parents) if path.exists()), Path.cwd())


def gigabytes(count: int) -> str:
    """``count`` bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"

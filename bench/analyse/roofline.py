"""Decoding compared with what the machine's memory allows: every step reads the weights and the KV cache once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backends.spec import hardware_of
from bench.analyse.interval import Estimate
from bench.analyse.results import CellResult, LoadResult, RunAnalysis

_KV_BYTES = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "i8": 1.0,
    "u8": 1.0,
    "i4": 0.5,
    "u4": 0.5,
    # Blocks of 32 values with a scale of two bytes.
    "q8_0": 34 / 32,
}
"""Bytes of a value in the KV cache, by the names that the stacks give its type."""

_COMPUTED_BITS = {"f32": 32.0, "f16": 16.0, "bf16": 16.0}
"""What a stack computes in -> bits of a number."""

NOT_ON_CPU, NO_WEIGHTS, ONE_TOKEN = "not on the CPU", "no weights", "one token"
"""Why a cell has no point, see :attr:`Roofline.left_out`."""


@dataclass(frozen=True, slots=True)
class RooflinePoint:
    """One cell's decode step.

    Args:
        weight_bytes: of the weights that a step reads, as they are stored, scales included, or as they are computed
            where that is less. Of an embedding that the output layer does not share a step reads next to nothing.
        kv_bytes: of the KV cache in the middle of the answer, over the whole batch; ``None`` where its shape or type is
            not known, and then not in the limit either.
        limit_per_s: how many steps a second the memory allows at most.
    """

    cell: CellResult
    weight_bytes: float
    kv_bytes: float | None
    limit_per_s: float
    rate_per_s: Estimate

    @property
    def step_bytes(self) -> float:
        """What a step reads, as far as known."""
        return self.weight_bytes + (self.kv_bytes or 0.0)

    @property
    def share(self) -> float:
        """What was reached of the limit: 1 is all of it; caches can give more."""
        return self.rate_per_s.value / self.limit_per_s


@dataclass(frozen=True, slots=True)
class Roofline:
    """The measured cells of a run, and the bandwidth of its machine's memory.

    Args:
        bytes_per_s: as measured when the run began; ``None`` in runs that did not measure it.
        left_out: reason -> how many measured cells have no point for it.
    """

    bytes_per_s: float | None
    points: tuple[RooflinePoint, ...]
    left_out: Mapping[str, int]


def roofline(analysis: RunAnalysis) -> Roofline | None:
    """The roofline of a run; ``None`` if all that it has is simulated, or nothing."""
    cells = [cell for cell in analysis.cells if not cell.load.simulated]
    if not cells:
        return None
    bandwidth = (analysis.record.get("machine") or {}).get("memory_read_bytes_per_s")
    if not bandwidth:
        return Roofline(None, (), {})
    model = analysis.record.get("model") or {}
    found = [_point(cell, model, bandwidth) for cell in cells]
    points = tuple(one for one in found if isinstance(one, RooflinePoint))
    return Roofline(bandwidth, points, Counter(one for one in found if isinstance(one, str)))


def _point(cell: CellResult, model: Mapping[str, Any], bytes_per_s: float) -> RooflinePoint | str:
    """The point of a cell, or why it has none."""
    # A GPU's or an NPU's way to memory is another than the one that was measured.
    if hardware_of(cell.load.ran_on) != "CPU":
        return NOT_ON_CPU
    if cell.tpot_ms is None:
        return ONE_TOKEN
    weights = _weight_bytes(cell.load, model.get("parameters"))
    if weights is None:
        return NO_WEIGHTS
    kv_bytes = _kv_bytes(cell, model.get("kv_cache_values_per_token"))
    limit = bytes_per_s / (weights + (kv_bytes or 0.0))
    return RooflinePoint(cell, weights, kv_bytes, limit, cell.tpot_ms.estimate.rate(1000.0))


def _weight_bytes(load: LoadResult, parameters: int | None) -> float | None:
    bits = load.bits_read_per_weight or load.bits_per_weight
    if bits and parameters:
        # Weights that are wider than what they are computed in may be kept in that: a limit must not be too low.
        computed = _COMPUTED_BITS.get(load.inference_precision or "", bits)
        return min(bits, computed) * parameters / 8
    return float(load.artifact_bytes) if load.artifact_bytes else None


def _kv_bytes(cell: CellResult, values_per_token: int | None) -> float | None:
    width = _KV_BYTES.get((cell.load.kv_cache_precision or "").lower())
    if width is None or not values_per_token:
        return None
    prompt_tokens = cell.padded_prompt_tokens or cell.prompt_tokens
    return cell.batch_size * (prompt_tokens + cell.new_tokens / 2) * values_per_token * width

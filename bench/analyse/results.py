"""What the analyse stage hands on: frozen, in the units that people read, ``None`` where nothing was measured."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from bench.analyse.interval import Estimate, over_blocks
from bench.analyse.quality import Quality
from bench.findings import Values
from bench.plan.cells import Ask, Request
from bench.plan.flags import PROFILES

VERDICT_BLOCKS = PROFILES["standard"][0]
"""From how many blocks on a run claims which configuration is fastest; below, it only says what was measured lowest."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of one cell: its estimate over blocks, and the median of each block's generations."""

    estimate: Estimate
    by_block: Mapping[int, float]

    @classmethod
    def over(cls, by_block: Mapping[int, float]) -> Measured | None:
        """Over blocks; ``None`` without one whose value is positive: another is below what the clock can tell."""
        positive = {block: value for block, value in by_block.items() if value > 0}
        estimate = over_blocks(positive)
        return None if estimate is None else cls(estimate, positive)

    def within(self, blocks: Collection[int]) -> Measured | None:
        """The same over those of its blocks that are among ``blocks``, e.g. those of a ratio; ``None`` if none is."""
        kept = {block: value for block, value in self.by_block.items() if block in blocks}
        return self if len(kept) == len(self.by_block) else Measured.over(kept)

    def rate(self, amount: float) -> Measured:
        """``amount`` over it: a time as a rate."""
        return Measured(self.estimate.rate(amount), {block: amount / value for block, value in self.by_block.items()})


QUANTILES = {"p50": (0.5, 10), "p90": (0.9, 50), "p95": (0.95, 100), "p99": (0.99, 500)}
"""Name -> its share, and how many values it takes until five lie beyond it."""


Quantiles = Mapping[str, float | None]
"""Of all of a cell's inter-token latencies together, in ms, by the names in :data:`QUANTILES`; without an interval.

``None`` where fewer than five values lie beyond the quantile.
"""


@dataclass(frozen=True, slots=True)
class Costs:
    """Medians over those counted generations of a cell that a counter was read around; ``None`` where it never was.

    Zero is a value: a device whose counter stood still was not busy. These describe and have no interval.

    Args:
        energy_j: of one generation, prefill and decode together, as far as ``energy_source`` covers.
        energy_j_per_token: that over the new tokens of the whole batch.
        gpu_busy_ms: all engines added up, so that it can be more than the generation took.
        cpu_time_ms: of all threads of the worker process.
        cpu_frequency_mhz: of the cores that the worker may use.
    """

    energy_j: float | None = None
    energy_j_per_token: float | None = None
    energy_source: str | None = None
    npu_busy_ms: float | None = None
    gpu_busy_ms: float | None = None
    cpu_time_ms: float | None = None
    cpu_frequency_mhz: float | None = None


MILESTONES = (1, 8, 32, 128, 512, 2048)
"""Tokens whose time a table has, and that of the last one."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Time from the request to token k, the median over all counted generations of a cell, in ms.

    ``token``: k, counted from 1 and ascending; of a long answer some evenly spaced ones, the first, the last and
    :data:`MILESTONES` among them.
    """

    token: tuple[int, ...]
    median: tuple[float, ...]

    def at(self, token: int) -> float | None:
        """The time to one of the tokens; ``None`` for one that is not among them."""
        return dict(zip(self.token, self.median, strict=True)).get(token)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of one cell, and how they compare with those of a reference to the same prompts (docs/metrics.md).

    Args:
        distinct: number of different ids in an answer as a share of its length, the median over answers.
        compared: how many answers were compared, each sequence of a batch on its own; none of the reference's own.
        compared_tokens: how many of an answer's first tokens were; ``None`` where none were.
        first_difference: the median over answers; ``compared_tokens`` where none differs.
        alike: share of the answers that are the same to the last id that was compared.
        repeated: how many answers there are, warm-ups too, to prompts that the cell had been asked before.
        phrases_again: share of the runs of :data:`PHRASE` ids of an answer that stood in it before, the median over
            answers; ``None`` for answers shorter than two.
        outside: how many ids of the timed answers the model's vocabulary does not have, as far as its size is recorded.
        cpu_first_difference: as ``first_difference``, from the answers of the same artifact with the same stack on the
            CPU; ``None`` where the run has no such load, or this is one. What differs early is the device's doing.
    """

    distinct: float
    compared: int = 0
    first_difference: float | None = None
    mean_first_difference: float | None = None
    alike: float | None = None
    repeated: int = 0
    repeats_that_differ: int = 0
    collapsed: bool = False
    phrases_again: float | None = None
    outside: int = 0
    cpu_first_difference: float | None = None
    cpu_alike: float | None = None
    compared_tokens: int | None = None


Use = Literal["timed", "warm-up", "excluded"]
"""What became of a generation: only those that were timed count."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation that ran to its end.

    Args:
        use: ``excluded`` was to be timed and does not count.
        ttft_ms: ``None`` where the record holds no positive time.
        tpot_ms: ``None`` for answers of one token, and where a step is missing.
        reason: why it is excluded, as recorded; ``None`` where its record is not whole, or it is not excluded.
    """

    block: int
    use: Use
    ttft_ms: float | None
    tpot_ms: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TokenSeries:
    """Latency of token k along the generation, k counted from 1, over all of a cell's generations, in ms.

    Long generations are gathered into bins of neighbouring tokens; ``token`` is then the bin's centre.
    """

    token: tuple[float, ...]
    median: tuple[float, ...]
    p10: tuple[float, ...]
    p90: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Inter-token latencies counted in bins whose edges are evenly spaced on a logarithmic axis, in ms."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LoadTimes:
    """From nothing to ready, over those processes of a load that found the compile cache in the same state.

    Args:
        processes: how many loaded so; the times are medians over them.
        first_generation_s: over those processes alone whose first request was ``first_request``.
        steady_s: the whole answer to that request, later in the same processes.
        first_request: ``None`` where no generation ended well.
    """

    compile_cache: str
    processes: int
    process_start_s: float | None
    import_s: float | None
    load_s: float | None
    first_generation_s: float | None
    steady_s: float | None
    first_request: Request | None = None
    first_processes: int = 0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """One artifact on one device with one stack, over all of its processes; columns as in docs/schema.md.

    Args:
        device_executed: as read back; several are joined by `` + ``.
        device_verdict: the weakest of all processes.
        device_evidence: by the process of that verdict whose ``device_share`` is the least.
        times: one for each state of the compile cache; loads that it served come last.
        peak_memory_bytes: median over processes of each process's own peak; the other sizes are medians too.
        variant_spec: as the variant was asked for; ``None`` of a load that is none.
        peak_memory: the estimate over blocks, in bytes; a block has the largest peak of its processes.
        environment: variables that change how fast a stack runs, of the newest process; ``None`` of a run that did not
            record them.
        quality: ``None`` where nobody asked for it, as in older runs.
    """

    load_key: str
    label: str
    variant: str
    backend: str
    backend_version: str | None
    device_requested: str
    device_executed: str | None
    device_verdict: str
    device_evidence: str | None
    device_share: float | None
    precision: str
    bits_per_weight: float | None
    bits_read_per_weight: float | None
    weight_bits: Mapping[str, float] | None
    inference_precision: str | None
    kv_cache_precision: str | None
    attention_backend: str | None
    threads: int | None
    options: Mapping[str, Any]
    processes: int
    times: tuple[LoadTimes, ...]
    peak_memory_bytes: int | None
    peak_memory_max_bytes: int | None
    private_memory_bytes: int | None
    device_memory_bytes: int | None
    artifact_bytes: int | None
    node_placement: Mapping[str, float] | None = None
    changed_hints: Mapping[str, str] | None = None
    variant_spec: str | None = None
    peak_memory: Measured | None = None
    environment: Mapping[str, str] | None = None
    quality: Quality | None = None
    artifact_digest: str | None = None
    activation_quantization: str | None = None
    weight_recipe: Mapping[str, str] | None = None

    @property
    def load(self) -> LoadResult:
        """Itself, as a cell has its load: rankings are of cells or of loads."""
        return self

    @property
    def simulated(self) -> bool:
        """Whether its latencies were simulated, not measured."""
        return self.device_verdict == "simulated"

    @property
    def faithful(self) -> bool:
        """Whether its words are known to be right."""
        return self.quality is not None and self.quality.verdict == "faithful"

    @property
    def broken(self) -> bool:
        """Whether its words are known to be wrong, so that it never wins."""
        return self.quality is not None and self.quality.verdict == "broken"

    @property
    def fresh(self) -> LoadTimes | None:
        """The times of loads that compiled; ``None`` if a cache served all of them."""
        return next((times for times in self.times if times.compile_cache != "hit"), None)

    @property
    def cached(self) -> LoadTimes | None:
        """The times of loads that a compile cache served."""
        return next((times for times in self.times if times.compile_cache == "hit"), None)

    @property
    def ran_on(self) -> str:
        """The device that the figures are those of: what ran, where it was another than asked for."""
        if self.device_verdict == "fallback":
            return self.device_executed or "unknown device"
        if self.device_requested == "AUTO" and self.device_executed:
            return self.device_executed
        return self.device_requested


@dataclass(frozen=True, slots=True)
class Lost:
    """Blocks (from 0) of a measured cell in which it failed or gave nothing that counts, with one reason.

    Args:
        status: as of :class:`Failure`, or ``unreached``: planned, and the run ended before.
        message: the reason as recorded; empty for ``unreached``.
    """

    status: str
    message: str
    blocks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AskedCell:
    """A load and what it was asked, which is all that is known of a cell that failed or was not reached.

    Args:
        prompt_tokens: of the whole prompt, in a chat with all that was said before.
        turn: of a chat, from 1; 0 outside of one.
    """

    cell_key: str
    load: LoadResult
    prompt_tokens: int
    new_tokens: int
    batch_size: int
    turn: int = 0
    ask: Ask = "first"

    @property
    def shape(self) -> Request:
        return Request(self.prompt_tokens, self.new_tokens, self.batch_size, self.turn)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult(AskedCell):
    """One combination that has numbers; each of :data:`bench.metrics.METRICS` is an attribute.

    Args:
        blocks: how many blocks have a counted generation.
        tpot_ms: ``None`` for answers of one token.
        prefill_tokens_per_s: ``None`` for a prefix-cache hit, which leaves nearly all of the prompt out.
        decode_tokens_per_s: over the whole batch.
        itl_p95_ms: the blocks' own 95th percentiles of inter-token latency, for comparisons; ``None`` where a block has
            fewer than a hundred.
        setup_ms: request set-up, a part of TTFT; ``None`` where the stack does not report it.
        timed: of each of :data:`bench.metrics.BY_GENERATION` the counted generations in the order in which they were
            committed; empty for TPOT in answers of one token.
        answers: how far its answers agree with those of the run's reference; ``None`` where it is simulated, and where
            no ids of its answers are stored.
    """

    padded_prompt_tokens: int | None
    generations: int
    warmups: int
    excluded: int
    blocks: int
    ttft_ms: Measured
    tpot_ms: Measured | None
    response_ms: Measured | None
    prefill_tokens_per_s: Measured | None
    decode_tokens_per_s: Measured | None
    itl_ms: Quantiles = field(default_factory=lambda: dict.fromkeys(QUANTILES))
    along: TokenSeries | None = None
    histogram: Histogram | None = None
    itl_p95_ms: Measured | None = None
    itl_samples: int = 0
    arrival_ms: Arrival | None = None
    setup_ms: Measured | None = None
    costs: Costs = field(default_factory=Costs)
    timed: Mapping[str, Sequence[float]] = field(default_factory=dict)
    series: tuple[Generation, ...] = ()
    lost: tuple[Lost, ...] = ()
    answers: Answers | None = None

    @property
    def answer_ms(self) -> float:
        """Until the last token, or until the first and only one."""
        return (self.response_ms or self.ttft_ms).estimate.value

    @property
    def lost_blocks(self) -> int:
        """How many blocks were lost."""
        return sum(len(one.blocks) for one in self.lost)


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell, or all cells of a load, that could not be measured in some blocks, with one reason.

    Args:
        status: ``failed``, ``timeout``, ``crashed`` or ``unsupported``; ``invalid``: generations that do not count.
        measured_elsewhere: whether some of these cells were measured in other blocks.
        tried_again: whether a fresh process followed in the same visits, for ``--retry-crashed``; it has no cells.
    """

    load: LoadResult
    status: str
    error_type: str | None
    message: str
    exit_code: int | None
    stderr_tail: str | None
    cells: tuple[AskedCell, ...]
    blocks: tuple[int, ...]
    measured_elsewhere: bool
    tried_again: bool = False


_Contestant = TypeVar("_Contestant", CellResult, LoadResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival(Generic[_Contestant]):
    """One that is compared with the lowest of a ranking.

    Args:
        ratio: its metric over the lowest one's, over the blocks that both have; above 1 means slower, or more. The
            interval is of this ratio alone.
        distinguishable: whether the difference stands after Holm's adjustment over all pairs of the ranking; ``None``
            where there is no interval, which takes two shared blocks.
        value: its geometric mean over the blocks of the ratio, in ms or bytes.
        lowest: that of the lowest over the same blocks.
    """

    contestant: _Contestant
    ratio: Estimate
    distinguishable: bool | None
    value: float
    lowest: float

    @property
    def load(self) -> LoadResult:
        """The contestant, or the load of the cell that it is."""
        return self.contestant.load

    @property
    def higher(self) -> bool:
        """Whether it is certainly slower than the lowest, or more."""
        return bool(self.distinguishable) and self.ratio.value > 1

    @property
    def lower(self) -> bool:
        """Whether it is certainly lower. There is such a one only where pairs share different blocks."""
        return bool(self.distinguishable) and self.ratio.value < 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking(Generic[_Contestant]):
    """Who is lowest by one metric, of those that answered the same requests, and how the others compare.

    A peak of memory is one of a process over its whole life, so there is one value per load and none per request.

    Args:
        metric: one of :data:`bench.metrics.RANKED`, whose contestants are cells; or ``memory``, of loads.
        shapes: of the requests; a latency has one.
        ask: of the contestants; a prefix-cache hit is never ranked with first asks.
        simulated: the contestants are simulated; measured and simulated ones are never ranked together.
        winner: the one that none of the others is below, over the blocks that each of them shares with it.
        lowest: its estimate over the blocks that it shares with any of the others, in ms or bytes; over all of its
            blocks where it is alone.
        not_compared: those that share no block with the winner, and so cannot be compared with it.
        broken: those that were measured and take no part, since their words are wrong.
        verdict: whether every ratio rests on blocks enough to claim that the lowest is the fastest.
        partial: whether ``lowest`` leaves out blocks of the winner.
    """

    metric: str
    shapes: tuple[Request, ...]
    ask: Ask
    simulated: bool
    winner: _Contestant
    lowest: Estimate
    rivals: tuple[Rival[_Contestant], ...]
    not_compared: tuple[_Contestant, ...]
    verdict: bool
    partial: bool
    broken: tuple[_Contestant, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether nobody else was measured."""
        return not self.rivals and not self.not_compared

    @property
    def contestants(self) -> tuple[_Contestant, ...]:
        """All that take part, the winner first."""
        found = [self.winner]
        found.extend(rival.contestant for rival in self.rivals)
        found.extend(self.not_compared)
        return tuple(found)

    @property
    def claimed(self) -> bool:
        """Whether the lowest may be called the fastest: blocks enough, and every other is certainly higher."""
        return self.verdict and not self.alone and not self.open

    @property
    def open(self) -> bool:
        """Whether not every other is certainly higher."""
        return bool(self.not_compared) or not all(rival.higher for rival in self.rivals)

    @property
    def blocks(self) -> int:
        """The fewest blocks that a figure of it rests on."""
        if self.not_compared:
            return 0
        return min((rival.ratio.blocks for rival in self.rivals), default=self.lowest.blocks)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A row of the table ``findings``.

    Args:
        stored: its message as stored, in English.
        keys: of its messages in :data:`bench.findings.MESSAGES`; empty in runs before schema 6.
    """

    stored: str
    keys: tuple[str, ...]
    values: Values
    block: int | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What the guard saw, with advice; what it saw of one load or cell in several blocks is one.

    Args:
        severity: ``info``, ``warning`` or ``serious``; that of the most severe block.
        message: what was seen, the most severe first, in English, as is the advice.
        subject: ``run``, ``load`` or ``cell``.
    """

    code: str
    severity: str
    message: str
    advice: str
    subject: str = "run"
    load_key: str | None = None
    cell_key: str | None = None
    blocks: tuple[int, ...] = ()
    times: int = 1
    occurrences: tuple[Occurrence, ...] = ()

    @property
    def about(self) -> str | None:
        """The key of its cell or load, ``None`` of the run; one that names a cell is about no other of its load."""
        return self.cell_key or self.load_key

    @property
    def coded(self) -> bool:
        """Whether its words can be rendered in any language: it is stored as codes and values."""
        return bool(self.occurrences) and all(one.keys for one in self.occurrences)


@dataclass(frozen=True, slots=True)
class SampledAnswer:
    """One answer in text, split where it parts from the reference's answer to the same prompt.

    Args:
        load: that answered; ``None`` for the reference where it is none of the run's.
        alike: how many of its first tokens are the same.
        first_other: the first token that differs; blank where none does.
    """

    load: LoadResult | None
    alike: int
    text_alike: str
    first_other: str
    rest: str


@dataclass(frozen=True, slots=True)
class AnswerSample:
    """The answers to one prompt, that of the reference first."""

    prompt_tokens: int
    answers: tuple[SampledAnswer, ...]


Prompts = Mapping[int, Mapping[str, str]]
"""Prompt tokens -> name of a prompt -> digest of its ids."""


@dataclass(frozen=True, slots=True)
class RunAnalysis:
    """All that a report says about one run.

    Args:
        end: end.json, ``None`` if the run goes on or was killed.
        loads: in the order of the plan, as the cells.
        cells: those with at least one counted generation.
        rankings: by shape, then by metric.
        faithful_rankings: the same among the faithful alone, of those in which others take part too.
        memory_rankings: by set of requests, that of most configurations first.
        reference: the load whose answers the others are compared with; ``None`` where there is none. What their
            perplexity is compared with is :attr:`bench.analyse.quality.Quality.reference`.
        right_answers: what all answers are compared with where it is the model's own weights and none of the loads,
            e.g. ``transformers fp32``.
        prompts: what was asked, warm-ups included.
        damaged: file of the run that cannot be read, and whose rows are left out -> why.
    """

    record: Mapping[str, Any]
    end: Mapping[str, Any] | None
    loads: tuple[LoadResult, ...]
    cells: tuple[CellResult, ...]
    failures: tuple[Failure, ...]
    unreached: tuple[AskedCell, ...]
    rankings: tuple[Ranking[CellResult], ...]
    findings: tuple[Finding, ...]
    memory_rankings: tuple[Ranking[LoadResult], ...] = ()
    reference: LoadResult | None = None
    faithful_rankings: tuple[Ranking[CellResult], ...] = ()
    samples: tuple[AnswerSample, ...] = ()
    prompts: Prompts = field(default_factory=dict)
    damaged: Mapping[str, str] = field(default_factory=dict)
    right_answers: str | None = None
    goes_on: bool = False

    @property
    def failed(self) -> Iterator[AskedCell]:
        """The cells that failed in some block, again for each reason."""
        return (cell for failure in self.failures for cell in failure.cells)

    @property
    def asked(self) -> list[AskedCell]:
        """All that the run was asked for: measured cells, those that failed, and those that were not reached."""
        return [*self.cells, *self.failed, *self.unreached]

"""The answer first: sentences made from the rankings."""

from __future__ import annotations

from dataclasses import dataclass

from bench.analyse.results import MemoryRanking, Ranking, RunAnalysis
from bench.metrics import RANKED
from bench.plan.cells import Ask
from bench.report import text
from bench.report.format import number
from bench.report.names import Naming, requests_name, shape_name
from bench.report.ranks import Ranks, ranks


@dataclass(frozen=True, slots=True)
class Answer:
    """Who was lowest by one metric at one shape; ``apart`` names who could not be held against it, or is blank."""

    ranking: Ranking
    winner: str
    claim: str
    ranks: Ranks | None
    apart: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ShapeAnswers:
    """All metrics at one shape."""

    title: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class MemoryAnswer:
    """Who needs least memory, of those that answered the same requests; ``title`` names these."""

    ranking: MemoryRanking
    title: str
    winner: str
    claim: str
    ranks: Ranks | None
    apart: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Overview:
    """One metric in one sentence; ``metric`` is one of the ranked ones or ``memory``."""

    metric: str
    ask: Ask
    sentence: str


def answers_by_shape(analysis: RunAnalysis, naming: Naming) -> list[ShapeAnswers]:
    """One entry per shape, and apart for prefix-cache hits and for simulated contestants."""
    groups: dict[tuple[int, int, int, str, bool], list[Ranking]] = {}
    for ranking in analysis.rankings:
        shape = (ranking.prompt_tokens, ranking.new_tokens, ranking.batch_size, ranking.ask, ranking.simulated)
        groups.setdefault(shape, []).append(ranking)
    return [
        ShapeAnswers(
            shape_name(*shape[:4]) + _simulated(shape[4]),
            tuple(_answer(ranking, naming) for ranking in rankings),
        )
        for shape, rankings in groups.items()
    ]


def memory_answers(analysis: RunAnalysis, naming: Naming) -> list[MemoryAnswer]:
    """One entry per set of requests that configurations answered."""
    return [
        _memory_answer(ranking, requests_name(ranking.shapes, ranking.ask) + _simulated(ranking.simulated), naming)
        for ranking in analysis.memory_rankings
    ]


def overviews(analysis: RunAnalysis, naming: Naming) -> list[Overview]:
    """One sentence per metric over all prompt lengths, for each combination of the other axes; then memory."""
    found = []
    kinds = dict.fromkeys(_kind(ranking) for ranking in analysis.rankings)
    shapes = {kind[2:] for kind in kinds}
    for kind in sorted(kinds):
        parts = [text.KIND.format(new=number(kind[3], 0)), text.BATCH.format(size=kind[2])] if len(shapes) > 1 else []
        parts += [text.HIT] if kind[1] else []
        prefix = f"{', '.join(parts)}: " if parts else ""
        for metric in RANKED:
            own = [r for r in analysis.rankings if r.metric == metric and _kind(r) == kind and not r.alone]
            if own:
                winners = [(r.prompt_tokens, naming.of(r.winner.load), r.open) for r in own]
                claimed = all(r.claimed for r in own)
                said = text.overview(metric, winners, claimed=claimed, simulated=kind[0])
                found.append(Overview(metric, own[0].ask, prefix + said))
    return [*found, *_memory_overviews(analysis, naming)]


def _memory_overviews(analysis: RunAnalysis, naming: Naming) -> list[Overview]:
    """One sentence per set of requests; which one is meant is said where not all configurations answered the same."""
    kinds = [(ranking.simulated, ranking.ask) for ranking in analysis.memory_rankings]
    found = []
    for ranking, kind in zip(analysis.memory_rankings, kinds, strict=True):
        requests = requests_name(ranking.shapes, ranking.ask) if kinds.count(kind) > 1 else ""
        prefix = f"{text.HIT}: " if ranking.ask == "again" and not requests else ""
        if not ranking.alone:
            said = text.memory_overview(ranking, naming.of(ranking.winner), requests)
            found.append(Overview("memory", ranking.ask, prefix + said))
    return found


def _kind(ranking: Ranking) -> tuple[bool, bool, int, int]:
    return ranking.simulated, ranking.ask == "again", ranking.batch_size, ranking.new_tokens


def _simulated(simulated: bool) -> str:
    return text.SIMULATED_MARK if simulated else ""


def verdict_note(analysis: RunAnalysis) -> tuple[str, bool]:
    """What the sentences may claim, and whether the run has blocks enough for a verdict."""
    blocks = min((ranking.blocks for ranking in analysis.rankings), default=0)
    counted = text.plural(blocks, "block")
    enough = bool(analysis.rankings) and all(ranking.verdict for ranking in analysis.rankings)
    return (text.WITH_VERDICT if enough else text.NO_VERDICT).format(blocks=counted), enough


def _answer(ranking: Ranking, naming: Naming) -> Answer:
    winner = naming.of(ranking.winner.load)
    rivals = [(rival, naming.of(rival.cell.load)) for rival in ranking.rivals]
    apart = text.apart([naming.of(cell.load) for cell in ranking.apart])
    told = ranks(ranking.rivals, naming.of, lambda rival: text.sides(rival, ranking))
    return Answer(ranking, winner, text.claim(ranking), told, apart, text.answer(ranking, winner, rivals, apart))


def _memory_answer(ranking: MemoryRanking, title: str, naming: Naming) -> MemoryAnswer:
    winner = naming.of(ranking.winner)
    rivals = [(rival, naming.of(rival.load)) for rival in ranking.rivals]
    apart = text.apart([naming.of(load) for load in ranking.apart])
    told = ranks(ranking.rivals, naming.of, lambda rival: text.sides(rival, ranking))
    sentence = text.memory_answer(ranking, winner, rivals, apart)
    return MemoryAnswer(ranking, title, winner, text.memory_claim(ranking), told, apart, sentence)

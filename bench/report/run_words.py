"""What a run's report claims, in words that several renderers share; each sentence stands by itself."""

# ruff: noqa: RUF001 - en dashes and signs of multiplication are meant

from collections.abc import Sequence
from typing import Any

from bench.analyse.results import QUANTILES, VERDICT_BLOCKS, CellResult, LoadResult, Rival
from bench.report import quality_words
from bench.report.agreement_words import collapsed_banner
from bench.report.code_words import word
from bench.report.format import (
    capital,
    clean,
    factor,
    interval,
    listed,
    number,
    percent,
    plural,
    small_share,
    with_interval,
)
from bench.report.language import gettext as _, mark, ngettext
from bench.report.metric_words import name as metric_name
from bench.report.names import again_name, requests_name, shape_name
from bench.report.run_view import Answer, Overview, RunView
from bench.report.sitting_words import interruptions

VERDICT_PROFILE = "--profile standard"
VERDICT_COMMAND = f"nox -s bench -- {VERDICT_PROFILE}"
"""Measures blocks enough for a verdict."""

_MOST_MISSED = 6

_CLAIMS = {
    ("only", False): (mark("the only one measured"), mark("Only {winner} was measured here: {metric} {value}.")),
    ("only", True): (mark("the only one simulated"), mark("Only {winner} was simulated here: {metric} {value}.")),
    ("fastest", False): (mark("fastest"), mark("{winner} is fastest by {metric}: {value}.")),
    ("fastest", True): (
        mark("fastest of the simulated"),
        mark("{winner} is fastest of the simulated by {metric}: {value}."),
    ),
    ("least", False): (mark("least"), mark("{winner} needs least memory: {value}.")),
    ("least", True): (mark("least of the simulated"), mark("{winner} needs least memory of the simulated: {value}.")),
    ("lowest", False): (mark("lowest measured"), mark("{winner} had the lowest {metric} measured: {value}.")),
    ("lowest", True): (mark("lowest simulated"), mark("{winner} had the lowest {metric} simulated: {value}.")),
}
"""Claim, and whether it is of simulated contestants -> in a word or two, and as a sentence."""

_MEMORY_OVERVIEWS = {
    (True, False): mark("Least peak memory"),
    (True, True): mark("Least peak memory (simulated)"),
    (False, False): mark("Lowest peak memory"),
    (False, True): mark("Lowest peak memory (simulated)"),
}
_LATENCY_OVERVIEWS = {
    (True, False): mark("Fastest by {metric}"),
    (True, True): mark("Fastest by {metric} (simulated)"),
    (False, False): mark("Lowest {metric}"),
    (False, True): mark("Lowest {metric} (simulated)"),
}
"""Whether it is claimed, and whether of simulated contestants -> what an overview begins with."""

_AMONG = {"faithful": mark("among the faithful"), "all": mark("of all")}
"""Of whom somebody is the lowest -> its words."""

_ADAPTIVE_ENDS = {
    None: mark("The run ended before it was done."),
    "target": mark("No cell needed another block."),
    "max-time": mark("The time that was given (--max-time) ended it."),
    "max-blocks": mark("The number of blocks that was given (--max-blocks) ended it."),
}


def busy(share: float) -> str:
    """How much of the time a device was busy."""
    return _("busy {share}").format(share=small_share(share))


def device_words(load: LoadResult) -> str:
    """The verdict with how much of the time the device was busy, e.g. ``verified, busy 93 %``."""
    verdict = word(load.device_verdict)
    return verdict if load.device_share is None else f"{verdict}, {busy(load.device_share)}"


def nothing_measured() -> str:
    """What stands in the place of an answer."""
    return _("No cell could be measured. The reasons stand under “Not measured”.")


def banners(view: RunView) -> list[str]:
    """What has to be said before any number: simulated, synthetic, unfinished, interrupted, narrowed, or broken."""
    found = []
    if view.simulated == "all":
        found.append(
            _(
                "Simulated. These latencies were played from a schedule to try the tool out. No model ran and no "
                "device was used; the numbers say nothing about this machine."
            )
        )
    elif view.simulated == "some":
        found.append(
            _(
                "Some configurations are simulated. They are marked wherever they are shown and never ranked with "
                "measured ones."
            )
        )
    if view.model.get("synthetic"):
        found.append(
            _(
                "Synthetic model. It has the architecture and size of the real one but random weights: its latency is "
                "that of a real model of this shape, its text is noise."
            )
        )
    found += incomplete(view)
    found += [adaptive_end(view)] if view.adaptive else []
    return [*found, *filter(None, [quality_words.broken_banner(view), collapsed_banner(view)])]


def incomplete(view: RunView) -> list[str]:
    """What is not here of a run: damaged files, what an interruption left out, cells that are not shown or measured."""
    rows = _("{file} of this run is damaged ({why}): its rows are left out.")
    others = _("{file} of this run is damaged ({why}): what it holds is left out.")
    found = [
        (rows if file.endswith(".parquet") else others).format(file=clean(file), why=clean(why))
        for file, why in view.analysis.damaged.items()
    ]
    found += interruptions(view)
    if view.beyond:
        sentence = _(
            "{shown} of {cells} cells are shown, those of the first {shapes}; what is said of the fastest is of these "
            "alone. summary.xlsx, summary.csv and summary.json have all."
        )
        shown, cells = (number(len(cells), 0) for cells in (view.analysis.cells, view.measured))
        shapes = plural(len(view.groups), "{count} request shape", "{count} request shapes")
        found.append(sentence.format(shown=shown, cells=cells, shapes=shapes))
    if chosen := view.selection:
        sentence = _("Narrowed to {selected} of {planned} planned cells, each counted once per block.")
        if chosen.get("by"):
            sentence = _("Narrowed by {by} to {selected} of {planned} planned cells, each counted once per block.")
        counts = {name: number(int(chosen.get(name) or 0), 0) for name in ("selected", "planned")}
        found.append(sentence.format(by=chosen.get("by"), **counts))
    if view.analysis.unreached:
        count = number(len(view.analysis.unreached), 0)
        found.append(_("{count} planned cells were not reached.").format(count=count))
    return found


def adaptive_end(view: RunView) -> str:
    """What ended a run that added blocks as it went, and which cells did not reach its target."""
    end = view.adaptive
    sentences = [
        _(
            "Blocks were added until half the 95 % interval of time to first token and of time per output token is "
            "within {target}: {blocks} in all."
        ).format(
            target=percent(float(end.get("target") or 0), None),
            blocks=plural(int(end.get("blocks") or 0), "{count} block", "{count} blocks"),
        ),
        _(_ADAPTIVE_ENDS.get(end.get("ended_by"), _ADAPTIVE_ENDS[None])),
    ]
    missed = set(end.get("not_reached") or ())
    names = [
        _("{name} at {shape}").format(name=view.names.of(cell.load), shape=shape_name(cell.shape))
        for cell in view.measured
        if cell.cell_key in missed
    ]
    if without := len(missed) - len(names):
        cells = plural(without, "{count} cell", "{count} cells")
        names.append(_("{cells} without any number").format(cells=cells))
    if len(names) > _MOST_MISSED:
        names = [*names[:_MOST_MISSED], _("{count} more").format(count=len(names) - _MOST_MISSED)]
    if names:
        reached = _("{reached} of {cells} cells reached the target; these did not: {names}.")
        sentences.append(reached.format(reached=end.get("reached"), cells=end.get("cells"), names="; ".join(names)))
    else:
        sentences.append(_("Every cell reached the target."))
    return " ".join(sentences)


def answer_title(answer: Answer) -> str:
    """The requests that an answer is about, e.g. ``32 prompt tokens, 64 new (simulated)``."""
    ranking = answer.ranking
    return requests_name(ranking.shapes, ranking.ask) + (_(" (simulated)") if ranking.simulated else "")


def claim(view: RunView, answer: Answer) -> str:
    """What may be said of the lowest, in a word or two, and how good its words are."""
    found = _(_CLAIMS[answer.claim, answer.ranking.simulated][0])
    if answer.among:
        found = _("{claim} {among}").format(claim=found, among=_(_AMONG[answer.among]))
    said = answer.among == "faithful" or "perplexity_ratio" not in view.columns
    return found if said else f"{found}; {quality_words.beside(answer.winner)}"


def _winner(view: RunView, answer: Answer) -> str:
    """Its name, with how good its words are where nothing else says so."""
    return view.names.of(answer.winner) if answer.among == "faithful" else quality_words.named(view, answer.winner)


def _among(which: Overview | Answer, sentence: str) -> str:
    """``sentence`` with of whom it is, where that has to be said."""
    if not which.among:
        return sentence
    return _("{among}: {sentence}").format(among=capital(_(_AMONG[which.among])), sentence=sentence)


def shared_part(answer: Answer) -> str:
    """Over how many blocks the figure of the lowest is, where it leaves some out; blank where not."""
    if not answer.ranking.partial:
        return ""
    blocks = plural(answer.ranking.lowest.blocks, "{count} shared block", "{count} shared blocks")
    return _(" over {blocks}").format(blocks=blocks)


def answer_sentence(view: RunView, answer: Answer) -> str:
    """One ranking as a few sentences."""
    head = _(_CLAIMS[answer.claim, answer.ranking.simulated][1]).format(
        winner=_winner(view, answer),
        metric=metric_name(answer.metric),
        value=with_interval(answer.lowest, answer.unit) + shared_part(answer),
    )
    return " ".join(filter(None, (_among(answer, head), *_others(view, answer), *left_out(view, answer))))


def left_out(view: RunView, answer: Answer) -> list[str]:
    """Who is not among the others, a sentence for each reason."""
    reasons = {
        _("Measured in other blocks alone, so not compared with it: {names}."): answer.ranking.not_compared,
        _("Broken, so not ranked: {names}."): answer.ranking.broken,
    }
    return [
        sentence.format(names=listed([view.names.of(one.load) for one in those]))
        for sentence, those in reasons.items()
        if those
    ]


def untold() -> str:
    """What stands in the place of ties where nothing has an interval."""
    return _("One block gives no interval, so no other can be told apart from it.")


def _others(view: RunView, answer: Answer) -> list[str]:
    """Statistical ties of the lowest, who comes next, and who last."""
    rivals = answer.ranking.rivals
    if rivals and all(rival.distinguishable is None for rival in rivals):
        return [untold()]
    memory = answer.metric == "memory"

    def filled(message: str, rival: Rival[Any]) -> str:
        over = ratio_figures(answer, rival)
        return message.format(
            name=view.names.of(rival.load),
            ratio=factor(rival.ratio.value),
            interval=interval(rival.ratio),
            over=f", {over}" if over else "",
        )

    tied = [view.names.of(rival.load) for rival in rivals if not rival.distinguishable]
    rest = [rival for rival in rivals if rival.higher]
    lower = _("Lower over the blocks that both have: {name}, {ratio}{over}.")
    sentences = [filled(lower, rival) for rival in rivals if rival.lower]
    if tied:
        sentences.append(_("Cannot be told apart from it: {names}.").format(names=listed(tied)))
    if rest:
        much = _("Next: {name}, {ratio} as much ({interval}){over}.")
        long = _("Next: {name}, {ratio} as long ({interval}){over}.")
        sentences.append(filled(much if memory else long, rest[0]))
    if len(rest) > 1:
        last = _("Most: {name}, {ratio}{over}.") if memory else _("Longest: {name}, {ratio}{over}.")
        sentences.append(filled(last, rest[-1]))
    return sentences


def ratio_figures(answer: Answer, rival: Rival[Any]) -> str:
    """What a ratio is of, where it rests on fewer blocks than the figure of the lowest; blank where not."""
    if rival.ratio.blocks >= answer.ranking.lowest.blocks:
        return ""
    return _("{value} against {lowest} {unit} over {blocks}").format(
        value=number(rival.value * answer.scale),
        lowest=number(rival.lowest * answer.scale),
        unit=answer.unit,
        blocks=plural(rival.ratio.blocks, "{count} shared block", "{count} shared blocks"),
    )


def overview_sentence(view: RunView, overview: Overview) -> str:
    """One metric in one sentence, e.g. ``Lowest time to first token at every prompt length: ort-genai``."""
    kind = overview.claimed, overview.answers[0].ranking.simulated
    if overview.metric == "memory":
        sentence = _memory_sentence(view, overview, _(_MEMORY_OVERVIEWS[kind]))
    else:
        claimed = _(_LATENCY_OVERVIEWS[kind]).format(metric=metric_name(overview.metric))
        sentence = _latency_sentence(view, overview, capital(claimed))
    parts = []
    memory = overview.metric == "memory"
    if overview.several and not memory:
        (shape,) = overview.answers[0].ranking.shapes
        parts.append(_("{new} new tokens").format(new=number(shape.new_tokens, 0)))
        parts.append(_("batch of {size}").format(size=shape.batch_size))
    if overview.answers[0].ranking.ask == "again" and not (overview.several and memory):
        parts.append(again_name(chat=view.chat))
    return _among(overview, f"{', '.join(parts)}: {sentence}" if parts else sentence)


def _memory_sentence(view: RunView, overview: Overview, claimed: str) -> str:
    (answer,) = overview.answers
    name = _winner(view, answer)
    ties = _(" (others cannot be told apart from it)") if answer.ranking.open else ""
    if not overview.several:
        return _("{claim}: {name}{ties}.").format(claim=claimed, name=name, ties=ties)
    requests = requests_name(answer.ranking.shapes, answer.ranking.ask)
    return _("{claim} at {requests}: {name}{ties}.").format(claim=claimed, requests=requests, name=name, ties=ties)


def _latency_sentence(view: RunView, overview: Overview, claimed: str) -> str:
    answers = overview.answers
    lengths = [number(answer.ranking.shapes[0][0], 0) for answer in answers]
    tied = [length for length, answer in zip(lengths, answers, strict=True) if answer.ranking.open]
    by_name: dict[str, list[str]] = {}
    for length, answer in zip(lengths, answers, strict=True):
        by_name.setdefault(_winner(view, answer), []).append(length + ("*" if length in tied else ""))
    if len(by_name) > 1:
        parts = [_("{name} at {lengths}").format(name=name, lengths=listed(own)) for name, own in by_name.items()]
        ties = _(" (* others cannot be told apart from it)") if tied else ""
        return _("{claim}: {parts} prompt tokens{ties}.").format(claim=claimed, parts="; ".join(parts), ties=ties)
    (name,) = by_name
    ties = ""
    if len(tied) == len(lengths):
        ties = _(" (others cannot be told apart from it)")
    elif tied:
        ties = _(" (at {lengths} others cannot be told apart from it)").format(lengths=listed(tied))
    if len(lengths) > 1:
        return _("{claim} at every prompt length: {name}{ties}.").format(claim=claimed, name=name, ties=ties)
    single = _("{claim} at {length} prompt tokens: {name}{ties}.")
    return single.format(claim=claimed, length=lengths[0], name=name, ties=ties)


def verdict_sentence(view: RunView) -> str:
    """What the sentences of the answer may claim."""
    if not view.analysis.rankings:
        return _("Nothing is ranked: all that was measured is broken.")
    fewest = min(ranking.blocks for ranking in view.analysis.rankings)
    if not fewest:
        return _(
            "No verdict is claimed: some were measured in other blocks alone. For a verdict, measure all of them in at "
            "least {enough} blocks:"
        ).format(enough=VERDICT_BLOCKS)
    blocks = plural(fewest, "{count} block", "{count} blocks")
    if view.verdict:
        return _(
            "“Fastest” means: every other one takes longer, block by block over at least {blocks}, after Holm’s "
            "adjustment over all pairs of the ranking. Where others cannot be told apart from the lowest, they are "
            "named beside it, and none is called fastest."
        ).format(blocks=blocks)
    return _(
        "A first look at {blocks}: no verdict is claimed, this says what was measured lowest. For a verdict, measure "
        "at least {enough} blocks:"
    ).format(blocks=blocks, enough=VERDICT_BLOCKS)


def verdict_command(view: RunView) -> str:
    """What would measure blocks enough for a verdict; blank where there is one, or nothing that could have one."""
    return "" if view.verdict or not view.analysis.rankings else VERDICT_COMMAND


def all_sentences(view: RunView) -> list[str]:
    """The answer in words."""
    sentences = [overview_sentence(view, one) for one in view.overviews]
    for group in view.answers:
        sentences += [f"{answer_title(answer)}: {answer_sentence(view, answer)}" for answer in group]
    return [*sentences, verdict_sentence(view)] if view.analysis.cells else sentences


def quantiles_missing(cell: CellResult) -> str:
    """The percentiles that a cell has too few latencies for, e.g. ``p99 needs 500 latencies``; blank if none."""
    missing = [name for name in QUANTILES if cell.new_tokens > 1 and cell.itl_ms[name] is None]
    needs = _("{name} needs {count} latencies")
    return ", ".join(needs.format(name=name, count=QUANTILES[name][1]) for name in missing)


def quantiles_note(cells: Sequence[CellResult]) -> str:
    """Which percentiles of inter-token latency some cells have too few latencies for; blank if none."""
    several = [cell for cell in cells if cell.new_tokens > 1]
    sentences = []
    for name, (_share, needed) in QUANTILES.items():
        short = sum(cell.itl_ms[name] is None for cell in several)
        if short and short == len(several):
            every = _("{name} of inter-token latency needs {needed} of them, and every cell has fewer.")
            sentences.append(every.format(name=name, needed=needed))
        elif short:
            some = ngettext(
                "{name} of inter-token latency needs {needed} of them, and {short} of {count} cell has fewer.",
                "{name} of inter-token latency needs {needed} of them, and {short} of {count} cells has fewer.",
                len(several),
            )
            sentences.append(some.format(name=name, needed=needed, short=short, count=number(len(several), 0)))
    return " ".join(sentences)

"""What a comparison claims, in sentences of the language that is chosen; all renderers share them."""

from collections.abc import Iterator, Sequence

from bench.analyse.comparison import VERDICTS, Comparison, Head
from bench.analyse.conditions import MACHINE, Interruption, Mismatch, interruptions
from bench.analyse.grouping import group_by
from bench.analyse.interval import CONFIDENCE
from bench.metrics import METRICS
from bench.report import finding_words
from bench.report.compare import comparison_quality
from bench.report.compare.comparison_figures import between, change, short_cell_name, verdict_name, with_options
from bench.report.compare.comparison_view import BASE, Alone, ComparisonView, Figure, Touching
from bench.report.compare.recorded import condition, pair
from bench.report.format import capital, listed, percent, plural
from bench.report.language import gettext as _
from bench.report.names import name_all
from bench.report.sitting_words import carried_on

_MOST_NAMED = 5
_LONGEST = 300


# -- which runs


def heading(comparison: Comparison) -> str:
    """Which run is compared with which."""
    return _("{head} compared with {base}").format(head=headline(comparison), base=comparison.base_names[0])


def headline(comparison: Comparison) -> str:
    """The head, or how many there are."""
    heads = comparison.heads
    return plural(len(heads), "{count} run", "{count} runs") if comparison.several else heads[0].name


def head_names(places: Sequence[int], *, several: bool) -> str:
    """What heads are called in a sentence: ``the head``, ``head 2``, ``heads 1 and 3``."""
    if not several:
        return _("the head")
    if len(places) == 1:
        return _("head {number}").format(number=places[0] + 1)
    return _("heads {numbers}").format(numbers=listed([str(place + 1) for place in places]))


def run_names(places: Sequence[int], comparison: Comparison) -> str:
    """``the base``, ``the base and head 2``, ``heads 1 and 3``; ``the run`` where there is one alone."""
    if comparison.paired and BASE in places:
        return _("the run")
    heads = [place for place in places if place != BASE]
    names = [_("the base")] if BASE in places else []
    return listed([*names, *([head_names(heads, several=comparison.several)] if heads else [])])


def differ(mismatches: Sequence[tuple[str, str, Mismatch]]) -> str:
    """In what runs differ that are not compared for it, each with the names of the two runs; in English."""
    found = []
    for base, head, one in mismatches:
        there, here = pair(one)
        found.append(f"{one.what} ({there} in {base}, {here} in {head})")
    return f"they differ in {'; '.join(found)}; --force does it all the same"


def refusal(comparison: Comparison) -> str:
    """Why these runs are compared by force alone; empty if nothing speaks against it."""
    base = comparison.base_names[0]
    fatal = [(base, head.name, one) for head in comparison.heads for one in head.mismatches if one.fatal]
    if not fatal:
        return ""
    if {one.what for _base, _head, one in fatal} <= {*MACHINE}:
        return f"{heading(comparison)} would tell of machines and not of software, {differ(fatal)}"
    return f"{heading(comparison)} would mean nothing, {differ(fatal)}"


# -- before any figure


def caveats(view: ComparisonView) -> Iterator[str]:
    """What has to be said before any figure."""
    comparison = view.comparison
    whats = dict.fromkeys(one.what for head in comparison.heads for one in head.mismatches)
    yield from (_different(what, comparison) for what in whats)
    if not whats.keys().isdisjoint(MACHINE):
        yield _(
            "Different machines. A ratio here is that of two whole machines as they stood: processor, memory, "
            "cooling, power, system, drivers, and what a stack chooses by them, such as its threads. It tells how long "
            "the same request took on either. It cannot tell which of these makes the difference, nor how other "
            "machines of the same kind do, for which each is a sample of one. The intervals know nothing of that."
        )
    runs = [comparison.base, *(head.run for head in comparison.heads)]
    for place, run in enumerate(runs[:1] if comparison.paired else runs, start=BASE):
        name = run_names([place], comparison)
        if run.end is None:
            yield _("{run} has no end: it is still being written or was killed; compared as far as it goes").format(
                run=name
            )
        if not run.cells and comparison.several:
            yield _("{run} measured nothing that counts: there is no figure to compare").format(run=name)
        if found := interruptions(run.record):
            yield _interrupted(name, found, comparison)
    yield from _lost(view, comparison)
    simulated = {load.simulated for run in runs for load in run.loads}
    if simulated == {True}:
        yield _("simulated: these latencies were played, no model ran")
    elif simulated == {True, False}:
        yield _("partly simulated: some of these latencies were played; the configurations are named so")
    if comparison.differences and all(one.contrast.p_value is None for one in comparison.differences):
        yield _("one block gives no interval, so no difference can be shown; measure with --profile standard")
    serious = group_by((one for one in view.findings if one.serious), lambda one: one.finding.code)
    yield from (_serious(found, comparison) for found in serious.values())


def _interrupted(run: str, found: Sequence[Interruption], comparison: Comparison) -> str:
    message = _(
        "{run} was carried on after {interruptions}: its blocks are of several sittings, which may differ as two runs "
        "do. The intervals know only what these sittings differed by"
    )
    if comparison.paired:
        message = _(
            "{run} was carried on after {interruptions}: the two visits of a ratio are always of the same sitting"
        )
    return message.format(run=capital(run), interruptions=carried_on(found))


def _different(what: str, comparison: Comparison) -> str:
    bases, places = [], dict[str, list[int]]()
    for place, head in enumerate(comparison.heads):
        for base, value in (pair(one) for one in head.mismatches if one.what == what):
            bases.append(base)
            places.setdefault(value, []).append(place)
    heads = [
        _("{value} in {heads}").format(value=value, heads=head_names(own, several=comparison.several))
        for value, own in places.items()
    ]
    return _("DIFFERENT {what}: {base} in the base, {heads}").format(
        what=condition(what), base=_(" or ").join(dict.fromkeys(bases)), heads=", ".join(heads)
    )


def _lost(view: ComparisonView, comparison: Comparison) -> Iterator[str]:
    """Each side that has compared cells which were not measured in all of its blocks."""
    names = comparison.base_names[0], *(head.name for head in comparison.heads)
    sides = [[row.cell for row in view.rows], *([cell.other for cell in head.cells] for head in comparison.heads)]
    for place, cells in enumerate(sides, start=BASE):
        if lost := [cell for cell in cells if cell.lost]:
            named = [
                _("{cell} ({lost} lost)").format(cell=short_cell_name(cell, view.names), lost=cell.lost_blocks)
                for cell in lost[:_MOST_NAMED]
            ]
            message = _("BLOCKS LOST in {run}: its figures of these cells rest on the blocks that are left: {cells}")
            yield message.format(
                run=names[place + 1] if comparison.paired else run_names([place], comparison),
                cells="; ".join([*named, *_more(len(lost) - _MOST_NAMED)]),
            )


def _serious(findings: Sequence[Touching], comparison: Comparison) -> str:
    first = findings[0].finding
    cells = {cell.cell_key for one in findings for cell in one.cells}
    return _("SERIOUS finding in {run}: {what} ({cells}, marked !). {advice}").format(
        run=run_names(list(dict.fromkeys(one.place for one in findings)), comparison),
        what=finding_words.brief(first, _LONGEST),
        cells=touched(len(cells)),
        advice=finding_words.advice(first),
    )


def touched(count: int) -> str:
    """How many cells a finding touches."""
    return plural(count, "{count} compared cell", "{count} compared cells")


def _more(count: int) -> list[str]:
    return [_("{count} more").format(count=count)] if count > 0 else []


# -- what verdicts rest on


def rule(comparison: Comparison) -> str:
    """How verdicts come about."""
    how = _("same: within {threshold}; slower and faster: after Holm's adjustment over all cells of the metric")
    how = how.format(threshold=percent(comparison.threshold, None))
    if comparison.threshold:
        return how
    return _("a threshold of 0 % leaves nothing that can be called the same; {rule}").format(rule=how)


def basis(heads: Sequence[Head], *, paired: bool) -> str:
    """What the intervals of ``heads`` cover, all of which know how much runs vary, or none."""
    if paired:
        return _("Intervals: both variants block by block in one run, so that what slowed a block slowed both.")
    known = sorted({head.earlier for head in heads})
    if not known[0]:
        return _(
            "Intervals cover the blocks only. What varies from run to run (a reboot, heat, where memory lies) is not "
            "sampled by them: two runs of the same software can differ by more. Five or more runs of this machine "
            "would tell by how much; `nox -s ab` needs none."
        )
    figures = [one for head in heads for one in head.differences]
    return _(
        "Intervals cover the blocks, and the variation between {runs} earlier runs of this machine: that was the wider "
        "one for {wider} of {figures} figures."
    ).format(
        runs=f"{known[0]}" if len(known) == 1 else between(str(known[0]), str(known[-1])),
        wider=sum(one.basis == "runs" for one in figures),
        figures=len(figures),
    )


def bases(comparison: Comparison) -> list[str]:
    """The same of all heads, with the heads that each sentence is true of where there are two."""
    groups: dict[bool, list[int]] = {}
    for place, head in enumerate(comparison.heads):
        groups.setdefault(head.earlier > 0, []).append(place)
    found = [
        (places, basis([comparison.heads[place] for place in places], paired=comparison.paired))
        for places in groups.values()
    ]
    if len(found) == 1:
        return [found[0][1]]
    return [f"{capital(head_names(places, several=True))}: {sentence}" for places, sentence in found]


def adjustment(view: ComparisonView) -> list[str]:
    """What the adjustment for many figures covers, and what one over all heads would leave; empty of one head."""
    count = len(view.comparison.heads)
    if count == 1:
        return []
    covered = _(
        "Holm's adjustment covers the cells of one metric in one head, and not the heads together, so that a verdict "
        "is the one that this head has when it is compared alone. Of heads in which nothing differs, at most one in "
        "twenty has a false call in a metric, as far as the intervals cover what varies; of pages with {heads} such "
        "heads, up to {chance} have one."
    ).format(heads=count, chance=percent(min(1.0, (1 - CONFIDENCE) * count), None))
    shared = _(
        "All heads are held against the same base: where a row is slower or faster in every head alike, look at the "
        "base first."
    )
    return [" ".join(filter(None, (covered, _together(view)))), shared]


def _together(view: ComparisonView) -> str:
    calls = view.calls
    fallen = [one for one in calls if not one.together]
    if not calls:
        return ""
    if not fallen:
        return _("Adjusted over all heads together, every call stands too.")
    named = [called(one, view) for one in fallen[:_MOST_NAMED]]
    return _("Adjusted over all heads together, {stand} of {calls} calls stand; these do not: {fallen}.").format(
        stand=len(calls) - len(fallen), calls=len(calls), fallen="; ".join([*named, *_more(len(fallen) - _MOST_NAMED)])
    )


# -- what came out


def called(one: Figure, view: ComparisonView) -> str:
    """What a figure is about."""
    metric, cell = METRICS[one.difference.metric].short, short_cell_name(one.cell, view.names)
    if not view.comparison.several:
        return _("{metric} of {cell}").format(metric=metric, cell=cell)
    head = head_names([one.head], several=True)
    return _("{metric} of {cell} in {head}").format(metric=metric, cell=cell, head=head)


def summary(place: int, view: ComparisonView) -> str:
    """How many cells of one head are slower, faster, the same, or neither."""
    if not view.comparison.heads[place].cells:
        if view.comparison.paired:
            return _("no cell was measured with both variants: nothing can be compared")
        return _("no cell was measured in both runs: nothing can be compared")
    return "; ".join(
        f"{METRICS[metric].short}: " + ", ".join(f"{counts[verdict]} {verdict_name(verdict)}" for verdict in VERDICTS)
        for metric, counts in view.counts[place].items()
    )


def summaries(view: ComparisonView) -> list[str]:
    """The same of every head."""
    if not view.comparison.several:
        return [summary(0, view)]
    heads = enumerate(view.comparison.heads)
    return [f"{place + 1}. {head.name}: {summary(place, view)}" for place, head in heads]


def largest(view: ComparisonView) -> str:
    """The largest change that is called, or seen where none is; empty where nothing was compared."""
    one = view.largest
    if one is None:
        return ""
    sentence = _("the largest change is {call}: {change}")
    if not one.called:
        sentence = _("no change is significant; the largest seen is {call}: {change}")
    return sentence.format(call=called(one, view), change=change(one.difference.contrast.ratio))


def answer(view: ComparisonView) -> str:
    """The answer in a sentence, and another one where the quality of a load changed."""
    return " ".join(filter(None, (_latencies(view), comparison_quality.answer(view)))).replace(" %", "\u00a0%")


def _latencies(view: ComparisonView) -> str:
    one, comparison = view.largest, view.comparison
    if one is None:
        return _("Nothing can be compared: no cell was measured on both sides.")
    sentence = _("Of {figures} in {cells}, slower: {slower}, faster: {faster}; the largest change is {call}: {change}.")
    if not one.called:
        sentence = _("No difference is shown in {cells}; the largest change seen is {call}: {change}.")
    verdicts = [figure.verdict for figure in comparison.differences]
    cells = [plural(len(view.rows), "{count} cell", "{count} cells")]
    if comparison.several:
        cells.append(plural(len(comparison.heads), "{count} head", "{count} heads"))
    return sentence.format(
        figures=plural(len(verdicts), "{count} figure", "{count} figures"),
        cells=listed(cells),
        slower=verdicts.count("slower"),
        faster=verdicts.count("faster"),
        call=called(one, view),
        change=change(one.difference.contrast.ratio),
    )


def alone_title(one: Alone, comparison: Comparison) -> str:
    """Where cells were measured, and where not."""
    heads = head_names(one.places, several=comparison.several)
    if one.in_base:
        return _("Measured in the base, and not in {heads}").format(heads=heads)
    return _("Measured in {heads}, and not in the base").format(heads=heads)


def alone_cells(one: Alone, view: ComparisonView) -> list[str]:
    """The names of these cells."""
    naming = view.names if one.in_base else name_all(view.comparison.heads[one.places[0]].run)
    named = zip(one.cells, one.options, strict=True)
    return [with_options(short_cell_name(cell, naming), options) for cell, options in named]


def alone_lines(view: ComparisonView) -> list[str]:
    """A line for each cell that was not compared with some heads."""
    comparison = view.comparison
    return [f"{alone_title(one, comparison)}: {name}" for one in view.alone for name in alone_cells(one, view)]

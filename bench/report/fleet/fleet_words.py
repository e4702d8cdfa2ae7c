"""The sentences of a fleet, in the language that is chosen: what the page, Markdown, the terminal and JSON share."""

from collections import Counter
from collections.abc import Iterator, Sequence

from bench.analyse.fleet import Apart, Figure, Question
from bench.analyse.fleet_machine import Machine, Tried
from bench.metrics import METRICS
from bench.report import finding_words, metric_words
from bench.report.code_words import word
from bench.report.compare.recorded import condition, value
from bench.report.fleet.fleet_view import Fastest, FleetView, fastest, title
from bench.report.format import capital, few, listed, number, percent, plural
from bench.report.history.history_text import series_names, share, turn_sentence
from bench.report.language import gettext as _, mark

_MOST_NAMED = 8
_MOST_LOWEST = 3
_CLAIMS = {"only": mark("the only one measured"), "fastest": mark("fastest"), "lowest": mark("lowest measured")}
_PHASES = {
    "ok": mark("ok"),
    "partly": mark("in some blocks only"),
    "not reached": mark("not reached"),
    "not asked": mark("one length only"),
}


def heading(view: FleetView) -> str:
    """How many machines and runs there are."""
    machines = view.fleet.machines
    return _("{machines}, {runs}, {requests}").format(
        machines=_machines(len(machines)),
        runs=plural(sum(one.runs for one in machines), "{count} run", "{count} runs"),
        requests=plural(len(view.fleet.questions), "{count} request", "{count} requests"),
    )


def _machines(count: int) -> str:
    return plural(count, "{count} machine", "{count} machines")


def notes(view: FleetView) -> Iterator[str]:
    """What has to be known before any figure."""
    machines = view.fleet.machines
    if any(one.cell.load.simulated for one in view.figures):
        yield _("simulated: no model ran for some or all of these latencies")
    if empty := [one.name for one in machines if not one.standing]:
        yield _("nothing was measured on {machines}").format(machines=few(empty, _MOST_NAMED))
    if left_out := [one.name for one in machines if one.left_out]:
        yield _("runs that cannot be read are left out, on {machines}; fleet.json has the reasons").format(
            machines=few(left_out, _MOST_NAMED)
        )
    for model, digests in view.digests.items():
        yield _("{model} was measured with {count} different digests: each is a model of its own here").format(
            model=model, count=number(len(digests), 0)
        )
    base, first = view.fleet.base, view.fleet.questions[0]
    if base not in first.machines:
        yield _("{base} has no figure of {request}, so nothing there is compared with it").format(
            base=base.name, request=title(first.asked)
        )
    unfinished = [one.machine.name for one in view.figures if one.standing.analysis.end is None]
    if unfinished:
        yield _("of runs without an end, taken as far as measured: figures of {machines}").format(
            machines=few(list(dict.fromkeys(unfinished)), _MOST_NAMED)
        )


def read_note(view: FleetView) -> str:
    """Which runs count."""
    machines = view.fleet.machines
    skipped = sum(one.runs - one.read - len(one.left_out) for one in machines)
    newest = _("Of each machine the newest run that measured a cell stands for it.")
    if skipped <= 0:
        return newest
    older = _(
        "Of each machine the newest {newest} were read, {older} were not: `nox -s fleet -- report --newest N` reads "
        "more, `nox -s history -- --machine ID` all of one machine."
    )
    most = max(one.read + len(one.left_out) for one in machines)
    return f"{newest} " + older.format(
        newest=plural(most, "{count} run", "{count} runs"),
        older=plural(skipped, "{count} older run", "{count} older runs"),
    )


def sentences(view: FleetView, question: Question) -> list[str]:
    """Which configurations are the lowest, and on how many machines, by each metric."""
    found = []
    for metric in ("response_ms", "ttft_ms", "tpot_ms"):
        if counted := Counter(view.name(one.figure) for one in fastest(question, metric)).most_common(_MOST_LOWEST):
            message = _("{metric}, lowest: {places}.")
            places = ", ".join(
                _("{name} on {machines}").format(machines=_machines(n), name=name) for name, n in counted
            )
            found.append(message.format(metric=capital(metric_words.name(metric)), places=places))
    return found


def claim(one: Fastest) -> str:
    """What may be said of the lowest, in a word or two."""
    return _(_CLAIMS[one.answer.claim])


def beside(view: FleetView, one: Fastest) -> list[str]:
    """Who cannot be told apart from the lowest, who was not ranked with it, and who is broken."""
    found = []
    if one.tied:
        found.append(_("Cannot be told apart from it: {names}.").format(names=listed([view.name(x) for x in one.tied])))
    if one.others:
        names = listed([view.name(x) for x in one.others])
        found.append(_("Of another run or of other blocks, so not ranked with it: {names}.").format(names=names))
    if broken := one.answer.ranking.broken:
        own = view.names[one.figure.standing.run_id]
        found.append(
            _("Broken, so out of the ranking: {names}.").format(names=listed([own.of(x.load) for x in broken]))
        )
    return found


def power(machine: Machine) -> str:
    """Under which power it was measured, as far as that is recorded."""
    own = machine.newest.get("machine") or {}
    known = ((name, own.get(name.replace(" ", "_"))) for name in ("power source", "power mode", "governor"))
    return ", ".join(value(name, one) for name, one in known if one)


def age(days: int) -> str:
    """How much older a run is than the newest one; blank for less than a day."""
    return (
        _("{days} older than the newest run").format(days=plural(days, "{count} day", "{count} days")) if days else ""
    )


def apart(one: Apart) -> str:
    """Why a figure is not compared with that of the base."""
    message = {
        "quality": _("quality: {base} in the base, {head} here"),
        "simulated": _("simulated on one side only"),
        "device": _("it ran on {base} in the base, on {head} here"),
        "prompts": _("{head} prompts have other ids than in the base"),
        "padded": _("prompts padded to {base} tokens in the base, to {head} here"),
        "serious": _("disturbed: {base} in the base; {head} here"),
    }.get(one.why)
    if message is None:
        there, here = value(one.why, one.base), value(one.why, one.head)
        return _("{what}: {base} in the base, {head} here").format(what=condition(one.why), base=there, head=here)
    if one.why == "serious":
        return message.format(base=_findings(one.base), head=_findings(one.head))
    base, head = (number(x, 0) if isinstance(x, int) else word(str(x)) for x in (one.base, one.head))
    return message.format(base=base, head=head)


def reasons(one: Figure) -> str:
    """All of them."""
    return "; ".join(map(apart, one.apart))


def _findings(codes: str) -> str:
    return ", ".join(finding_words.title(code) for code in codes.split(", ")) if codes else _("nothing")


def phase(code: str) -> str:
    """What became of a load, a first generation or a long prompt."""
    return _(_PHASES[code]) if code in _PHASES else word(code)


def driver(tried: Tried) -> str:
    """Of the device that was tried."""
    return _("not recorded") if tried.driver is None else tried.driver


def generation(machine: Machine) -> str:
    """Of its processor."""
    return machine.generation or _("unknown processor")


def moves(machine: Machine, places: Sequence[int]) -> str:
    """What changed there, e.g. ``TPOT slower by 12 % in 3 cells``."""
    assert machine.history is not None
    found = []
    for place in places:
        turn = machine.history.turns[place]
        day = machine.history.runs[turn.after].day
        for one in turn.moves:
            message = (
                _("{metric} slower in {cells}, by up to {by}")
                if one.slower
                else _("{metric} faster in {cells}, by up to {by}")
            )
            by = abs((one.most if one.slower else one.least) - 1)
            cells = plural(len(one.series), "{count} cell", "{count} cells")
            what = message.format(metric=METRICS[one.metric].short, cells=cells, by=share(by))
            found.append(f"{day}: {what}")
    return "; ".join(found)


def turns(machine: Machine) -> list[str]:
    """Each place in a machine's history where its cells changed."""
    history = machine.history
    if history is None:
        return []
    names = series_names(history)
    return [turn_sentence(history, turn, names) for turn in history.turns]


def rule(view: FleetView) -> list[str]:
    """How the figures are made."""
    return [
        _(
            "A figure is the geometric mean over the blocks of one run with its 95 % interval. On each machine the "
            "configurations of one run are ranked as in the report of that run; broken ones take no part, and what "
            "another run measured is named apart, since nothing pairs its blocks."
        ),
        _(
            "A change is that machine over {base}, of two independent runs, as `nox -s compare` has it: Welch's t on "
            "block medians, or with the variation between the machine's runs where five or more tell it and that is "
            "wider; Holm's adjustment is for the cells of a metric on that machine, the threshold is {threshold}."
        ).format(base=view.fleet.base.name, threshold=percent(view.fleet.threshold, None)),
        _(
            "Devices of one machine are compared by the blocks of one run, stack by stack at one precision; over "
            "machines the least and the most of these ratios stand, and nothing is averaged."
        ),
    ]


def lead(view: FleetView) -> str:
    """The answer in a sentence or two, to the request of most machines."""
    question = view.fleet.questions[0]
    return " ".join([f"{title(question.asked)}:", *sentences(view, question)[:1]])

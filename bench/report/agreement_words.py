"""How far the answers of a cell agree with those of the reference, in words that several renderers share."""

# ruff: noqa: RUF001 - apostrophes are meant

from bench.analyse.results import CellResult
from bench.report.format import listed, number
from bench.report.language import gettext as _, ngettext
from bench.report.run_view import RunView


def is_reference(view: RunView, cell: CellResult) -> bool:
    """Whether the answers of ``cell`` are those that others are compared with."""
    reference = view.analysis.reference
    return cell.answers is not None and reference is not None and cell.load.load_key == reference.load_key


def reference_name(view: RunView) -> str:
    """What answers are compared with."""
    reference = view.analysis.reference
    return view.names.of(reference) if reference is not None else view.analysis.right_answers or ""


def first_difference(view: RunView, cell: CellResult) -> str:
    """In one line, e.g. ``2 of 64``; blank where it is not known."""
    if is_reference(view, cell):
        return _("reference")
    if cell.answers is None or cell.answers.first_difference is None:
        return ""
    return _("{tokens} of {length}").format(
        tokens=median(cell.answers.first_difference), length=number(cell.answers.compared_tokens, 0)
    )


def in_one_line(view: RunView, cell: CellResult) -> str:
    """The column where there is no room for a badge."""
    collapses = _("collapsed output") if collapsed(view, cell) else ""
    varies = _("not deterministic") if cell.answers and cell.answers.repeats_that_differ else ""
    return ", ".join(filter(None, (first_difference(view, cell), collapses, varies)))


def note(view: RunView) -> str:
    """What the column means, and what it does not."""
    if view.analysis.right_answers:
        return _(
            "First difference: how many tokens of an answer come before the first that differs from the reference’s "
            "answer to the same prompt, as the median over the answers that were compared, which are a few of the "
            "first block; “64 of 64” means that none differs in as many tokens. The reference is {reference}, computed "
            "from the weights that every configuration was made from; it is no ground truth. Answers are chosen "
            "greedily, so those of a correct conversion part from it too after some tokens, and the figure does not "
            "say which answer is better."
        ).format(reference=reference_name(view))
    return _(
        "First difference: how many tokens of an answer come before the first that differs from the reference’s answer "
        "to the same prompt, as the median over the timed answers; “64 of 64” means that none differs. The reference "
        "is {reference}, the widest weights of this run; it is no ground truth. Answers are chosen greedily, so those "
        "of a correct conversion part from it too after some tokens, and the figure does not say which answer is "
        "better."
    ).format(reference=reference_name(view))


def collapsed(view: RunView, cell: CellResult) -> bool:
    """Whether each answer of ``cell`` is one token repeated, which is a fault unless the weights are random."""
    return cell.answers is not None and cell.answers.collapsed and not view.model.get("synthetic")


def collapsed_banner(view: RunView) -> str:
    """Which configurations gave no answer worth its time; blank where all did."""
    # What is broken is told with all else that is.
    found = [cell for cell in view.measured if collapsed(view, cell) and not cell.load.broken]
    if not found:
        return ""
    return ngettext(
        "Collapsed output in {count} cell, of {configurations}: every timed answer is one token repeated. Something is "
        "wrong with the conversion, the stack, the device or the model, and the latency is that of no usable answer.",
        "Collapsed output in {count} cells, of {configurations}: every timed answer is one token repeated. Something "
        "is wrong with the conversion, the stack, the device or the model, and the latency is that of no usable "
        "answer.",
        len(found),
    ).format(
        count=number(len(found), 0),
        configurations=listed(list(dict.fromkeys(view.names.of(cell.load) for cell in found))),
    )


def median(tokens: float | None) -> str:
    """A median of tokens, which is a whole number or one half."""
    return number(tokens, 0 if tokens is None or tokens.is_integer() else 1)

"""``python -m bench.commands models FLAGS…``: make what a sweep needs, and measure nothing."""

from collections.abc import Sequence
from pathlib import Path

from bench.cli import command, print_refusal
from bench.commands import say
from bench.errors import MachineError, PrepareError
from bench.measure.prompt_keys import shapes_of
from bench.plan.flags import raw_values
from bench.plan.venvs import Venvs
from bench.prepare.stage import preparation_for, wanted_artifacts
from bench.run.planning import plan_for
from bench.run.quality import questions_of, reference_for, texts_of


@command
def main(arguments: Sequence[str]) -> int:
    """Prepare the model, its prompts, every artifact of the sweep and the reference; print where each is.

    What cannot be made is said, and the others are made.
    """
    options, plan = plan_for(raw_values(arguments, pytests=False), Path.cwd())
    preparer = preparation_for(options, Venvs.from_environment(options.workers), plan.loads, say)
    if preparer is None:
        say("nothing to prepare: these backends need no model")
        return 0
    model = preparer.model()
    book = preparer.prompts()
    say(f"{model.source.label}: {model.path}")
    status = 0
    for wanted in wanted_artifacts(plan.loads):
        try:
            say(f"{' '.join(filter(None, wanted))}: {preparer.artifact(*wanted).path}")
        except (PrepareError, MachineError) as error:
            status = print_refusal(error)
    if options.quality:
        texts = texts_of(book, {cell.prompt_tokens for cell in plan.cells})
        shapes = shapes_of(options.new_tokens, options.batch_sizes, options.turns)
        context = model.facts.context_tokens
        questions = questions_of(book, plan.cells, shapes, 0, options.repeats, context)
        found = reference_for(options.reference, plan.loads, preparer, texts, questions, context, say)
        if found is not None:
            say(f"reference {found.name}: {found.file}")
    return status

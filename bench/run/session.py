"""One run: the suites call it, and it calls the stages in order."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from statistics import median_high
from typing import TYPE_CHECKING, Any

from bench.errors import PrepareError, UsageError
from bench.measure.attempt import LoadPlan, RunFacts
from bench.measure.child_process import worker_variables
from bench.measure.prompt_keys import prompts_of_visit, shapes_of
from bench.measure.scoring import profile_load
from bench.measure.store_rows import impossible_rows
from bench.measure.verdict import Placement
from bench.measure.visit import Interrupted, Outcome, Visit
from bench.measure.worker import Timeouts
from bench.observe.bandwidth import read_bandwidth
from bench.observe.gauges import Instruments
from bench.observe.isolation import network_kept
from bench.observe.limits import limits
from bench.observe.machine import machine_id
from bench.observe.memory import memory_cap
from bench.observe.packages import describe_venvs, drift, tools
from bench.observe.reading_costs import observers
from bench.plan.backends import BACKENDS
from bench.plan.cells import Cell, Load
from bench.plan.estimate import quality_seconds
from bench.plan.options import Options
from bench.plan.plan import Plan, PlannedVisit, reference_load
from bench.plan.venvs import Venvs
from bench.prepare.model_source import resolve_model
from bench.prepare.preparation import Preparation, Say
from bench.prepare.prompts import Prompt, PromptBook, PromptKey
from bench.prepare.stage import beyond_context, preparation_for
from bench.run.between_visits import Cooling, InterimReport, Progress, Stopper
from bench.run.doctor.readiness import look
from bench.run.guard.guard import Guard, strict_failure
from bench.run.load_plans import in_pairs, named_venvs, plan_load
from bench.run.machine_lock import hold_machine
from bench.run.planning import preflight
from bench.run.quality import Measured, QualityPass, keep_answers, keep_pieces, questions_of, reference_for, texts_of
from bench.run.record import (
    NO_MODEL,
    OWN_MODEL,
    Selection,
    measured_model,
    model_record,
    run_record,
    unprepared_record,
)
from bench.run.resume import MEASURED_BEFORE, Earlier, offer
from bench.scratch import Scratch
from bench.store.reader import open_run
from bench.store.writer import RunWriter, new_run_id

if TYPE_CHECKING:
    from bench.analyse.adaptive import Adaptive
    from bench.analyse.samples import Generations


class BenchSession:
    """A run; ``command`` is how to repeat it, and ``say`` prints one line of progress.

    What is declared here is there from :meth:`begin` on.
    """

    writer: RunWriter
    _facts: RunFacts
    _scratch: Scratch
    _cooling: Cooling
    _progress: Progress
    _interim: InterimReport

    def __init__(self, options: Options, plan: Plan, command: str, say: Say) -> None:
        self.options = options
        self.plan = plan
        self.command = command
        self.say = say
        self.stopper = Stopper(say)
        self.guard = Guard(Instruments(), say)
        self.venvs = Venvs.from_environment(options.workers, options.variants)
        self.began = False
        """Whether run.json has been written."""
        self.measured = 0
        self._adaptive: Adaptive | None = None
        self._load_plans: dict[str, LoadPlan] = {}
        self._placements: dict[str, Placement | None] = {}
        self._prompts = PromptBook.made_up()
        self._quality: QualityPass | None = None
        self._preparer: Preparation | None = None
        self._beyond: dict[str, str] = {}
        self._earlier: Earlier | None = None
        self._block: int | None = None
        self._recorded: tuple[dict[str, str], Generations] | None = None

    def begin(self, selected: Plan, selection: Selection | None = None) -> None:
        """Check, prepare and announce everything for ``selected``, the selected part of the plan; write run.json.

        ``selection`` says what selected it, where that is not the whole plan.

        Raises:
            BenchError: the run cannot begin, or not be carried on.
        """
        resume = self.options.resume
        with ExitStack() as undo:
            undo.callback(self.guard.release)
            if resume is None:
                self.writer = RunWriter(self.options.results_dir, new_run_id())
            else:
                self.writer = RunWriter(resume.parent, resume.name, again=True)
            undo.callback(self.writer.give_up)
            if resume is not None:
                self._earlier = Earlier(open_run(resume), self.options.repeats)
            self._scratch = Scratch()
            undo.callback(self._scratch.remove)
            selected = self._prepare(selected, selection)
            undo.pop_all()
        self.began = True
        self._start(selected)

    def _prepare(self, selected: Plan, selection: Selection | None) -> Plan:
        """All until run.json is written; returns what of ``selected`` fits into the model's context."""
        self.say(f"run        {self.writer.run_id}")
        if self._earlier is None and (offered := offer(self.options.results_dir)) is not None:
            self.say(offered)
        reference_load(self.options.reference, selected.loads)
        self.guard.found += hold_machine(selected.loads, self.writer.run_id, self.command, self.options, self.say)
        self._cooling = Cooling(self.options, lambda: self.stopper.requested)
        self.guard.keep_awake()
        readiness = look(selected.loads, self.venvs)
        for line in readiness.lines(selected.loads):
            self.say(line)
        runnable = [load for load in selected.loads if readiness.can_run(load)]
        # Of a branch the newest commit may be another than the one that was measured.
        spec = self.options.model
        model_spec = spec if self._earlier is None else measured_model(self._earlier.run.record, spec)
        preparer = preparation_for(replace(self.options, model=model_spec), self.venvs, runnable, self.say)
        if preparer is not None and (expected := preparer.expected_facts) is not None:
            selected = self._fitting(selected, preparer.source.label, expected.context_tokens)
        left = selected if self._earlier is None else self._earlier.left_of(selected)
        for line in preflight(left, self.options, preparer, runnable, self.writer.path):
            self.say(line)
        model = self._model(preparer, selected.cells)
        selected = self._fitting(selected, model["name"], model["context_tokens"])
        named = named_venvs(selected.loads, self.venvs)
        venvs = describe_venvs(named)
        changed = {venv: drift(venv, venvs[name].get("packages", {})) for name, venv in named.items()}
        in_first = {visit.id for visit in selected.visits if visit.block == selected.visits[0].block}
        for planned in (visit for visit in self.plan.visits if visit.id in in_first):
            # Prompts that cannot be made are refused before anything is measured; all blocks have the same lengths.
            self._prompts_for(planned)
        for load in selected.loads:
            venv = self.venvs.of(load)
            self._load_plans[load.key] = plan_load(load, venv, preparer, readiness, changed, self.say)
        self._load_plans = in_pairs(selected.loads, self._load_plans, readiness)
        self._facts = facts = self._facts_of(model)
        if self.options.quality:
            self._quality = self._quality_pass(selected, runnable, preparer, model["context_tokens"])
            self._preparer = preparer
        asked = (*selected.cells, *(entry.cell for entry in selected.impossible))
        bandwidth = None if preparer is None else read_bandwidth(facts.threads or limits().default_threads)
        record = run_record(self.command, self.options, asked, model, facts, venvs, bandwidth, network_kept())
        record["tools"] = tools(None if preparer is None else self.venvs.conversion())
        record |= {} if selection is None else {"selection": selection.record()}
        self._adaptive = self._begin_adaptive(selected)
        self._begin_or_carry_on(record, selected)
        return selected

    def _start(self, selected: Plan) -> None:
        threads = self._facts.threads
        if self._quality is not None:
            keep_answers(self.writer.path, self._quality.reference)
        self.guard.begin(self.writer, worker_variables(threads), threads)
        for one in selected.impossible:
            for table, row in zip(
                ("loads", "generations"), impossible_rows(one.cell, one.reason, self._facts), strict=True
            ):
                if self._earlier is None or self._earlier.lacks(table, row):
                    self.writer.rows(table, [row])
        self.stopper.install()
        still_open = None if self._adaptive is None else self._adaptive.open
        before = (0, 0.0) if self._earlier is None else (len(self._earlier.whole), self._earlier.seconds)
        self._progress = Progress(self.options, selected.visits, still_open, *before)
        self._interim = InterimReport(self.writer.path, self.options)

    def _quality_pass(
        self, selected: Plan, runnable: Sequence[Load], preparer: Preparation | None, context: int | None
    ) -> QualityPass:
        book, block = self._prompts, selected.visits[0].block
        texts = texts_of(book, {cell.prompt_tokens for cell in selected.cells})
        shapes = shapes_of(self.options.new_tokens, self.options.batch_sizes, self.options.turns)
        questions = questions_of(book, selected.cells, shapes, block, self.options.repeats, context)
        reference = reference_for(self.options.reference, runnable, preparer, texts, questions, context, self.say)
        return QualityPass(texts, reference, context, self._load_plans, self._facts, self.say)

    def _facts_of(self, model: dict[str, Any]) -> RunFacts:
        options = self.options
        threads = None if options.threads == "stack" else options.threads or limits().default_threads
        assert threads is None or isinstance(threads, int)
        return RunFacts(
            machine_id=machine_id(),
            model=model["name"],
            model_digest=model["digest"],
            embedding_share=(model["embedding_parameters"] or 0) / (model["parameters"] or 1),
            threads=threads,
            timeouts=Timeouts(load_s=options.load_timeout_s, generation_s=options.generation_timeout_s),
            scratch=self._scratch.path,
            memory_cap_bytes=memory_cap(),
            stopping=lambda: self.stopper.requested,
            instruments=self.guard.instruments,
            watched=self.guard.visit_ended,
            unsettled=self.guard.warm_up_unsettled,
            say=self.say,
        )

    def _begin_or_carry_on(self, record: dict[str, Any], selected: Plan) -> None:
        """Write run.json; or take up what an earlier process has measured of ``selected``, if nothing has changed."""
        writer, earlier = self.writer, self._earlier
        if earlier is None:
            writer.begin({**record, "observers": observers(self.guard.instruments)})
            return
        from bench.run.changes import other_conditions, refuse_changes  # noqa: PLC0415 - scipy is not for collecting

        refuse_changes(earlier, record, self._load_plans)
        earlier.replay(selected, self._unneeded, self._count)
        if self._adaptive is not None:
            self._adaptive.spend(earlier.seconds)
        earlier.carry_on(writer, selected, other_conditions(earlier.run.record, record))

    def _begin_adaptive(self, selected: Plan) -> Adaptive | None:
        if self.options.interval_target is None:
            return None
        from bench.analyse.adaptive import Adaptive, Rule  # noqa: PLC0415 - scipy is not for collecting

        rule = Rule(self.options.interval_target, self.options.blocks, self.options.max_time_s)
        twins = [[cell.key for cell in group] for group in selected.twins]
        return Adaptive(rule, (cell.key for cell in selected.cells), twins=twins)

    def skip_reason(self, planned: PlannedVisit, cell: Cell) -> str | None:
        """Why a cell is not measured in this visit; ``None`` if it is."""
        if self._earlier is not None and planned.id in self._earlier.whole:
            return MEASURED_BEFORE
        return self._unneeded(planned, cell)

    def _unneeded(self, planned: PlannedVisit, cell: Cell) -> str | None:
        if cell.key in self._beyond:
            return self._beyond[cell.key]
        return None if self._adaptive is None else self._adaptive.skip_reason(cell.key, planned.block)

    def visit(self, planned: PlannedVisit) -> Visit:
        """Begin a visit.

        Raises:
            Interrupted: the user asked to stop while the machine cooled.
            PrepareError: the artifact is gone.
        """
        self._report_so_far(planned.block)
        waited = self._cooling.wait(first=self._progress.begun == 0)
        if self.stopper.requested:
            raise Interrupted
        self.say(self._progress.begin(planned) + waited)
        load, plan = planned.load, self._load_plans[planned.load.key]
        if plan.path is not None and not plan.path.exists():
            raise PrepareError(
                f"{plan.path} was removed while the run went on: `nox -s bench -- --resume` makes it again and "
                "measures what is missing"
            )
        prompts = self._prompts_for(planned)
        if load.key not in self._placements:
            scratch = self._facts.scratch / f"profile-{load.key}"
            longest = max(prompts.values(), key=lambda prompt: len(prompt.ids))
            self._placements[load.key] = profile_load(load, plan, self._facts, scratch, longest)
        return Visit(planned, plan, prompts, self.options, self._facts, self.writer, self._placements[load.key])

    def _report_so_far(self, block: int) -> None:
        """Render the report where ``block`` is the next one and something was measured before it."""
        before, self._block = self._block, block
        if before is None or before == block or self.measured == 0:
            return
        line = self._interim.render(before + 1)
        # Ctrl-C ends the process that renders too, and the run does not go on.
        if line is not None and not self.stopper.requested:
            self.say(line)

    def _prompts_for(self, planned: PlannedVisit) -> dict[PromptKey, Prompt]:
        cells = [cell for cell in planned.cells if cell.key not in self._beyond]
        return self._prompts.prompts_for_visit(planned.block, *prompts_of_visit(self.options, cells))

    def outcome(self, planned: PlannedVisit, cell: Cell, outcome: Outcome) -> None:
        """Print the outcome of a cell, and count it."""
        if not outcome.ttft_ms:
            self.say(f"    {cell.shape:<16} not counted: {outcome.excluded[0]}")
            return
        self._count(planned, cell, outcome)
        tpot = f", {median_high(outcome.tpot_ms):.2f} ms/token" if outcome.tpot_ms else ""
        simulated = " (simulated)" if BACKENDS[cell.load.backend].simulated else ""
        self.say(f"    {cell.shape:<16} first token {median_high(outcome.ttft_ms):.1f} ms{tpot}{simulated}")

    def _count(self, planned: PlannedVisit, cell: Cell, outcome: Outcome) -> None:
        if not outcome.ttft_ms:
            return
        self.measured += 1
        if self._adaptive is not None:
            self._adaptive.add(cell.key, planned.block, outcome.ttft_ms, outcome.tpot_ms)

    def samples_ns(self, label: str, metric: str) -> list[float]:
        """The recorded times to first token of a cell, or all its inter-token latencies, in nanoseconds.

        ``metric``: ``ttft`` or ``itl``.
        """
        if not self.began:
            return []
        if self._recorded is None:
            from bench.analyse.samples import Generations  # noqa: PLC0415 - scipy is not for collecting

            self.writer.gather("generations")
            keys = {cell.label: cell.key for cell in reversed(self.plan.cells)}
            self._recorded = keys, Generations(open_run(self.writer.path))
        keys, generations = self._recorded
        samples = generations.cell(keys[label])
        if samples is None:
            return []
        values: list[float] = (samples.ttft_ns if metric == "ttft" else samples.itl_ns.ravel()).tolist()
        return values

    def finish(self, reason: str) -> None:
        """Score texts where the run was finished, and commit its end, with the reason for which it ended."""
        self._recorded = None
        try:
            if reason == "finished":
                self._score()
        finally:
            self.stopper.remove()
            self._scratch.remove()
            adaptive = self._adaptive and self._adaptive.record(whole=reason == "finished")
            sittings = self.writer.record.get("sittings")
            detail = {name: value for name, value in (("adaptive", adaptive), ("sittings", sittings)) if value}
            try:
                self.guard.finish()
            finally:
                self.writer.finish(reason, detail or None)

    def _score(self) -> None:
        if self._quality is None or self.measured == 0:
            return
        writer = self.writer
        run = open_run(writer.path)
        keep_pieces(run, self._preparer, self.say)
        measured = Measured.of(run)
        seconds = quality_seconds(self.options.blocks, measured.seconds)
        scored = () if self._earlier is None else self._earlier.scored
        self.stopper.at_once = True
        try:
            self._quality.score(self.plan.loads, measured, seconds, lambda rows: writer.rows("quality", rows), scored)
        except KeyboardInterrupt:
            self.say("the quality pass was stopped; what was measured is kept")

    def strict_failure(self) -> str | None:
        """Why ``--strict`` fails the run; ``None`` if it does not."""
        return strict_failure(self.guard.found) if self.options.strict else None

    def _fitting(self, selected: Plan, name: str, limit: int | None) -> Plan:
        """The plan with the cells that are longer than the context of the model ``name`` as impossible ones.

        Raises:
            UsageError: all are.
        """
        beyond = {
            cell.key: reason
            for cell in selected.cells
            if BACKENDS[cell.load.backend].artifact_format != "none"
            and (reason := beyond_context(name, limit, cell.request)) is not None
        }
        if beyond.keys() >= {cell.key for cell in selected.cells}:
            raise UsageError(next(iter(beyond.values())))
        for reason in dict.fromkeys(beyond.values()):
            self.say(f"unsupported: {reason}")
        self._beyond |= beyond
        return selected.without(beyond)

    def _model(self, preparer: Preparation | None, cells: Sequence[Cell]) -> dict[str, Any]:
        if preparer is None:
            specs = [BACKENDS[cell.load.backend] for cell in cells]
            if any(spec.artifact_format != "none" for spec in specs):
                return unprepared_record(resolve_model(self.options.model))
            return NO_MODEL if all(spec.simulated for spec in specs) else OWN_MODEL
        model = preparer.model()
        self._prompts = preparer.prompts()
        return model_record(model)

"""The guard of one run: it keeps the machine awake, watches it, and writes down what it finds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from bench.findings import Code
from bench.observe.awake import Awake
from bench.observe.gauges import Instruments
from bench.observe.limits import limits
from bench.observe.machine_conditions import Watched
from bench.observe.power import PowerState
from bench.run.guard.before import check_machine, judge_changed_limits, judge_environment, judge_threads
from bench.run.guard.during import judge_visit
from bench.run.guard.found import Found, line
from bench.store.reader import open_run
from bench.store.writer import RunWriter


class Guard:
    """Finds before, during and after a run what may spoil it."""

    def __init__(self, instruments: Instruments, say: Callable[[str], None], awake: Awake | None = None) -> None:
        self.instruments = instruments
        self.found: list[Found] = []
        self._say = say
        self._awake = awake or Awake()
        self._power = PowerState()
        self._usable = limits()
        self._writer: RunWriter | None = None

    def keep_awake(self) -> None:
        """Keep the machine awake from here on; on a machine with a battery it is a finding where that cannot be."""
        refused = self._awake.begin()
        if refused is not None and self.instruments.conditions.read().power.source is not None:
            key, program = refused
            self.found.append(Found(Code.NOT_KEPT_AWAKE, {"program": program}, (key,)))

    def begin(
        self, writer: RunWriter, environment: Mapping[str, str] | None = None, threads: int | None = None
    ) -> None:
        """Check the machine just before the first measurement; later changes are changes from its state now.

        Args:
            environment: what the workers get of it, see :func:`bench.measure.child_process.worker_variables`.
            threads: of the run; ``None`` where each stack is left its own default.

        What a run that is carried on has found already is not found twice.
        """
        self._writer = writer
        self.found += [*check_machine(self.instruments), *judge_environment(environment or {}, threads)]
        self._power = self.instruments.conditions.read().power
        for one in self.found:
            self._say(line(one))
        before = [Found.of_row(row) for row in open_run(writer.path).table("findings").to_pylist()]
        known = {one.message for one in before if one.load_id is None}
        self._commit([one for one in self.found if one.message not in known])
        self.found = [*before, *self.found]

    def visit_ended(self, watched: Watched) -> None:
        """Judge what happened while a worker was measured."""
        found = [
            replace(one, load_id=watched.load_id, block=watched.block)
            for one in (
                *judge_visit(watched.before, watched.after, self._power),
                *judge_threads(watched.threads, self._usable),
                *judge_changed_limits(self._usable, limits()),
            )
        ]
        self.found += found
        self._commit(found)

    def warm_up_unsettled(self, cell_key: str, load_id: str, block: int, warmups: int) -> None:
        """Record that a cell was still getting faster when its warm-ups were used up."""
        values = {"warmups": warmups}
        found = Found(Code.WARM_UP_UNSETTLED, values, load_id=load_id, cell_key=cell_key, block=block)
        self.found.append(found)
        self._commit([found])

    def finish(self) -> None:
        """Judge the stored series and the scored texts, and let the machine sleep again.

        Raises:
            StoreError: what was found cannot be written, or the run cannot be read.
        """
        from bench.run.guard.after import judge_quality, judge_run  # noqa: PLC0415 - scipy is for the end

        self.release()
        if self._writer is not None:
            run = open_run(self._writer.path)
            found = [*judge_run(run), *judge_quality(run)]
            self.found += found
            self._commit(found)

    def release(self) -> None:
        """Let the machine sleep again."""
        self._awake.end()

    def _commit(self, found: Sequence[Found]) -> None:
        if self._writer is not None:
            self._writer.rows("findings", [one.row() for one in found])


def strict_failure(found: Iterable[Found]) -> str | None:
    """The line in which ``--strict`` fails a run; ``None`` if nothing was found that weighs enough."""
    weighty = [one for one in found if one.fails_strict]
    if not weighty:
        return None
    count = f"{len(weighty)} finding{'s' if len(weighty) > 1 else ''}"
    return f"error: --strict: {count} of severity warning or serious; the first: {weighty[0].message}"

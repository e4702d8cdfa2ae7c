"""Where pytest meets the run: options in, items out, and the exit status."""

import os
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench import PROJECT_ROOT
from bench.cli import INTERRUPTED, command_line, quoted
from bench.errors import BenchError, StoreError, UsageError
from bench.plan.cells import Cell
from bench.plan.flags import FLAGS
from bench.plan.plan import Plan
from bench.report.language import speaking
from bench.run.planning import plan_for
from bench.run.record import Selection
from bench.run.session import BenchSession
from bench.test_measure import SESSION, CellItem, ImpossibleItem, MeasureSuite, VisitCollector

_RAN = pytest.StashKey[int]()
"""How many items have run."""
_CLOSING = pytest.StashKey[list[str]]()
"""The lines that the run ends with."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Our flags, beside pytest's own; these come from the command line alone."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        if value := os.environ.get(name):
            raise pytest.UsageError(
                f"{name} is set ({value}), and a sweep takes options from its own command line alone: unset it, or "
                "start by `nox -s bench`, which leaves it out"
            )
    group = parser.getgroup("aipc-bench", "AIPC Bench")
    for flag in FLAGS:
        if not flag.shared:
            group.addoption(flag.option, dest=flag.destination, **flag.arguments())


def pytest_configure(config: pytest.Config) -> None:
    """Make the plan; refuse what would break it."""
    if config.option.help or config.option.version:
        return
    _refuse_what_breaks_the_order(config)
    try:
        options, plan = plan_for({flag.name: config.getoption(flag.destination) for flag in FLAGS}, Path.cwd())
    except (UsageError, StoreError) as error:
        raise pytest.UsageError(str(error)) from error
    ours = ("bench", "bench/", str(PROJECT_ROOT / "bench"))
    arguments = [str(argument) for argument in config.invocation_params.args if str(argument) not in ours]
    name = "ab" if options.variants else "bench"
    command = f"nox -s {name} -- {command_line(arguments)}" if arguments else f"nox -s {name}"
    config.stash[SESSION] = BenchSession(options, plan, command, lambda line: _say(config, line))


def _refuse_what_breaks_the_order(config: pytest.Config) -> None:
    if config.getoption("benchmark_only", False):
        raise pytest.UsageError(
            "--benchmark-only skips every measuring item; to see a finished run again use `nox -s report -- RUN`"
        )
    if config.getoption("numprocesses", None):
        raise pytest.UsageError("-n runs items side by side, and their timings would disturb each other; leave it out")
    if config.pluginmanager.has_plugin("randomly") or config.pluginmanager.has_plugin("random_order"):
        raise pytest.UsageError("a plugin reorders items; the order of visits is drawn from --seed. Use -p no:randomly")


def _say(config: pytest.Config, line: str) -> None:
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    reporter.ensure_newline()
    reporter.write_line(line)
    sys.stdout.flush()


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the measuring suite from the plan and not from functions."""
    if module_path.name == "test_measure.py":
        return MeasureSuite.from_parent(parent, path=module_path)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Prepare what the selected cells need before the first of them runs; if that fails, none runs."""
    if session.config.option.collectonly or session.testsfailed:
        return None
    try:
        _begin(session)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    except BenchError as error:
        session.config.stash[_CLOSING] = [f"error: {error}"]
        return True
    return None


def _begin(session: pytest.Session) -> None:
    items = [item for item in session.items if isinstance(item, CellItem)]
    if not items:
        raise UsageError("no cell is selected; loosen -k, or see --collect-only")
    selected = {item.cell.key for item in items}
    visits: dict[VisitCollector, list[Cell]] = {}
    for item in items:
        visits.setdefault(item.parent, []).append(item.cell)
    bench = session.config.stash[SESSION]
    impossible = [item.impossible for item in session.items if isinstance(item, ImpossibleItem)]
    cells = [cell for cell in bench.plan.cells if cell.key in selected]
    of_selected = (replace(visit.planned, cells=tuple(own)) for visit, own in visits.items())
    bench.begin(Plan(tuple(cells), tuple(impossible), tuple(of_selected)), _selection(session))


def _selection(session: pytest.Session) -> Selection | None:
    """What pytest's own options left of the plan; ``None`` if they left all of it."""
    plan = session.config.stash[SESSION].plan
    planned = sum(len(visit.cells) for visit in plan.visits) + len(plan.impossible)
    selected = sum(isinstance(item, CellItem | ImpossibleItem) for item in session.items)
    if selected == planned:
        return None
    given = session.config.option
    chosen = [("-k", given.keyword), ("-m", given.markexpr)]
    for name in ("deselect", "ignore", "ignore_glob"):
        chosen += [(f"--{name.replace('_', '-')}", str(value)) for value in getattr(given, name) or ()]
    words = [word for option, value in chosen if value for word in (option, value)]
    return Selection(command_line([*words, *(name for name in session.config.args if "::" in name)]), selected, planned)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    """Have pytest keep no item that has run, and no report that it does not show: a large sweep has very many."""
    done = yield
    ran = item.config.stash.get(_RAN, 0)
    item.config.stash[_RAN] = ran + 1
    if item.session.items[ran] is item:
        item.session.items[ran] = cast("pytest.Item", None)
    reporter: Any = item.config.pluginmanager.get_plugin("terminalreporter")
    if item.config.getoption("durations", None) is None:
        for category, shown_by in (("", ""), ("passed", "pP"), ("skipped", "s")):
            if set(shown_by).isdisjoint(reporter.reportchars):
                _only_count(reporter.stats.get(category, []))
    return done


_COUNTED = SimpleNamespace(when="", nodeid="")
"""In the place of a report: pytest looks through all of them for those of a test that failed."""


def _only_count(reports: list[Any]) -> None:
    """Leave of reports nothing but how many there are; those before the newest were treated so already."""
    for place in range(len(reports) - 1, -1, -1):
        if reports[place] is _COUNTED:
            return
        reports[place] = _COUNTED


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """No letters: the suites say what happens in lines of their own."""
    if report.when == "call" and not report.failed:
        return report.outcome, "", ""
    return None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Commit the end of the run, render the report, and settle the exit status."""
    bench = session.config.stash.get(SESSION, None)
    if bench is None or not bench.began:
        if exitstatus == pytest.ExitCode.INTERRUPTED:
            session.exitstatus = INTERRUPTED
        elif _CLOSING in session.config.stash:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return
    interrupted = bench.stopper.requested or exitstatus == pytest.ExitCode.INTERRUPTED
    closing = session.config.stash.setdefault(_CLOSING, [])
    try:
        cut = session.shouldfail or session.shouldstop
        bench.finish("interrupted" if interrupted else "stopped" if cut else "finished")
    except BenchError as error:
        closing.append(f"error: {error}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    closing.extend(_report(session, bench))
    if failure := bench.strict_failure():
        closing.append(failure)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    # The scoring of texts at the end can be interrupted too.
    if interrupted or bench.stopper.requested:
        session.exitstatus = INTERRUPTED
    elif bench.measured == 0 and exitstatus == pytest.ExitCode.OK:
        closing.append("error: no cell could be measured; the reasons stand above")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _report(session: pytest.Session, bench: BenchSession) -> list[str]:
    """The lines about the report, and of an A/B run about the comparison of its variants, or why there is none."""
    from bench.report.redact import of_this_machine, shown_path, shown_text  # noqa: PLC0415 - for the end, as below

    options, folder = bench.options, bench.writer.path
    private = of_this_machine(options.results_dir, options.reports_dir) if options.redact else None
    try:
        from bench.report.compare.comparison_exports import write_variants  # noqa: PLC0415 - draws charts
        from bench.report.render import finish_run  # noqa: PLC0415

        with speaking(options.language):
            lines = finish_run(folder, options.reports_dir, open_report=options.open_report, redact=options.redact)
            # A run that ended before both variants were measured has nothing to compare.
            if options.variants and bench.measured:
                lines += write_variants(folder, options.reports_dir, private)
    except Exception as error:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if session.config.option.fulltrace:
            raise
        shown = shown_path(folder, private)
        return [
            shown_text(f"error: the report could not be made: {type(error).__name__}: {error}", private),
            f"what was measured is in {shown}; try `nox -s report -- {quoted(shown)}`",
        ]
    return lines


def pytest_unconfigure(config: pytest.Config) -> None:
    """End with the table and the report's address, after all that pytest and its plugins have to say."""
    for line in config.stash.get(_CLOSING, []):
        _say(config, line)

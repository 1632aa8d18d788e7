"""Run one comparison and present it to the user."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from flakeproof.engine.execute import Sink
from flakeproof.events import AnyEvent, LoadFailed, Noted, TrialFailed
from flakeproof.features.compare import report
from flakeproof.features.compare.recorded_comparison import conduct_comparison
from flakeproof.features.compare.records import AnyComparisonEvent, ComparisonArm, ComparisonProgressed, ComparisonSpec
from flakeproof.features.compare.summary import ComparisonSummary, ConfirmationSummary
from flakeproof.features.compare.verdict import FixVerdict, Referee
from flakeproof.features.run import report_items
from flakeproof.features.run.plain_console import FailureLines, Shown
from flakeproof.features.run.session import RunSession, described, interpreter_of
from flakeproof.model import RunSpec
from flakeproof.reports.details import excerpt
from flakeproof.reports.files import Renderers, ReportFiles, to_json
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import Style
from flakeproof.settings.from_options import command_name
from flakeproof.settings.load import Config
from flakeproof.store.folder import store_of
from flakeproof.text import number, plural, rate, shown_path, whole_duration

_FIRST_LINE = 1.0
_GROWTH = 1.5
"""The elapsed time at each line of progress is this factor times that of the line before …"""
_MOST_SECONDS = 15.0
"""… but at most so many seconds later."""


class ComparisonSession:
    """Runs a comparison, prints its progress and results, and writes its reports."""

    def __init__(
        self,
        spec: ComparisonSpec,
        config: Config,
        files: ReportFiles,
        carried: Sequence[AnyComparisonEvent],
        remarks: Sequence[str],
        plain: RunSpec | None,
    ) -> None:
        """`files` are the reports to write; `carried` are events of the comparison to continue; `remarks` come first.

        `plain` is the run that confirms a fix; None if a fix is not to be confirmed.
        """
        self._remarks = remarks
        self._plain = plain
        self._spec = spec
        self._config = config
        self._files = files
        self._carried = carried
        self._presentation = Presentation(files, keeps_colours=bool(config.get("color-output")))

    def run(self) -> int:
        """Compare; return the exit code. Raises UsageError or CannotRunError."""
        with self._presentation.running():
            summary = conduct_comparison(
                self._spec,
                store_of(self._config),
                self._listeners,
                self._arm_sinks,
                lambda text: self._presentation.warn(text),
                self._config.value("keep-runs"),
                self._carried,
            )
            print_results(summary, self._presentation)
            if self._plain is not None and summary.verdict is FixVerdict.FIXED:
                summary = self._confirmed(summary, self._plain)
        return self._presentation.finish(summary.exit_code, renderers(summary))

    def _confirmed(self, summary: ComparisonSummary, plain: RunSpec) -> ComparisonSummary:
        """Run the fix without provocation; return `summary` with the result of that run."""
        self._presentation.print("")
        session = RunSession(plain, self._config, self._files)
        run = session.run(heading=f"{summary.fix.name}, without provocation:", becomes_latest=False)
        session.print_results(run)
        assert run.finding is not None
        found = ConfirmationSummary(
            run_id=run.run_id, passed=run.passed, failed=run.failed, finding=run.finding, exit_code=run.exit_code
        )
        summary = msgspec.structs.replace(summary, confirmation=found, exit_code=summary.exit_code or found.exit_code)
        self._presentation.print("")
        self._presentation.print(report.confirmed(found), Style.GOOD if not found.exit_code else Style.BAD)
        return summary

    def _listeners(self, folder: Path, referee: Referee) -> list["_Progress"]:
        self._presentation.copy_to(folder)
        for line in announcement(self._spec):
            self._presentation.note(line)
        for remark in self._remarks:
            self._presentation.note(remark, Style.WARNING)
        return [_Progress(self._note, referee)]

    def _arm_sinks(self, name: str) -> list[Sink]:
        lines_of = FailureLines(Shown.SEVERAL)
        seen: set[str] = set()
        expects_failures = name == self._spec.arms[0].name

        def show(event: AnyEvent) -> None:
            match event:
                case TrialFailed():
                    if expects_failures and event.failure.signature in seen:
                        return
                    seen.add(event.failure.signature)
                    for line, failure in lines_of.chosen(event):
                        self._presentation.print(f"{name}: {line}", Style.BAD)
                        for row in excerpt(failure):
                            self._presentation.print(row, Style.DIM)
                case LoadFailed():
                    line, rows = report_items.load_failure(event)
                    self._presentation.print(f"{name}: {line}", Style.BAD)
                    for row in rows:
                        self._presentation.print(row, Style.DIM)
                case Noted():
                    self._presentation.note(f"{name}: {event.message}", Style.WARNING)

        return [show]

    def _note(self, text: str) -> None:
        self._presentation.note(text, Style.DIM)


class _Progress:
    """Prints progress, at longer intervals the longer the comparison takes."""

    def __init__(self, note: Callable[[str], None], referee: Referee) -> None:
        self._note = note
        self._referee = referee
        self._next = _FIRST_LINE

    def __call__(self, event: AnyComparisonEvent) -> None:
        if isinstance(event, ComparisonProgressed) and event.elapsed >= self._next:
            self._next = min(event.elapsed * _GROWTH, event.elapsed + _MOST_SECONDS)
            self._note(report.progress(self._referee.history))


_STYLES = {
    FixVerdict.FIXED: Style.GOOD,
    FixVerdict.REDUCED: Style.BAD,
    FixVerdict.NOT_FIXED: Style.BAD,
    FixVerdict.INCONCLUSIVE: Style.WARNING,
}


def print_results(summary: ComparisonSummary, presentation: Presentation) -> None:
    """Print the results of a comparison."""
    presentation.block(report.results(summary, command_name()), report.closing(summary), _STYLES[summary.verdict])
    presentation.note(f"The record of this comparison is in {shown_path(summary.folder)}", Style.DIM)


def announcement(spec: ComparisonSpec) -> list[str]:
    """Lines that announce what is compared, and how."""
    base = spec.arms[0].spec
    budget = [f"{number(spec.most_trials)} tests"] if spec.most_trials is not None else []
    budget += [whole_duration(spec.duration)] if spec.duration is not None else []
    part = f"Part {spec.shard[0]} of {spec.shard[1]}: pairs" if spec.shard is not None else "Pairs"
    each = "a test each" if spec.company == 1 else f"blocks of tests, {spec.company} at once"
    return [
        *(f"{arm.name}: {_described(arm)}" for arm in spec.arms),
        (
            f"{part} of {each}, in turns in {plural(spec.places, 'place')}, isolation {base.isolation.value}, "
            f"until decided (error at most {rate(spec.error)}) or after {' or '.join(budget)}; seed {spec.seed}"
        ),
    ]


def _described(arm: ComparisonArm) -> str:
    revision = f" at {arm.revision[:12]}" if arm.revision else ""
    return f"{described(arm.spec.target)}{revision}{interpreter_of(arm.spec.target)}"


def renderers(summary: ComparisonSummary) -> Renderers:
    """The renderers of a comparison's reports."""

    def html() -> bytes:
        from flakeproof.features.compare.html_page import render

        return render(summary)

    return {"json": lambda: to_json(summary), "markdown": lambda: report.as_markdown(summary), "html": html}

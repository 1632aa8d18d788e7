"""Console on a terminal: a bar with the facts of the moment, below results that scroll and are never overwritten."""

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flakeproof.events import AnyEvent, ItemsCollected, LoadFailed, Noted, Progressed, RunEnded, TrialFailed
from flakeproof.features.run import report, report_items
from flakeproof.features.run.plain_console import FailureLines, Shown
from flakeproof.features.run.strip import Strip
from flakeproof.reports.foreign import line_shown
from flakeproof.reports.writer import Style, Writer
from flakeproof.stats.intervals import robbins
from flakeproof.text import duration, lower, number, one_line, plural, share, speed, upper, whole_duration

_REFRESH_SECONDS = 0.1
_BAR_WIDTH = 30
_LEAST_BAR = 8
_ROOM_FOR_ECHO = 4
"""Columns left free at the end: a terminal shows ^C there, which must not wrap and move the display."""
_COLOURS = {Style.PLAIN: "", Style.BAD: "red", Style.DIM: "dim", Style.WARNING: "yellow"}


class LiveConsole:
    """Sink that keeps a display at the bottom of the terminal."""

    def __init__(self, writer: Writer, console: Console, shown: Shown = Shown.FIRST) -> None:
        """`writer` gets what is printed; `console` is the terminal of its notes."""
        self._writer = writer
        self._console = console
        self._failures = FailureLines(shown)
        self._latest = ""
        self._shown_at = -1.0
        self._live: Live | None = None
        self._strip = Strip()

    def __call__(self, event: AnyEvent) -> None:
        """Show what belongs to `event`."""
        match event:
            case Progressed():
                self._strip.add(event.completed, event.failed)
                self._refresh(event)
            case TrialFailed():
                self._latest = self._failures.latest(event)
                for line, _ in self._failures.chosen(event):
                    self._result(line, Style.BAD)
            case ItemsCollected():
                self._print(self._failures.collected(event), Style.PLAIN)
            case LoadFailed():
                line, rows = report_items.load_failure(event)
                self._result(line, Style.BAD)
                for row in rows:
                    self._result(row, Style.DIM)
            case Noted():
                self._print(event.message, Style.WARNING)
            case RunEnded():
                self.close()
                for line in self._strip_lines():
                    self._console.print(Text(line, style="dim"), soft_wrap=True)

    def close(self) -> None:
        """Take the display away; what was printed above it stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _result(self, line: str, style: Style) -> None:
        if self._writer.results.isatty():
            self._print(line, style)
        else:
            self._writer.result(line, style)

    def _print(self, line: str, style: Style) -> None:
        self._writer.keep(line)
        shown = line_shown(line, keeps_colours=self._writer.keeps_colours)
        text = Text.from_ansi(shown) if self._writer.keeps_colours else Text(shown)
        text.style = _COLOURS[style]
        self._console.print(text, soft_wrap=True)

    def _refresh(self, event: Progressed) -> None:
        if event.elapsed - self._shown_at < _REFRESH_SECONDS and event.completed != event.planned:
            return
        self._shown_at = event.elapsed
        if self._live is None:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.update(self._display(event), refresh=True)

    def _display(self, event: Progressed) -> Table:
        width = max(10, self._console.width - _ROOM_FOR_ECHO)
        outer = Table.grid()
        outer.add_column(width=width, no_wrap=True, overflow="ellipsis")
        facts = self._facts(event)
        goal = event.planned if event.planned is not None else event.planned_duration
        done = event.completed if event.planned is not None else event.elapsed
        room = min(_BAR_WIDTH, width - facts.cell_len - 1)
        if goal is not None and room >= _LEAST_BAR:
            first = Table.grid(padding=(0, 1))
            first.add_row(ProgressBar(goal, min(done, goal), width=room), facts)
            outer.add_row(first)
        else:
            outer.add_row(facts)
        outer.add_row(Text(_rate(event, width), style="dim"))
        for line in self._strip_lines():
            outer.add_row(Text(line, style="dim"))
        if self._latest:
            outer.add_row(Text(f"latest: {one_line(self._latest, max(1, width - 8))}", style="dim red"))
        return outer

    def _strip_lines(self) -> list[str]:
        """None where the terminal has no letters for it."""
        if not self._console.encoding.startswith("utf"):
            return []
        unit = "pass" if self._failures.several else "test"
        return list(self._strip.lines(self._console.width - _ROOM_FOR_ECHO, unit, self._units))

    @property
    def _units(self) -> str:
        return "passes" if self._failures.several else "tests"

    def _facts(self, event: Progressed) -> Text:
        facts = Text(no_wrap=True, overflow="ellipsis")
        if event.planned is not None:
            facts.append(f"{number(event.completed)}/{number(event.planned)}  ")
        else:
            facts.append(f"{number(event.completed)} {self._units}  ")
        facts.append(f"{number(event.failed)} failed  ", style="red" if event.failed else "green")
        per_second = event.completed / event.elapsed if event.elapsed > 0 else 0.0
        facts.append(f"{number(per_second) if per_second >= 1000 else speed(per_second)} {self._units}/s  ")
        if event.nodes is not None:
            facts.append(f"{plural(event.nodes, 'node')}  ")
        left = report.remaining(event)
        facts.append(f"{duration(event.elapsed)}" + (f", ~{whole_duration(left)} left" if left is not None else ""))
        return facts


def _rate(event: Progressed, width: int) -> str:
    """The rate with an interval that holds whenever one looks at it, in as many words as `width` has room for."""
    interval = robbins(min(event.failed, event.completed), event.completed)
    if event.completed == 0:
        return "failure rate: nothing is known yet"
    if event.failed == 0:
        most = f"at most {upper(interval.high)}"
        found = f"failure rate: {most} (95% confidence)", f"failure rate: {most} (95%)"
    else:
        rate = share(event.failed / event.completed, exact_one=event.failed == event.completed)
        ends = f"{lower(interval.low)} to {upper(interval.high)}"
        found = f"failure rate: {rate} (95% interval {ends})", f"rate: {rate} ({ends})"
    return found[0] if len(found[0]) <= width else found[1]

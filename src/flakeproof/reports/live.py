"""Console on a terminal: a bar with the facts of the moment, below results that scroll and are never overwritten."""

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flakeproof.events import AnyEvent, Noted, Progressed, RunEnded, TrialFailed
from flakeproof.reports import lines
from flakeproof.reports.selection import Selection
from flakeproof.reports.writer import Writer
from flakeproof.stats.sequential import robbins
from flakeproof.text import bound, duration, number, one_line, share, whole_duration

_REFRESH_SECONDS = 0.1
_BAR_WIDTH = 30


class LiveConsole:
    """Sink that keeps a display at the bottom of the terminal."""

    def __init__(self, writer: Writer, console: Console) -> None:
        """`writer` keeps the copy of what is printed; `console` is the terminal."""
        self._writer = writer
        self._console = console
        self._selection = Selection()
        self._latest = ""
        self._shown_at = -1.0
        self._live: Live | None = None

    def __call__(self, event: AnyEvent) -> None:
        """Show what belongs to `event`."""
        match event:
            case Progressed():
                self._refresh(event)
            case TrialFailed():
                line = lines.failure(event)
                self._latest = line
                if self._selection.shows(event.failure.signature):
                    self._print(line, "red")
                    for row in lines.sections(event.failure.output):
                        self._print(row, "dim")
            case Noted():
                self._print(event.message, "yellow")
            case RunEnded():
                self.close()
                if self._selection.hidden:
                    self._print(f"({number(self._selection.hidden)} more failures of the same kinds)", "dim")

    def close(self) -> None:
        """Take the display away; what was printed above it stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print(self, line: str, style: str) -> None:
        self._writer.keep(line)
        self._console.print(Text(line, style=style), soft_wrap=True)

    def _refresh(self, event: Progressed) -> None:
        if event.elapsed - self._shown_at < _REFRESH_SECONDS and event.completed != event.planned:
            return
        self._shown_at = event.elapsed
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(self._display(event), refresh=True)

    def _display(self, event: Progressed) -> Table:
        table = Table.grid(padding=(0, 1))
        per_second = event.completed / event.elapsed if event.elapsed > 0 else 0.0
        facts = Text()
        if event.planned is not None:
            facts.append(f"{number(event.completed)}/{number(event.planned)}  ")
        else:
            facts.append(f"{number(event.completed)} tests  ")
        facts.append(f"{number(event.failed)} failed  ", style="red" if event.failed else "green")
        facts.append(f"{number(per_second)} tests/s  ")
        left = lines.remaining(event)
        facts.append(f"{duration(event.elapsed)}" + (f", ~{whole_duration(left)} left" if left is not None else ""))
        if event.planned is not None:
            table.add_row(ProgressBar(event.planned, event.completed, width=_BAR_WIDTH), facts)
        elif event.planned_duration is not None:
            table.add_row(ProgressBar(event.planned_duration, event.elapsed, width=_BAR_WIDTH), facts)
        else:
            table.add_row(Text(), facts)
        outer = Table.grid()
        outer.add_row(table)
        outer.add_row(Text(self._rate(event), style="dim"))
        if self._latest:
            room = max(20, self._console.width - 9)
            outer.add_row(Text(f"latest: {one_line(self._latest, room)}", style="dim red", no_wrap=True))
        return outer

    def _rate(self, event: Progressed) -> str:
        """The rate with an interval that holds whenever one looks at it."""
        interval = robbins(event.failed, event.completed)
        if event.failed == 0:
            return f"failure rate: at most {bound(interval.high)} (95%, Robbins)"
        rate = share(event.failed / event.completed)
        return f"failure rate: {rate} ({bound(interval.low)} to {bound(interval.high)}, 95% Robbins)"

"""Show the connections of a target as `flakeproof wire` does."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.engine.execute import execute
from flakeproof.engine.messages import NetworkDid, PacketsSeen
from flakeproof.engine.network_words import dose, fault_lines, resets_of
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import CannotRunError, ExitCode, Stop, UsageError
from flakeproof.events import AnyEvent, Noted, RunEnded, TrialFailed, TrialLost, TrialSkipped
from flakeproof.features.wire import report
from flakeproof.features.wire.records import report_of
from flakeproof.features.wire.report import FaultsSeen, Wire, wire_of
from flakeproof.model import RunSpec
from flakeproof.net.packets import NotACaptureError, pcap
from flakeproof.perturbations.resources import hindered
from flakeproof.reports.files import Document, Renderers, report_files, to_json
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import Style
from flakeproof.settings.build_spec import build, names_of
from flakeproof.settings.from_options import options_in, pairs, settings, wanted_by
from flakeproof.settings.table import PACKETS
from flakeproof.store.folder import new_run_id
from flakeproof.targets.command import CommandLine

_REPORTS = ("json", "html")


def show_wire(given: Mapping[str, Any]) -> int:
    """Show what the arguments `given` to the command ask for; return the exit code. Raises FlakeproofError."""
    if given["read"] is not None:
        if given["target"] or given["context"].obj is not None or given["pcap"] is not None:
            raise UsageError("--read shows a capture that there is, and runs nothing", "leave the rest out")
        wire, stopped, target = _of_capture(Path(given["read"])), None, given["read"]
        asked = {name: given[name] for name in _REPORTS if given[name] is not None}
        presentation = Presentation(report_files(settings(asked), only_asked=True, names=_REPORTS))
    else:
        wanted = wanted_by(given, given["context"].obj)
        own = {"watch": PACKETS} if isinstance(wanted, CommandLine) else {"watch": PACKETS, "isolation": "fork"}
        config = settings({**options_in(given), **own}, names_of(wanted))
        spec = build(wanted, config, pairs("--set", given["set_"]), Path.cwd())
        if (hindrance := hindered("packets")) is not None:
            raise CannotRunError(f"packets cannot be seen here: {hindrance.why}", hindrance.remedy)
        presentation = Presentation(report_files(config, only_asked=True, names=_REPORTS))
        with presentation.running():
            wire, stopped = _of_run(spec, presentation, _kept(given["pcap"]))
        target = spec.target.name
    _print(presentation, wire)
    if given["pcap"] is not None:
        presentation.note(f"The packets are in {given['pcap']}", Style.DIM)

    def html() -> bytes:
        from flakeproof.features.wire.html_page import render

        return render(wire, target)

    renderers: Renderers = {"json": lambda: to_json(report_of(wire)), "html": html}
    return presentation.finish(exit_code(wire) if stopped is None else stopped, renderers)


def _kept(name: str | None) -> Path | None:
    """Where the packets are to be kept. Raises UsageError for a place where nothing can be written."""
    if name is None:
        return None
    if name == "-":
        raise UsageError("--pcap -: packets are for a file", "name one")
    Document("--pcap", name).prepare()
    return Path(name).absolute()


def _of_capture(path: Path) -> Wire:
    try:
        return wire_of(list(pcap.read(path)))
    except OSError as error:
        raise UsageError(f"--read {path}: {error.strerror}", "name a capture, as of tcpdump -w") from None
    except NotACaptureError as error:
        raise UsageError(f"--read: {error}", "name a capture, as of tcpdump -w") from None
    except ValueError as error:
        raise UsageError(f"--read {path}: {error}", "capture Ethernet, Linux's cooked mode or bare IP") from None


class _Ended:
    """How the only trial ended."""

    def __init__(self, presentation: Presentation) -> None:
        self._presentation = presentation
        self.outcome = "passed"
        self.lost = ""
        """Why it had no result."""
        self.stopped: str | None = None

    def hear(self, event: AnyEvent) -> None:
        """Take in an event of the run."""
        match event:
            case TrialFailed():
                self.outcome = f"{event.failure.outcome.value}: {event.failure.message}"
            case TrialSkipped():
                self.outcome = f"skipped: {event.reason}"
            case TrialLost():
                self.lost = event.reason
            case Noted():
                self._presentation.note(f"note: {event.message}", Style.WARNING)
            case RunEnded():
                self.stopped = event.stopped


def _of_run(spec: RunSpec, presentation: Presentation, keep: Path | None) -> tuple[Wire, ExitCode | None]:
    one = spec.bare(
        count=1,
        workers=1,
        processes=1,
        watch_packets=True,
        keep_captures=True,
        private_network=True,
        adapts_workers=False,
    )
    presentation.note(f"{one.target.name}: once, in a network of its own, seed {one.seed}")
    ended = _Ended(presentation)
    with temporary_root(presentation.warn) as folder:
        execute(one, new_run_id(), Path(folder), [ended.hear], None)
        codes = {Stop.INTERRUPTED.value: ExitCode.INTERRUPTED, Stop.TERMINATED.value: ExitCode.TERMINATED}
        stopped = codes.get(ended.stopped or "")
        if ended.lost:
            raise CannotRunError(f"the test had no result: {ended.lost}", "try again, or see flakeproof run -v")
        told_at = Path(folder, "packets", f"trial-{one.first}.json")
        if not told_at.exists():
            if stopped is not None:
                return wire_of([], outcome=str(ended.stopped)), stopped
            raise CannotRunError("nothing is known of the packets of the test", "try flakeproof run -v")
        told = json.loads(told_at.read_text())
        if told.get("missing"):
            raise CannotRunError(f"the packets of the test were not seen: {told['missing']}", "try again")
        capture = Path(told["file"])
        if keep is not None:
            shutil.copyfile(capture, keep)
        wire = wire_of(
            list(pcap.read(capture)),
            outcome=ended.outcome,
            dropped=told["dropped"],
            over_unread=told["over_unread"],
            faults=_faults(told, one.perturbations.network),
        )
    return wire, stopped


def _faults(told: Mapping[str, Any], asked: str | None) -> FaultsSeen:
    """What a network with faults has done to the packets of the test."""
    if "network" not in told:
        return FaultsSeen([], [])
    did = msgspec.convert(told["network"], NetworkDid)
    seen = PacketsSeen(one_way=told.get("one_way"), crossed=told.get("crossed", 0))
    return FaultsSeen(resets_of(did), [*dose(asked, seen), *fault_lines(did)])


def _print(presentation: Presentation, wire: Wire) -> None:
    presentation.block(report.results(wire), report.closing(wire), Style.BAD if wire.unusual else Style.GOOD)


def exit_code(wire: Wire) -> ExitCode:
    """That of what was on the wire; how the test ended does not count."""
    if wire.unusual:
        return ExitCode.FAILURES
    return ExitCode.INCONCLUSIVE if wire.dropped else ExitCode.GOOD

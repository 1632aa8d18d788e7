"""Turn what is known about a failed trial into the record that users and reports see."""

import re
import signal
from dataclasses import dataclass, field
from typing import Any

import msgspec

from flakeproof.engine.messages import TrialEnded
from flakeproof.failures import signature
from flakeproof.model import CommandTarget, Failure, Isolation, ItemOutcome, Outcome, RunSpec
from flakeproof.text import one_line
from flakeproof_worker.shared.output import LEFT_OUT
from flakeproof_worker.shared.process_exit import DISCONNECTED
from flakeproof_worker.shared.seeds import trial_seed
from flakeproof_worker.shared.user_code import is_library
from flakeproof_worker.shared.variables import locale_of, zone_of

_USUAL = {0, 1, 2, 66, 101}
"""Most programs fail with 1, Rust's tests with 101, Go's race detector with 66 unless configured otherwise: only other
exit statuses are added to the program's own message."""
_WORKER_FRAME = re.compile(r"flakeproof_worker")


_BLOCK_KEPT = 200
"""How many lines of a command's output are kept for each failure after the first, which has the whole output."""
_NAMES_KEPT = 1000
"""If more tests than this passed before a program was ended, they are not listed."""


@dataclass(frozen=True)
class FailedTrial:
    """Every failure of one trial."""

    failure: Failure
    further: list[Failure] = field(default_factory=list)
    items: dict[str, ItemOutcome] = field(default_factory=dict)
    """Tests of the trial that did not simply pass; for a command that was cut short, also those that had passed."""
    cut_short: bool = False
    """Whether nothing is known of tests that are not in `items`."""


def from_report(message: TrialEnded, seed: int, process: int, lane_kind: str, words: str = "") -> FailedTrial:
    """The record of a trial that failed in a lane of the kind `lane_kind`, from a worker process's report.

    `words` describe the time limit, if the trial exceeded it.
    """
    if lane_kind == "commands":
        return of_command(message, seed, process, words)
    failure = _from_report(message, seed, process, words)
    if message.sights:
        details = {**failure.details, "sights": msgspec.to_builtins(message.sights)}
        failure = msgspec.structs.replace(failure, details=details)
    further = [
        _raised(one.failure, msgspec.structs.replace(failure, item=one.item, output=one.output), one.phase)
        for one in message.further
    ]
    return FailedTrial(failure, further, message.items, message.cut_short)


def _from_report(message: TrialEnded, seed: int, process: int, words: str) -> Failure:
    if message.failure is not None:
        return _raised(
            message.failure,
            Failure(
                trial=message.trial,
                seed=seed,
                process=process,
                duration=message.ns / 1e9,
                outcome=message.outcome,
                message="",
                item=message.item,
                signature="",
                output=message.output or message.details,
            ),
            message.phase,
        )
    if message.outcome is Outcome.TIMED_OUT:
        return timed_out(
            message.trial,
            seed,
            process,
            message.ns / 1e9,
            message.output,
            message.stacks,
            item=message.item,
            words=words,
        )
    return crashed(
        message.trial,
        seed,
        process,
        message.ns / 1e9,
        message.signal,
        message.exit_code,
        message.output,
        item=message.item,
    )


def _raised(exception: dict[str, Any], bare: Failure, phase: str) -> Failure:
    """`bare` completed from a described exception; `phase` is the phase of a pytest item."""
    kind = exception["type"].rpartition(".")[2]
    # The comparison that pytest puts below an assertion belongs to the details.
    text = one_line(exception["message"].partition("\n")[0] if bare.item else exception["message"])
    said = text if not kind or "[Errno" in text else f"{kind}: {text}" if text else kind
    where = f"{phase}: " if phase in ("setup", "teardown") else ""
    return msgspec.structs.replace(
        bare,
        message=where + said,
        signature=where + signature.of_exception(exception),
        details={"exception": exception},
    )


def of_command(message: TrialEnded, seed: int, process: int, words: str = "") -> FailedTrial:
    """The record of a failed command: its exit status, signal or time limit, and the failed tests in its output.

    `words` describe the time limit, if the command exceeded it.
    """
    from flakeproof.failures.command_output import last_line, read  # many patterns, for commands only

    name = _signal_name(message.signal)
    output = message.longer or message.output
    report = read(output)
    said = last_line(message.output)
    if message.outcome is Outcome.TIMED_OUT:
        kind = "time limit"
        ending = words or f"timed out after {message.ns / 1e9:.3g}s"
        ending += ", its last output" if said and not report else ""
    else:
        kind = ending = f"killed by {name}" if name else f"exit status {message.exit_code}"
    bare = Failure(
        trial=message.trial,
        seed=seed,
        process=process,
        duration=message.ns / 1e9,
        outcome=message.outcome,
        message=one_line(f"{ending}: {said}" if said else ending),
        signature=f"{kind} {signature.normalised(said)}".strip(),
        details={"signal": name, "exit_code": message.exit_code, "place": "", "preview": []},
    )
    if report is None:
        return FailedTrial(msgspec.structs.replace(bare, output=message.output), cut_short=True)
    failures = [
        msgspec.structs.replace(
            bare,
            item=test.name,
            message=one_line(test.title if message.exit_code in _USUAL else f"{ending}: {test.title}"),
            signature=signature.normalised(test.title),
            details={**bare.details, "place": test.place, "preview": test.preview},
            output="\n".join(test.lines[:_BLOCK_KEPT]) if index else message.output,
        )
        for index, test in enumerate(report.failed)
    ]
    failures = list({(one.item, one.signature): one for one in reversed(failures)}.values())[::-1]
    named = {test.name: ItemOutcome.FAILED for test in report.failed if test.name}
    # If a program was ended, or its output was not read to the end, nothing is known of its other tests.
    is_whole = message.outcome is Outcome.FAILED and report.complete and LEFT_OUT not in output and bool(named)
    passed = () if is_whole or len(report.passed) > _NAMES_KEPT else report.passed
    others = dict.fromkeys(passed, ItemOutcome.PASSED) | dict.fromkeys(report.skipped, ItemOutcome.SKIPPED)
    return FailedTrial(failures[0], failures[1:], others | named, cut_short=not is_whole)


def crashed(
    trial: int,
    seed: int,
    process: int,
    seconds: float,
    signal_number: int | None,
    exit_code: int | None,
    output: str,
    *,
    item: str = "",
) -> Failure:
    """The failure of a trial whose process died, while the pytest item `item` was running."""
    name = _signal_name(signal_number)
    stacks = stacks_in(output)
    where = innermost(stacks)
    if exit_code == DISCONNECTED:
        ending = "lost its connection to flakeproof (a test has closed descriptors that are not its own)"
    else:
        ending = f"was killed by {name}" if name else f"exited with status {exit_code}"
    return Failure(
        trial=trial,
        seed=seed,
        process=process,
        duration=seconds,
        outcome=Outcome.CRASHED,
        item=item,
        message=f"the process {ending} in the middle of the test" + (f", at {where}" if where else ""),
        signature=signature.of_crash(name, exit_code),
        details={"signal": name, "exit_code": exit_code, "stacks": stacks},
        output=output,
    )


def timed_out(
    trial: int,
    seed: int,
    process: int,
    seconds: float,
    output: str,
    stacks: str = "",
    *,
    item: str = "",
    words: str = "",
) -> Failure:
    """The failure of a trial that exceeded its time limit, with `stacks` if they are not in its output.

    `words` describe the time limit.
    """
    stacks = stacks or stacks_in(output)
    where = innermost(stacks)
    return Failure(
        trial=trial,
        seed=seed,
        process=process,
        duration=seconds,
        outcome=Outcome.TIMED_OUT,
        item=item,
        message=(words or f"timed out after {seconds:.3g}s") + (f", standing at {where}" if where else ""),
        signature=signature.of_timeout(where),
        details={"stacks": stacks},
        output=output,
    )


def _signal_name(number: int | None) -> str | None:
    if number is None:
        return None
    return signal.Signals(number).name if number in _SIGNALS else f"signal {number}"


_SIGNALS = {int(number) for number in signal.valid_signals()}


_STACKS = re.compile(r"^(Fatal Python error|Thread 0x|Current thread 0x|Stack \(most recent|Task )", re.MULTILINE)


def stacks_in(output: str) -> str:
    """The stacks in `output`, without flakeproof's own frames."""
    start = _STACKS.search(output)
    if start is None:
        return ""
    lines = output[start.start() :].splitlines()
    return "\n".join(line for line in lines if not (line.startswith('  File "') and _WORKER_FRAME.search(line)))


_PLACE = re.compile(r'File "([^"]+)", line (\d+) in (\S+)')


def innermost(stacks: str) -> str:
    """`file:line (function)` of the innermost frame of the user's code in `stacks`, if there is one; else of any code.

    The running thread comes first, unless it is an event loop that waits for its tasks.
    """
    threads, _, tasks = ("\n" + stacks).partition("\nTask ")
    others, _, current = threads.partition("Current thread")
    parts = [list(_PLACE.finditer(part)) for part in (current, tasks, others)]
    if parts[0] and parts[0][0][3] == "select":
        parts = [parts[1], parts[0], parts[2]]
    places = [place for part in parts for place in part]
    own = [place for place in places if _is_theirs(place[1])]
    return f"{found[1]}:{found[2]} ({found[3]})" if (found := next(iter(own or places), None)) else ""


def _is_theirs(file: str) -> bool:
    return not (file.startswith("<") or "/flakeproof/" in file or is_library(file))


def with_drawn(failure: Failure, spec: RunSpec) -> Failure:
    """`failure` with the time zone and the locale of its trial, if these were drawn."""
    asked = spec.perturbations
    if len(asked.timezones) < 2 and len(asked.locales) < 2:
        return failure
    as_data = msgspec.to_builtins(asked)
    # A program that was started for one trial has its own locale; a worker process has one for all its trials.
    own = isinstance(spec.target, CommandTarget) or spec.isolation is Isolation.FRESH
    at_start = failure.seed if own else trial_seed(spec.seed, failure.process)
    drawn = []
    if len(asked.timezones) > 1:
        drawn.append(f"--timezone {zone_of(as_data, failure.seed)}")
    if len(asked.locales) > 1:
        drawn.append(f"--locale {locale_of(as_data, at_start)}")
    return msgspec.structs.replace(failure, details={**failure.details, "drawn": drawn})

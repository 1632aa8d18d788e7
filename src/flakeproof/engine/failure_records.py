"""Turn what is known about a bad end of a trial into the record that people and reports see."""

import re
import signal
from typing import Any

import msgspec

from flakeproof.engine.messages import Ended
from flakeproof.failures import signature
from flakeproof.model import Failure, Outcome
from flakeproof.text import one_line
from flakeproof_worker.shared.process_exit import DISCONNECTED

_USUAL = {0, 1, 2, 66, 101}
"""Most programs fail with 1, Rust's tests with 101, Go's race detector ends with 66 unless it is told 0: only something
else is worth a word beside what they say."""
_WORKER_FRAME = re.compile(r"flakeproof_worker")


def from_report(message: Ended, seed: int, process: int, lane_kind: str, words: str = "") -> Failure:
    """A failure that a worker process has reported; `lane_kind` is the kind of lane that it happened in.

    `words` say how it ended, if it was over its time.
    """
    failure = _from_report(message, seed, process, lane_kind, words)
    if not message.sights:
        return failure
    return msgspec.structs.replace(failure, details={**failure.details, "sights": msgspec.to_builtins(message.sights)})


def _from_report(message: Ended, seed: int, process: int, lane_kind: str, words: str) -> Failure:
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
    if lane_kind == "commands":
        return of_command(message, seed, process, words)
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


def further(message: Ended, first: Failure) -> list[Failure]:
    """What else failed in the trial whose `first` failure has been made of `message`."""
    return [
        _raised(
            one.failure,
            msgspec.structs.replace(first, item=one.item, output=one.output),
            one.phase,
        )
        for one in message.further
    ]


def _raised(exception: dict[str, Any], bare: Failure, phase: str) -> Failure:
    """`bare` with what a described exception tells; `phase` is that of a pytest item."""
    kind = exception["type"].rpartition(".")[2]
    # The comparison that pytest puts below an assertion is for the details.
    text = one_line(exception["message"].partition("\n")[0] if bare.item else exception["message"])
    said = text if not kind or "[Errno" in text else f"{kind}: {text}" if text else kind
    where = f"{phase}: " if phase in ("setup", "teardown") else ""
    return msgspec.structs.replace(
        bare,
        message=where + said,
        signature=where + signature.of_exception(exception),
        details={"exception": exception},
    )


def of_command(message: Ended, seed: int, process: int, words: str = "") -> Failure:
    """A command that ended badly: its exit status or signal or its time limit, and what it says itself.

    `words` say how it ended, if it was over its time.
    """
    from flakeproof.failures.command_output import find, last_line

    name = _signal_name(message.signal)
    found = find(message.output)
    said = found.title if found else last_line(message.output)
    if message.outcome is Outcome.TIMED_OUT:
        kind = "time limit"
        ending = words + (", its last words" if said and not found else "")
    else:
        kind = ending = f"killed by {name}" if name else f"exit status {message.exit_code}"
    text = said if found and message.exit_code in _USUAL else f"{ending}: {said}" if said else ending
    return Failure(
        trial=message.trial,
        seed=seed,
        process=process,
        duration=message.ns / 1e9,
        outcome=message.outcome,
        message=one_line(text),
        signature=signature.normalised(said) if found else f"{kind} {signature.normalised(said)}".strip(),
        details={
            "signal": name,
            "exit_code": message.exit_code,
            "place": found.place if found else "",
            "preview": found.preview if found else [],
        },
        output=message.output,
    )


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
    """A trial whose process died under it, while the pytest item `item` was running."""
    name = _signal_name(signal_number)
    stacks = _stacks_in(output)
    where = _innermost(stacks)
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
    """A trial that did not end in time; `stacks` if they are not in its output, `words` if they say how it ended."""
    stacks = stacks or _stacks_in(output)
    where = _innermost(stacks)
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


def _stacks_in(output: str) -> str:
    """The stacks that were written into `output`, without flakeproof's own frames."""
    start = _STACKS.search(output)
    if start is None:
        return ""
    lines = output[start.start() :].splitlines()
    return "\n".join(line for line in lines if not (line.startswith('  File "') and _WORKER_FRAME.search(line)))


_PLACE = re.compile(r'File "([^"]+)", line (\d+) in (\S+)')
_LIBRARY = re.compile(r"/lib/python\d|^<|/flakeproof(_worker)?/")


def _innermost(stacks: str) -> str:
    """`file:line (function)` where the user's code stands, as far as can be told; the most recent call comes first.

    The thread that was running comes first, unless it is an event loop that waits for its tasks.
    """
    threads, _, tasks = ("\n" + stacks).partition("\nTask ")
    others, _, current = threads.partition("Current thread")
    parts = [list(_PLACE.finditer(part)) for part in (current, tasks, others)]
    if parts[0] and parts[0][0][3] == "select":
        parts = [parts[1], parts[0], parts[2]]
    places = [place for part in parts for place in part]
    own = [place for place in places if not _LIBRARY.search(place[1])]
    return f"{found[1]}:{found[2]} ({found[3]})" if (found := next(iter(own or places), None)) else ""

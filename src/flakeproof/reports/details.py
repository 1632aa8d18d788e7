"""Show one failure in full: the traceback with its source lines, its causes, stacks, output."""

import linecache
import re
from collections.abc import Iterator, Sequence
from typing import Any

from flakeproof.failures.signature import own_frames
from flakeproof.model import Failure
from flakeproof.text import one_line, plural, shown_path

_EXCERPT = 40
_FRAMES = 6
_SHORT = 12
"""How many lines of stacks, of a command's message, or of an assertion are shown with each kind of failure."""
_PRINTED = 5
_WIDTH = 200
_PLACE = re.compile(r"(.+?):(\d+)(?::\d+)?(?:\s|$)")
_HINT = re.compile(r"\s*Use -v+ to get more diff")
_NOT_THEIRS = re.compile(r'\s*File "(?:[^"]*/flakeproof_worker/[^"]*|<frozen [^"]*>)", line \d+')


def failure_details(failure: Failure) -> Iterator[str]:
    """Lines of the full report; source is read here, in the coordinator, never in the process of the trial."""
    if exception := failure.details.get("exception"):
        yield from _exception(exception)
    yield from _surroundings(failure)
    if stacks := failure.details.get("stacks"):
        yield "Stacks at the time:"
        yield from _theirs(stacks)
    if output := list(_output(failure)):
        yield "Output of the test:"
        yield from output


def explanation(failure: Failure) -> Iterator[str]:
    """Lines that say what went wrong, without the output: the traceback, stacks, a command's message."""
    if exception := failure.details.get("exception"):
        yield from _exception(exception)
    yield from _surroundings(failure)
    yield from _theirs(failure.details.get("stacks") or "")
    yield from failure.details.get("preview") or []


def place(failure: Failure) -> tuple[str, int] | None:
    """File and line of the failure: the user's innermost frame, or the place in a command's output; None if unknown."""
    if frames := own_frames(failure.details.get("exception", {}).get("frames", [])):
        return frames[-1][0], frames[-1][1]
    found = _PLACE.match(failure.details.get("place") or "")
    return (found[1], int(found[2])) if found else None


def excerpt(failure: Failure) -> Iterator[str]:
    """A command's message, else stacks and output: indented, and without the middle if they are long."""
    preview = failure.details.get("preview")
    rows = (
        [*preview, *_wire(failure)]
        if preview
        else [
            *_surroundings(failure),
            *_theirs(failure.details.get("stacks") or ""),
            *_output(failure),
        ]
    )
    for row in _shortened(rows, _EXCERPT):
        yield f"    {row}"


def summary_lines(failure: Failure) -> Iterator[str]:
    """The traceback's frames in the user's own code, the assertion's comparison, and the end of the output."""
    if exception := failure.details.get("exception"):
        yield from _own_traceback(exception)
    elif preview := failure.details.get("preview"):
        if file := failure.details.get("place"):
            yield f"at {file}"
        yield from _shortened(preview, _SHORT)
        yield from _wire(failure)
        return
    yield from _surroundings(failure)
    stacks = [row for row in _theirs(failure.details.get("stacks") or "") if row.strip()]
    yield from _shortened(stacks, _SHORT)
    if (printed := [row for row in _output(failure) if row.strip()]) and not stacks:
        yield "it printed:"
        for row in printed[-_PRINTED:]:
            yield f"    {one_line(row, _WIDTH)}"
        if len(printed) > _PRINTED:
            yield f"    (the last {_PRINTED} of {len(printed)} lines)"


def _own_traceback(details: dict[str, Any]) -> Iterator[str]:
    frames = own_frames(details["frames"])
    for index, (file, line, function) in enumerate(frames):
        if 1 <= index <= len(frames) - _FRAMES:
            if index == 1:
                yield f"… {plural(len(frames) - _FRAMES, 'more call')} …"
            continue
        yield f"at {shown_path(file)}:{line} in {function}"
        if source := linecache.getline(file, line).strip():
            yield f"    {source}"
    compared = [row for row in details["message"].splitlines()[1:] if row.strip() and not _HINT.match(row)]
    yield from (f"  {row}" for row in _shortened(compared, _SHORT))
    if cause := details.get("cause"):
        yield f"caused by {one_line(_in_words(cause), _WIDTH)}"
        yield from _own_traceback(cause)
    for inner in details.get("inner", []):
        yield f"with {one_line(_in_words(inner), _WIDTH)}"
        yield from _own_traceback(inner)


def _in_words(exception: dict[str, Any]) -> str:
    kind = exception["type"].rpartition(".")[2]
    return f"{kind}: {exception['message']}" if exception["message"] else kind


def _shortened(rows: Sequence[str], most: int) -> Sequence[str]:
    """`rows` without the middle if there are more than `most`."""
    if len(rows) <= most:
        return rows
    half = most // 2
    return [*rows[:half], f"… {len(rows) - 2 * half} lines left out …", *rows[-half:]]


def _surroundings(failure: Failure) -> Iterator[str]:
    """What was drawn for the trial, what sanitizers have seen in it, and what its connections did."""
    if drawn := failure.details.get("drawn"):
        yield f"Drawn for this test: {' '.join(drawn)}"
    for sight in failure.details.get("sights") or ():
        yield f"Seen: {sight['text']}"
    yield from _wire(failure)


def _wire(failure: Failure) -> Iterator[str]:
    """What its connections did."""
    wire = failure.details.get("wire") or {}
    for line in wire.get("lines", ()):
        yield f"On the wire: {line}"
    if capture := wire.get("capture"):
        yield f"    ({capture} in the folder of the run)"


def _output(failure: Failure) -> Iterator[str]:
    """The trial's output, without the stacks that are shown separately."""
    stacks = set((failure.details.get("stacks") or "").splitlines())
    return (row for row in _theirs(failure.output) if row not in stacks)


def _theirs(text: str) -> Iterator[str]:
    """Lines without the frames of flakeproof and of the interpreter's start, which explain nothing."""
    return (row for row in text.splitlines() if not _NOT_THEIRS.match(row))


def _exception(details: dict[str, Any], indent: str = "") -> Iterator[str]:
    if cause := details.get("cause"):
        yield from _exception(cause, indent)
        yield f"{indent}… which led to:"
    yield f"{indent}Traceback (most recent call last):"
    for file, line, function in details["frames"]:
        yield f'{indent}  File "{file}", line {line}, in {function}'
        if source := linecache.getline(file, line).strip():
            yield f"{indent}    {source}"
    text = ": ".join(part for part in (details["type"], details["message"]) if part)
    kind, *rest = text.splitlines() or [""]
    yield f"{indent}{kind}"
    for row in rest:
        yield f"{indent}{row}"
    for inner in details.get("inner", []):
        yield from _exception(inner, indent + "  | ")

"""Findings out of mishandled descriptors: places resolved, like ones counted together."""

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from flakeproof.features.fdtrace.calls import SystemCall
from flakeproof.features.fdtrace.findings import DescriptorFinding, Late, Site, StackFrame, Victim
from flakeproof.features.fdtrace.frames import Frame, Stack
from flakeproof.features.fdtrace.ownership import Certainty, Deed, Mishandled, Mistake
from flakeproof.features.fdtrace.symbols import FrameLocation, resolve

_SOCKET = re.compile(r"^(TCPv6|UDPv6|TCP|UDP|UNIX(?:-\w+)?|NETLINK|RAW|socket|PACKET)\w*:\[(.*)\]$")
_ANONYMOUS = re.compile(r"^anon_inode:\[?([\w-]+)\]?$")
_DEVICE = re.compile(r"<(?:char|block) [\d:]+>$")


def in_words(name: str) -> str:
    """`TCP socket 127.0.0.1:1->127.0.0.1:2`, `Unix socket`, `pipe`, `epoll`, a path; as it stands if it is unknown."""
    if not name:
        return "unknown"
    if (found := _SOCKET.match(name)) is not None:
        family = {"UNIX": "Unix", "socket": ""}.get(found[1].partition("-")[0], found[1])
        addressed = found[2] if ":" in found[2] or "/" in found[2] else ""
        return " ".join(part for part in (family, "socket", addressed) if part)
    if name.startswith("pipe:["):
        return "pipe"
    if (found := _ANONYMOUS.match(name)) is not None:
        return {"eventpoll": "epoll"}.get(found[1], found[1])
    return _DEVICE.sub("", name)


_NOTICED = 3
_FINALISERS = ("runtime.runFinalizers", "runtime.runfinq", "runtime.runCleanups", "runtime.(*cleanupQueue)")
_PLUMBING = ("internal/runtime/", "syscall.", "internal/poll.", "internal/syscall/", "__", "_IO_")
_WORST_FIRST = list(Deed)


def findings(mishandled: Iterable[Mishandled]) -> list[DescriptorFinding]:
    """The worst first, like ones counted."""
    found = list(mishandled)
    places = resolve(frame for one in found for call in _calls(one) for frame in call.stack.frames)
    groups: dict[object, DescriptorFinding] = {}
    for one in found:
        finding = _finding(one, places)
        key = _alike(finding)
        known = groups.get(key)
        groups[key] = finding if known is None else msgspec.structs.replace(known, count=known.count + 1)
    return sorted(groups.values(), key=lambda finding: (finding.certainty, _WORST_FIRST.index(finding.deed)))


def _calls(one: Mishandled) -> Iterator[SystemCall]:
    for life in (one.life, *(mistake.victim for mistake in one.mistakes)):
        if life is not None:
            yield from (call for call in (life.opener, life.closer) if call is not None)
    yield from one.life.wrappers
    for mistake in one.mistakes:
        yield mistake.call
        yield from mistake.noticed


def _finding(one: Mishandled, places: Mapping[Frame, FrameLocation]) -> DescriptorFinding:
    late = [_late(mistake, places) for mistake in one.mistakes]
    worst = min(late, key=lambda made: (_WORST_FIRST.index(made.deed), made.certainty is not Certainty.CERTAIN))
    life = one.life
    return DescriptorFinding(
        deed=worst.deed,
        certainty=worst.certainty,
        number=life.number,
        what=in_words(life.what),
        process=one.table.process,
        program=one.program,
        opened=_site(life.opener, places),
        closed=_site(life.closer, places),
        wrapped=_site(life.wrappers[0] if life.wrappers else None, places),
        late=late,
        count=1,
    )


def _late(mistake: Mistake, places: Mapping[Frame, FrameLocation]) -> Late:
    victim = None
    if mistake.victim is not None:
        noticed = sorted(mistake.noticed, key=lambda call: call.started)[:_NOTICED]
        victim = Victim(
            what=in_words(mistake.victim.what),
            opened=_site(mistake.victim.opener, places),
            noticed=[site for call in noticed if (site := _site(call, places)) is not None],
        )
    site = _site(mistake.call, places)
    assert site is not None
    return Late(deed=mistake.deed, certainty=mistake.certainty, why=mistake.why, site=site, victim=victim)


def _site(call: SystemCall | None, places: Mapping[Frame, FrameLocation]) -> Site | None:
    if call is None:
        return None
    stack = call.stack
    own = None if stack.interpreter else next((frame for frame in stack.frames if _is_own(frame, places)), None)
    shown = own if own is not None else _shown(stack)
    place = places.get(shown)
    return Site(
        call=call.name,
        thread=call.task,
        record_line=call.started,
        error=call.error,
        function=(place.function if place is not None else "") or shown.function,
        file=place.file if place is not None else None,
        line=place.line if place is not None else None,
        own=own is not None,
        finaliser=stack.has(*_FINALISERS),
        stack=[_frame(frame, places.get(frame), own=_is_own(frame, places)) for frame in stack.frames],
    )


def _is_own(frame: Frame, places: Mapping[Frame, FrameLocation]) -> bool:
    place = places.get(frame)
    return place.own if place is not None else frame.is_own


def _frame(frame: Frame, place: FrameLocation | None, *, own: bool) -> StackFrame:
    return StackFrame(
        function=(place.function if place is not None else "") or frame.function,
        file=place.file if place is not None else None,
        line=place.line if place is not None else None,
        binary=frame.binary,
        offset=frame.offset,
        own=own,
    )


def _shown(stack: Stack) -> Frame:
    """The frame that tells most where none is the user's."""
    named = [frame for frame in stack.frames if frame.function]
    own = [frame for frame in named if frame.is_own]
    telling = [frame for frame in named if not frame.function.startswith(_PLUMBING)]
    return next(iter((*own, *telling, *named, *stack.frames)), Frame("", "", 0))


def _alike(finding: DescriptorFinding) -> object:
    """What is equal for findings that are one and the same bug."""
    return (
        finding.program,
        _spot(finding.opened),
        _spot(finding.closed),
        tuple(
            (late.deed, _spot(late.site), _spot(late.victim.opened) if late.victim else None) for late in finding.late
        ),
    )


def _spot(site: Site | None) -> object:
    return None if site is None else (site.call, site.function, site.file, site.line)

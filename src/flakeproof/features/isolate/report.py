"""What an isolation has found, in words."""

import math
from collections.abc import Iterator, Sequence

from flakeproof.features.isolate.records import CulpritKind, CulpritSet, IsolationReport, Member, Rate
from flakeproof.model import Carrier
from flakeproof.reports.foreign import code, findings
from flakeproof.reports.rates import rate_with_interval
from flakeproof.text import duration, odds, plural, rate

_NEXT = {
    CulpritKind.ORDER: "no smaller set of them shows it by itself; give it more time: --duration 1h",
    CulpritKind.NOT_REPRODUCED: "start from an order in which it failed: --from RUN TEST, or --order FILE",
}

_SHOWN = 10
_CONFIRMED = {True: "confirmed", False: "NOT confirmed", None: "not run to an end"}


def results(found: IsolationReport, *, verbose: bool = False) -> Iterator[str]:
    """The results block without the conclusion; with `verbose` each set of culprits by itself, with its evidence."""
    yield "=== Isolation Results ==="
    yield f"Victim: {_named(found.victim, found.place)}"
    if found.message:
        yield f"  {found.message}"
    yield from _body(found, verbose=verbose)
    for ender in found.ended_the_process:
        yield f"Left out: {_named(ender.test, ender.place)}: {ender.message}; what follows it has no outcome"
    for note in found.notes:
        yield f"Note: {note}"
    if found.stopped is not None:
        yield f"Ended early: {found.stopped}"
    spent = f"{plural(found.probes, 'probe')}, {duration(found.elapsed)}"
    yield f"{plural(found.tests, 'test')}, {spent}, seed {found.seed}"


def conclusion(found: IsolationReport) -> str:
    """One sentence."""
    several = len(found.culprits) > 1
    names = [" with ".join(member.test for member in one.members) for one in found.culprits]
    match found.kind:
        case CulpritKind.POLLUTED if names:
            return f"{found.victim} fails because of {names[0]}{f' and {len(names) - 1} more' if several else ''}"
        case CulpritKind.BRITTLE if names:
            more = f", or one of {len(names) - 1} more," if several else ""
            return f"{found.victim} fails unless {names[0]}{more} runs with it"
        case CulpritKind.POLLUTED | CulpritKind.BRITTLE:
            return f"{found.victim} depends on other tests (seen in {found.order}), but which ones is not known yet"
        case CulpritKind.IMPORTS if names:
            how = "fails when" if _fails_with(found.culprits[0]) else "fails unless"
            return f"{found.victim} {how} {names[0]} is imported, although nothing of it runs"
        case CulpritKind.REPEATED:
            return f"{found.victim} cannot run twice in one process: it passes the first time only"
        case CulpritKind.FAILS_ALONE:
            return "No polluter: it fails alone"
        case CulpritKind.ORDER:
            return f"{found.victim} depends on other tests (seen in {found.order}), but {_NEXT[CulpritKind.ORDER]}"
        case CulpritKind.NOT_REPRODUCED:
            return f"Could not reproduce: it has passed alone and in company; {_NEXT[CulpritKind.NOT_REPRODUCED]}"
        case CulpritKind.NO_OUTCOME:
            return "It has no outcome: nothing can be said of it"
    tallies = {"alone": found.alone, "in company": found.in_order}
    said = [f"{one.failed} of {one.runs} {where}" for where, one in tallies.items() if one is not None]
    return f"Ended before it was known: it failed in {' and '.join(said)}" if said else "Ended before it had run"


def markdown(found: IsolationReport) -> bytes:
    """The document for an issue or a pull request."""
    return findings(
        f"what {code(found.victim)} depends on",
        conclusion(found),
        results(found),
        f"{plural(found.tests, 'test')}, {plural(found.probes, 'probe')}, {duration(found.elapsed)}, seed {found.seed}",
        found.command,
    )


def _body(found: IsolationReport, *, verbose: bool) -> Iterator[str]:
    for group in _groups(found.culprits, apart=verbose):
        yield from _group(group, found, verbose=verbose)
    if found.culprits:
        yield from _tried(found)
        return
    company = found.order or "in company"
    rates = {"alone": found.alone, company: found.in_order, "other orders": found.in_other_orders}
    for words, rate_there in rates.items():
        if rate_there is not None:
            yield f"  {words}: {_rate(rate_there, verbose=True)}"
    if found.tried_alone:
        yield f"  each of {plural(found.tried_alone, 'other test')} alone before it: no effect"
    if found.command:
        yield f"Reproduce: {found.command}"
        yield f"  {'confirmed' if found.confirmed else 'NOT confirmed'}"


def _tried(found: IsolationReport) -> Iterator[str]:
    """What was tried of all others, and no more than that."""
    for test in found.unproven[:_SHOWN]:
        yield f"Not proven: {test}: it had the same effect in the one run that there was"
    if len(found.unproven) > _SHOWN:
        yield f"  and {plural(len(found.unproven) - _SHOWN, 'more test')}"
    if found.kind in (CulpritKind.IMPORTS, CulpritKind.REPEATED):
        return
    claims = []
    if found.tried_alone:
        each = "each of " if found.tried_alone > 1 else ""
        claims.append(f"{each}{plural(found.tried_alone, 'other test')} by itself before it, once")
    if found.tried_together:
        claims.append(f"{found.order} without those named")
    if claims:
        yield f"No effect: {'; '.join(claims)}"
    if found.left_untried:
        yield f"Not tried, for want of time: {plural(found.left_untried, 'other test')}"
    each = " of each" if len(found.culprits) > 1 else ""
    if all(one.log_evidence >= -math.log(found.error / 2) for one in found.culprits):
        yield f"Error probability{each}: {rate(found.error)}"
    else:
        yield f"The proof with an error of {rate(found.error)} was not completed"


def first_answer(kind: CulpritKind, found: CulpritSet) -> Iterator[str]:
    """The first culprits, as soon as their command has shown the effect."""
    yield f"{_word(kind, found)}: {' with '.join(member.test for member in found.members)}: {found.confirmation}"
    yield f"  {found.command}"
    if kind is not CulpritKind.IMPORTS:
        yield "  now looking for others, and for what is left behind; Ctrl-C ends that and keeps this"


def _fails_with(found: CulpritSet) -> bool:
    return found.with_them.failed > 0


def _word(kind: CulpritKind, found: CulpritSet) -> str:
    match kind:
        case CulpritKind.BRITTLE:
            return "Needs"
        case CulpritKind.REPEATED:
            return "Fails when it has run before in the same process"
        case CulpritKind.IMPORTS:
            return "Fails when imported" if _fails_with(found) else "Needs the import of"
    return "Polluter"


def _groups(sets: Sequence[CulpritSet], *, apart: bool) -> list[list[CulpritSet]]:
    """Sets whose deciding carriers are the same, together; those of several tests stay apart."""
    groups: dict[object, list[CulpritSet]] = {}
    for number, one in enumerate(sets):
        decisive = tuple(sorted(carrier.name for carrier in one.carriers if carrier.decides))
        key = decisive if decisive and len(one.members) == 1 and not apart else number
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def _group(sets: Sequence[CulpritSet], found: IsolationReport, *, verbose: bool) -> Iterator[str]:
    """Sets of culprits that leave the same behind; the first one stands for what all of them do."""
    one = sets[0]
    helps = found.kind is CulpritKind.BRITTLE or (found.kind is CulpritKind.IMPORTS and not _fails_with(one))
    word = _word(found.kind, one)
    if len(sets) > 1:
        yield f"{'Needs one of' if helps else 'Polluters'}: {len(sets)}, which leave the same behind"
        for other in sets[:_SHOWN]:
            for member in other.members:
                yield f"  {_named(member.test, member.place)}{_own_failure(member)}"
        if len(sets) > _SHOWN:
            yield f"  and {plural(len(sets) - _SHOWN, 'more test')}: see --verbose"
    for member in one.members if len(sets) == 1 else ():
        where = ", behind it" if member.comes_after else ""
        yield f"{word}{where}: {_named(member.test, member.place)}{_own_failure(member)}"
    if len(one.members) > 1:
        yield f"  only together{', and only in this order' if one.only_in_this_order else ''}"
    with_them = "each of them" if len(sets) > 1 else "it" if len(one.members) == 1 else "them"
    runs = [(sum(other.with_them.failed for other in sets), sum(other.with_them.runs for other in sets))]
    runs.append((sum(other.without.failed for other in sets), sum(other.without.runs for other in sets)))
    if verbose and one.log_evidence:
        yield f"  with {with_them}: {_rate(one.with_them, verbose=True)}; alone: {_rate(one.without, verbose=True)}"
        yield f"  evidence {odds(math.exp(min(one.log_evidence, 700)))}"
    else:
        (failed, times), (failed_alone, times_alone) = runs
        yield f"  with {with_them}: failed {failed} of {times}; alone: failed {failed_alone} of {times_alone}"
    for carrier in one.carriers:
        yield f"  Left behind: {_carrier(carrier, helps=helps)}"
    if found.kind is not CulpritKind.IMPORTS and not any(carrier.decides for carrier in one.carriers):
        yield f"  {_unknown_carrier(one)}"
    if one.command:
        yield f"{'Passes with' if helps else 'Reproduce'}: {one.command}"
        yield f"  {_CONFIRMED[one.confirmed]}: {one.confirmation}"
        for other in sets[1:]:
            if other.confirmed is False:
                yield f"  NOT confirmed: {other.members[0].test}: {other.confirmation}"


def _unknown_carrier(found: CulpritSet) -> str:
    if not found.looked_for_carriers:
        return "What is left behind was not looked for to the end: there was no time"
    if found.carriers:
        return "Which of it matters is not known: no more than this was seen to differ"
    return "What is left behind is not known: nothing that was looked at decides"


def _carrier(carrier: Carrier, *, helps: bool) -> str:
    place = f" ({carrier.place})" if carrier.place else ""
    text = f"{carrier.name}{place} was {carrier.before}, is {carrier.after}"
    if carrier.changed_at:
        text += f", changed at {carrier.changed_at}"
    if carrier.decides:
        return f"{text}; putting it back makes the victim {'fail' if helps else 'pass'} again"
    return f"{text}; putting it back alone changes nothing" if carrier.decides is False else text


def _own_failure(member: Member) -> str:
    return f", which fails itself: {member.message}" if member.fails else ""


def _rate(one: Rate, *, verbose: bool) -> str:
    counted = f"failed {one.failed} of {one.runs}"
    return f"{counted}, {rate_with_interval(one.failed / one.runs, one.interval)}" if verbose else counted


def _named(test: str, place: str) -> str:
    return f"{test} ({place})" if place else test

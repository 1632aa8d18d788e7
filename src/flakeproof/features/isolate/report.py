"""What an isolation has found, in words."""

import math
from collections.abc import Iterator, Sequence

from flakeproof.features.isolate.records import Carrier, CulpritSet, Isolation, Kind, Member, Rate
from flakeproof.reports.markdown import code, findings
from flakeproof.reports.rates import rate_with_interval
from flakeproof.text import duration, odds, plural, rate

_NEXT = {
    Kind.ORDER: "no smaller set of them shows it by itself; give it more time: --duration 1h",
    Kind.NOT_REPRODUCED: "start from an order in which it failed: --from RUN TEST, or --order FILE",
}

_SHOWN = 10


def results(found: Isolation, *, verbose: bool = False) -> Iterator[str]:
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


def conclusion(found: Isolation) -> str:
    """One sentence."""
    several = len(found.culprits) > 1
    names = [" with ".join(member.test for member in one.members) for one in found.culprits]
    match found.kind:
        case Kind.POLLUTED if names:
            return f"{found.victim} fails because of {names[0]}{f' and {len(names) - 1} more' if several else ''}"
        case Kind.BRITTLE if names:
            more = f", or one of {len(names) - 1} more," if several else ""
            return f"{found.victim} fails unless {names[0]}{more} runs with it"
        case Kind.POLLUTED | Kind.BRITTLE:
            return f"{found.victim} depends on other tests (seen in {found.order}), but which ones is not known yet"
        case Kind.FAILS_ALONE:
            return "No polluter: it fails alone"
        case Kind.ORDER:
            return f"{found.victim} depends on other tests (seen in {found.order}), but {_NEXT[Kind.ORDER]}"
        case Kind.NOT_REPRODUCED:
            return f"Could not reproduce: it has passed alone and in company; {_NEXT[Kind.NOT_REPRODUCED]}"
        case Kind.NO_OUTCOME:
            return "It has no outcome: nothing can be said of it"
    return "Ended before anything was known"


def markdown(found: Isolation) -> bytes:
    """The document for an issue or a pull request."""
    return findings(
        f"what {code(found.victim)} depends on",
        conclusion(found),
        results(found),
        f"{plural(found.tests, 'test')}, {plural(found.probes, 'probe')}, {duration(found.elapsed)}, seed {found.seed}",
        found.command,
    )


def _body(found: Isolation, *, verbose: bool) -> Iterator[str]:
    for group in _groups(found.culprits, apart=verbose):
        yield from _group(group, found, verbose=verbose)
    if found.culprits:
        if found.is_complete:
            these = "it" if len(found.culprits) == 1 else "them"
            yield f"No other polluter was found: without {these}, the tests that were tried together had no effect"
        each = " of each" if len(found.culprits) > 1 else ""
        yield f"Error probability{each}: {rate(found.error)}"
        return
    company = found.order or "in company"
    rates = {"alone": found.alone, company: found.in_order, "other orders": found.in_other_orders}
    for words, rate_there in rates.items():
        if rate_there is not None:
            yield f"  {words}: {_rate(rate_there, verbose=True)}"
    if found.command:
        yield f"Reproduce: {found.command}"
        yield f"  {'confirmed' if found.confirmed else 'NOT confirmed'}"


def _groups(sets: Sequence[CulpritSet], *, apart: bool) -> list[list[CulpritSet]]:
    """Sets whose deciding carriers are the same, together; those of several tests stay apart."""
    groups: dict[object, list[CulpritSet]] = {}
    for number, one in enumerate(sets):
        decisive = tuple(sorted(carrier.name for carrier in one.carriers if carrier.decides))
        key = decisive if decisive and len(one.members) == 1 and not apart else number
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def _group(sets: Sequence[CulpritSet], found: Isolation, *, verbose: bool) -> Iterator[str]:
    """Sets of culprits that leave the same behind; the first one stands for what all of them do."""
    helps, one = found.kind is Kind.BRITTLE, sets[0]
    word = "Needs" if helps else "Polluter"
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
    if verbose:
        yield f"  with {with_them}: {_rate(one.with_them, verbose=True)}; alone: {_rate(one.without, verbose=True)}"
        yield f"  evidence {odds(math.exp(min(one.log_evidence, 700)))}"
    else:
        (failed, times), (failed_alone, times_alone) = runs
        yield f"  with {with_them}: failed {failed} of {times}; alone: failed {failed_alone} of {times_alone}"
    for carrier in one.carriers:
        yield f"  Left behind: {_carrier(carrier, helps=helps)}"
    if one.command:
        unconfirmed = [other for other in sets if not other.confirmed]
        yield f"{'Passes with' if helps else 'Reproduce'}: {one.command}"
        yield f"  {'confirmed' if one.confirmed else 'NOT confirmed'}: {one.confirmation}"
        for other in unconfirmed[1:] if not one.confirmed else unconfirmed:
            yield f"  NOT confirmed: {other.members[0].test}: {other.confirmation}"


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

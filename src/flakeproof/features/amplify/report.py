"""What an amplification has found, in words."""

import shlex
from collections.abc import Iterator, Sequence

from flakeproof.features.amplify.records import (
    Amplification,
    AmplifyFindings,
    AmplifyRate,
    AmplifySetting,
    Effect,
    EffectKind,
    Pair,
    SearchEnd,
    Source,
)
from flakeproof.reports.foreign import code, findings
from flakeproof.reports.rates import bounds
from flakeproof.text import duration, number, one_line, plural, probability, share, speed, upper

_OTHER = 120
FEW = 30
"""Tests with a setting, below which it is not said that no effect was seen."""
NO_EFFECT, HARDLY_TRIED, UNTRIED = "no effect seen", f"hardly tried (fewer than {FEW} tests)", "not tried"
_DOES = {EffectKind.RAISES: "raises it", EffectKind.LOWERS: "lowers it"}


def results(found: Amplification) -> Iterator[str]:
    """The results block without the closing line."""
    yield "=== What makes it fail ==="
    yield f"Target: {one_line(found.target, 200)}"
    if found.found is not None:
        yield from _rates(found, found.found)
        yield from _effects(found, found.found)
        yield from rest(found, found.found)
    for text in found.left_out:
        yield f"Not tried: {text}"
    trials = found.found.trials if found.found is not None else sum(batch.trials for batch in found.batches)
    yield f"Duration: {duration(found.elapsed)}, {plural(trials, 'test')} in {number(len(found.batches))} batches"
    if found.line is not None:
        yield f"Where: {found.line.sentence}"
        if found.line.line is not None:
            yield f"  {found.line.line.option}"
    if found.command:
        yield ""
        yield f"Reproduce: {found.command}"
        if found.preset:
            yield f"Saved as a preset: --preset {found.preset}"


def closing(found: Amplification) -> str:
    """The last line: what it means."""
    known = found.found
    if known is None:
        return f"Ended before anything was known ({found.stopped})"
    early = "" if found.stopped is None else f"Ended early ({found.stopped}): "
    return f"{early}{_meaning(found, known)}"


def _meaning(found: Amplification, known: AmplifyFindings) -> str:
    if known.best is not None:
        much = f"{share(known.best.rate.failures / known.best.rate.trials)} of tests"
        unsure = "" if known.source is not Source.PERTURBED else "; it was never seen to fail without"
        return f"{typed(found.options)} makes it fail in {much}{_times(known)}{unsure}{_where(found)}"
    if known.stop is SearchEnd.FAILS_PLAIN:
        return "It fails without perturbations: there is nothing to amplify"
    if known.stop is SearchEnd.BROKEN:
        return f"The target could not be run: {known.reason}"
    everything = known.everything
    if known.out_of_time and not everything.failures:
        return f"No failure in {number(everything.trials)} tests, and no time for more; give it more: --budget"
    seen = (
        f"no failure in {plural(everything.trials, 'test')} under all settings (below {upper(everything.high)})"
        if not everything.failures
        else f"{_rate(known.plain)} unperturbed"
    )
    if raising := [one for one in known.effects if one.kind is EffectKind.RAISES]:
        names = ", ".join(typed(options_of(found, one.factor, one.level)) for one in raising)
        chance = probability(max(one.chance for one in raising))
        raises = "raises" if len(raising) == 1 else "raise"
        return f"{names} {raises} the rate (by chance: {chance}); no setting was confirmed: give it more: --budget"
    return f"Nothing was seen to raise the rate: {seen}"


def _where(found: Amplification) -> str:
    line = found.line.line if found.line is not None else None
    return f"; a pause at {line.place} ({line.function}) decides" if line is not None and line.raises else ""


def _rates(found: Amplification, known: AmplifyFindings) -> Iterator[str]:
    yield f"Unperturbed: {_rate(known.plain)}, {_per_second(known.plain)}"
    if known.best is not None:
        best = known.best
        yield f"With {typed(found.options)}: {_rate(best.rate)}, {_per_second(best.rate)}"
        yield f"  measured on new tests alternating with unperturbed ones; by chance: {probability(best.chance)}"
    if known.signatures:
        told = {
            Source.GIVEN: "as given",
            Source.PLAIN: "seen without perturbations",
            Source.PERTURBED: "never seen without perturbations: they may have made it",
            Source.NONE: "",
        }[known.source]
        more = f" and {len(known.signatures) - 1} more" if known.signatures[1:] else ""
        yield f"Failure: {one_line(known.signatures[0], 200)}{more} ({told})"
    yield f"Search: {known.reason}"


def _effects(found: Amplification, known: AmplifyFindings) -> Iterator[str]:
    matter = [effect for effect in known.effects if effect.kind is not EffectKind.NONE_SEEN]
    if matter:
        yield ""
        yield f"{'what matters':32} {'odds ratio (95%)':26} {'by chance':>10}"
        for effect in matter:
            words = typed(options_of(found, effect.factor, effect.level))
            yield f"{words:32} {ratio_in_words(effect):26} {probability(effect.chance):>10}  {_DOES[effect.kind]}"
    for pair in known.pairs:
        yield f"together: {pair_in_words(found, pair)}"
    nothing = _without_effect(found, known, matter)
    for how, names in nothing.items():
        yield f"{how}: {', '.join(names)}"
    if matter or nothing:
        yield ""


def does(known: AmplifyFindings, effect: Effect) -> str:
    """What a level does, as far as it may be claimed."""
    if effect.kind in _DOES:
        return _DOES[effect.kind]
    if any(setting.has(effect.factor, effect.level) for setting in known.raced):
        return "not decided by itself"
    return NO_EFFECT if effect.with_it.trials >= FEW else HARDLY_TRIED


def _without_effect(found: Amplification, known: AmplifyFindings, matter: Sequence[Effect]) -> dict[str, list[str]]:
    """The levels of which no effect was seen, as they are typed, by what that is worth."""
    known_of = {(effect.factor, effect.level) for effect in matter}
    known_of |= {level for setting in known.raced for level in setting.levels}
    known_of |= {level for one in known.retired for level in one.setting.levels}
    kinds: dict[str, list[str]] = {NO_EFFECT: [], HARDLY_TRIED: [], UNTRIED: []}
    for one in found.levels:
        if (level := (one.factor, one.level)) not in known_of:
            tests = sum(batch.trials for batch in found.batches if batch.setting.has(*level))
            kinds[NO_EFFECT if tests >= FEW else HARDLY_TRIED if tests else UNTRIED].append(typed(one.options))
    return {how: names for how, names in kinds.items() if names}


def rest(found: Amplification, known: AmplifyFindings) -> Iterator[str]:
    """Settings that were given up, and failures that do not count."""
    for retired in known.retired:
        yield f"Given up: {_setting(found, retired.setting)}: {retired.why}"
    for other in known.others:
        most = f"{other.mostly_failures} of {other.mostly_trials} with {_setting(found, other.mostly)}"
        yield f"Another failure, {number(other.failures)} times ({most}): {one_line(other.signature, _OTHER)}"


def pair_in_words(found: Amplification, pair: Pair) -> str:
    """Two levels that act together, with their counts."""
    first, second = (typed(options_of(found, *one)) for one in (pair.first, pair.second))
    counts = (pair.both, pair.only_first, pair.only_second, pair.neither)
    both, only_first, only_second, neither = (f"{one.failures} of {one.trials}" for one in counts)
    return (
        f"{first} with {second}: {both}; only the first {only_first}, only the second {only_second}, "
        f"neither {neither} (by chance: {probability(pair.chance)})"
    )


def ratio_in_words(effect: Effect) -> str:
    """The odds ratio with its interval."""
    high = "…" if effect.high is None else f"{effect.high:.3g}"
    return f"{effect.odds_ratio:.3g} ({effect.low:.3g} to {high})"


def _times(known: AmplifyFindings) -> str:
    assert known.best is not None
    ratio = known.best.ratio
    if ratio.value is None:
        return f", unperturbed in {_bounds(known.plain)}: at least {speed(ratio.low)} times as often"
    high = "" if ratio.high is None else f" to {speed(ratio.high)}"
    return f", {speed(ratio.value)} times as often as unperturbed ({speed(ratio.low)}{high})"


def _rate(rate: AmplifyRate) -> str:
    return f"{_bounds(rate)}: {number(rate.failures)} of {plural(rate.trials, 'test')}"


def _bounds(rate: AmplifyRate) -> str:
    return bounds(rate.failures / rate.trials, rate) if rate.trials else "unknown"


def _per_second(rate: AmplifyRate) -> str:
    return f"{rate.per_second:.3g} failures a second"


def _setting(found: Amplification, setting: AmplifySetting) -> str:
    return typed([word for one in setting.levels for word in options_of(found, *one)]) or "nothing"


def options_of(found: Amplification, factor: str, level: str) -> list[str]:
    """The options that switch a level on."""
    return next((one.options for one in found.levels if (one.factor, one.level) == (factor, level)), [factor, level])


def typed(words: list[str]) -> str:
    """Options as one would type them."""
    return shlex.join(words)


def as_markdown(found: Amplification) -> bytes:
    """The document."""
    return findings(
        f"what makes {code(found.target)} fail",
        closing(found),
        [line for line in results(found) if line != f"Reproduce: {found.command}"],
        f"Seed {found.seed}, {duration(found.elapsed)}",
        found.command,
    )

"""An amplification as a page for a browser: the answer, what was confirmed, and what each setting does."""

from collections.abc import Iterator

from flakeproof.features.amplify import report
from flakeproof.features.amplify.records import (
    Amplification,
    AmplifyFindings,
    AmplifyRate,
    Effect,
    EffectKind,
    SearchEnd,
)
from flakeproof.reports.pages import charts
from flakeproof.reports.pages.page import findings_page
from flakeproof.reports.pages.parts import PageChart, PageCommand, PageSection, PageWords, Part, code_around, listed
from flakeproof.reports.rates import bounds
from flakeproof.text import duration, number, plural, probability

_TONES = {EffectKind.RAISES: "bad", EffectKind.LOWERS: "good", EffectKind.NONE_SEEN: "kind5"}
_EFFECTS = 16


def render(found: Amplification) -> bytes:
    """The page."""
    known = found.found
    verdict, tone = _answer(found)
    words = [*report.results(found), "", report.closing(found)]
    sections: list[PageSection] = [PageSection("", _commands(found))]
    if known is not None:
        sections += [
            PageSection(
                "Confirmed on new tests" if known.best is not None else "How often it failed", _rates(found, known)
            ),
            PageSection("What each setting does", _effects(found, known)),
            PageSection("Settings that act together", _together(found, known)),
            PageSection("Where a pause decides", _line(found)),
            PageSection("Given up, not tried, and other failures", _rest(found, known)),
        ]
    return findings_page(
        verdict=verdict,
        tone=tone,
        closing=report.closing(found),
        target=found.target,
        said="amplify",
        facts=_facts(found),
        sections=sections,
        words="\n".join(words),
        foot=f"Seed {found.seed}",
    )


def _answer(found: Amplification) -> tuple[str, str]:
    """One word, and its tone."""
    known = found.found
    if known is None:
        return "not known", "warn"
    if known.best is not None:
        return "amplified", "bad"
    if known.stop is SearchEnd.FAILS_PLAIN:
        return "fails always", "bad"
    if known.stop in (SearchEnd.BROKEN, SearchEnd.OUT_OF_TIME):
        return "not known", "warn"
    return "not amplified", "warn" if known.everything.failures else "good"


def _commands(found: Amplification) -> list[Part]:
    if not found.command:
        return []
    saved = [PageCommand("Saved as a preset:", f"--preset {found.preset}")] if found.preset else []
    return [PageCommand("Reproduce:", found.command), *saved]


def _facts(found: Amplification) -> Iterator[tuple[str, str]]:
    if (known := found.found) is not None:
        yield "unperturbed", _counted(known.plain)
        if known.best is not None:
            yield f"with {report.typed(found.options)}", _counted(known.best.rate)
            yield "by chance", probability(known.best.chance)
        yield "tests", f"{number(known.trials)} in {plural(len(found.batches), 'batch', 'batches')}"
    yield "time", duration(found.elapsed)


def _counted(rate: AmplifyRate) -> str:
    return f"{number(rate.failures)} of {number(rate.trials)} failed"


def _rates(found: Amplification, known: AmplifyFindings) -> list[Part]:
    """The setting that was found against the target as it is."""
    arms = [("unperturbed", known.plain, "kind5")]
    if known.best is not None:
        arms.append((report.typed(found.options), known.best.rate, "bad"))
    rows, table = [], []
    for name, rate, tone in arms:
        if rate.trials:
            said = bounds(rate.failures / rate.trials, rate)
            row = {"name": f"{name}: {said}", "value": rate.failures / rate.trials, "low": rate.low, "high": rate.high}
            rows.append({**row, "tone": tone})
            table.append(
                (name, number(rate.failures), number(rate.trials), said, f"{rate.per_second:.3g} failures a second")
            )
    if not rows:
        return []
    caption = (
        "Failure rates with their 95% intervals, which allow batches to differ from each other by more than chance."
    )
    if known.best is not None:
        caption += (
            " Measured on new tests, those with the setting in turns with unperturbed ones; none of them was used to "
            f"find it. By chance: {probability(known.best.chance)}."
        )
    heads = ("setting", "failed", "of", "rate", "speed")
    return [PageChart(charts.intervals(rows, what="failure rate"), caption, heads, table)]


def _effects(found: Amplification, known: AmplifyFindings) -> list[Part]:
    shown = [(effect, report.typed(report.options_of(found, effect.factor, effect.level))) for effect in known.effects]
    if not shown:
        return []
    matter = [one for one in shown if one[0].kind is not EffectKind.NONE_SEEN]
    tried = [one for one in shown if report.does(known, one[0]) == report.NO_EFFECT]
    drawn = [*matter, *tried][:_EFFECTS] or shown[:_EFFECTS]
    rows = [
        {
            "name": f"{name}: {report.does(known, effect)}",
            "value": effect.odds_ratio,
            "low": effect.low,
            "high": effect.high,
            "tone": _TONES[effect.kind],
        }
        for effect, name in drawn
    ]
    caption = (
        "The odds of failing with each setting, as a multiple of those without it, with 95% intervals on a "
        "logarithmic scale; the broken line is no effect. A bar that runs to the edge ends farther away, or nowhere: "
        "the numbers tell. Probabilities are corrected for all settings tried (Holm)."
    )
    heads = ("setting", "what it does", "odds ratio (95%)", "by chance", "failed with it", "without")
    return [
        PageChart(
            charts.intervals(rows, what="odds of failing, against without it", ratio=True),
            caption,
            heads,
            [_row(known, effect, name) for effect, name in shown],
        )
    ]


def _row(known: AmplifyFindings, effect: Effect, name: str) -> tuple[str, ...]:
    counts = (f"{number(one.failures)} of {number(one.trials)}" for one in (effect.with_it, effect.without))
    return (name, report.does(known, effect), report.ratio_in_words(effect), probability(effect.chance), *counts)


def _line(found: Amplification) -> list[Part]:
    if found.line is None:
        return []
    parts: list[Part] = [PageWords([found.line.sentence])]
    if (line := found.line.line) is not None:
        parts += code_around(
            line.file, line.line, f"a pause of this line {'raises' if line.raises else 'lowers'} the rate"
        )
        parts.append(PageCommand("Again:", line.option))
    return parts


def _together(found: Amplification, known: AmplifyFindings) -> list[Part]:
    return [listed(report.pair_in_words(found, pair) for pair in known.pairs)] if known.pairs else []


def _rest(found: Amplification, known: AmplifyFindings) -> list[Part]:
    lines = [*report.rest(found, known), *(f"Not tried: {text}" for text in found.left_out)]
    return [listed(lines)] if lines else []

"""Compare two arms as `flakeproof compare` and `flakeproof verify` do."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.engine.limits import lanes_per_process
from flakeproof.errors import UsageError, about
from flakeproof.features.compare.history import ComparisonHistory
from flakeproof.features.compare.recorded_comparison import read_pairs
from flakeproof.features.compare.records import AnyComparisonEvent, ComparisonArm, ComparisonSpec
from flakeproof.features.compare.session import ComparisonSession
from flakeproof.model import RunSpec
from flakeproof.reports.files import FINDINGS, report_files
from flakeproof.settings import table
from flakeproof.settings.build_spec import build, names_of, seed_of, shard_of
from flakeproof.settings.from_options import options_in, pairs, settings, share_in, wanted_by
from flakeproof.settings.load import Config
from flakeproof.settings.shards import Shard, numbers_of, part_of
from flakeproof.settings.table import Setting
from flakeproof.store.folder import store_of
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine
from flakeproof_worker.shared.seeds import trial_seed

_FORM = 'write it like --arm leaky:"tcprtt --server leaky" --arm fixed:tcprtt'
_DEFAULT_REDUCTION = 10.0
_DEFAULT_SECONDS = 600.0
_NUMBERS_LEFT_OUT = 1000
_PROVOKING = ("workers", "processes", "isolation", "shuffle", "settle", "set_")
"""Options that provoke failures. An arm's own options belong to the arm, so they are kept."""
Parse = Callable[[str], tuple[str, dict[str, Any], list[str] | None]]
"""Parses the text of an arm into its name, its arguments of `run`, and its command."""


def compare_arms(given: Mapping[str, Any], parse: Parse) -> int:
    """Compare the two arms in `given`, whose texts `parse` reads; return the exit code.

    Raises FlakeproofError.
    """
    texts: Sequence[str] = given["arm"] or ()
    if len(texts) != 2:
        raise UsageError(f"a comparison has two arms, and {len(texts)} were given", _FORM)
    parsed = [parse(text) for text in texts]
    if parsed[0][0] == parsed[1][0]:
        raise UsageError(f"both arms are called {parsed[0][0]!r}", "give them different names")
    whole = whole_config(given)
    seed = seed_of(whole)
    arms = []
    for number, (name, own, command) in enumerate(parsed, 1):
        merged = _merged(own, given)
        with about(name):
            spec = arm_spec(wanted_by(merged, command), merged, Path.cwd(), trial_seed(seed, number))
        arms.append(ComparisonArm(name=name, spec=spec))
    base, fix = arms
    if msgspec.structs.replace(base.spec, seed=0) == msgspec.structs.replace(fix.spec, seed=0):
        raise UsageError("both arms are the same", "give them different targets or options")
    name, own, command = parsed[1]
    merged = _merged(own, unprovoked(given))
    with about(name):
        plain = plain_spec(wanted_by(merged, command), merged, Path.cwd(), given["confirm"], whole)
    return run_comparison((base, fix), given, whole, seed, plain)


def _merged(own: Mapping[str, Any], both: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an arm: its `own`, completed by those for `both` arms."""
    return {name: value or both.get(name, value) for name, value in own.items()}


def unprovoked(given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` without the options that provoke failures."""
    provoking = {*_PROVOKING, *(row.argument_name for row in table.settings().values() if row.panel == table.PROVOKE)}
    return {name: None if name in provoking else value for name, value in given.items()}


def whole_config(given: Mapping[str, Any]) -> Config:
    """The settings of the comparison itself."""
    return settings({row.name: given[row.argument_name] for row in table.options_of("compare") if _is_of_whole(row)})


def _is_of_whole(row: Setting) -> bool:
    """Whether a setting belongs to the comparison itself, not to its arms."""
    return "arm" not in row.commands and not row.only_typed


def plain_spec(
    wanted: str | CommandLine | PytestLine, given: Mapping[str, Any], folder: Path, rate: str | None, whole: Config
) -> RunSpec | None:
    """A run of the fix that decides whether it fails at `rate`; None without `rate`.

    `given` has no options that provoke failures. Raises UsageError or CannotRunError.
    """
    if rate is None:
        return None
    share_in("--confirm", rate, "2%")
    question = {"until_confident": True, "rate": rate, "error": str(_error(whole))}
    config = settings({**_arm_options(given), **question}, names_of(wanted))
    return build(wanted, config, pairs("--set", given["set_"]), folder)


def _arm_options(given: Mapping[str, Any]) -> dict[str, Any]:
    of_arms = {row.argument_name for row in table.options_of("arm")}
    return {name: value for name, value in options_in(given).items() if name in of_arms}


def _error(whole: Config) -> float:
    return float(whole.value("error", "compare"))


def arm_spec(wanted: str | CommandLine | PytestLine, given: Mapping[str, Any], folder: Path, seed: int) -> RunSpec:
    """The specification of an arm that runs from `folder`, given arguments of `run`.

    Raises UsageError or CannotRunError.
    """
    config = settings(_arm_options(given), names_of(wanted))
    spec = build(wanted, config, pairs("--set", given["set_"]), folder, provokes=True)
    # The comparison decides how long the arm runs.
    return spec.bare(seed=seed)


def run_comparison(
    arms: tuple[ComparisonArm, ComparisonArm],
    given: Mapping[str, Any],
    whole: Config,
    seed: int,
    plain: RunSpec | None,
    remarks: Sequence[str] = (),
) -> int:
    """Compare, print `remarks` and the result, confirm a fix with the run `plain`, report; return the exit code."""
    lanes = [lanes_per_process(arm.spec) for arm in arms]
    if lanes[0] != lanes[1]:
        raise UsageError(
            f"{arms[0].name} has {arms[0].spec.workers} workers in {arms[0].spec.processes} processes, "
            f"{arms[1].name} {arms[1].spec.workers} in {arms[1].spec.processes}",
            "a turn must have the same length in both arms: give both the same --workers and --processes",
        )
    count, duration = whole.get("count"), whole.get("duration")
    spec = ComparisonSpec(
        arms=arms,
        error=_error(whole),
        reduction=_reduction(given["reduction"]),
        most_trials=count,
        duration=_DEFAULT_SECONDS if count is None and duration is None else duration,
        company=max(lanes[0]),
        places=len(lanes[0]),
        seed=seed,
    )
    carried: list[AnyComparisonEvent] = []
    if (shard := shard_of(whole)) is not None:
        if given["resume"] is not None:
            raise UsageError(
                f"{whole.source('shard')} and --resume: a resumed comparison remains the part that it was",
                "leave --shard out",
            )
        spec = _part_of(spec, shard, whole)
    if given["resume"] is not None:
        spec, carried = _resumed(given["resume"], spec, whole)
    return ComparisonSession(spec, whole, report_files(whole, names=FINDINGS), carried, remarks, plain).run()


def _part_of(spec: ComparisonSpec, shard: Shard, whole: Config) -> ComparisonSpec:
    """The shard's part of `spec`, with numbers of pairs, trials and processes that no other part uses."""
    most = spec.most_trials
    if most is not None and (most := part_of(most, shard)[1]) < 2:
        raise UsageError(
            f"{whole.source('shard')} {shard.number}/{shard.total}: {spec.most_trials} tests are too few for so many "
            "parts",
            "ask for more tests (--count), or for fewer parts",
        )
    own = numbers_of(shard)
    base, fix = (msgspec.structs.replace(arm, spec=msgspec.structs.replace(arm.spec, **own)) for arm in spec.arms)
    return msgspec.structs.replace(
        spec, arms=(base, fix), most_trials=most, first_pair=own["first"], shard=own["shard"]
    )


def _resumed(name: str, spec: ComparisonSpec, whole: Config) -> tuple[ComparisonSpec, list[AnyComparisonEvent]]:
    """`spec` changed to continue where the comparison `name` ended, and the events of that comparison."""
    folder = store_of(whole).find(name)
    history = ComparisonHistory()
    events: list[AnyComparisonEvent] = []
    try:
        for event in read_pairs(folder):
            events.append(event)
            history.add(event)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"--resume {name}: {folder} has no record of a comparison ({error})") from None
    if history.spec is None:
        raise UsageError(f"--resume {name}: the record in {folder} is not complete")
    if history.spec.is_merged:
        raise UsageError(
            f"--resume {name}: that comparison was merged from parts",
            "resume one of the parts (--resume), or run further parts, and merge all of them again",
        )
    if history.spec.same != spec.same:
        differing = [key for key, value in spec.same.items() if history.spec.same[key] != value]
        raise UsageError(
            f"--resume {name}: that comparison differs in {', '.join(differing)}",
            "evidence can be combined only if both arms are the same as before",
        )
    # Trials and pairs that were in flight had numbers, too.
    places = history.spec.places
    first_pair = history.last_pair + 1 + places
    first = history.spec.arms[0].spec.first + history.trials + _NUMBERS_LEFT_OUT * places * spec.company

    def again(arm: ComparisonArm, before: ComparisonArm) -> ComparisonArm:
        own = msgspec.structs.replace(
            arm.spec,
            first=first,
            seed=before.spec.seed,
            first_process=before.spec.first_process,
            shard=before.spec.shard,
        )
        return msgspec.structs.replace(arm, spec=own)

    (base, fix), (base_before, fix_before) = spec.arms, history.spec.arms
    going_on = msgspec.structs.replace(
        spec,
        arms=(again(base, base_before), again(fix, fix_before)),
        seed=history.spec.seed,
        first_pair=first_pair,
        carried=history.total,
        shard=history.spec.shard,
        most_trials=None if spec.most_trials is None else spec.most_trials + history.trials,
    )
    return going_on, events


def _reduction(text: str | None) -> float:
    if text is None:
        return _DEFAULT_REDUCTION
    with suppress(ValueError):
        if 1 < (value := float(text)) < 1e6:
            return value
    raise UsageError(f"--reduction {text!r} is not a number above 1", "write it like --reduction 10")

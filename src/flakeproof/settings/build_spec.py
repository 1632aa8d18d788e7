"""From settings and a target to the specification of a run: every default is decided here."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flakeproof.errors import UsageError
from flakeproof.model import (
    CallableTarget,
    CommandTarget,
    Isolation,
    PytestTarget,
    Question,
    RunSpec,
    Sanitize,
    Target,
)
from flakeproof.perturbations.registry import KINDS
from flakeproof.perturbations.resolve import RunConditions, perturbations_of, yields
from flakeproof.perturbations.resources import hindered
from flakeproof.scenarios.catalogue import Scenario
from flakeproof.settings import presets, table, values
from flakeproof.settings.load import Config
from flakeproof.settings.table import PACKETS, Setting, Targets
from flakeproof.stats.threshold import trials_without_failure
from flakeproof.targets.command import CommandLine, resolve_command
from flakeproof.targets.resolve import resolve, scenario_of
from flakeproof.targets.tests import PytestLine, resolve_tests
from flakeproof_worker.shared.network_faults import has_packet_faults

if TYPE_CHECKING:
    from flakeproof.settings.shards import Shard

_NOT_READ = "none"
_DEFAULT_PROCESS_RATE = 0.01
"""The least one that is asked of what a process fixes once: each process tells but once of it, and is slow to start."""
_PATIENCE = 10
"""A question may take so many times the trials that would answer it if none failed, or those of the preset."""


def build(
    wanted: str | CommandLine | PytestLine,
    config: Config,
    extra: Mapping[str, str],
    folder: Path,
    *,
    is_gate: bool = False,
    provokes: bool = False,
    finds_results: bool = False,
) -> RunSpec:
    """The run of the target `wanted` under `config`; `extra` holds settings of a scenario given by name.

    A gate ends as soon as it is known on which side of the rate that is allowed the target is. What `provokes` wants a
    scenario to fail often rather than as often as in CI. With `finds_results` the tests inside of a command count by
    themselves if its runner is known to write JUnit XML.

    Raises UsageError, and CannotRunError for a command that cannot be started.
    """
    scenario = scenario_of(wanted) if isinstance(wanted, str) else None
    target = _target(wanted, scenario, config, extra, folder)
    if finds_results and isinstance(wanted, CommandLine) and isinstance(target, CommandTarget):
        target = _with_results(wanted, target, config)
    preset = presets.PRESETS[config.get("preset") or presets.DEFAULT]
    ci_rate = config.get("ci-rate") if "ci-rate" in config.values else scenario.ci_rate if scenario else None
    isolation = _isolation(target, config)
    question = _gate(config) if is_gate else _question(config, ci_rate)
    if question is not None and isolation is not Isolation.FORK and config.is_asked_for("process-rate"):
        raise UsageError(
            f"{config.source('process-rate')} is for tests that are forks of a process, and these are not",
            "add --isolation fork, or leave it out",
        )
    if question is not None and isolation is Isolation.FORK:
        question = msgspec.structs.replace(question, process_rate=_process_rate(config, question.rate))
    count, duration = length(config, preset.count)
    if question is not None and not {"count", "duration", "preset"} & config.values.keys():
        count = max(preset.count, _PATIENCE * trials_without_failure(question.rate, question.error))
    workers, processes = _places(
        config, scenario, preset.workers, one_each=one_at_a_time(target, isolation), provokes=provokes
    )
    several = isolation is Isolation.SHARED and workers > processes
    asked = perturbations_of(config, RunConditions(target, isolation, several))
    target, private_network, not_monitored = _monitored(target, config)
    watch_packets, not_watched = _watched(config, isolation)
    if has_packet_faults(asked.perturbations.network):
        _check_faults(target, config)
    if isinstance(target, CommandTarget) and target.shares_results:
        workers, processes = _one_place(config, target), 1
    is_limited = "timeout" in config.values
    shard = shard_of(config)
    spec = RunSpec(
        target=target,
        preset=config.preset or (presets.DEFAULT if count == preset.count else None),
        count=count,
        duration=duration,
        workers=workers,
        adapts_workers=not (isinstance(target, CommandTarget) and target.shares_results)
        and preset.workers is None
        and not {"workers", "processes"} & config.values.keys(),
        processes=processes,
        isolation=isolation,
        timeout=config.value("timeout"),
        adapts_timeout=not is_limited,
        grace=config.value("grace"),
        max_failures=_max_failures(config),
        private_network=True if watch_packets else private_network,
        watch_packets=watch_packets,
        drop_failed=_drops_failed(config, target),
        tolerates_load_failures=bool(config.get("tolerate-load-failures")),
        seed=seed_of(config),
        ci_rate=ci_rate,
        sanitize=_sanitize(target, config),
        question=question,
        perturbations=asked.perturbations,
        left_out=[*asked.left_out, *not_monitored, *not_watched],
        on=_cluster(config),
    )
    return spec if shard is None else _part_of(spec, shard, config)


_NOT_ON_A_CLUSTER = {
    "shard": "both share a run out over machines: leave one of them out",
    "drop-failed": "the nodes do not know of each other which tests have failed: leave one of them out",
    "watch": "what is captured of packets stays on the nodes: leave one of them out",
}


def _cluster(config: Config) -> str | None:
    """The address of the cluster that runs the trials; None for this machine. Raises UsageError."""
    asked: str = config.value("on")
    if asked == values.HERE:
        return None
    for name, remedy in _NOT_ON_A_CLUSTER.items():
        if config.get(name):
            raise UsageError(f"{config.source('on')} {asked} and {config.source(name)}", remedy)
    return asked


def shard_of(config: Config) -> "Shard | None":
    """The part of the run that is wanted; None for all of it."""
    asked = config.get("shard")
    if asked is None:
        return None
    from flakeproof.settings.shards import AUTO, Shard, shard_here

    return shard_here() if asked == AUTO else Shard(*asked)


def _seed_of_shard(config: Config) -> int:
    """The seed that all parts have. Raises UsageError where they would draw different ones."""
    from flakeproof.settings.shards import seed_of_job

    seed = config.get("seed")
    if seed is None and (seed := seed_of_job()) is None:
        raise UsageError(
            f"{config.source('shard')}: all parts of a run need one seed, and nothing here tells which CI run this is",
            "give the same --seed to each of them, e.g. --seed 1",
        )
    return int(seed)


def _part_of(spec: RunSpec, shard: "Shard", config: Config) -> RunSpec:
    """The part of `spec` that the shard has: numbers of trials and processes that no other part has."""
    from flakeproof.settings import shards

    numbers = shards.numbers_of(shard)
    if spec.count is not None:
        numbers["first"], numbers["count"] = shards.part_of(spec.count, shard)
        if not numbers["count"]:
            part = f"{config.source('shard')} {shard.number}/{shard.total}"
            raise UsageError(
                f"{part}: a run of {spec.count} tests has nothing for it",
                "ask for more tests (--count), or for fewer parts",
            )
    return msgspec.structs.replace(spec, **numbers)


def seed_of(config: Config) -> int:
    """The seed asked for, or one that is drawn; where a part of a run is asked for, the one of all parts."""
    if config.get("shard") is not None:
        return _seed_of_shard(config)
    seed: int | None = config.get("seed")
    return int.from_bytes(os.urandom(4)) if seed is None else seed


def _gate(config: Config) -> Question:
    rate = config.get("max-rate")
    if rate is None:
        raise UsageError("a gate has to know the rate that is allowed", "write it like --max-rate 0.1%")
    error = 1 - config.value("confidence")
    return Question(rate=rate, error=error, tolerates=True)


def _process_rate(config: Config, rate: float) -> float:
    """The rate that what a process fixes once has to be below, where the question is about `rate`."""
    asked: float | None = config.get("process-rate")
    return max(rate, _DEFAULT_PROCESS_RATE) if asked is None else asked


def _question(config: Config, ci_rate: float | None) -> Question | None:
    if not config.get("until-confident"):
        for name in ("rate", "error", "process-rate"):
            if config.is_asked_for(name):
                raise UsageError(f"{config.source(name)} is for --until-confident", "add it")
        return None
    rate = config.get("rate") or ci_rate
    if rate is None:
        raise UsageError(f"{config.source('until-confident')} needs a failure rate to test against", "add --rate 2%")
    return Question(rate=rate, error=config.value("error"))


def names_of(wanted: str | CommandLine | PytestLine) -> list[str]:
    """How what is wanted is called in settings for some targets only."""
    if isinstance(wanted, PytestLine):
        return list(wanted.arguments) or ["pytest"]
    if isinstance(wanted, CommandLine):
        return [" ".join(wanted.words) if wanted.shell else shlex.join(wanted.words)]
    return [wanted]


def _target(
    wanted: str | CommandLine | PytestLine,
    scenario: Scenario | None,
    config: Config,
    extra: Mapping[str, str],
    folder: Path,
) -> Target:
    if isinstance(wanted, PytestLine):
        _refuse(config, {Targets.FUNCTIONS}, "is for Python functions, and these are tests of pytest", "leave it out")
        _refuse(config, {Targets.COMMANDS}, "is for commands", "a command is what follows --")
        if extra:
            raise UsageError(
                "--set is for scenarios, and these are tests of pytest", "options of pytest: --pytest-args"
            )
        return resolve_tests(
            wanted,
            folder,
            options=config.get("pytest-args"),
            python=config.get("python"),
            shuffle=bool(config.get("shuffle")) and not yields(config, "shuffle", "reverse"),
            private_home=bool(config.get("private-home")),
            session_fixtures=config.value("session-fixtures"),
        )
    _refuse(config, {Targets.TESTS}, "is for tests of pytest", "leave it out")
    if isinstance(wanted, CommandLine):
        _refuse(config, {Targets.PYTHON}, "is for Python functions and tests, and this is a command", "leave it out")
        _refuse(config, {Targets.FUNCTIONS}, "is for Python functions, and this is a command", "leave it out")
        _refuse(
            config,
            {Targets.WATCHED},
            "is for Python, and this is a command",
            "for a command: flakeproof fdtrace -- COMMAND",
        )
        if extra:
            raise UsageError("--set is for scenarios, and this is a command", "variables of its own: --env NAME=VALUE")
        return resolve_command(
            wanted,
            Path(folder, config.get("cwd") or "."),
            skip_code=config.get("skip-code"),
            failure=config.get("failure"),
            ignore=config.get("ignore"),
            results=None if config.get("results") == _NOT_READ else config.get("results"),
        )
    _refuse(config, {Targets.COMMANDS}, "is for commands", "a command is what follows --")
    return resolve(
        wanted,
        {**_scenario_settings(config, scenario), **extra},
        folder,
        python=config.get("python"),
        loop=config.get("loop"),
    )


def _with_results(line: CommandLine, target: CommandTarget, config: Config) -> CommandTarget:
    """`target` with the results that the runner of `line` is known to write, where the user has not said which."""
    if config.get("results") is not None or line.shell:
        return target
    from flakeproof.targets.written_results import written_results

    found = written_results(line.words, {**os.environ, **line.environment}, Path(target.folder))
    known = msgspec.structs.replace(target, results=found)
    several = any(config.is_asked_for(name) and (config.get(name) or 1) > 1 for name in ("workers", "processes"))
    return target if known.shares_results and several else known  # tests at once would write over each other's


def _refuse(config: Config, others: set[Targets], why: str, remedy: str) -> None:
    """Raise UsageError for a setting of `others` that was asked for; the project's may be for other targets."""
    for name, row in table.settings().items():
        if _targets_of(row) in others and config.is_asked_for(name):
            raise UsageError(f"{config.source(name)} {why}", remedy)


def _targets_of(row: Setting) -> Targets:
    """What a setting is for; a perturbation says so itself."""
    kind = KINDS.get(row.name)
    if kind is None:
        return row.targets
    return Targets.TESTS if kind.only_tests else Targets.PYTHON if kind.only_python else Targets.ALL


def _isolation(target: Target, config: Config) -> Isolation:
    asked = config.get("isolation")
    if isinstance(target, CommandTarget):
        if asked not in (None, Isolation.FRESH) and config.is_asked_for("isolation"):
            raise UsageError(f"{config.source('isolation')} {asked}: a command is always started anew", "leave it out")
        return Isolation.FRESH
    is_alone = isinstance(target, PytestTarget) or config.get("watch") is not None
    is_alone = is_alone or has_packet_faults(config.get("network"))
    return Isolation(asked or (Isolation.FORK if is_alone else Isolation.SHARED))


def _private_network(config: Config) -> bool | None:
    wanted: bool | None = config.get("private-network")
    if wanted and (hindrance := hindered("network")) is not None:
        raise UsageError(f"{config.source('private-network')} is not possible here: {hindrance.why}", hindrance.remedy)
    return wanted


def _monitored(target: Target, config: Config) -> tuple[Target, bool | None, list[str]]:
    """The target, whether each trial has a network of its own, and what has to be told: packets need such a network."""
    private = _private_network(config)
    if not isinstance(target, CallableTarget) or "monitor" not in target.arguments:
        return target, private, []
    if private is False:
        raise UsageError(
            f"{config.source('private-network')} leaves nothing to monitor: packets are seen in a network of one's own",
            "leave it out, or --monitor none",
        )
    hindrance = hindered("packets")
    if hindrance is None:
        return target, True, []
    arguments = {name: value for name, value in target.arguments.items() if name != "monitor"}
    note = f"packets are not monitored: {hindrance.why}; {hindrance.remedy}"
    return msgspec.structs.replace(target, arguments=arguments), private, [note]


def _check_faults(target: Target, config: Config) -> None:
    """Raise UsageError if something contradicts that packets have faults."""
    source = config.source("network")
    if config.get("private-network") is False:
        raise UsageError(
            f"{config.source('private-network')} leaves {source} nothing to act on: packets have faults in a network "
            "of one's own",
            "leave it out",
        )
    if isinstance(target, CallableTarget) and target.arguments.get("monitor") == PACKETS:
        raise UsageError(
            f"--monitor packets holds each packet against the kernel's time of it, and {source} delays it in between",
            "give one of the two; --watch packets tells what packets did under faults",
        )


def _watched(config: Config, isolation: Isolation) -> tuple[bool, list[str]]:
    """Whether packets are watched, and what has to be told if they cannot be."""
    if config.get("watch") is None:
        return False, []
    source = config.source("watch")
    if isolation is Isolation.SHARED:
        raise UsageError(
            f"{source} tells the packets of each test, and tests that share a process share its network",
            "choose --isolation fork or fresh",
        )
    if config.get("private-network") is False:
        raise UsageError(
            f"{config.source('private-network')} leaves nothing to watch: packets are seen in a network of one's own",
            "leave it out",
        )
    hindrance = hindered("packets")
    return hindrance is None, [] if hindrance is None else [
        f"packets are not watched: {hindrance.why}; {hindrance.remedy}"
    ]


def _sanitize(target: Target, config: Config) -> Sanitize | None:
    names = set(config.get("sanitize") or ())
    fail_on_leak = bool(config.get("fail-on-leak"))
    if fail_on_leak and not config.get("sanitize"):
        names.add("leaks")
    for name, row in table.settings().items():
        if row.targets is Targets.WATCHED and name != "sanitize" and "leaks" not in names and config.is_asked_for(name):
            raise UsageError(f"{config.source(name)} is about leaks, which are not watched", "add --sanitize leaks")
    if not names or isinstance(target, CommandTarget):
        return None
    return Sanitize(
        names=sorted(names),
        fail_on_leak=fail_on_leak,
        settle=config.value("leak-settle"),
        allowed=config.get("allow-leak") or [],
    )


def one_at_a_time(target: Target, isolation: Isolation) -> bool:
    """Whether a process can run but one trial at a time: pytest has one state for the whole process."""
    return isinstance(target, PytestTarget) and isolation is Isolation.SHARED


def length(config: Config, preset_count: int) -> tuple[int | None, float | None]:
    """How many trials, and for how long."""
    count, duration = config.get("count"), config.get("duration")
    if duration is None:
        return count or preset_count, None
    # A time alone is a complete plan: it is not cut short by the default preset, nor by what weighs less.
    if count is not None and config.layer("count") >= config.layer("duration"):
        return count, duration
    if count is None and "preset" in config.values and config.layer("preset") >= config.layer("duration"):
        return preset_count, duration
    return None, duration


def _scenario_names() -> list[str]:
    return [name for name, row in table.settings().items() if row.is_of_scenario]


def _scenario_settings(config: Config, scenario: Scenario | None) -> dict[str, str]:
    given = {name: str(config.get(name)) for name in _scenario_names() if name in config.values}
    if scenario is None:
        # Only what was said for this very command can be a mistake; the project's settings are for its scenarios.
        return {name: value for name, value in given.items() if config.is_asked_for(name)}
    for name, value in given.items():
        try:
            if name in scenario.settings:
                scenario.settings[name].parse(value)
        except ValueError as error:
            raise UsageError(f"{config.source(name)}: {error}") from None
    return given


def _places(
    config: Config, scenario: Scenario | None, preset_workers: int | None, *, one_each: bool, provokes: bool
) -> tuple[int, int]:
    """How many workers, in how many processes; with `one_each` no process holds more than one."""
    cores = len(os.sched_getaffinity(0))
    workers, processes = config.get("workers"), config.get("processes")
    if workers is not None and processes is not None and processes > workers:
        if config.layer("processes") == config.layer("workers"):
            raise UsageError(
                f"{config.source('processes')} {processes} is more than {config.source('workers')} {workers}: "
                "each process holds at least one worker",
                f"ask for at least {processes} workers or at most {workers} processes",
            )
        if config.layer("processes") > config.layer("workers"):
            workers = processes
        else:
            processes = workers
    if workers is None:
        fitting = cores
        if scenario is not None:
            fitting = scenario.provoking_workers if provokes else scenario.workers
        workers = max(preset_workers or fitting, processes or 1)
    if one_each:
        if config.is_asked_for("processes") and processes is not None and processes < workers:
            raise UsageError(
                f"{config.source('processes')} {processes} is less than {workers} workers: "
                "pytest runs one test at a time in a process that tests share",
                "leave it out, or choose --isolation fork",
            )
        return workers, workers
    if processes is None:
        company = scenario.workers_per_process if scenario else 1
        processes = max(1, min(cores, workers // company))
    return workers, processes


def _one_place(config: Config, target: CommandTarget) -> int:
    """One worker, where all trials write to the same files. Raises UsageError where several were asked for."""
    for name in ("workers", "processes"):
        if config.is_asked_for(name) and (config.get(name) or 1) > 1:
            raise UsageError(
                f"{config.source('results')} {target.results}: {config.get(name)} tests at once would all write there",
                "give each a file of its own with {folder} or {trial}, here and in the command, or leave "
                f"--{name} out",
            )
    return 1


def _drops_failed(config: Config, target: Target) -> bool:
    """Whether a test that has failed once counts no more. Raises UsageError where no test is known by its name."""
    if not config.get("drop-failed"):
        return False
    if isinstance(target, CommandTarget):
        if target.results is None and config.is_asked_for("drop-failed"):
            raise UsageError(
                f"{config.source('drop-failed')} has to know the tests inside of the command",
                "name the JUnit XML that it writes: --results FILE",
            )
        return target.results is not None
    if isinstance(target, PytestTarget):
        return True
    if config.is_asked_for("drop-failed"):
        raise UsageError(f"{config.source('drop-failed')} is for several tests, and this is one", "leave it out")
    return False


def _max_failures(config: Config) -> int | None:
    most: int | None = config.get("max-failures")
    if not config.get("failfast") or (most is not None and config.layer("max-failures") > config.layer("failfast")):
        return most
    if most is not None and most > 1 and config.layer("max-failures") == config.layer("failfast"):
        raise UsageError(
            f"{config.source('failfast')} stops at the first failure, {config.source('max-failures')} {most} later",
            "give one of the two",
        )
    return 1

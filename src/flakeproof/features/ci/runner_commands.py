"""The commands of runners other than pytest: as CI typed them, as far as that is safe, and for one test alone.

Nothing of an artifact is executed. A command is made here; of the one in the log only words are taken that are on the
list of its runner and name no file, and names of tests are only what is selected.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flakeproof.features.ci.case import Case, CaseFailure
from flakeproof.features.ci.names import key

_NAME = r"[\w./@:-]+"
_PACKAGE = r"\w[\w-]*(?:\.[\w~-]+)*(?:/\w[\w~-]*(?:\.[\w~-]+)*)*"
"""An import path: nothing that begins with a dot or a dash, or leads upwards."""
_LIST = r"[\w,./ -]+"


@dataclass(frozen=True)
class RunnerCommands:
    """How a runner is started."""

    options: tuple[str, ...]
    """Patterns of words of CI's command that are kept."""
    seeded: Callable[[str], tuple[str, ...]]
    """Words that have the tests run in the order of a seed; none where the runner cannot."""
    alone: Callable[[str, Sequence[str]], tuple[str, ...]]
    """The command for one test, from its name and the words that were kept; none where it cannot be selected."""
    whole: Callable[[str, Sequence[str]], tuple[str, ...]]
    """The command for all that ran in one process with a test."""
    results: str = ""
    """Glob for the JUnit XML that it always writes; "" to read its output."""
    counted: str = ""
    """Pattern for the number of tests that passed, where its output names none that did."""
    files: tuple[str, ...] = ()
    """What is not under version control and has to be in a worktree for it."""


def _go_test(test: str) -> tuple[str, str]:
    """Package and name; the package is "" where the output did not tell it."""
    package, dot, rest = test.rpartition(".Test")
    return (package, f"Test{rest}") if dot else ("", test)


def _go(*more: str) -> tuple[str, ...]:
    return ("go", "test", "-json", "-count=1", *more)


def _go_whole(test: str, kept: Sequence[str]) -> tuple[str, ...]:
    package = _go_test(test)[0]
    return _go(*kept, package if re.fullmatch(_PACKAGE, package) else "./...")


def _go_alone(test: str, kept: Sequence[str]) -> tuple[str, ...]:
    name = _go_test(test)[1]
    if not name.startswith(("Test", "Fuzz", "Example")):
        return ()
    pattern = "/".join(f"^{re.escape(part)}$" for part in name.split("/"))
    return (*_go_whole(test, kept)[:-1], "-run", pattern, _go_whole(test, kept)[-1])


def _jest_alone(test: str, kept: Sequence[str]) -> tuple[str, ...]:
    return ("npx", "--no", "--", "jest", "--ci", *kept, "--testNamePattern", f"^{_escaped(key('jest', test).strip())}$")


def _vitest_parts(test: str) -> tuple[str, str]:
    file, _, rest = test.partition(" > ")
    return (file, rest) if re.fullmatch(rf"{_NAME}\.[cm]?[jt]sx?", file) and not file.startswith("-") else ("", test)


def _vitest_alone(test: str, kept: Sequence[str]) -> tuple[str, ...]:
    file, rest = _vitest_parts(test)
    if not rest:
        return ()
    pattern = f"^{_escaped(rest.replace(' > ', ' '))}$"
    return ("npx", "--no", "--", "vitest", "run", *([file] if file else []), *kept, "-t", pattern)


def _maven_alone(test: str, kept: Sequence[str]) -> tuple[str, ...]:
    name = re.split(r"[(\[{]", test, maxsplit=1)[0]
    holder, _, method = name.rpartition(".")
    if not re.fullmatch(r"[\w.$]+", holder) or not re.fullmatch(r"[\w$]+", method):
        return ()
    wanted = (f"-Dtest={holder}#{method}", "-Dsurefire.failIfNoSpecifiedTests=false")
    return ("mvn", "-B", "-Dstyle.color=never", *kept, *wanted, "test")


def _cargo_alone(test: str, kept: Sequence[str]) -> tuple[str, ...]:
    """The path within its crate; where a name may begin with that of a package, too, both are asked for."""
    parts = test.split("::")
    if len(parts) < 2 or not all(re.fullmatch(r"\w+", part) for part in parts):
        names = [test] if re.fullmatch(r"[\w:]+", test) else []
    else:
        names = ["::".join(parts[begin:]) for begin in (1, 2) if parts[begin:]]
    own, _, rest = " ".join(kept).partition(" -- ")
    return ("cargo", "test", "--no-fail-fast", *own.split(), "--", *rest.split(), "--exact", *names) if names else ()


def _escaped(text: str) -> str:
    """A name as a regular expression of JavaScript."""
    return re.sub(r"([\\^$.*+?()\[\]{}|/])", r"\\\1", text)


def _always(*words: str) -> Callable[[str, Sequence[str]], tuple[str, ...]]:
    return lambda _, kept: (*words, *kept)


_CARGO = RunnerCommands(
    options=(
        r"--release",
        r"--all-features",
        r"--no-default-features",
        r"--workspace",
        r"--lib",
        r"--test-threads=\d+",
    ),
    seeded=lambda _: (),
    alone=_cargo_alone,
    whole=_always("cargo", "test", "--no-fail-fast"),
    counted=r"^test result: \w+\. (\d+) passed",
)
COMMANDS = {
    "go": RunnerCommands(
        options=(r"-race", r"-short", r"-parallel=?\d+", r"-cpu=?[\d,]+", rf"-tags={_LIST}"),
        seeded=lambda seed: (f"-shuffle={seed}",),
        alone=_go_alone,
        whole=_go_whole,
    ),
    "jest": RunnerCommands(
        options=(r"--runInBand", r"-i", r"--maxWorkers=\d+%?", r"--randomize"),
        seeded=lambda seed: ("--randomize", f"--seed={seed}"),
        alone=_jest_alone,
        whole=_always("npx", "--no", "--", "jest", "--ci"),
        counted=r"^Tests: .*?(\d+) passed",
        files=("node_modules",),
    ),
    "vitest": RunnerCommands(
        options=(
            *(r"--pool=\w+", r"--no-isolate", r"--no-file-parallelism", r"--sequence\.shuffle(?:\.\w+)?(?:=true)?"),
            r"--maxWorkers=\d+%?",
        ),
        seeded=lambda seed: ("--sequence.shuffle.tests", "--sequence.shuffle.files", f"--sequence.seed={seed}"),
        alone=_vitest_alone,
        whole=_always("npx", "--no", "--", "vitest", "run"),
        counted=r"^ +Tests +.*?(\d+) passed",
        files=("node_modules",),
    ),
    "maven": RunnerCommands(
        options=(
            *(r"-o", rf"-pl={_NAME}", r"-P[\w,-]+", r"-DforkCount=[\d.]+C?", r"-DreuseForks=(?:true|false)"),
            *(
                r"-Dsurefire\.runOrder=[\w]+",
                r"-Djunit\.jupiter\.execution\.parallel\.[\w.]+=\w+",
                r"-Duser\.timezone=[\w/+-]+",
            ),
        ),
        seeded=lambda seed: (
            "-Dsurefire.runOrder=random",
            f"-Dsurefire.runOrder.random.seed={seed}",
            "-Djunit.jupiter.testmethod.order.default=org.junit.jupiter.api.MethodOrderer$Random",
            f"-Djunit.jupiter.execution.order.random.seed={seed}",
        ),
        alone=_maven_alone,
        whole=lambda _, kept: ("mvn", "-B", "-Dstyle.color=never", *kept, "test"),
        results="**/target/surefire-reports/TEST-*.xml",
    ),
    "cargo": _CARGO,
    "nextest": _CARGO,
}
"""By the name of the runner in a case."""
PROCESS_OF_ITS_OWN = frozenset({"nextest"})
"""Runners that start a process for each test: none can change another one through memory."""


def kept_of(case: Case) -> tuple[str, ...]:
    """Words of the command in the log that are on the list of its runner, each in one piece."""
    commands = COMMANDS[case.runner]
    with_values = {"-parallel", "-cpu", "-tags", "-pl", "--maxWorkers", "--test-threads"}
    return tuple(_joined(_words(case.value("command") or ""), with_values, commands.options))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _joined(words: list[str], with_values: set[str], patterns: Sequence[str]) -> Iterator[str]:
    """Words that fit a pattern; an option and its value are one word."""
    place = 0
    after_dashes = False
    while place < len(words):
        word = words[place]
        if word in with_values and place + 1 < len(words):
            word, place = f"{word}={words[place + 1]}", place + 1
        place += 1
        if any(re.fullmatch(pattern, word) for pattern in patterns):
            if word.startswith("--test-threads") and not after_dashes:
                yield "--"
                after_dashes = True
            yield word


def seed_of_order(case: Case) -> str | None:
    """That of the job, where the log tells it and the runner can be given it."""
    seed = case.value("shuffle")
    return seed if seed is not None and seed.lstrip("-").isdigit() and len(seed) <= 20 else None


def can_run(case: Case, failure: CaseFailure) -> bool:
    """Whether there is a command for the runner and the test."""
    return case.runner in COMMANDS and bool(COMMANDS[case.runner].alone(failure.test, ()))

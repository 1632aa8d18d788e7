"""JUnit 4 and 5: its own runner, the console launcher of the JUnit platform, Maven's Surefire, Gradle."""

import re
from collections.abc import Iterator, Sequence

from flakeproof.failures.runners.report import FailedTest, ProgramOutput, Report, failed_test, matches, until

_SUREFIRE_CLASS = re.compile(r"\[ERROR\] Tests run: .*<<< (?:FAILURE|ERROR)! --? in (\S+)$")
_SUREFIRE = re.compile(r"\[ERROR\] (?!Tests run: )(.+?) {1,2}(?:-- )?Time elapsed: .*<<< (?:FAILURE|ERROR)!")
_SUREFIRE_OLD_NAME = re.compile(r"(\S+)\(([\w.$]+\.[\w.$]+)\)$")
_SUMMARY = re.compile(r"\[ERROR\] {2,}([\w.$]+\.\w+)(?::(\d+)(?:->\S+)*| (?=»)) (.+)")
_PARAMETERS = re.compile(r"[({].*|\[.*")
_GRADLE = re.compile(r"(\S+ > .+) FAILED$")
_JUNIT_4 = re.compile(r"\d+\) (\w+(?:\[.*\])?)\(([\w.$]+)\)$")
_LAUNCHER = re.compile(r"Failures \(\d+\):$")
_LAUNCHER_TEST = re.compile(r"  (\S.*)$")
_LAUNCHER_SOURCE = re.compile(r"    MethodSource \[className = '([\w.$]+)'")
_LAUNCHER_ERROR = re.compile(r"\s+=> (.+)")
_ENGINE = re.compile(r"JUnit (?:Jupiter|Vintage|Platform Suite):")
_PLACE = re.compile(r"\s+(?:at )?(\S*?)\(?([\w$]+\.(?:java|kt|scala):\d+)\)?$")
_LIBRARY = re.compile(
    r"(?:[\w.]+/)?(?:java|javax|jdk|sun|kotlin|scala|org\.(?:junit|opentest4j|hamcrest|assertj|mockito|testng))\."
)


def read(output: ProgramOutput) -> Report | None:
    """Tests that failed, by class and method."""
    lines = output.lines
    for recognise in (_surefire, _junit_4, _launcher, _gradle):
        if failed := list(recognise(lines)):
            return Report(failed)
    return None


def java_place(lines: Sequence[str]) -> str:
    """The first place that is not a library's; else the first."""
    places = [(match[1], match[2]) for _, match in matches(_PLACE, lines)]
    own = [place for place in places if not _LIBRARY.match(place[0])]
    return (own or places or [("", "")])[0][1]


def java_message(lines: Sequence[str]) -> str:
    """The first line of a stack; what Surefire has put below the type, because it has several lines, behind that."""
    told = [line.strip() for line in lines[:2]]
    return " ".join(told[: 2 if told and told[0].endswith(":") else 1])


def _surefire(lines: Sequence[str]) -> Iterator[FailedTest]:
    """What is told of each test where it failed, and what only the summary has."""
    seen: set[str] = set()
    holder = ""
    for index, line in enumerate(lines):
        if head := _SUREFIRE_CLASS.match(line):
            holder = head[1]
        elif match := _SUREFIRE.match(line):
            block = until(lines, index + 1, lambda line: not line or line.startswith("["))
            name = _surefire_name(match[1], holder, block)
            seen.add(_PARAMETERS.sub("", name))
            yield failed_test(name, java_message(block), java_place(block), [line, *block])
    for index, match in matches(_SUMMARY, lines):
        if not any(f".{name}".endswith(f".{match[1]}") for name in seen):
            place = f"line {match[2]}" if match[2] else ""
            yield failed_test(match[1], match[3].removeprefix("» "), place, [lines[index]])


def _surefire_name(told: str, holder: str, block: Sequence[str]) -> str:
    """Class and method; before Surefire 3 the class stands behind the method, or in the line about the class."""
    if old := _SUREFIRE_OLD_NAME.match(told):
        return f"{old[2]}.{old[1]}"
    if "." in told.partition("(")[0] or not holder or told == holder:
        return told
    # A nested class is told of in the name of the outer one: the stack has its own.
    method = _PARAMETERS.sub("", told)
    own = re.compile(rf"\s+at ({re.escape(holder)}(?:\$[\w$]+)?)\.{re.escape(method)}\(")
    found = next((match[1] for _, match in matches(own, block)), holder)
    return f"{found}.{told}"


def _junit_4(lines: Sequence[str]) -> Iterator[FailedTest]:
    for index, match in matches(_JUNIT_4, lines):
        block = until(lines, index + 1, lambda line: not line or _JUNIT_4.match(line))
        if place := java_place(block):
            yield failed_test(f"{match[2]}.{match[1]}", block[0], place, [lines[index], *block])


def _launcher(lines: Sequence[str]) -> Iterator[FailedTest]:
    """The console launcher of the JUnit platform: the path of display names, within the package of the class."""
    start = next((index for index, line in enumerate(lines) if _LAUNCHER.match(line)), None)
    if start is None:
        return
    told = until(lines, start + 1, lambda line: not line)
    for index, match in matches(_LAUNCHER_TEST, told):
        block = until(told, index + 1, _LAUNCHER_TEST.match)
        name = _ENGINE.sub("", match[1])
        source = next((found[1] for _, found in matches(_LAUNCHER_SOURCE, block)), "")
        package, _, simple = source.rpartition(".")
        if package and name.partition(":")[0] == simple.partition("$")[0]:
            name = f"{package}.{name}"
        error = next(((at, found[1]) for at, found in matches(_LAUNCHER_ERROR, block)), (0, "failed"))
        yield failed_test(name, error[1], java_place(block), block[error[0] :])


def _gradle(lines: Sequence[str]) -> Iterator[FailedTest]:
    for index, match in matches(_GRADLE, lines):
        block = until(lines, index + 1, lambda line: not line)
        yield failed_test(match[1], block[0] if block else "failed", java_place(block), [lines[index], *block])

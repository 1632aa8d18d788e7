"""Where a known runner writes JUnit XML, by its arguments, its variables and its own configuration.

What each runner documents: Maven Surefire and Failsafe (`reportsDirectory`), Gradle (`test.reports.junitXml`), nextest
(`junit.path` of a profile, below `target/nextest/PROFILE`), for the others the option or variable that names the file.
"""

import glob
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

_STARTERS = 6
"""A runner is among so many first words, behind npx, poetry run, env and the like."""
_MAVEN = "**/target/*-reports/TEST-*.xml"
_GRADLE = "**/build/test-results/**/TEST-*.xml"
_NEXTEST = Path(".config/nextest.toml")
_BRACES = re.compile(r"\{(?:trial|seed|folder)\}")


@dataclass(frozen=True)
class _Call:
    """A runner as it is called."""

    words: Sequence[str]
    """Its arguments."""
    environment: Mapping[str, str]
    folder: Path

    def option(self, *names: str) -> str:
        """The value of the last of these options, `--name VALUE` or `--name=VALUE`; "" where there is none."""
        found = ""
        for place, word in enumerate(self.words):
            name, equals, value = word.partition("=")
            if name in names:
                found = value if equals else next(iter(self.words[place + 1 :]), "")
        return found

    def has(self, *words: str) -> bool:
        """Whether one of these words is among its arguments."""
        return any(word in words for word in self.words)

    def variable(self, *names: str) -> str:
        """The value of the first of these variables that is set."""
        return next((value for name in names if (value := self.environment.get(name))), "")


def written_results(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> str | None:
    """Glob for the JUnit XML that the command of these `words` writes in `folder`; None where that is not known.

    `environment` has all variables that the command will see.
    """
    for place, word in enumerate(words[:_STARTERS]):
        name = PurePath(word).name.removesuffix(".js").removesuffix(".exe")
        if (find := _RUNNERS.get(name)) is not None:
            return find(_Call(words[place + 1 :], environment, folder)) or None
    call = _Call(words[1:], environment, folder)
    return _file(_of_gtest(call)) or None


def _of_gtest(call: _Call) -> str:
    """Programs of GoogleTest have any name: `--gtest_output=xml:FILE` or `GTEST_OUTPUT`."""
    kind, colon, file = (call.option("--gtest_output") or call.variable("GTEST_OUTPUT")).partition(":")
    return file if kind == "xml" and colon and not file.endswith("/") else ""


def _file(name: str) -> str:
    """A glob that fits this file alone, or the files of each trial where its name has placeholders."""
    parts = _BRACES.split(name)
    kept = iter(_BRACES.findall(name))
    return "".join(glob.escape(part) + next(kept, "") for part in parts)


def _named(*options: str, variables: Sequence[str] = (), otherwise: str = "") -> Callable[[_Call], str]:
    """For a runner that writes where one of these `options`, or else `variables`, says."""

    def find(call: _Call) -> str:
        return _file(call.option(*options) or call.variable(*variables) or otherwise)

    return find


def _if_reported(reporter: re.Pattern[str], find: Callable[[_Call], str]) -> Callable[[_Call], str]:
    """For a runner that writes only with this `reporter` among the words of its options."""
    return lambda call: find(call) if any(reporter.search(word) for word in call.words) else ""


def _of_maven(call: _Call) -> str:
    goals = ("test", "verify", "package", "install", "deploy", "integration-test")
    is_asked = call.has(*goals) or any(re.match(r"(?:surefire|failsafe)\b.*test", word) for word in call.words)
    return _MAVEN if is_asked and "-DskipTests" not in call.words else ""


def _of_gradle(call: _Call) -> str:
    tasks = ("test", "check", "build")
    is_asked = any(word.rpartition(":")[2] in tasks or word.endswith("Test") for word in call.words)
    return _GRADLE if is_asked else ""


def _of_cargo(call: _Call) -> str:
    if not call.has("nextest"):
        return ""
    profile = call.option("--profile", "-P") or call.variable("NEXTEST_PROFILE") or "default"
    target = call.option("--target-dir") or call.variable("CARGO_TARGET_DIR") or "target"
    names = dict(_nextest_paths(call.folder / (call.option("--config-file") or _NEXTEST)))
    if not (path := names.get(profile) or names.get("default")):
        return ""
    return _file(f"{target}/nextest/{profile}/{path}")


def _nextest_paths(file: Path) -> Iterator[tuple[str, str]]:
    """Profiles that write JUnit XML, and the path of each."""
    try:
        profiles = tomllib.loads(file.read_text()).get("profile", {})
        for name, settings in profiles.items():
            yield name, str(settings.get("junit", {}).get("path", ""))
    except (OSError, ValueError, AttributeError):
        return


_RUNNERS: Mapping[str, Callable[[_Call], str]] = {
    "mvn": _of_maven,
    "mvnw": _of_maven,
    "mvnd": _of_maven,
    "gradle": _of_gradle,
    "gradlew": _of_gradle,
    "cargo": _of_cargo,
    "cargo-nextest": _of_cargo,
    "gotestsum": _named("--junitfile", variables=["GOTESTSUM_JUNITFILE"]),
    "ctest": _named("--output-junit"),
    "pytest": _named("--junitxml", "--junit-xml"),
    "py.test": _named("--junitxml", "--junit-xml"),
    "phpunit": _named("--log-junit"),
    "jest": _if_reported(re.compile("jest-junit"), _named(variables=["JEST_JUNIT_OUTPUT_FILE"], otherwise="junit.xml")),
    "vitest": _if_reported(re.compile("junit"), _named("--outputFile", "--outputFile.junit")),
    "playwright": _if_reported(
        re.compile("junit"), _named(variables=["PLAYWRIGHT_JUNIT_OUTPUT_FILE", "PLAYWRIGHT_JUNIT_OUTPUT_NAME"])
    ),
    "mocha": _if_reported(
        re.compile("mocha-junit-reporter"), _named(variables=["MOCHA_FILE"], otherwise="test-results.xml")
    ),
    "rspec": _if_reported(re.compile("RspecJunitFormatter"), _named("--out", "-o")),
    "node": _if_reported(re.compile("^--test-reporter=junit$"), _named("--test-reporter-destination")),
}

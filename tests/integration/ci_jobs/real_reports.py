"""Makes JUnit XML by the real runners, from the projects beside it.

`python -m tests.integration.ci_jobs.real_reports FOLDER [NAME…]` records them anew, for `reports/`; the projects are
copied to FOLDER first, whose name is in the reports.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import runners
from tests.tools import missing, needed

PROJECTS = Path(__file__).parent / "projects"
RECORDED = Path(__file__).parent / "reports"
_GO = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOWORK": "off"}


@dataclass(frozen=True)
class RealRunner:
    """How a runner is asked for a report."""

    project: str
    words: Callable[[Path], list[str]]
    """The command, in a copy of the project; it has to fail."""
    report: str
    """Where that puts the report: a file, or a folder with several."""
    build: Callable[[], list[list[str]]] = list
    folder: str = "."
    """Where the command is run."""


def _gtest() -> list[list[str]]:
    needed("g++")
    if not Path("/usr/include/gtest/gtest.h").exists():
        missing("GoogleTest is not installed")
    cmake = needed("cmake")
    return [[cmake, "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=Debug"], [cmake, "--build", "build"]]


RUNNERS = {
    "gotestsum": RealRunner(
        "go", lambda _: [str(runners.gotestsum()), "--junitfile", "junit.xml", "./..."], "junit.xml"
    ),
    "gotestsum-reruns": RealRunner(
        "go",
        lambda _: [str(runners.gotestsum()), "--junitfile=junit.xml", "--rerun-fails=1", "--packages=."],
        "junit.xml",
    ),
    "nextest": RealRunner(
        "rust", lambda _: [needed("cargo"), "nextest", "run", "--profile", "ci"], "target/nextest/ci/junit.xml"
    ),
    "jest": RealRunner(
        "jest",
        lambda _: [needed("npx"), "jest", "--ci", "--reporters=default", "--reporters=jest-junit"],
        "junit.xml",
    ),
    "vitest": RealRunner(
        "vitest",
        lambda _: [
            *(needed("npx"), "vitest", "run", "--reporter=default", "--reporter=junit"),
            "--outputFile.junit=junit.xml",
        ],
        "junit.xml",
    ),
    "playwright": RealRunner(
        "playwright",
        lambda _: [needed("npx"), "playwright", "test", "--reporter=list,junit", "--retries=1"],
        "junit.xml",
    ),
    "maven": RealRunner(
        "maven",
        lambda _: [needed("mvn"), "-B", "-Dstyle.color=never", "-Dsurefire.rerunFailingTestsCount=1", "test"],
        "target/surefire-reports",
    ),
    "ctest": RealRunner(
        "ctest", lambda _: [needed("ctest"), "--output-junit", "junit.xml"], "junit.xml", _gtest, "build"
    ),
    "gtest": RealRunner(
        "ctest", lambda _: ["./shop_test", "--gtest_output=xml:junit.xml"], "junit.xml", _gtest, "build"
    ),
    "phpunit": RealRunner(
        "phpunit", lambda _: [needed("phpunit"), "--log-junit", "junit.xml", "ShopTest.php"], "junit.xml"
    ),
    "rspec": RealRunner(
        "rspec",
        lambda _: [
            *(needed("rspec"), "--require", "rspec_junit_formatter", "--format", "RspecJunitFormatter"),
            *("--out", "junit.xml", "--format", "progress", "shop_spec.rb"),
        ],
        "junit.xml",
    ),
}


def made(name: str, folder: Path) -> tuple[Path, str]:
    """The report of a runner, which is run in a copy of its project in `folder`, and what it has printed."""
    runner = RUNNERS[name]
    project = runners.copied(PROJECTS / runner.project, folder)
    path = os.environ["PATH"]
    if name == "nextest":
        path = os.pathsep.join([str(runners.nextest()), str(Path(needed("cargo")).parent), path])
    if runner.project == "go":
        path = os.pathsep.join([str(Path(needed("go")).parent), path])
    environment = {
        **os.environ,
        **(_GO if runner.project == "go" else {}),
        "PATH": path,
        "FLAKY_MARK": str(folder / "mark"),
        "PLAYWRIGHT_JUNIT_OUTPUT_NAME": "junit.xml",
        "RUST_BACKTRACE": "0",
        "NO_COLOR": "1",
    }
    for words in runner.build():
        subprocess.run(words, cwd=project, env=environment, capture_output=True, check=True)
    ended = subprocess.run(
        runner.words(project),
        cwd=project / runner.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode, ended.stdout
    report = project / runner.folder / runner.report
    assert report.exists(), ended.stdout
    return report, ended.stdout


def _record(folder: Path, names: Sequence[str]) -> None:
    for name in names or RUNNERS:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        report, output = made(name, folder)
        target = RECORDED / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for file in sorted(report.glob("*.xml")) if report.is_dir() else [report]:
            lines = file.read_text().splitlines(keepends=True)
            kept = [line for line in lines if not (name == "maven" and "<property name=" in line)]
            (target / file.name).write_text("".join(kept))
        (target / "output.txt").write_text(output)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _record(Path(sys.argv[1]), sys.argv[2:])

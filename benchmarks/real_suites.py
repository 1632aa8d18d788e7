"""Run parts of real suites, unmodified, with plain pytest and with flakeproof in every isolation, and compare.

For .venv/bin/python; needs the network. `real_suites.py [NAME…] [--keep FOLDER]`: all of real_suites.toml, or some,
once and several times in each isolation. Exit status 1 if a test ends otherwise than with plain pytest.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from time import perf_counter

HERE = Path(__file__).parent
FLAKEPROOF = Path(sys.executable).with_name("flakeproof")
ISOLATIONS = ("shared", "fork", "fresh")
PASSES = {"shared": (1, 10), "fork": (1, 10), "fresh": (1, 3)}
"""How many passes over a suite each isolation is compared with: once, and several times."""
_SHOWN = 10
_LINES_SHOWN = 40
WORSE = ("failed", "xpassed", "xfailed", "skipped", "passed")
"""What a test counts as if its phases end differently: the first of these."""

RECORDER = dedent('''
    """Writes how each test ends, as JSON, to the file that OUTCOMES names."""
    import json, os, pytest

    ended, numbers, present = {}, {}, {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(nodeid, location):
        numbers[nodeid] = numbers.get(nodeid, 0) + 1
        present[nodeid] = nodeid if numbers[nodeid] == 1 else f"{nodeid} ({numbers[nodeid]})"

    def pytest_runtest_logreport(report):
        outcome = report.outcome
        if hasattr(report, "wasxfail"):
            outcome = "xpassed" if outcome == "passed" else "xfailed"
        ended.setdefault(present.get(report.nodeid, report.nodeid), set()).add(outcome)

    def pytest_sessionfinish(session):
        if "PYTEST_XDIST_WORKER" not in os.environ:
            with open(os.environ["OUTCOMES"], "w") as file:
                json.dump({name: sorted(outcomes) for name, outcomes in ended.items()}, file)
''')


@dataclass(frozen=True)
class Project:
    """A source distribution, and what of it is run."""

    name: str
    version: str
    habit: str
    paths: list[str]
    requires: list[str]
    options: list[str] = field(default_factory=list)
    workers: int = 2


@dataclass
class Outcomes:
    """How each test has ended in one or several passes."""

    of: dict[str, set[str]]
    seconds: float
    """From start to end of all passes."""
    left: list[str]
    """Files left in the temporary folder."""
    told: str = ""
    """What was printed beside the result."""


class Bench:
    """One project, unpacked and installed in a folder."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.python = folder / "venv" / "bin" / "python"
        (folder / "outcomes_recorder.py").write_text(RECORDER)

    def prepare(self) -> None:
        """Download, unpack and install, unless that has been done in this folder."""
        project, done = self.project, self.folder / "installed"
        wanted = f"{project.name}=={project.version}"
        if not done.exists():
            get = ["download", "-q", "--no-deps", f"--no-binary={project.name}", "-d", str(self.folder), wanted]
            _call([sys.executable, "-m", "pip", *get], self.folder)
            (archive,) = self.folder.glob("*.tar.gz")
            with tarfile.open(archive) as file:
                file.extractall(self.folder / "source", filter="data")
            _call([sys.executable, "-m", "venv", str(self.folder / "venv")], self.folder)
            _call([str(self.python), "-m", "pip", "install", "-q", str(archive), *project.requires], self.folder)
            done.touch()

    @property
    def source(self) -> Path:
        """The project's own folder."""
        (found,) = (self.folder / "source").iterdir()
        return found

    def plain(self) -> Outcomes:
        """One pass of plain pytest."""
        project, file = self.project, self.folder / "plain.json"
        file.unlink(missing_ok=True)
        environment = {"OUTCOMES": str(file), "PYTHONPATH": str(self.folder)}
        words = ["-m", "pytest", "-q", "-p", "outcomes_recorder", *project.options, *project.paths]
        seconds, left, _ = self._run([str(self.python), *words], "plain", environment)
        ended: dict[str, list[str]] = json.loads(file.read_text())
        of = {name: {next(one for one in WORSE if one in outcomes)} for name, outcomes in ended.items()}
        return Outcomes(of, seconds, left)

    def flakeproof(self, isolation: str, passes: int) -> Outcomes:
        """So many passes in `isolation`."""
        project, name = self.project, f"{isolation}-{passes}"
        words = ["run", *project.paths, f"--count={passes}", f"--workers={project.workers}", f"--isolation={isolation}"]
        words += [f"--python={self.python}", f"--store={self.folder / 'store'}", "--json=-"]
        if project.options:
            words += ["--pytest-args", shlex.join(project.options)]
        _, left, text = self._run([str(FLAKEPROOF), *words], name, {})
        told = (self.folder / f"{name}.log").read_text()
        if not text:
            return Outcomes({}, float("nan"), left, told)
        summary = json.loads(text)
        of = {item["item"]: _seen(item["outcomes"], passes) for item in summary["items"]}
        return Outcomes(of, summary["elapsed"], left, told)

    def _run(self, words: list[str], name: str, more: dict[str, str]) -> tuple[float, list[str], str]:
        """Run a program in the project; how long it took, what it has left behind, and its stdout."""
        with tempfile.TemporaryDirectory(prefix="rp-") as temporary:
            # Inside of a test, pytest and xdist have told of themselves in the environment.
            around = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
            environment = {**around, "TMPDIR": temporary, "NO_COLOR": "1", "COLUMNS": "120", **more}
            start = perf_counter()
            with (self.folder / f"{name}.log").open("w") as log:
                done = subprocess.run(
                    words, cwd=self.source, env=environment, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=log, text=True, timeout=600, check=False,
                )  # fmt: skip
            seconds = perf_counter() - start
            left = sorted(path.name for path in Path(temporary).iterdir())
        (self.folder / f"{name}.out").write_text(done.stdout)
        return seconds, left, done.stdout


def _seen(counts: dict[str, int], passes: int) -> set[str]:
    """The outcomes of a test in the passes, some of which may be missing."""
    return {name for name, count in counts.items() if count} | (
        {"no result"} if sum(counts.values()) < passes else set()
    )


def _call(words: list[str], folder: Path) -> None:
    subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, timeout=600, check=True)


def compare(bench: Bench) -> bool:
    """Run everything, print a row of the table and below it what differs; whether everything agrees."""
    project = bench.project
    bench.prepare()
    first, second = bench.plain(), bench.plain()
    names = first.of.keys() | second.of.keys()
    if not names:
        where = " ".join(project.paths)
        sys.exit(f"{project.name} {project.version} has no tests in {where}: nothing would be compared")
    known = {name: first.of.get(name, {"absent"}) | second.of.get(name, {"absent"}) for name in names}
    remarks = [f"plain: {name} ends as {', '.join(sorted(known[name]))}" for name in known if len(known[name]) > 1]
    failing = sum("failed" in outcomes for outcomes in known.values())
    cells, good = [], True
    for isolation in ISOLATIONS:
        for passes in PASSES[isolation]:
            found = bench.flakeproof(isolation, passes)
            where = f"{isolation}, {passes} passes" if passes > 1 else f"{isolation}, once"
            differing = {
                name: (known.get(name, {"absent"}), found.of.get(name, {"absent"}))
                for name in known.keys() | found.of.keys()
                if not found.of.get(name, {"absent"}) <= known.get(name, {"absent"})
            }
            good = good and not differing
            agreeing = len(known) - len(differing.keys() & known.keys())
            cells.append(f"{agreeing} ({found.seconds:.1f} s)")
            remarks += [
                f"{where}: {name}: {'+'.join(sorted(is_))}, with pytest {'+'.join(sorted(plain))}"
                for name, (plain, is_) in sorted(differing.items())[:_SHOWN]
            ]
            if differing:
                remarks += [f"  {line}" for line in found.told.splitlines()[-_LINES_SHOWN:]]
            remarks += [f"{where}: left behind: {name}" for name in found.left]
    version = subprocess.check_output(
        [bench.python, "-c", "import pytest; print(pytest.__version__)"], text=True, cwd=bench.folder
    ).strip()
    row = [
        f"{project.name} {project.version}",
        version,
        str(len(known)),
        str(failing),
        f"{first.seconds:.1f} s",
        *cells,
    ]
    row.append(project.habit)
    print(f"| {' | '.join(row)} |", flush=True)
    for remark in remarks:
        print(f"    {remark}", flush=True)
    return good


def projects() -> list[Project]:
    """All that are known."""
    return [Project(**entry) for entry in tomllib.loads((HERE / "real_suites.toml").read_text())["project"]]


def main() -> int:
    """Compare all projects, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--keep", type=Path, help="folder for what is downloaded, installed and printed; it stays")
    arguments = parser.parse_args()
    chosen = [project for project in projects() if project.name in arguments.names or not arguments.names]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.keep or Path(temporary)).absolute()
        columns = [f"{isolation} × {passes}" for isolation in ISOLATIONS for passes in PASSES[isolation]]
        print(f"| project | pytest | tests | failing | plain | {' | '.join(columns)} | habit |", flush=True)
        print(f"|{'---|' * (6 + len(columns))}", flush=True)
        results = [compare(Bench(project, folder / project.name)) for project in chosen]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

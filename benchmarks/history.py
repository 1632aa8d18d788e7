"""A simulated CI year in the history: is the ranking right, and how long does it take?

`python -m benchmarks.history [--seed N] [--jobs N] [--tests N] [--history URL] [--pages]`. The bars: 95 % of the flaky
tests above 1 % are found and 95 % of those called flaky are; changes within 2 % of the commits; clusters exactly;
Kendall's tau of the order by cost 0.9. Results are added as the reader of JUnit files gives them; reading is measured
beside.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.quality.ci_year import CiWorld, CiYear, scores

from flakeproof.features.history.database import HistoryDatabase
from flakeproof.features.history.importing import Importer
from flakeproof.features.history.job_facts import FactFinder
from flakeproof.features.history.loading import Wanted, load
from flakeproof.features.history.ranking import Ranking
from flakeproof.features.history.records import HistoryReport
from flakeproof.features.history.results_files import ResultsFiles
from flakeproof.features.history.tables import digest_of

_JUNIT_JOBS = 20


def main() -> None:
    """Print what was found beside what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=30_000)
    parser.add_argument("--tests", type=int, default=2_000)
    parser.add_argument("--history", default="", help="postgresql://… in place of SQLite")
    parser.add_argument("--pages", action="store_true", help="also the pages of flakeproof dashboard, bar 200 ms")
    given = parser.parse_args()
    year = CiYear(CiWorld(tests=given.tests, jobs=given.jobs, seed=given.seed))
    with tempfile.TemporaryDirectory() as folder:
        database = HistoryDatabase(given.history or str(Path(folder, "history.db")))
        importer = Importer(database)
        seconds = 0.0
        for job in year.jobs():
            started = time.process_time()
            importer.add(job)
            seconds += time.process_time() - started
        importer.finish()
        added = importer.added.results
        print(f"added {added:,} results: {added / seconds:,.0f} a second of CPU")
        started = time.process_time()
        kept = load(database, Wanted())
        loaded = time.process_time()
        report = Ranking(kept, "flakeproof", "").report({})
        print(f"ranked: {loaded - started:.2f} s to load, {time.process_time() - loaded:.2f} s to rank (CPU)")
        database.close()
        found = scores(year, report)
        print(f"flaky above 1 %: {found.found} of {found.above} found, bar 95 %")
        print(f"called flaky: {found.called - found.wrong} of {found.called} are, bar 95 %")
        worst = max(found.changes, default=0.0)
        near = sum(one <= 0.02 for one in found.changes)
        print(f"changes: {near} of {len(found.changes)} within 2 % of the commits, the worst {worst:.2%}")
        print(f"clusters: {found.exact_clusters} of {found.clusters} exactly")
        print(f"order by cost: Kendall's tau {found.tau:.3f}, bar 0.9")
        print(f"bad days: {found.bad_days}")
        _junit(Path(folder), given.tests)
        if given.pages:
            _pages(given.history or str(Path(folder, "history.db")), report)


def _junit(folder: Path, tests: int) -> None:
    """How fast JUnit files become results."""
    reports = folder / "reports"
    reports.mkdir()
    for number in range(_JUNIT_JOBS):
        cases = "".join(
            f'<testcase classname="tests.test_m{place // 25}" name="test_{place}" time="0.1"/>'
            for place in range(tests)
        )
        head = f'<testsuite name="pytest" timestamp="2026-01-01T00:00:{number:02}" tests="{tests}">'
        (reports / f"{number}.xml").write_text(f"<testsuites>{head}{cases}</testsuite></testsuites>")
    database = HistoryDatabase(str(folder / "junit.db"))
    importer = Importer(database)
    reader = ResultsFiles(FactFinder({}, {}, 0.0), print, importer.is_known)
    started = time.process_time()
    for job in reader.read(str(reports)):
        importer.add(job)
    importer.finish()
    seconds = time.process_time() - started
    database.close()
    print(f"JUnit files: {importer.added.results / seconds:,.0f} results a second of CPU, bar 20,000")


def _pages(place: str, report: HistoryReport) -> None:
    """How long the pages take, from asking to the last byte: each kind when it is first asked for, and again."""
    words = [sys.executable, "-m", "flakeproof", "dashboard", "--port", "0", "--history", place]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().split()[1]
    tests = [digest_of(row.test) for row in report.rows]
    paths = ["/", "/?show=all", "/?q=test_1", "/signatures", f"/signature/{digest_of('E boom')}", "/clusters", "/jobs"]
    paths += [f"/cluster/{digest_of(one.tests[0])}" for one in report.clusters]
    paths += [f"/test/{key}" for key in (tests[0], tests[-1])]
    for path in paths:
        seconds = []
        for _ in range(6):
            started = time.perf_counter()
            with urllib.request.urlopen(address + path[1:]) as answer:
                answer.read()
            seconds.append(time.perf_counter() - started)
        print(f"page {path[:30]}: first {1e3 * seconds[0]:.0f} ms, then {1e3 * min(seconds[1:]):.0f} ms, bar 200 ms")
    server.terminate()
    server.wait()


if __name__ == "__main__":
    main()

"""Run flakeproof on flaky tests of public projects whose cause is known, and judge what it says.

    python -m benchmarks.real_flakes FOLDER [--only NAME]… [--half looked-at|scored] [--budget SECONDS] [--explain-only]
    python -m benchmarks.real_flakes FOLDER --prepare REPOSITORIES

FOLDER has a checkout of each project at the commit of its case, named as the case, and in venvs/ an environment for it;
`--prepare` makes them from git repositories that lie in REPOSITORIES as OWNER+NAME. Cases that are not there are left
out and said. What the commands print stays in FOLDER/logs.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.real_flakes.asking import Asker, Result
from benchmarks.real_flakes.cases import Case, Checkout, Half, catalogue
from benchmarks.real_flakes.judging import Judgement

_COLUMNS = ("case", "kind of cause", "half", "reproduced", "s", "explained", "by", "verify", "whole, s")


def main() -> int:
    """Ask about all cases, or those named, and print a row for each as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--half", type=Half)
    parser.add_argument("--budget", type=float, default=600.0, help="seconds for a case; 600 if not given")
    parser.add_argument("--explain-only", action="store_true", help="ask diagnose alone, with its share of the budget")
    parser.add_argument("--prepare", type=Path, metavar="REPOSITORIES")
    arguments = parser.parse_args()
    cases = list(_chosen(catalogue(), arguments.only, arguments.half))
    checkouts = [Checkout(case, arguments.folder.resolve()) for case in cases if case.prepared]
    if arguments.prepare:
        for checkout in checkouts:
            checkout.prepare(arguments.prepare.resolve())
        return 0
    ready = [checkout for checkout in checkouts if checkout.is_ready]
    print(f"{len(ready)} of {len(cases)} cases are in {arguments.folder}", file=sys.stderr)
    print(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}", flush=True)
    results = []
    for checkout in ready:
        logs = arguments.folder.resolve() / "logs"
        result = Asker(checkout, logs, arguments.budget, explains_only=arguments.explain_only).ask()
        results.append((checkout.case, result))
        print(f"| {' | '.join(_row(checkout.case, result))} |", flush=True)
        for remark in [*(f"late: {late}" for late in result.late), *(f"could not run: {one}" for one in result.broke)]:
            print(f"    {checkout.case.name}: {remark}", file=sys.stderr, flush=True)
    print()
    for half in Half:
        _total(half, [(case, result) for case, result in results if case.half is half])
    return 0


def _chosen(cases: Iterable[Case], names: list[str], half: Half | None) -> Iterable[Case]:
    return [case for case in cases if (not names or case.name in names) and half in (None, case.half)]


def _row(case: Case, result: Result) -> list[str]:
    by = ", ".join(command for command, judgement in result.explained.items() if judgement is not Judgement.NONE)
    return [
        case.name,
        case.kind,
        case.half,
        result.reproduced or "no",
        f"{result.reproduced_in:.0f}" if result.reproduced else "",
        result.judgement,
        by or "-",
        result.verified,
        f"{result.seconds:.0f}",
    ]


def _total(half: Half, results: list[tuple[Case, Result]]) -> None:
    for name, wanted in (("nondeterministic", False), ("order-dependent", True)):
        of = [result for case, result in results if case.order is wanted]
        if of:
            reproduced = sum(bool(result.reproduced) for result in of)
            counts = [f"{sum(one.judgement is judgement for one in of)} {judgement}" for judgement in Judgement]
            print(f"{half}, {name}: reproduced {reproduced} of {len(of)}; explained: {', '.join(counts)}")


if __name__ == "__main__":
    sys.exit(main())

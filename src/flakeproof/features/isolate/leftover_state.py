"""What culprits leave behind that reaches the test: what differs, and what matters when it is put back."""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.features.isolate.culprit_search import minimise
from flakeproof.features.isolate.victim_runs import Arrangement, Company
from flakeproof.model import Carrier
from flakeproof.stats.culprits import repeats
from flakeproof.text import shown_path

_RANKS = (
    "reload global fixture file environment folder time zone locale umask signal logging warnings import interpreter "
    "module descriptor thread library random"
)
_NOISE = ("library", "random")
"""Kinds that change in many runs and are worth no word unless they decide."""
_TRIED = 40
"""Candidates that are put back one by one."""
_TOLD = 5
_LOOKS = 6
_FAR = 1_000
_BY_TEXT = "text of "  # pytest_driver.state.BY_TEXT


class Carriers:
    """Finds them for one set of culprits."""

    def __init__(
        self, company: Company, culprits: Arrangement, control: Arrangement, rate: float, error: float, *, failing: bool
    ) -> None:
        """`control` is company without the culprits; `rate` is how often the effect shows: `failing`, or passing."""
        self._company = company
        self._culprits = culprits
        self._control = control
        self._times = repeats(min(rate, 0.9999), error)
        self._failing = failing
        self._parts: set[str] = set()
        """Names of those that are a part of what was replaced."""

    def is_undone_by(self, carriers: Sequence[Carrier]) -> bool:
        """Whether putting these back, which others have left behind, undoes the effect of these culprits as well."""
        return bool(self._culprits.before) and self._undoes([carrier.name for carrier in carriers], {})

    def find(self) -> list[Carrier]:
        """The likeliest first."""
        if not self._culprits.before:
            return []  # what comes behind the test is seen to matter at a teardown, which nobody looks into
        shown, innocent = self._looks()
        if not shown:
            return []
        first = shown[0]
        candidates = [
            change
            for change in first["changes"]
            if all(any(_same(change, one) for one in other["changes"]) for other in shown)
            and not any(change["name"] == one["name"] and change["after"] == one["after"] for one in innocent)
        ]
        candidates.sort(key=lambda change: _rank(change, first["uses"]))
        return self._judged(candidates[: 4 * _TRIED], Path(first["root"]))

    def _looks(self) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """Where the effect showed, what was found; and all changes where it did not."""
        shown: list[dict[str, Any]] = []
        innocent: list[dict[str, str]] = []
        innocent_seen = False
        for _ in range(_LOOKS * self._times):
            wanted = (
                [self._culprits, self._culprits]
                if innocent_seen or not self._control.others
                else [self._culprits, self._control]
            )
            for arrangement, seen in zip(wanted, self._company.run(wanted, look=True), strict=True):
                if "changes" not in seen.found or seen.failed is None:
                    continue
                if seen.failed is self._failing and arrangement is self._culprits:
                    shown.append(seen.found)
                elif seen.failed is not self._failing:
                    innocent += seen.found["changes"]
                    innocent_seen = True
            if len(shown) > 1 or (shown and innocent_seen and self._times == 1):
                break
        return shown, innocent

    def _judged(self, candidates: list[dict[str, str]], root: Path) -> list[Carrier]:
        """`candidates` as carriers, after it was tried what putting them back does."""
        names = [change["name"] for change in candidates]
        deciding: set[str] = set()
        tried: dict[str, bool] = {}
        if names and self._undoes(names, {}):
            for name in names[:_TRIED]:
                if len(names) == 1 or self._undoes([name], tried):
                    deciding.add(name)
            if not deciding and self._undoes(names[:_TRIED], {}):
                deciding = set(minimise(names[:_TRIED], self._first_undoing))
        found = [
            Carrier(
                kind=change["kind"],
                name=change["name"],
                before=_distinct(change, "before"),
                after=_distinct(change, "after"),
                place=_definition(change, root),
                decides=True if change["name"] in deciding else False if tried.get(change["name"]) else None,
            )
            for change in candidates
        ]
        self._parts = {change["name"] for change in candidates if "part" in change}
        found.sort(key=lambda carrier: carrier.decides is not True)
        plain = [carrier for carrier in found if carrier.kind not in _NOISE]
        best = [carrier for carrier in found if carrier.decides] or plain
        return [self._with_line(carrier, root) for carrier in best[:_TOLD]]

    def _undoes(self, names: Sequence[str], tried: dict[str, bool]) -> bool:
        """Whether the effect does not show any more when these are put back."""
        left = self._times
        while left > 0:
            count = min(left, self._company.probing.at_once)
            wanted = {"restore": tuple(names)}
            for seen in self._company.run([self._culprits] * count, look=True, **wanted):
                if seen.failed is None or seen.failed is self._failing:
                    tried.update(dict.fromkeys(seen.found.get("restored", ()), True))
                    return False
                there = {change["name"] for change in seen.found.get("changes", ())}
                if there.intersection(names) and not seen.found.get("restored"):
                    return False  # nothing of it can be put back
            left -= count
        return True

    def _first_undoing(self, parts: list[list[str]]) -> int | None:
        return next((place for place, part in enumerate(parts) if self._undoes(part, {})), None)

    def _with_line(self, carrier: Carrier, root: Path) -> Carrier:
        """`carrier` with the line of code that changes it."""
        if not carrier.decides or carrier.kind in ("thread", "descriptor", "module"):
            return carrier
        watched = f"{_BY_TEXT}{carrier.name}" if carrier.name in self._parts else carrier.name
        for _ in range(self._times):
            (seen,) = self._company.run([self._culprits], look=True, watch=watched)
            if line := seen.found.get("line", ""):
                file, colon, rest = line.partition(":")
                return msgspec.structs.replace(carrier, changed_at=f"{shown_path(file)}{colon}{rest}")
        return carrier


def _distinct(change: dict[str, str], when: str) -> str:
    """The value before or after; with what tells the two apart where they read the same."""
    identity = change.get(f"{when}_is")
    return f"{change[when]} ({identity})" if identity else change[when]


def _same(change: dict[str, str], other: dict[str, str]) -> bool:
    return change["name"] == other["name"]


def _rank(change: dict[str, str], uses: dict[str, int]) -> tuple[int, int, str]:
    """The smaller the likelier: what the test gets at before what it does not."""
    kind = _RANKS.find(change["kind"])
    distance = uses.get(change["module"], _FAR) if change["kind"] == "global" else 0
    return (_FAR if distance == _FAR else 0) + (kind if kind >= 0 else _FAR), distance, change["name"]


def _definition(change: dict[str, str], root: Path) -> str:
    """`file:line` where a global of the project is first given a value."""
    if change["kind"] != "global" or not change["module"]:
        return ""
    relative = Path(*change["module"].split("."))
    name = change["name"].removeprefix(change["module"] + ".").partition(".")[0].partition("[")[0]
    for base in (root, root / "src"):
        for path in (base / relative.with_suffix(".py"), base / relative / "__init__.py"):
            try:
                tree = ast.parse(path.read_bytes())
            except (OSError, SyntaxError, ValueError):
                continue
            for node in ast.walk(tree):
                targets = (
                    node.targets
                    if isinstance(node, ast.Assign)
                    else [node.target]
                    if isinstance(node, ast.AnnAssign)
                    else []
                )
                defines = isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name
                if defines or any(isinstance(target, ast.Name) and target.id == name for target in targets):
                    return f"{shown_path(str(path))}:{node.lineno}"  # type: ignore[attr-defined]
    return ""

"""The ancestors of each commit in an acyclic directed graph, as bit sets."""

from collections.abc import Sequence

_ALL = 4096
"""Up to so many commits, the ancestors of each are kept; with more, those of every sixteenth commit."""
_STRIDE = 16


class Ancestry:
    """The ancestors of each commit; commits are numbered so that parents come before children.

    50,000 commits take about 10 MB. If the ancestors of a commit are not kept, they are combined from those of the
    nearest commits whose ancestors are kept.
    """

    def __init__(self, parents: Sequence[Sequence[int]]) -> None:
        """`parents` has the parents of each commit. Raises ValueError if one does not come before its child."""
        self._parents = parents
        self.size = len(parents)
        stride = 1 if self.size <= _ALL else _STRIDE
        waiting = [0] * self.size
        """For each commit, how many children still need its ancestors."""
        for child, above in enumerate(parents):
            for parent in above:
                if not 0 <= parent < child:
                    raise ValueError(f"commit {child} comes before its parent {parent}")
                waiting[parent] += 1
        self._kept: dict[int, int] = {}
        passing: dict[int, int] = {}
        for number, above in enumerate(parents):
            bits = 1 << number
            for parent in above:
                bits |= passing[parent]
                waiting[parent] -= 1
                if not waiting[parent]:
                    del passing[parent]
            if waiting[number]:
                passing[number] = bits
            if not number % stride:
                self._kept[number] = bits

    def of(self, commit: int) -> int:
        """The commit itself and its ancestors, as a bit set."""
        if commit in self._kept:
            return self._kept[commit]
        bits, seen, waiting = 0, {commit}, [commit]
        while waiting:
            number = waiting.pop()
            if number in self._kept:
                bits |= self._kept[number]
                continue
            bits |= 1 << number
            for parent in self._parents[number]:
                if parent not in seen and not bits >> parent & 1:
                    seen.add(parent)
                    waiting.append(parent)
        return bits

    def parents(self, commit: int) -> Sequence[int]:
        """The parents of a commit among these commits."""
        return self._parents[commit]


def members(bits: int) -> list[int]:
    """The numbers whose bits are set, in order."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found

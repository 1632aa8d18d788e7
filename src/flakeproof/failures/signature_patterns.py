"""Failures that count as one flake although their signatures differ: by patterns in which `*` stands for anything."""

import re
from collections.abc import Iterable


class Alike:
    """Calls each signature by the first pattern that it fits, others by their own name."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """A signature without any `*` is a pattern that fits itself alone."""
        self._patterns = {text: re.compile(".*".join(map(re.escape, text.split("*"))), re.S) for text in patterns}
        self._known: dict[str, str] = {}

    def name(self, signature: str) -> str:
        """The pattern that it fits, or the signature itself."""
        if signature not in self._known:
            fitting = (text for text, pattern in self._patterns.items() if pattern.fullmatch(signature))
            self._known[signature] = next(fitting, signature)
        return self._known[signature]

    def names(self, signatures: Iterable[str]) -> list[str]:
        """Of several signatures, each once."""
        return list(dict.fromkeys(map(self.name, signatures)))

"""Notice which global generators are seeded by code that is imported: it wants what comes of that."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from flakeproof_worker.import_hooks import when_imported
from flakeproof_worker.randomness import GENERATORS


class SeedWatch:
    """Looks at `seed` of each generator from now on."""

    def __init__(self, names: Sequence[str] = GENERATORS) -> None:
        """`names` are those of modules."""
        self._seeded: set[str] = set()
        self._replaced: list[tuple[Any, Any, Any]] = []
        self._stopped = False
        for name in names:
            when_imported(name, self._look_at)

    def _look_at(self, module: ModuleType) -> None:
        if self._stopped:
            return
        named: Any = module
        original = named.seed

        def seed(*arguments: Any, **options: Any) -> None:
            given = arguments[0] if arguments else options.get("a", options.get("seed"))
            if given is None:  # from entropy: nobody wants the same again in each trial
                self._seeded.discard(module.__name__)
            else:
                self._seeded.add(module.__name__)
            original(*arguments, **options)

        named.seed = seed
        self._replaced.append((named, original, seed))

    def stop(self) -> set[str]:
        """Look no more; the names of the modules whose generators have been seeded."""
        self._stopped = True
        for module, original, ours in self._replaced:
            if module.seed is ours:
                module.seed = original
        self._replaced.clear()
        return self._seeded

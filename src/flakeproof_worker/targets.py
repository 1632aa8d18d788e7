"""Load the target that the coordinator has described, and run it while it is loaded."""

import sys
from collections.abc import Callable
from typing import Any

from flakeproof_worker.import_hooks import make_importable
from flakeproof_worker.loaded_target import Loaded
from flakeproof_worker.loader import load

ImportByPath = Callable[[str, str], None]


def with_target(
    target: dict[str, Any],
    run_seed: int,
    import_by_path: ImportByPath,
    begin: Callable[[Loaded], None],
    written: Callable[[], str],
) -> None:
    """Load `target` and call `begin` with it; `written` returns what was written to the streams meanwhile.

    Raises UnloadableError.
    """
    if target["kind"] != "command":
        make_importable()
    match target["kind"]:
        case "command":
            begin(Loaded())
        case "pytest":
            from flakeproof_worker.pytest_driver.drive import drive

            drive(target, run_seed, lambda selection: Loaded(selection=selection), begin, written)
        case _:
            begin(_load_function(target, import_by_path))


def _load_function(target: dict[str, Any], import_by_path: ImportByPath) -> Loaded:
    sys.argv = ["flakeproof"]
    sys.path.insert(0, target["folder"])
    for name, folder in target["packages"].items():
        if name not in sys.modules:
            import_by_path(name, folder)
    function, is_async = load(target["module"], target["attribute"], target["arguments"])
    new_loop = None
    if target["loop"]:
        module, _, attribute = target["loop"].partition(":")
        new_loop, _ = load(module, attribute, {})
    return Loaded(function=function, is_async=is_async, new_loop=new_loop)

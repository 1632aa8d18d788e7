"""Start a worker process: ``python .../flakeproof_worker CONTROL_FD BOARD_FD``; the coordinator does this.

With one descriptor only, a worker process has started this process to run a single trial.

Any Python, even 2.7, can run this file, so that a Python that is too old gets a clear message.
"""

import os
import sys

_OLDEST = (3, 11)


def import_by_path(name, folder):
    # type: (str, str) -> None
    """Make package `name` importable from `folder` alone, without putting its neighbours on ``sys.path``."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        name,
        os.path.join(folder, "__init__.py"),  # noqa: PTH118 - there is no pathlib in 2.7
        submodule_search_locations=[folder],
    )
    if spec is None or spec.loader is None:
        raise ImportError("no package in " + folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def refuse(descriptor):
    # type: (int) -> None
    """Tell the coordinator that this Python is too old."""
    import json

    found, oldest = (".".join(map(str, version)) for version in (sys.version_info[:3], _OLDEST))
    text = "{} is Python {}; tests need Python {} or later to run under flakeproof".format(  # noqa: UP032
        sys.executable, found, oldest
    )
    message = {"type": "unloadable", "kind": "old", "message": text, "details": ""}
    os.write(descriptor, json.dumps(message).encode() + b"\n")
    sys.exit(text)


if __name__ == "__main__":
    if sys.version_info < _OLDEST:
        refuse(int(sys.argv[1]))
    here = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120
    if sys.path and sys.path[0] and os.path.realpath(sys.path[0]) == here:
        del sys.path[0]
    if "flakeproof_worker" not in sys.modules:
        import_by_path("flakeproof_worker", here)
    if len(sys.argv) == 2:
        from flakeproof_worker.fresh_process import run_alone

        run_alone(int(sys.argv[1]), import_by_path)
    from flakeproof_worker.process import serve

    serve(int(sys.argv[1]), int(sys.argv[2]), import_by_path)

"""Start a worker process: ``python .../flakeproof_worker CONTROL_FD BOARD_FD``; the coordinator does this.

With one descriptor only it is a process for one trial, which a worker process has started.
"""

import importlib.util
import sys
from pathlib import Path


def import_by_path(name: str, folder: str) -> None:
    """Make package `name` importable from `folder` alone, without putting its neighbours on ``sys.path``."""
    spec = importlib.util.spec_from_file_location(
        name, str(Path(folder, "__init__.py")), submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no package in {folder}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    here = str(Path(__file__).resolve().parent)
    if sys.path and sys.path[0] and Path(sys.path[0]).resolve() == Path(here):
        del sys.path[0]
    if "flakeproof_worker" not in sys.modules:
        import_by_path("flakeproof_worker", here)
    if len(sys.argv) == 2:
        from flakeproof_worker.alone import run_alone

        run_alone(int(sys.argv[1]), import_by_path)
    from flakeproof_worker.process import serve

    serve(int(sys.argv[1]), int(sys.argv[2]), import_by_path)

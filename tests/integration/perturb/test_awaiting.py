"""What a chosen line starts has ended before the next line runs."""

from pathlib import Path

import msgspec
import pytest
from tests.integration.perturb.conftest import Runner

from flakeproof.features.run.recorded_run import conduct
from flakeproof.model import RunSpec

STARTS = """
import multiprocessing, os, subprocess, threading

ENDS_BY_ITSELF = True

def thread():
    told = threading.Event()
    work = threading.Thread(target=lambda: ENDS_BY_ITSELF or told.wait())
    work.start()  # thread
    ended = not work.is_alive()
    told.set()
    work.join()
    assert ended

def child():
    work = subprocess.Popen(["true" if ENDS_BY_ITSELF else "cat"], stdin=subprocess.PIPE)  # child
    ended = work.returncode is not None
    work.communicate()
    assert ended

def process():
    heard, told = os.pipe()
    work = multiprocessing.get_context("fork").Process(target=lambda: ENDS_BY_ITSELF or os.read(heard, 1))
    work.start()  # process
    ended = work.exitcode is not None
    os.write(told, b".")
    work.join()
    assert ended
"""


@pytest.mark.parametrize("name", ["thread", "child", "process"])
def test_what_a_line_starts_is_waited_for(
    run: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """At that line, and at no other one."""
    line = 1 + STARTS[: STARTS.index(f"# {name}")].count("\n")

    def conducted(spec: RunSpec, *rest: object, **more: object) -> object:
        around = msgspec.structs.replace(spec.perturbations, awaits=[f"{tmp_path}/perturbed.py:{line}"])
        return conduct(msgspec.structs.replace(spec, perturbations=around), *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("flakeproof.api.conduct", conducted)
    assert run(STARTS, name, count=2).failed == 0
    goes_on = run(STARTS.replace("ITSELF = True", "ITSELF = False"), name, count=1)
    assert "starts goes on for more than" in goes_on.signatures[0].example.message
    line += 1
    assert run(STARTS.replace("ITSELF = True", "ITSELF = False"), name, count=2).passed == 0

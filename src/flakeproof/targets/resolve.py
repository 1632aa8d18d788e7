"""Turn the user's words into a target that a worker process can load."""

import difflib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from flakeproof.errors import UsageError
from flakeproof.model import CallableTarget
from flakeproof.scenarios.catalogue import SCENARIOS, Scenario
from flakeproof.targets import interpreter
from flakeproof.text import shortened
from flakeproof.version import PACKAGE

_CALLABLE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def resolve(
    name: str,
    settings: Mapping[str, str],
    folder: Path,
    *,
    python: str | None = None,
    loop: str | None = None,
) -> CallableTarget:
    """The target called `name`, with `settings` of a scenario and the working directory `folder`.

    Raises UsageError if the name is neither a scenario nor of the form module:function.
    """
    if name in SCENARIOS:
        return _scenario(SCENARIOS[name], settings, folder, python, loop)
    if settings:
        raise UsageError(
            f"{name} takes no settings: {', '.join(f'{key}={value}' for key, value in settings.items())} cannot apply",
            f"--server, --settle and --set are for scenarios: {', '.join(SCENARIOS)}",
        )
    for value, what, wanted, remedy in (
        (name, "target", "neither a scenario nor module:function", _FORMS),
        (loop, "--loop", "not module:function", "write it like uvloop:new_event_loop"),
    ):
        if value is not None and not _CALLABLE.fullmatch(value):
            raise UsageError(f"{what} {shortened(value)!r} is {wanted}{_hint(value)}", remedy)
    module, _, attribute = name.partition(":")
    found = interpreter.choose(python, folder, os.environ)
    return CallableTarget(
        name=name,
        module=module,
        attribute=attribute,
        python=found.path,
        python_from=found.why,
        folder=str(folder),
        loop=loop,
    )


_FORMS = (
    f"a target is a scenario ({', '.join(SCENARIOS)}), a Python function written pkg.module:function, "
    "tests as pytest names them (tests/test_x.py::test_y), or a command after --"
)


NOT_MONITORED = "none"


def is_function(name: str) -> bool:
    """Whether `name` has the form module:function."""
    return _CALLABLE.fullmatch(name) is not None


def scenario_of(name: str) -> Scenario | None:
    """The scenario called `name`, if there is one."""
    return SCENARIOS.get(name)


def _scenario(
    scenario: Scenario, settings: Mapping[str, str], folder: Path, python: str | None, loop: str | None
) -> CallableTarget:
    if loop is not None and not _CALLABLE.fullmatch(loop):
        raise UsageError(f"--loop {shortened(loop)!r} is not module:function", "write it like uvloop:new_event_loop")
    arguments = scenario.arguments(settings)
    io = str(arguments.pop("io"))
    if arguments.get("monitor") == NOT_MONITORED:
        del arguments["monitor"]  # nothing that a run without it would have to mention
    return CallableTarget(
        name=scenario.name,
        scenario=scenario.name,
        module=scenario.module,
        attribute=scenario.trials[io],
        arguments=arguments,
        loop=loop or scenario.loops.get(io),
        python=interpreter.choose(python, folder, os.environ).path if python else sys.executable,
        folder=str(folder),
        packages={"flakeproof": PACKAGE},
        descriptors_per_trial=scenario.descriptors_per_trial,
        ports_per_trial=scenario.ports_per_trial,
    )


def _hint(value: str) -> str:
    close = difflib.get_close_matches(value, SCENARIOS, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    module, _, attribute = value.rpartition(".")
    return f"; did you mean {module}:{attribute}?" if _CALLABLE.fullmatch(f"{module}:{attribute}") else ""

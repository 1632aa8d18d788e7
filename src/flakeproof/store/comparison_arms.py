"""What the record of a comparison says of its arms, which are runs of their own."""

from contextlib import suppress
from pathlib import Path

import msgspec

from flakeproof.store.log import PAIRS_NAME


class _Target(msgspec.Struct):
    name: str


class _Spec(msgspec.Struct):
    target: _Target


class _Arm(msgspec.Struct):
    name: str
    spec: _Spec


class _Arms(msgspec.Struct):
    arms: list[_Arm]


class _Started(msgspec.Struct):
    spec: _Arms
    runs: list[str]


class RecordedArm(msgspec.Struct, frozen=True):
    """An arm."""

    name: str
    run: str
    """Id of the run that has its trials."""
    target: str


def arms_of(folder: Path) -> list[RecordedArm] | None:
    """The arms that the first line of the record names; None if it is not the record of a comparison."""
    with suppress(OSError, msgspec.DecodeError), (folder / PAIRS_NAME).open("rb") as file:
        started = msgspec.json.decode(file.readline(), type=_Started)
        return [
            RecordedArm(arm.name, run, arm.spec.target.name)
            for arm, run in zip(started.spec.arms, started.runs, strict=True)
        ]
    return None

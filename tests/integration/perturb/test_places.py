"""What --timezone and --locale change around a test."""

from collections.abc import Callable
from pathlib import Path

import pytest

import flakeproof
from flakeproof.errors import UsageError
from flakeproof.events import AnyEvent, TrialFailed
from flakeproof.perturbations import regions

Messages = Callable[..., dict[int, str]]

TELLS = """
import os
import sys
import time

START = time.tzname

def check():
    raise AssertionError(f"{os.environ.get('TZ')} {time.localtime(0).tm_gmtoff} {START[0]}")

def language():
    raise AssertionError(f"{os.environ.get('LC_ALL')} {os.environ.get('LANG')} {sys.flags.utf8_mode}")
"""
SHELL = ["sh", "-c", "echo $TZ $LC_ALL; exit 1"]


def test_a_zone(messages: Messages) -> None:
    """It is there from the start of the process; several tests at once can share it."""
    shown = messages(TELLS, timezone="Asia/Kathmandu", workers=3)

    assert set(shown.values()) == {"Asia/Kathmandu 19800 +0545"}  # until 1986 it was half an hour


def test_zones_are_drawn(messages: Messages) -> None:
    """For each test one, the same in every kind of process, and for a command."""
    shared, forked = (messages(TELLS, timezone="random", isolation=isolation) for isolation in ("shared", "fork"))
    commands = messages("", SHELL, timezone="random")

    zone = {trial: text.split()[0] for trial, text in shared.items()}
    assert set(zone.values()) <= set(regions.NASTY_ZONES)
    assert len(set(zone.values())) >= 3
    assert len({text.split()[1] for text in shared.values()}) >= 3
    assert shared == forked
    assert commands == {trial: f"exit status 1: {name}" for trial, name in zone.items()}


@pytest.mark.long
def test_a_zone_of_its_own_from_the_start(messages: Messages) -> None:
    """In a new interpreter, what is imported sees the zone of the test already."""
    shared, fresh = (messages(TELLS, timezone="random", isolation=isolation) for isolation in ("shared", "fresh"))

    assert {trial: text.rsplit(" ", 1)[0] for trial, text in shared.items()} == {
        trial: text.rsplit(" ", 1)[0] for trial, text in fresh.items()
    }
    assert len({text.split()[2] for text in fresh.values()}) >= 3


def test_the_zone_is_put_back(run: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that runs one test after the other has its own again between them."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    code = f"""
import atexit, os, time
atexit.register(lambda: open({str(tmp_path / "end")!r}, "w").write(f"{{os.environ['TZ']}} {{time.tzname[0]}}"))
def check(): pass
"""
    run(code, timezone="random")

    assert (tmp_path / "end").read_text() == "Asia/Tokyo JST"


def test_a_failure_tells_what_was_drawn(run: Callable[..., object]) -> None:
    """Beside its message; what is fixed is in the settings anyway."""
    found: list[tuple[str, list[str]]] = []

    def hear(event: AnyEvent) -> None:
        if isinstance(event, TrialFailed):
            found.append((event.failure.message, event.failure.details.get("drawn", [])))

    run(TELLS, "language", count=3, timezone="random", locale="random", on_event=hear)

    for message, (zone, locale) in found:
        assert zone.removeprefix("--timezone ") in regions.NASTY_ZONES
        assert message.split()[1] == message.split()[2] == locale.removeprefix("--locale ")


def test_a_locale(messages: Messages) -> None:
    """LC_ALL and LANG are those of the process from its start; for a command of each test."""
    assert set(messages(TELLS, "language", locale="C").values()) == {"C C 1"}
    assert set(messages(TELLS, "language", locale="C.UTF-8", isolation="fork").values()) == {"C.UTF-8 C.UTF-8 0"}
    drawn = messages("", SHELL, locale="random", count=12)
    installed = {name for name in regions.NASTY_LOCALES if regions.is_installed(name)}
    assert {text.split()[-1] for text in drawn.values()} <= installed
    assert len(set(drawn.values())) >= 2


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"timezone": "random", "workers": 4, "processes": 2}, "tests that run at once in one process share its time"),
        ({"timezone": "Europe/Berln"}, "Europe/Berln: no such time zone"),
        ({"timezone": "a b"}, "'a b' is no time zone"),
        ({"locale": "xx_XX.UTF-8"}, "the locale xx_XX.UTF-8 is not installed"),
        ({"locale": "/etc"}, "'/etc' is no locale"),
        ({"random_seed": 3, "workers": 4, "processes": 2}, "share its generators"),
        ({"random_seed": "some"}, "or write each"),
        ({"hash_seed": 2**32}, "or write random"),
        ({"network": "lan"}, "'lan' is no fault of a network"),
        ({"clock": "x0"}, "a clock can be"),
        ({"clock": "xfast"}, "'xfast' is no speed"),
    ],
)
def test_what_cannot_be(run: Callable[..., object], options: dict[str, object], named: str) -> None:
    """It is said before anything runs."""
    with pytest.raises(UsageError, match=named):
        run("def check(): pass", **options)


def test_what_the_command_itself_is_given(tmp_path: Path) -> None:
    """A variable cannot be one thing and another."""
    with pytest.raises(UsageError, match=r"timezone= random and --env TZ=UTC contradict each other"):
        flakeproof.run(["true"], env={"TZ": "UTC"}, timezone="random", store=tmp_path)


def test_zones_that_are_written_out(messages: Messages) -> None:
    """As POSIX has it, without a name of any list."""
    shown = messages(TELLS, timezone="<-11>11", count=1)

    assert shown == {1: "<-11>11 -39600 -11"}

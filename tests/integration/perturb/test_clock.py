"""What --clock does to the time of day."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from tests.integration.perturb.conftest import Runner
from tests.tools import environment

import flakeproof
from flakeproof_worker.shared import instants

BOTH = """
import copy
import dataclasses
import datetime
import email.utils
import enum
import pickle
import time
import typing
from datetime import date, datetime as dt
from multiprocessing.reduction import ForkingPickler as Sending

def agree():
    clocks = [
        time.time(),
        time.time_ns() / 1e9,
        time.mktime(time.localtime()),
        dt.now().timestamp(),
        dt.now(datetime.UTC).timestamp(),
        dt.today().timestamp(),
        time.mktime(time.strptime(time.ctime())),
        time.mktime(time.strptime(time.strftime("%Y-%m-%d %H:%M:%S"), "%Y-%m-%d %H:%M:%S")),
    ]
    assert max(clocks) - min(clocks) < 2, clocks
    assert date.today() == dt.now().date() or dt.now().hour == 0
    for _ in range(200):  # something else may run between two looks
        start, real = time.time(), time.monotonic()
        time.sleep(0.01)
        if abs((time.time() - start) - (time.monotonic() - real)) < 0.01:
            break
    else:
        raise AssertionError("the clock does not go as time does")

def shows():
    agree()
    raise AssertionError(f"{dt.now():%Y-%m-%d}")

class Mine(dt):
    pass

def behaves():
    now, today = dt.now(), date.today()
    fixed = dt(2024, 2, 29, 1, tzinfo=datetime.UTC), dt(2024, 1, 1, fold=1), dt.fromisoformat("2024-01-01")
    for one in (now, today, *fixed):
        assert pickle.loads(pickle.dumps(one)) == one
        assert copy.deepcopy(one) == one
        assert Sending.loads(Sending.dumps(one)) == one
        assert repr(one).startswith(("datetime.datetime(", "datetime.date("))
        assert eval(repr(one)) == one
        assert isinstance(one, date)
    assert pickle.loads(pickle.dumps(dt(2024, 1, 1, fold=1))).fold == 1
    assert isinstance(now, dt) and not isinstance(today, dt)
    assert issubclass(dt, date) and issubclass(Mine, dt) and not issubclass(int, date)
    assert type(Mine.now()) is Mine and isinstance(Mine(2024, 1, 1), dt) and not isinstance(now, Mine)
    assert now + datetime.timedelta(days=1) > now and dt.min < now < dt.max
    assert dt.strptime("2024-01-01", "%Y-%m-%d") == dt(2024, 1, 1)
    assert dt.combine(today, datetime.time()).date() == today
    assert email.utils.parsedate_to_datetime("Mon, 01 Jan 2024 00:00:00 +0000") == dt(2024, 1, 1, tzinfo=datetime.UTC)
    assert {dt: 1}[dt] == 1 and hash(now) == hash(copy.copy(now))
    match now:
        case dt(year=year):
            assert year == now.year

class Meta(type):
    pass

class Limited(date, metaclass=Meta):  # as libraries that check what they are given have them
    pass

class Stamp(dt, metaclass=Meta):
    pass

class Holiday(date, enum.Enum):
    NEW_YEAR = 2024, 1, 1

@dataclasses.dataclass
class Entry:
    day: date
    at: dt = dataclasses.field(default_factory=dt.now)

def is_derived_from():
    assert type(Limited.today()) is Limited and type(Stamp.now()) is Stamp and type(Stamp.today()) is Stamp
    assert Limited.today() == date.today() or dt.now().hour == 0
    assert pickle.loads(pickle.dumps(Stamp(2024, 1, 1))) == Stamp(2024, 1, 1) and Holiday.NEW_YEAR < date(2024, 1, 2)
    assert typing.get_type_hints(Entry) == {"day": date, "at": dt} and type(Entry(date.today()).at) is dt
    assert type(dt.now()) is dt and type(date.today()) is date and type(dt.fromisoformat("2024-01-01")) is dt
    assert type(email.utils.localtime()) is dt and dt is type(dt.min) and dt.today.__self__ is dt

def crosses_the_second():
    second = int(time.time())
    time.sleep(0.002)
    assert int(time.time()) == second, "another second"
"""


def test_an_instant(run: Runner) -> None:
    """Each trial begins then, and time goes on from there."""
    summary = run(BOTH, "shows", count=3, clock="2024-02-29T12:00:00")

    assert summary.signatures[0].example.message.endswith("2024-02-29")


def test_a_shift(run: Runner) -> None:
    """Of some days, for all clocks alike."""
    summary = run(BOTH, "shows", count=3, clock="+400d")

    shown = datetime.fromisoformat(summary.signatures[0].example.message.split()[-1])
    assert 398 <= (shown - datetime.now()).days <= 400


@pytest.mark.parametrize("clock", ["boundaries", "-30d"])
def test_classes_are_what_they_were(run: Runner, clock: str) -> None:
    """isinstance, pickle, copies, repr, derived classes."""
    summary = run(BOTH, "behaves", clock=clock)

    assert (summary.passed, summary.failed) == (20, 0), summary.signatures


def test_classes_can_be_derived_from(run: Runner) -> None:
    """With metaclasses of their own, in enumerations and data classes, also by who had imported them before."""
    summary = run(BOTH, "is_derived_from", count=2, clock="-30d")

    assert (summary.passed, summary.failed) == (2, 0), summary.signatures


TRAVELS = """
import time
from datetime import date, datetime

def test_models():
    import pydantic

    class Entry(pydantic.BaseModel):
        day: date
        at: datetime

    entry = Entry(day="2024-01-02", at="2024-01-02T00:00:00")
    assert type(entry.day) is date and type(entry.at) is datetime and pydantic.condate(ge=date(2020, 1, 1))

def travel(elsewhere):
    assert datetime.now().year == date.today().year == time.gmtime().tm_year == 2031
    for _ in range(2):
        with elsewhere:
            assert datetime.now().year == date.today().year == time.gmtime().tm_year == 2012
        assert datetime.now().year == date.today().year == time.gmtime().tm_year == 2031

def test_frozen():
    import freezegun
    travel(freezegun.freeze_time("2012-01-14"))

def test_travelling():
    import time_machine
    travel(time_machine.travel("2012-01-14", tick=False))
"""


@pytest.mark.long
def test_others_that_change_clocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside pydantic 1, which derives from dates, freezegun and time-machine, which set clocks themselves."""
    python = environment(
        *(tmp_path / "with", "pydantic==1.10.27", "freezegun==1.5.5", "time-machine==3.6.0", "pytest==9.2.0")
    )
    (tmp_path / "test_travels.py").write_text(TRAVELS)
    monkeypatch.chdir(tmp_path)
    summary = flakeproof.run(
        "test_travels.py", python=python, count=2, workers=1, clock="2031-05-05T12:00:00", store=tmp_path / "store"
    )

    assert (summary.passed, summary.failed) == (2, 0), summary.signatures


def test_boundaries_are_crossed(run: Runner) -> None:
    """Which a short test hardly ever does otherwise."""
    plain, shifted = (
        run(BOTH, "crosses_the_second", count=40),
        run(BOTH, "crosses_the_second", clock="boundaries", count=40),
    )

    assert shifted.failed > max(3, plain.failed)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A zone with daylight saving."""
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_boundaries() -> None:
    """Each trial begins at most a second before one; all kinds come up, and the same seed gives the same."""
    now = datetime(2026, 11, 23, 1, 0, 0).timestamp()
    seen = set()
    for seed in range(400):
        shift = instants.shift(instants.BOUNDARIES, seed, now)
        assert shift == instants.shift(instants.BOUNDARIES, seed, now)
        begun = now + shift
        after = datetime.fromtimestamp(begun + 1)
        before = datetime.fromtimestamp(begun)
        assert before.second == 59 or after.second != before.second
        seen.add(f"{after:%Y-%m-%d %H:%M}")
    expected = {"2026-12-01 00:00", "2027-01-01 00:00", "2028-02-29 00:00", "2028-03-01 00:00", "2026-11-24 00:00"}
    expected |= {"2027-03-28 03:00", "2026-11-23 02:00", "2026-11-23 01:01"}
    assert expected <= seen


@pytest.mark.parametrize("text", ["soon", "+", "2024-02-30", "+200000d", ""])
def test_bad_clocks(text: str) -> None:
    """They are named, with what is written."""
    from flakeproof.perturbations.clock import parse_clock

    with pytest.raises(ValueError, match=r"no time|duration|hundred years|month"):
        parse_clock(text)


@pytest.mark.parametrize(("clock", "low", "high"), [("x4", 3.9, 4.1), ("x0.25", 0.24, 0.26)])
def test_a_speed(run: Runner, clock: str, low: float, high: float) -> None:
    """All clocks of the time of day go as fast as asked for, from the true time on; monotonic ones stay."""
    code = f"""
import datetime, time
from datetime import UTC

def check():
    start, real, before = time.time(), time.monotonic(), datetime.datetime.now(UTC)
    while time.monotonic() - real < 0.05:
        pass
    took = time.monotonic() - real
    for shown in (time.time() - start, (datetime.datetime.now(UTC) - before).total_seconds()):
        assert {low} * took - 0.002 < shown < {high} * (time.monotonic() - real) + 0.002
"""
    summary = run(code, count=5, clock=clock)

    assert (summary.passed, summary.failed) == (5, 0), summary.signatures

"""`--delay` and `--freeze`: pauses at lines of Python code, and moments in which the processes of a test stop."""

import difflib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import CallableTarget, CommandTarget, Delay, Freeze, PytestTarget, Target
from flakeproof.perturbations.perturbation import PerturbationKind, always
from flakeproof.text import parse_duration, parse_rate, rate, short_duration, shortened, shown_path
from flakeproof_worker.shared import user_code
from flakeproof_worker.shared.user_code import OwnCode


def parse_span(text: str, longest: float, named: str) -> tuple[float, float]:
    """Seconds of the shortest and the longest pause; no pause may exceed `longest` seconds, called `named`.

    Raises ValueError.
    """
    low, dots, high = text.partition("..")
    least = parse_duration(low)
    most = parse_duration(high) if dots else least
    if most < least:
        raise ValueError(f"{text!r}: the longest pause is shorter than the shortest; write it like 1ms..50ms")
    if most == 0:
        raise ValueError(f"{text!r} is no pause at all")
    if most > longest:
        raise ValueError(f"{text!r} is more than {named}")
    return least, most


def parse_chance(text: str) -> float:
    """The probability in `p=0.1`. Raises ValueError."""
    name, equals, value = text.partition("=")
    if name != "p" or not equals:
        raise ValueError(f"{shortened(text)!r} is not a probability; write it like @p=0.1")
    return parse_rate(value)


def written_span(least: float, most: float) -> str:
    """The span as a user would type it."""
    return short_duration(least) + (f"..{short_duration(most)}" if most != least else "")


_FORM = "FILE:FUNCTION:1ms..50ms@p=0.1 or FILE:LINE:20ms"
_LONGEST_DELAY = 3600.0
_SKIPPED = re.compile(r"^(?:\..*|__pycache__|node_modules|site-packages|dist-packages)$")
_NEAR = 3


def parse_delays(given: Any) -> str:
    """Join the delays in `given`, a text or a list of texts, by commas. Raises ValueError."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{given!r} is no text; write it like {_FORM}")
    parts = [part.strip() for text in texts for part in text.split(",")]
    for part in parts:
        _parsed(part)
    return ",".join(parts)


def delays_in(text: str) -> list[Delay]:
    """The delays in a text, separated by commas. Raises ValueError."""
    return [_parsed(part.strip()) for part in text.split(",")]


def _parsed(text: str) -> Delay:
    place, at, chance = text.partition("@")
    try:
        file, where, length = place.rsplit(":", 2)
    except ValueError:
        raise ValueError(f"{shortened(text)!r} is not a delay; write it like {_FORM}") from None
    if not file or not where:
        raise ValueError(f"{shortened(text)!r} does not say where; write it like {_FORM}")
    least, most = parse_span(length, _LONGEST_DELAY, "an hour")
    probability = parse_chance(chance) if at else 1.0
    return Delay(file=file, where=where, least=least, most=most, probability=probability)


def written_delay(delay: Delay) -> str:
    """`delay` as a user would type it."""
    length = written_span(delay.least, delay.most)
    chance = f"@p={delay.probability:g}" if delay.probability != 1 else ""
    return f"{delay.file}:{delay.where}:{length}{chance}"


def name_of(path: Path, target: CallableTarget | PytestTarget) -> str:
    """A name that selects only this file in a delay: the name shown to users, if it is unique, else the path."""
    own, shown = OwnCode(own_folders(target)), shown_path(str(path))
    meant = [one for one in _files(shown, target) if user_code.fits_file(shown, str(one), own)]
    return shown if meant == [path] else str(path)


def own_folders(target: CallableTarget | PytestTarget) -> list[str]:
    """The folders of the target's own code."""
    return [target.folder, *(target.packages.values() if isinstance(target, CallableTarget) else ())]


def _check_all(delays: list[Delay], source: str, target: Target) -> None:
    assert not isinstance(target, CommandTarget)
    for delay in delays:
        _check(delay, source, target)


def _check(delay: Delay, source: str, target: CallableTarget | PytestTarget) -> None:
    """Raise UsageError if the delay selects no code."""
    own = OwnCode(own_folders(target))
    files = [path for path in _files(delay.file, target) if user_code.fits_file(delay.file, str(path), own)]
    shown = f"{source} {written_delay(delay)}"
    if not files:
        raise UsageError(
            f"{shown}: no Python file below {target.folder} is called {delay.file}",
            "give the name of a file, the end of its path, or a glob; outside the project, its whole path",
        )
    names: set[str] = set()
    lines: set[int] = set()
    for path in files:
        for code in _codes(path):
            if user_code.line_of(delay.where) is None and user_code.fits_function(delay.where, code):
                return
            if user_code.is_function(code):
                names |= {code.co_name, *user_code.names_of(code)}
            lines |= user_code.lines_of(code)
    line = user_code.line_of(delay.where)
    if line is None and names:
        close = difflib.get_close_matches(delay.where, sorted(names), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"{shown}: no function in {_named(files)} is called {delay.where}{hint}", f"write it {_FORM}")
    if line is not None and lines and line not in lines:
        near = sorted(sorted(lines, key=lambda one: abs(one - line))[:_NEAR])
        raise UsageError(
            f"{shown}: there is no code at line {line} of {_named(files)}",
            f"the nearest lines with code are {', '.join(map(str, near))}",
        )


def _named(files: list[Path]) -> str:
    return files[0].name if len(files) == 1 else f"{len(files)} files"


def _files(glob: str, target: CallableTarget | PytestTarget) -> Iterator[Path]:
    """Python files that `glob` may select."""
    if glob.startswith("/"):
        path = Path(glob)
        if path.is_file():
            yield path
        else:
            yield from (found for found in Path("/").glob(glob.lstrip("/")) if found.is_file())
        return
    for folder in own_folders(target):
        yield from _below(Path(folder))


def _below(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.is_dir():
            if not entry.is_symlink() and not _SKIPPED.match(entry.name) and not (entry / "pyvenv.cfg").exists():
                yield from _below(entry)
        elif entry.suffix == ".py":
            yield entry


def _codes(path: Path) -> list[CodeType]:
    """Every code object in the file; none if this interpreter cannot compile it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the warnings concern the user's code
            top = compile(path.read_bytes(), str(path), "exec")
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    found, waiting = [], [top]
    while waiting:
        code = waiting.pop()
        found.append(code)
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return found


def _words_delay(delays: list[Delay]) -> list[str]:
    return [word for delay in delays for word in ("--delay", written_delay(delay))]


DELAY = PerturbationKind(
    "delay", "delays", parse_delays, _words_delay, read=delays_in, only_python=True, check=_check_all
)


_LONGEST_FREEZE = 1.0
_DEFAULT_SHARE = 0.25
_MOST_SHARE = 0.9


def _parse(given: Any) -> str:
    return _written(_freeze_in(str(given)))


def _freeze_in(text: str) -> Freeze:
    """The freeze in `text`. Raises ValueError."""
    length, at, chance = text.strip().partition("@")
    least, most = parse_span(length, _LONGEST_FREEZE, "a second")
    share = parse_chance(chance) if at else _DEFAULT_SHARE
    if share > _MOST_SHARE:
        most_shown = rate(_MOST_SHARE)
        raise ValueError(f"{chance!r}: tests that are stopped for more than {most_shown} of the time make no progress")
    return Freeze(least=least, most=most, share=share)


def _written(freeze: Freeze) -> str:
    return f"{written_span(freeze.least, freeze.most)}@p={freeze.share:g}"


def _words_freeze(freeze: Freeze) -> list[str]:
    return ["--freeze", _written(freeze)]


FREEZE = PerturbationKind("freeze", "freeze", _parse, _words_freeze, read=_freeze_in, own_process=always)

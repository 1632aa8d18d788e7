"""Lines of a CI log without what the CI system has put around them, and what it says of the job itself."""

import re
from collections.abc import Iterator

_LONGEST = 2_500
"""Characters of a line that are looked at; what is read stands at its beginning."""
_MOST_HELD = 1_000_000
"""Bytes of a line without an end that are kept."""
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b_[^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?"
)
"""Escape sequences: CSI, OSC, and APC, in which Buildkite puts its timestamps (ECMA-48)."""
_STAMP = re.compile(
    r"\ufeff?\[?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)\]? (?:[0-9a-f]{2}[OE][+ ]?)?"
)
"""GitHub Actions, Jenkins (`[…]`), and GitLab, which has the stream after it (`01O `, `00E+`)."""
_SECTION = re.compile(r"section_(?:start|end):\d+:[\w.-]*(?:\[\w=,-]*\])?")
_BUILDKITE = re.compile(r"_bk;t=\d+\x07?")
_BAR = re.compile(r"^[^|\t]*\t[^\t]*\t(?=\ufeff?\d{4}-\d\d-\d\dT)")
"""`gh run view --log`: job, step, then the line."""


class LogLine:
    """One line."""

    __slots__ = ("number", "stamp", "text")

    def __init__(self, number: int, text: str, stamp: str) -> None:
        self.number = number
        self.text = text
        """Without decoration."""
        self.stamp = stamp
        """When it was written, as the CI system says; "" if it does not."""


def read(chunks: Iterator[bytes]) -> Iterator[LogLine]:
    """The lines of a log that comes in `chunks`; never more than one of them, and no very long one, is in memory."""
    number, rest, skipping = 0, b"", False
    for chunk in chunks:
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        for raw in lines:
            if skipping:
                skipping = False
                continue
            number += 1
            yield _line(number, raw)
        if len(rest) > _MOST_HELD:
            if not skipping:
                number += 1
                yield _line(number, rest)
            rest, skipping = b"", True
    if rest and not skipping:
        yield _line(number + 1, rest)


def _line(number: int, raw: bytes) -> LogLine:
    if b"\r" in raw:  # what was written over: a terminal shows the last
        raw = raw.rstrip(b"\r").rsplit(b"\r", 1)[-1] if b"\x1b[0K" not in raw else raw.replace(b"\r", b"")
    text = raw[:_LONGEST].decode("utf-8", "replace")
    stamp = ""
    if "\t" in text:
        text = _BAR.sub("", text)
    if (found := _STAMP.match(text)) is not None:
        stamp, text = found[1], text[found.end() :]
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "_bk;t=" in text:
        text = _BUILDKITE.sub("", text)
    if "section_" in text:
        text = _SECTION.sub("", text)
    return LogLine(number, text.rstrip(), stamp)


_COMMAND = re.compile(
    r"(?:##\[group\]Run |##\[command\]|\$ |\+ |> )?((?:\S+=\S* )*(?:\S*/)?"
    r"(?:(?:python[\d.]* -m )?py\.?test|go test|gotestsum|(?:npx (?:--\S+ )*)?(?:jest|vitest)|mvnw?|"
    r"cargo (?:nextest|test))(?: .*)?)$"
)
_ENVIRONMENT = re.compile(
    r"(?<![\w$.{])(?P<name>PYTHONHASHSEED|TZ)(?::\s*|=)(?P<quote>['\"]?)(?P<value>[\w/+:-]+)(?P=quote)(?=[\s;]|$)"
)
_COMMITS = (
    re.compile(
        r"(?:HEAD is now at|Checking out(?: Revision)?|Commit:?|commit:?|GITHUB_SHA[:=]|CI_COMMIT_SHA[:=]|"
        r"GIT_COMMIT[:=]|BUILDKITE_COMMIT[:=]|\$ git checkout (?:-\S+ )*)\s*[\"']?([0-9a-f]{7,40})\b"
    ),
    re.compile(r"'?([0-9a-f]{40})'?$"),
)
_PROVIDERS = (
    ("GitHub Actions", re.compile(r"##\[(?:group|endgroup|section|command|error)\]|Current runner version: ")),
    ("GitLab CI", re.compile(r"Running with gitlab-runner |Getting source from Git repository")),
    (
        "Jenkins",
        re.compile(r"\[Pipeline\] |Started by user |Building (?:remotely|in workspace)|Finished: (?:FAILURE|SUCCESS)"),
    ),
    ("Buildkite", re.compile(r"~~~ |BUILDKITE_\w+=|Running (?:global|plugin|local) \w+ hook")),
)
_CAPTURED = re.compile(r"flakeproof-ci (.*)")
_WORD = re.compile(r"(PYTHONHASHSEED|TZ|cores|started|commit)=([\w/+:.-]{1,80})")
_NAMES = {"PYTHONHASHSEED": "hash seed", "TZ": "time zone", "cores": "cores", "started": "started", "commit": "commit"}


_TELLING = re.compile(
    r"##\[|gitlab|Getting source|Current runner|Pipeline\]|Started by|Building |Finished: |~~~ |BUILDKITE|Running |"
    r"flakeproof-ci|PYTHONHASHSEED|TZ|py\.?test|go test|gotestsum|jest|vitest|mvn|"
    r"cargo |HEAD is|Checking out|[Cc]ommit|SHA|COMMIT|checkout|'?[0-9a-f]{40}"
)
"""Lines without any of these tell nothing; most of a log is such."""


def facts_in(text: str) -> Iterator[tuple[str, str]]:
    """Names and values of facts about the job in a line around the output of a runner."""
    if _TELLING.search(text) is None:
        return
    for provider, pattern in _PROVIDERS:
        if pattern.match(text):
            yield "provider", provider
    if (found := _CAPTURED.match(text)) is not None:  # what `flakeproof ci --capture` prints
        for name, value in _WORD.findall(found[1]):
            yield _NAMES[name], value
        return
    if "PYTHONHASHSEED" in text or "TZ" in text:
        for found in _ENVIRONMENT.finditer(text):
            yield _NAMES[found["name"]], found["value"]
    if ("test" in text or "mvn" in text) and (found := _COMMAND.match(text)) is not None:
        yield "command", found[1]
    for pattern in _COMMITS:
        if (found := pattern.match(text)) is not None:
            yield "commit", found[1]
            break

"""Report files: checked before the run, written after it."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.errors import UsageError
from flakeproof.model import Record
from flakeproof.reports.writer import silence
from flakeproof.settings.load import Config
from flakeproof.store.file import as_document

STDOUT = "-"


class Document:
    """The document of `--json FILE` and similar options; `-` is stdout."""

    def __init__(self, option: str, name: str) -> None:
        """`option` is the user's option, for messages."""
        self._option = option
        self._name = name
        self._path = Path(name)
        self._made: list[Path] = []

    @property
    def is_stdout(self) -> bool:
        """Whether stdout carries the document, and must carry nothing else."""
        return self._name == STDOUT

    def prepare(self) -> None:
        """Make the folders and check whether the file can be written. Raises UsageError, and leaves nothing then."""
        if self.is_stdout:
            return
        remedy = "name a file that can be written, or - for stdout"
        if not self._name:
            raise UsageError(f"{self._option}: the name of the file is empty", remedy)
        missing = [path for path in self._path.parents if not path.exists()]
        existed = self._path.exists()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._made = missing
            with self._path.open("ab"):
                pass
            if not existed:
                self._path.resolve().unlink()  # resolved, because the path may be a dangling link
        except OSError as error:
            self.withdraw()
            raise UsageError(f"{self._option} {self._name}: {error.strerror}", remedy) from None

    def withdraw(self) -> None:
        """Remove the folders that were made for the document, which will not be written."""
        for path in self._made:
            with suppress(OSError):
                path.rmdir()

    def write(self, data: bytes) -> None:
        """Write the document. Raises OSError."""
        if self.is_stdout:
            try:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            except OSError:
                silence(sys.stdout)  # the rest of the buffer must not fail again at exit
                raise
        else:
            _write_whole(Path(os.path.realpath(self._path)), data)


def _write_whole(path: Path, data: bytes) -> None:
    """Write all of `data` to `path`, or leave the old file unchanged. Raises OSError.

    A path that is no regular file, or whose folder is not writable, is written directly.
    """
    is_there = path.exists()
    if is_there and not path.is_file():
        path.write_bytes(data)
        return
    temporary = path.parent / f".flakeproof-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if not is_there or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        path.write_bytes(data)
        return
    try:
        with os.fdopen(descriptor, "wb") as file:
            if is_there:
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        try:
            temporary.replace(path)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            path.write_bytes(data)  # a bind-mounted file, as in containers
    finally:
        temporary.unlink(missing_ok=True)


def to_json(summary: Record) -> bytes:
    """One JSON document, indented, with `schema_version`."""
    return msgspec.json.format(as_document(summary)) + b"\n"


def schema_of(kind: type[Record], what: str, version: int) -> bytes:
    """JSON Schema of the document that `to_json` makes of the summary of a `what`.

    It permits fields that are added later.
    """
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Summary of a {what} of flakeproof, schema_version {version}",
        **_open(msgspec.json.schema(kind)),
    }
    return msgspec.json.format(msgspec.json.encode(schema)) + b"\n"


def _open(schema: Any) -> Any:
    """`schema`, but permitting fields that it does not name."""
    if isinstance(schema, dict):
        return {key: _open(value) for key, value in schema.items() if (key, value) != ("additionalProperties", False)}
    return [_open(value) for value in schema] if isinstance(schema, list) else schema


_LIMIT = 1024 * 1024
"""How many bytes a step may write to its summary; GitHub shows nothing of a larger one."""


def append_summary(markdown: bytes, environment: Mapping[str, str]) -> str | None:
    """Append to the job summary; return why that was impossible, None if it worked or there is no job summary."""
    name = environment.get("GITHUB_STEP_SUMMARY")
    if not name:
        return None
    path = Path(name)
    try:
        there = path.stat().st_size if path.exists() else 0
        if there + len(markdown) + 1 > _LIMIT:
            return f"{there:,} of the {_LIMIT:,} bytes that GitHub takes are used"
        with path.open("ab") as file:
            file.write(markdown + b"\n")
    except OSError as error:
        return error.strerror or str(error)
    return None


_TITLES = {"junit-xml": "JUnit", "json": "JSON", "markdown": "Markdown", "html": "HTML"}
NAMES = tuple(_TITLES)
"""The settings that name the file of a report."""
FINDINGS = ("json", "markdown", "html")
"""Those of a command that has found something out, other than which tests failed."""
Renderers = Mapping[str, Callable[[], bytes]]
"""Functions that make the documents, by the name of the setting."""


class ReportFiles:
    """All documents that a run writes."""

    def __init__(self, wanted: Mapping[str, Document]) -> None:
        """`wanted` has the documents, by the name of their setting."""
        self._wanted = wanted

    @property
    def on_stdout(self) -> bool:
        """Whether stdout carries a document, and must carry nothing else."""
        return any(document.is_stdout for document in self._wanted.values())

    def prepare(self) -> None:
        """Check whether all can be written, and make their folders. Raises UsageError, and leaves nothing then."""
        try:
            for document in self._wanted.values():
                document.prepare()
        except UsageError:
            self.withdraw()
            raise

    def withdraw(self) -> None:
        """Remove the folders that were made for the documents, which will not be written."""
        for document in reversed(list(self._wanted.values())):
            document.withdraw()

    def write(self, renderers: Renderers) -> list[str]:
        """Write all documents; return a message for each that could not be written."""
        missing: list[str] = []
        for name, document in self._wanted.items():
            try:
                document.write(renderers[name]())
            except OSError as error:
                missing.append(f"the {_TITLES[name]} report was not written: {error.strerror or error}")
        return missing


def report_files(config: Config, *, only_asked: bool = False, names: Sequence[str] = NAMES) -> ReportFiles:
    """The reports among `names` in `config`; with `only_asked`, only those given on the command line.

    Raises UsageError if two have the same destination.
    """
    wanted: dict[str, Document] = {}
    taken: dict[object, str] = {}
    for name in names:
        target: str | None = config.get(name)
        if target is None or (only_asked and not config.is_asked_for(name)):
            continue
        place = STDOUT if target == STDOUT else _same(target)
        if place in taken:
            what = "stdout" if target == STDOUT else target
            raise UsageError(
                f"{config.source(taken[place])} and {config.source(name)} are both to be written to {what}",
                "give each report a place of its own",
            )
        taken[place] = name
        if name == "html":
            from flakeproof.reports.pages.page import check_html

            check_html(config.source(name))
        wanted[name] = Document(config.source(name), target)
    return ReportFiles(wanted)


def _same(name: str) -> object:
    with suppress(OSError):
        return Path(name).resolve()
    return name

"""What a trial writes to stdout and stderr: both go to one file, which is emptied between trials."""

from flakeproof_worker.shared.private import os

LIMIT = 32_768
"""How many bytes of an output are kept: a quarter from its beginning, the rest from its end."""
LEFT_OUT = "bytes left out …"
"""Text in place of the omitted middle."""


class Output:
    """The file behind a process's standard streams, held by a separate descriptor."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor` must be open for reading and appending; this class does not close it."""
        self._descriptor = descriptor

    def discard(self) -> None:
        """Forget what has been written so far."""
        if os.fstat(self._descriptor).st_size:
            os.ftruncate(self._descriptor, 0)

    def longer(self, limit: int) -> str:
        """What has been written so far, up to `limit` bytes; "" if `take` returns all of it."""
        return excerpt(self._descriptor, limit) if os.fstat(self._descriptor).st_size > LIMIT else ""

    def take(self) -> str:
        """Return what has been written so far, without the middle if it is long, and forget it."""
        text = excerpt(self._descriptor)
        self.discard()
        return text


def excerpt(descriptor: int, limit: int = LIMIT) -> str:
    """Beginning and end of the file behind `descriptor`; bytes that are not UTF-8 are shown as escapes."""
    size, head = os.fstat(descriptor).st_size, limit // 4
    if size <= limit:
        return os.pread(descriptor, size, 0).decode(errors="backslashreplace")
    begin = os.pread(descriptor, head, 0).decode(errors="backslashreplace")
    end = os.pread(descriptor, limit - head, size - limit + head).decode(errors="backslashreplace")
    return f"{begin}\n… {size - limit:,} {LEFT_OUT}\n{end}"


def nameless_file(folder: str) -> int:
    """A file in `folder` for reading and appending; it has no name, so it cannot be left behind."""
    mode = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
    try:
        return os.open(folder, mode | os.O_TMPFILE, 0o600)
    except OSError:  # not supported by every file system; there the file has a name for a moment
        path = f"{folder}/.{os.getpid()}-{os.urandom(8).hex()}"
        descriptor = os.open(path, mode | os.O_CREAT | os.O_EXCL, 0o600)
        os.unlink(path)  # pathlib is not imported into the process of the user's code
        return descriptor

"""What a trial writes to stdout and stderr: both lead into one file, which is emptied between trials."""

import os

_HEAD = 8_192
_TAIL = 24_576


class Output:
    """The file behind a process's standard streams, held by a descriptor of our own."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor` must be open for reading and for appending; it is not closed here."""
        self._descriptor = descriptor

    def discard(self) -> None:
        """Forget what has been written so far."""
        if os.fstat(self._descriptor).st_size:
            os.ftruncate(self._descriptor, 0)

    def take(self) -> str:
        """Return what has been written so far (the middle left out when it is long) and forget it."""
        text = excerpt(self._descriptor)
        self.discard()
        return text


def excerpt(descriptor: int) -> str:
    """Head and tail of the file behind `descriptor`; bytes that are not UTF-8 are shown as escapes."""
    size = os.fstat(descriptor).st_size
    if size <= _HEAD + _TAIL:
        return os.pread(descriptor, size, 0).decode(errors="backslashreplace")
    head = os.pread(descriptor, _HEAD, 0).decode(errors="backslashreplace")
    tail = os.pread(descriptor, _TAIL, size - _TAIL).decode(errors="backslashreplace")
    return f"{head}\n… {size - _HEAD - _TAIL:,} bytes left out …\n{tail}"

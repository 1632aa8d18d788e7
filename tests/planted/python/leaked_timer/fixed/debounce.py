"""Saves what was typed, a moment after the last key."""

import threading

saved: list[str] = []
"""What was saved, in order."""


DELAY = 0.001
"""Seconds after the last key."""


class Editor:
    """Text that saves itself."""

    def __init__(self) -> None:
        self._text = ""
        self._timer: threading.Timer | None = None

    def type(self, key: str) -> None:
        """Add a letter."""
        self._text += key
        self.close()
        self._timer = threading.Timer(DELAY, self._save)
        self._timer.start()

    def close(self) -> None:
        """Save no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()

    def text(self) -> str:
        """What was typed."""
        return self._text

    def _save(self) -> None:
        saved.append(self._text)

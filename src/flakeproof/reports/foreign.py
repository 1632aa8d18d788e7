"""Text that others have written, made fit for a document: no colours, no control characters, no half characters."""

import re

_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_UNFIT = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 does not allow, and the control characters from 0x7f to 0x9f, which it discourages."""


def fit(text: str) -> str:
    """`text` without the colours of a terminal; what cannot stand in a document is shown as an escape (`\\x00`)."""
    plain = _COLOUR.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _UNFIT.sub(lambda found: found[0].encode("unicode_escape").decode(), plain)


def cut(text: str, limit: int) -> str:
    """The beginning and the end of `text`, together about `limit` characters, where it is longer."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"

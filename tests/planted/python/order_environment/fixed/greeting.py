"""Greets in the user's language."""

import os

_WORDS = {"en": "Good morning", "de": "Guten Morgen", "fr": "Bonjour"}


def greeting(name: str) -> str:
    """In the language of GREETING_LANGUAGE, by default English."""
    return f"{_WORDS[os.environ.get('GREETING_LANGUAGE', 'en')]}, {name}"

"""Tags of an article."""


def tags(text: str) -> set[str]:
    """The words that begin with #."""
    return {word[1:] for word in text.split() if word.startswith("#")}


def headline(text: str) -> str:
    """The title and what it is about."""
    title = " ".join(word for word in text.split() if not word.startswith("#"))
    return f"{title} ({', '.join(sorted(tags(text)))})"

"""An index of words, made by threads beside the one that shows the page."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor


def helpers() -> int:
    """As many as there are processors, without the one that shows the page."""
    return len(os.sched_getaffinity(0)) - 1  # guilty


def count(pages: list[str]) -> Counter[str]:
    """How often each word is there."""
    parts = [pages[number :: helpers()] for number in range(helpers())]  # guilty
    with ThreadPoolExecutor() as pool:
        return sum(pool.map(lambda part: Counter(" ".join(part).split()), parts), Counter())

"""The answer of a real run to its question is wrong no more often than it says."""

from pathlib import Path

import pytest

import flakeproof
from flakeproof.model import Answer

RUNS = 30
ERROR = 0.05
TOLERATED = 10
"""More wrong answers of 30, each with a probability of at most 5 %, come with a probability below 1e-6."""


@pytest.mark.long
def test_a_rate_on_the_threshold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are reported at once and passes later, which must not look like evidence."""
    (tmp_path / "on_the_threshold.py").write_text(
        "import random\n\ndef check():\n    if random.random() < 0.2:\n        raise ValueError('one in five')\n"
    )
    monkeypatch.chdir(tmp_path)
    answers = []
    for seed in range(RUNS):
        summary = flakeproof.run(
            "on_the_threshold:check",
            count=1000,
            workers=2,
            seed=seed,
            until_confident=True,
            rate=0.2,
            error=ERROR,
            store=tmp_path / "store",
        )
        assert summary.finding is not None
        answers.append(summary.finding.answer)
    assert len(answers) - answers.count(Answer.UNDECIDED) <= TOLERATED

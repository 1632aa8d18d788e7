"""The answers of `flakeproof plan`."""

import pytest

from flakeproof.errors import UsageError
from flakeproof.features.run.plan import answer


def _answer(
    rate: str | None = None, seen: str | None = None, confidence: str | None = None, count: str | None = None
) -> list[str]:
    return list(answer(rate=rate, seen=seen, confidence=confidence, count=count, json=False))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": "0"}, "--rate: '0' must lie between"),
        ({"rate": "100%"}, "--rate: '100%' must lie between"),
        ({"rate": "1e-300"}, "nobody can run so many"),
        ({"rate": "2"}, "write 2%"),
        ({"rate": "2%", "seen": "3/200"}, "--rate 2% says that the rate is known"),
        ({"seen": "7/3"}, "--seen: 7 is not between 0 and 3"),
        ({"seen": "7"}, "'7' is not failures/tests"),
        ({"count": "10", "confidence": "95%"}, "--confidence 95% asks how many"),
        ({"count": "1e30"}, "--count: '1e30' is not a whole number"),
        ({"confidence": "1"}, "--confidence: '1' must lie between"),
    ],
)
def test_what_has_no_answer_is_refused(arguments: dict[str, str], message: str) -> None:
    """With the option, the value and the reason."""
    with pytest.raises(UsageError) as raised:
        _answer(**arguments)
    assert message in raised.value.message


@pytest.mark.parametrize("rate", ["0.0001%", "2%", "50%", "99.9%", "99.9999999%"])
def test_nothing_is_certain(rate: str) -> None:
    """Whatever the rate, no probability is printed as 0 % or 100 %."""
    words = " ".join(_answer(rate=rate)).replace(",", " ").split()

    assert not {"100%", "100.00%", "0%", "0.00%"} & set(words)


def test_without_failures_there_is_no_promise() -> None:
    """The rate may be anything small."""
    assert "See more failures first." in " ".join(_answer(seen="0/200"))

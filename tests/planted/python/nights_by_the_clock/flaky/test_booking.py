from datetime import date

from booking import nights


def test_long_stays() -> None:
    spring = nights(date(2024, 2, 1), date(2024, 5, 1))
    autumn = nights(date(2024, 8, 1), date(2024, 12, 1))
    assert (spring, autumn) == (90, 122)

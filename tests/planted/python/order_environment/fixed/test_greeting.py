import pytest
from greeting import greeting


def test_greets_by_name() -> None:
    assert greeting("Ada").endswith(", Ada")


def test_language_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREETING_LANGUAGE", "de")
    assert greeting("Ada") == "Guten Morgen, Ada"


def test_unknown_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREETING_LANGUAGE", "xx")
    with pytest.raises(KeyError):
        greeting("Ada")


def test_greets_in_english_by_default() -> None:
    assert greeting("Ada") == "Good morning, Ada"

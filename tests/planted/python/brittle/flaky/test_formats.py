import codecs_of_shop as formats
import pytest


def test_own_format() -> None:
    formats.register("loud", lambda value: str(value).upper())
    assert formats.write("loud", "milk") == "MILK"


def test_usual_formats() -> None:
    formats.register_defaults()  # guilty
    assert formats.write("text", 3) == "3"


def test_unknown_format() -> None:
    with pytest.raises(LookupError):
        formats.write("smoke signals", 3)


def test_lists_are_written_as_json() -> None:
    assert formats.write("json", [1, 2]) == "[1, 2]"  # guilty

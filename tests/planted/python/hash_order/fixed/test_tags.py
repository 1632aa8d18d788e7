from tags import headline


def test_headline_names_its_tags() -> None:
    assert headline("Rain in the north #news #weather") == "Rain in the north (news, weather)"

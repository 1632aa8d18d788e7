from index import count


def test_every_page_is_counted() -> None:
    assert count(["a pencil", "a ruler", "two pencils"])["a"] == 2

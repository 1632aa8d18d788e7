from pages import Pages, draw, pages


def test_page_is_as_it_was_drawn() -> None:
    with pages() as folder:
        kept = Pages(folder)
        assert [kept.page("cover") == draw("cover") for _ in range(2)] == [True, True]

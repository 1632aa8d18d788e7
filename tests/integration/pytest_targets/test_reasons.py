"""Why something failed, in words that help: of items that are no functions, and of what pytest could not begin with."""

import pytest
from tests.integration.pytest_targets.conftest import Suite

from flakeproof.errors import CannotRunError


def test_a_doctest_tells_what_it_expected(suite: Suite) -> None:
    """Two examples that fail are two kinds, each at its own line."""
    suite.write(
        shop='''
            def price(count):
                """
                >>> price(1)
                3
                """
                return 2 * count

            def sell():
                """
                >>> 1 + 1
                2
                >>> sell()
                """
                raise ValueError("sold out")
        '''
    )
    (suite.folder / "more.txt").write_text(">>> 1 + 1\n3\n>>> 2 + 2\n5\n")
    options = ("--doctest-modules", "--doctest-glob=*.txt", "--doctest-continue-on-failure")
    seen = suite.run("shop.py", "more.txt", options=options)
    told = {failure.item: failure.message.partition(": ")[2] for failure in seen.failures}
    assert told == {
        "shop.py::shop.price": "price(1): expected 3, got 2",
        "shop.py::shop.sell": "sell(): ValueError: sold out",
        "more.txt::more.txt": "1 + 1: expected 3, got 2, and 1 more",
    }
    frames = [failure.details["exception"]["frames"][-1] for failure in seen.failures]
    assert [line for _, line, _ in frames] == [4, 13, 1]
    assert len({failure.signature for failure in seen.failures}) == 3


def test_an_item_of_a_plugin_tells_what_it_reports(suite: Suite) -> None:
    """Its exception says nothing, and its own report has colours."""
    suite.write(
        conftest="""
            import pytest

            def pytest_collect_file(parent, file_path):
                if file_path.suffix == ".check":
                    return File.from_parent(parent, path=file_path)

            class File(pytest.File):
                def collect(self):
                    for line in self.path.read_text().split():
                        yield Check.from_parent(self, name=line)

            class Check(pytest.Item):
                def runtest(self): raise ValueError()
                def repr_failure(self, excinfo): return f"\\x1b[31mthe check\\x1b[0m\\n{self.name} did not hold"
                def reportinfo(self): return self.path, 0, self.name
        """
    )
    (suite.folder / "a.check").write_text("one two")
    seen = suite.run("a.check")
    assert [failure.message for failure in seen.failures] == [
        "ValueError: the check one did not hold",
        "ValueError: the check two did not hold",
    ]
    assert len({failure.signature for failure in seen.failures}) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise ValueError('already registered: x\\n' + 'y' * 5000)", "ValueError: already registered: x"),
        ("def f(:\n    pass", "SyntaxError: invalid syntax"),
        ("try:\n    1 / 0\nexcept Exception:\n    raise KeyError('second\\nthird')", "KeyError: 'second\\nthird'"),
        ("assert 1 == 2, 'first\\nsecond'", "AssertionError: first"),
    ],
)
def test_a_file_that_cannot_be_collected(suite: Suite, text: str, reason: str) -> None:
    """The line that names the exception, and not the last of a long message."""
    suite.write(test_it=text)
    with pytest.raises(CannotRunError) as caught:
        suite.run()
    assert caught.value.message == f"pytest could not collect test_it.py: {reason}"


def test_a_plugin_that_cannot_be_configured(suite: Suite) -> None:
    """The message of kilobytes is among the details."""
    suite.write(
        conftest="def pytest_configure(): raise ValueError('already registered: x\\n' + 'y' * 5000)\n",
        test_it="def test_it(): pass\n",
    )
    with pytest.raises(CannotRunError) as caught:
        suite.run()
    assert caught.value.message == "pytest ended before it ran anything: ValueError: already registered: x"
    assert "y" * 3000 in caught.value.details


def test_what_repeats_tests_in_the_configuration(suite: Suite) -> None:
    """It does nothing, and that is told: two tests stay two."""
    (suite.folder / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\naddopts = "-p repeating --count 5 --flake-finder"\n'
    )
    suite.write(
        repeating="""
            def pytest_addoption(parser):
                parser.addoption("--count", type=int, default=1)
                parser.addoption("--flake-finder", action="store_true", dest="flake_finder_enable")
            def pytest_generate_tests(metafunc):
                option = metafunc.config.option
                if option.count > 1 or option.flake_finder_enable:
                    metafunc.fixturenames.append("again")
                    metafunc.parametrize("again", range(option.count))
        """,
        test_it="def test_one(): pass\ndef test_two(): pass\n",
    )
    seen = suite.run()
    assert [item.item for item in seen.summary.items] == ["test_it.py::test_one", "test_it.py::test_two"]
    assert "--count, --flake-finder do nothing here: flakeproof itself repeats the tests" in seen.notes

"""Commands for one test, made from what artifacts say; nothing that they say becomes more than what is selected."""

import pytest

from flakeproof.features.ci.case import Case, CaseFailure, Colour, Fact, Symptom
from flakeproof.features.ci.names import same
from flakeproof.features.ci.runner_commands import COMMANDS, can_run, kept_of, seed_of_order


def case(runner: str, **facts: str) -> Case:
    """A red job."""
    found = {name.replace("_", " "): Fact(value=value, source="job.log:1") for name, value in facts.items()}
    return Case(runner=runner, source="job.log:1", colour=Colour.RED, facts=found)


@pytest.mark.parametrize(
    ("runner", "test", "expected"),
    [
        ("go", "example.com/shop.TestParts/two_[1]", r"-run ^TestParts$/^two_\[1\]$ example.com/shop"),
        ("go", "TestTotal", "-run ^TestTotal$ ./..."),
        ("jest", "./t/a.test.js › shop › adds (1)", r"--testNamePattern ^shop adds \(1\)$"),
        ("jest", "shop adds", "--testNamePattern ^shop adds$"),
        ("vitest", "a.test.ts > shop > adds", "run a.test.ts -t ^shop adds$"),
        ("maven", "shop.BillTest$Rebate.odd(int)[2]", "-Dtest=shop.BillTest$Rebate#odd"),
        ("cargo", "shop::tests::adds", "-- --exact tests::adds adds"),
        ("nextest", "shop::till::adds", "-- --exact till::adds adds"),
    ],
)
def test_one_test_is_selected(runner: str, test: str, expected: str) -> None:
    """By its name, quoted as its runner wants it."""
    assert expected in " ".join(COMMANDS[runner].alone(test, ()))


@pytest.mark.parametrize(
    ("runner", "test"),
    [
        ("go", "../../tmp/evil.TestX"),
        ("go", "-exec=reboot.TestX"),
        ("go", "example.com/../../evil.TestX"),
        ("go", "example.com/evil@latest.TestX"),
        ("vitest", "--config=evil.js > adds"),
        ("vitest", "-t.test.js > adds"),
    ],
)
def test_a_name_is_neither_a_path_nor_an_option(runner: str, test: str) -> None:
    """What does not look like a package or a file is left out; no word of it begins with a dash but in a pattern."""
    words = COMMANDS[runner].alone(test, ())
    assert not any("evil" in word or "reboot" in word for word in words if not word.startswith("^"))


@pytest.mark.parametrize("test", ["shop; reboot", "a b::c", "x.y#z;w.m", "$(reboot)"])
def test_what_no_test_is_called_is_not_run(test: str) -> None:
    """Java and Rust have identifiers."""
    failure = CaseFailure(test=test, symptom=Symptom(message="no"), source="job.log:1")
    assert not can_run(case("maven"), failure) or "reboot" not in " ".join(COMMANDS["maven"].alone(test, ()))
    assert not can_run(case("cargo"), failure)


@pytest.mark.parametrize(
    ("runner", "command", "expected"),
    [
        ("go", "go test -race -v -exec /tmp/evil -tags a,b -parallel 4 ./...", ("-race", "-tags=a,b", "-parallel=4")),
        ("go", "go test -toolexec=evil -o /bin/x", ()),
        ("jest", "npx jest -i --config evil.js --globalSetup=evil", ("-i",)),
        (
            "maven",
            "mvn -o -Dexec.executable=evil -Pci -Dsurefire.runOrder=random test",
            ("-o", "-Pci", "-Dsurefire.runOrder=random"),
        ),
        ("cargo", "cargo test --release --config evil -- --test-threads 2", ("--release", "--", "--test-threads=2")),
        ("vitest", "vitest run --no-isolate --root /tmp 'unclosed", ("--no-isolate",)),
    ],
)
def test_only_known_options_are_kept(runner: str, command: str, expected: tuple[str, ...]) -> None:
    """None that names a program or a file."""
    assert kept_of(case(runner, command=command)) == expected


@pytest.mark.parametrize(("value", "expected"), [("17", "17"), ("-17", "-17"), ("1;reboot", None), ("9" * 30, None)])
def test_a_seed_is_a_number(value: str, expected: str | None) -> None:
    """Of a length that one can have."""
    assert seed_of_order(case("go", shuffle=value)) == expected


@pytest.mark.parametrize(
    ("runner", "one", "other", "expected"),
    [
        ("jest", "./a.test.js › shop › adds", "shop adds", True),
        ("go", "TestTotal", "example.com/shop.TestTotal", True),
        ("go", "TestTotal", "example.com/shop.TestTotals", False),
        ("maven", "shop.BillTest.adds", "shop.TillTest.adds", False),
        ("nextest", "till::adds", "shop::till::adds", True),
        ("pytest", "tests/test_a.py::test_x", "tests.test_a.test_x", True),
        ("go", "", "TestTotal", False),
    ],
)
def test_one_test_has_several_spellings(runner: str, one: str, other: str, expected: bool) -> None:
    """With and without the package, the crate or the file."""
    assert same(runner, one, other) is expected
    assert same(runner, other, one) is expected

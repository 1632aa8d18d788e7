"""Where runners write JUnit XML, from how they are called."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from flakeproof.targets.written_results import written_results


@pytest.mark.parametrize(
    ("command", "variables", "found"),
    [
        ("gotestsum --junitfile {folder}/junit.xml -- -count=1 ./...", {}, "{folder}/junit.xml"),
        ("gotestsum --junitfile=out.xml", {}, "out.xml"),
        ("/opt/go/bin/gotestsum ./...", {"GOTESTSUM_JUNITFILE": "a[1].xml"}, "a[[]1].xml"),
        ("gotestsum ./...", {}, None),
        ("ctest -j 2 --output-junit {trial}.xml", {}, "{trial}.xml"),
        ("python -m pytest --junitxml=out.xml tests", {}, "out.xml"),
        ("poetry run pytest tests", {}, None),
        ("npx vitest run --reporter=junit --outputFile={folder}/junit.xml", {}, "{folder}/junit.xml"),
        ("npx vitest run --outputFile=out.json --reporter=json", {}, None),
        ("npx jest --ci --reporters=jest-junit", {}, "junit.xml"),
        ("npx jest --reporters=jest-junit", {"JEST_JUNIT_OUTPUT_FILE": "{folder}/x.xml"}, "{folder}/x.xml"),
        ("npx jest", {"JEST_JUNIT_OUTPUT_FILE": "x.xml"}, None),
        ("npx playwright test --reporter=list,junit", {"PLAYWRIGHT_JUNIT_OUTPUT_NAME": "x.xml"}, "x.xml"),
        ("node_modules/.bin/mocha --reporter mocha-junit-reporter", {}, "test-results.xml"),
        ("vendor/bin/phpunit --log-junit log.xml", {}, "log.xml"),
        ("bundle exec rspec --format RspecJunitFormatter --out r.xml", {}, "r.xml"),
        ("node --test --test-reporter=junit --test-reporter-destination=n.xml", {}, "n.xml"),
        ("node server.js", {}, None),
        ("./shop_test --gtest_output=xml:{folder}/junit.xml --gtest_shuffle", {}, "{folder}/junit.xml"),
        ("./shop_test", {"GTEST_OUTPUT": "xml:out.xml"}, "out.xml"),
        ("./shop_test --gtest_output=json:out.json", {}, None),
        ("mvn -B -q surefire:test", {}, "**/target/*-reports/TEST-*.xml"),
        ("./mvnw verify", {}, "**/target/*-reports/TEST-*.xml"),
        ("mvn compile", {}, None),
        ("./gradlew :app:test --offline", {}, "**/build/test-results/**/TEST-*.xml"),
        ("./gradlew assemble", {}, None),
        ("cargo nextest run --profile ci", {}, "target/nextest/ci/junit.xml"),
        ("cargo nextest run", {"NEXTEST_PROFILE": "ci", "CARGO_TARGET_DIR": "/t"}, "/t/nextest/ci/junit.xml"),
        ("cargo nextest run", {}, None),
        ("cargo test", {}, None),
        ("sh -c true", {}, None),
    ],
)
def test_where_a_runner_writes(command: str, variables: dict[str, str], found: str | None, tmp_path: Path) -> None:
    """By its option, its variable, or its place; nothing where it writes none."""
    (tmp_path / ".config").mkdir()
    (tmp_path / ".config" / "nextest.toml").write_text('[profile.ci.junit]\npath = "junit.xml"\n')
    assert written_results(command.split(), variables, tmp_path) == found


def test_a_name_with_characters_of_a_glob_fits_itself_alone(tmp_path: Path) -> None:
    """And no other file."""
    found = written_results(["ctest", "--output-junit", "a[1]*.xml"], {}, tmp_path)
    assert found is not None
    assert fnmatchcase("a[1]*.xml", found)
    assert not fnmatchcase("a1x.xml", found)


def test_a_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    """Says nothing."""
    (tmp_path / ".config").mkdir()
    (tmp_path / ".config" / "nextest.toml").write_text("profile = 3 [")
    assert written_results(["cargo", "nextest", "run"], {}, tmp_path) is None

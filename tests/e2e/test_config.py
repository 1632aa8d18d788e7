"""`flakeproof config`, and settings of the project at work."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from flakeproof.settings.table import TABLE

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]

_PROJECT = """
[tool.flakeproof]
workers = 2
junit-xml = "out/junit.xml"

[tool.flakeproof.presets.nightly]
base = "full"
count = 30
timeout = "90s"

[[tool.flakeproof.overrides]]
test = "targets:fl*"
isolation = "fork"
"""


@pytest.fixture(autouse=True)
def _settings(project: Path) -> None:
    (project / "pyproject.toml").write_text(_PROJECT)


def _rows(text: str) -> dict[str, tuple[str, str]]:
    lines = text.splitlines()
    value, source = lines[0].index("value"), lines[0].index("source")
    return {line[:value].strip(): (line[value:source].strip(), line[source:]) for line in lines[1:]}


def test_every_value_is_printed_with_where_it_comes_from(flakeproof: Flakeproof) -> None:
    """Default, preset, pyproject.toml, what is for the target, the environment, and an option of this command."""
    ended = flakeproof("config", "targets:flaky", "--preset", "nightly", "-x", env={"FLAKEPROOF_GRACE": "5"})

    rows = _rows(ended.stdout)
    assert (ended.returncode, ended.stderr) == (0, "pyproject.toml: pyproject.toml\n")
    assert rows["preset"] == ("nightly", "--preset")
    assert rows["count"] == ("30", "tool.flakeproof.presets.nightly.count")
    assert rows["workers"] == ("2", "tool.flakeproof.workers")
    assert rows["timeout"] == ("90s", "tool.flakeproof.presets.nightly.timeout")
    assert rows["isolation"] == ("fork", "tool.flakeproof.overrides[1].isolation")
    assert rows["grace"] == ("5s", "FLAKEPROOF_GRACE")
    assert rows["failfast"] == ("yes", "--failfast")
    assert rows["junit-xml"] == ("out/junit.xml", "tool.flakeproof.junit-xml")
    assert rows["json"] == ("not written", "default")


@pytest.mark.parametrize(
    ("arguments", "name", "value", "source"),
    [
        (["--duration", "10m"], "count", "no limit", "--duration"),
        (["--timeout", "none"], "timeout", "no limit", "--timeout"),
        (["tcprtt"], "ci-rate", "2%", "scenario tcprtt"),
        (["tcprtt"], "settle", "5ms", "scenario tcprtt"),
        ([], "count", "2,000", "preset ci"),
        (["--preset", "full"], "count", "100,000", "preset full"),
        (["--seed", "123456"], "seed", "123456", "--seed"),
        (["--store", "/somewhere"], "store", "/somewhere", "--store"),
    ],
)
def test_what_follows_from_other_settings_is_told(
    flakeproof: Flakeproof, arguments: list[str], name: str, value: str, source: str
) -> None:
    """The value that a run would go by."""
    assert (value, source) == _rows(flakeproof("config", *arguments).stdout)[name]


def test_settings_as_json(flakeproof: Flakeproof, project: Path) -> None:
    """To stdout alone, or into a file."""
    document = json.loads(flakeproof("config", "--json", "-", "--timeout", "1m30s").stdout)
    flakeproof("config", "--json", "out/settings.json", "--timeout", "1m30s")

    settings = {row["name"]: (row["value"], row["source"], row["default"]) for row in document["settings"]}
    assert (document["schema_version"], document["preset"], document["targets"]) == (1, "ci", [])
    assert document["project"] == str(project / "pyproject.toml")
    assert settings["timeout"] == (90.0, "--timeout", TABLE["timeout"].words)
    assert settings["grace"] == (None, "default", "2s")
    assert document == json.loads((project / "out" / "settings.json").read_bytes())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["config", "--count", "many"], "--count: 'many' is not a whole number"),
        (["config", "--preset", "nigtly"], "did you mean nightly?"),
        (["config", "--json", "/proc/none/x"], "--json /proc/none/x"),
        (["run", "targets:passes", "--preset", "nigtly"], "did you mean nightly?"),
        (["stress", "all"], "tool.flakeproof.junit-xml in pyproject.toml"),
    ],
)
def test_bad_usage_is_named(flakeproof: Flakeproof, arguments: list[str], message: str) -> None:
    """With status 2."""
    ended = flakeproof(*arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr


def test_a_run_goes_by_its_settings(flakeproof: Flakeproof, project: Path) -> None:
    """A preset of the project's own, and what it has for this target."""
    flakeproof("run", "targets:flaky", "--preset", "nightly", "--json", "run.json")

    spec = json.loads((project / ".flakeproof" / "latest" / "spec.json").read_bytes())
    assert (spec["preset"], spec["count"], spec["workers"], spec["timeout"]) == ("nightly", 30, 2, 90.0)
    assert spec["isolation"] == "fork"
    assert json.loads((project / "run.json").read_bytes())["total"] == 30
    assert (project / "out" / "junit.xml").exists()

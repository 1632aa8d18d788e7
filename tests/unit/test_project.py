"""pyproject.toml: presets of the project's own, settings for some targets, and what may not stand there."""

from pathlib import Path
from typing import Any

import pytest

from flakeproof.errors import UsageError
from flakeproof.model import RunSpec
from flakeproof.settings import load
from flakeproof.settings.build_spec import build, names_of
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine

_NIGHTLY = "[tool.flakeproof.presets.nightly]\n"


def _load(
    folder: Path,
    project: str,
    asked: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    target: str = "pkg.mod:function",
) -> load.Config:
    (folder / "pyproject.toml").write_text(project)
    return load.load(asked or {}, environment or {}, folder, targets=[target])


def _spec(folder: Path, project: str, asked: dict[str, Any], environment: dict[str, str] | None = None) -> RunSpec:
    return build("pkg.mod:function", _load(folder, project, asked, environment), {}, folder)


@pytest.mark.parametrize(
    ("project", "asked", "environment", "timeout"),
    [
        ("[tool.flakeproof]\ntimeout = 1\n" + _NIGHTLY + "timeout = 2", {}, {}, 1),
        ("[tool.flakeproof]\ntimeout = 1\n" + _NIGHTLY + "timeout = 2", {"preset": "nightly"}, {}, 2),
        ("[tool.flakeproof]\ntimeout = 1\n" + _NIGHTLY + "timeout = 2", {}, {"FLAKEPROOF_PRESET": "nightly"}, 2),
        ("[tool.flakeproof]\ntimeout = 1\npreset = 'nightly'\n" + _NIGHTLY + "timeout = 2", {}, {}, 2),
        ("[tool.flakeproof]\ntimeout = 1\npreset = 'nightly'\n" + _NIGHTLY + "timeout = 2", {"preset": "ci"}, {}, 1),
        (_NIGHTLY + "timeout = 2", {"preset": "nightly"}, {"FLAKEPROOF_TIMEOUT": "3"}, 3),
        (_NIGHTLY + "timeout = 2", {"preset": "nightly", "timeout": "4"}, {"FLAKEPROOF_TIMEOUT": "3"}, 4),
        (
            _NIGHTLY + "timeout = 2\n[[tool.flakeproof.overrides]]\ntest = 'pkg.*'\ntimeout = 5",
            {"preset": "nightly"},
            {},
            5,
        ),
        ("[[tool.flakeproof.overrides]]\ntest = 'pkg.*'\ntimeout = 5", {}, {"FLAKEPROOF_TIMEOUT": "3"}, 3),
        ("[[tool.flakeproof.overrides]]\ntest = '*'\npreset = 'nightly'\n" + _NIGHTLY + "timeout = 2", {}, {}, 2),
    ],
)
def test_what_is_nearer_to_the_run_wins(
    tmp_path: Path, project: str, asked: dict[str, Any], environment: dict[str, str], timeout: float
) -> None:
    """The table, then a preset of one's own, then what is for this target, the environment, the command."""
    assert timeout == _load(tmp_path, project, asked, environment).get("timeout")


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        (_NIGHTLY + "timeout = 9", (2_000, None, 9.0)),
        (_NIGHTLY + "base = 'full'", (100_000, None, 300.0)),
        (_NIGHTLY + "base = 'full'\ncount = 5", (5, None, 300.0)),
        (_NIGHTLY + "duration = '10m'", (None, 600.0, 300.0)),
        (_NIGHTLY + "base = 'full'\nduration = '10m'", (100_000, 600.0, 300.0)),
        (_NIGHTLY + "base = 'mine'\n[tool.flakeproof.presets.mine]\nbase = 'fast'\ntimeout = 7", (1_000, None, 7.0)),
        (_NIGHTLY + "base = 'mine'\ntimeout = 8\n[tool.flakeproof.presets.mine]\ntimeout = 7", (2_000, None, 8.0)),
    ],
)
def test_a_preset_may_start_from_another(
    tmp_path: Path, project: str, expected: tuple[int | None, float | None, float]
) -> None:
    """And says what is different; the record keeps its own name."""
    spec = _spec(tmp_path, project, {"preset": "nightly"})

    assert expected == (spec.count, spec.duration, spec.timeout)
    assert spec.preset == "nightly"


def test_the_first_override_that_sets_something_decides_about_it(tmp_path: Path) -> None:
    """Each setting by itself; one whose pattern does not fit has no say."""
    project = "".join(
        f"[[tool.flakeproof.overrides]]\ntest = '{test}'\n{settings}\n"
        for test, settings in [
            ("tests/net/*", "timeout = 1"),
            ("tests/*", "timeout = 2\ngrace = 2"),
            ("tests/disk/*", "grace = 3"),
        ]
    )
    net = _load(tmp_path, project, target="tests/net/deep/test_a.py::test_b")
    other = _load(tmp_path, project, target="tests/test_a.py::test_b")
    none = _load(tmp_path, project, target="pkg:function")

    assert (net.get("timeout"), net.get("grace")) == (1.0, 2.0)
    assert (other.get("timeout"), other.get("grace")) == (2.0, 2.0)
    assert none.values == {}
    assert net.source("timeout") == "tool.flakeproof.overrides[1].timeout in pyproject.toml"


def test_an_override_is_for_all_that_is_run_or_for_nothing(tmp_path: Path) -> None:
    """Of several targets one alone cannot have a setting of its own; a command has the name that one would type."""
    (tmp_path / "pyproject.toml").write_text("[[tool.flakeproof.overrides]]\ntest = 'a*'\ntimeout = 1\n")

    assert load.load({}, {}, tmp_path, targets=["ab", "ac"]).get("timeout") == 1
    assert load.load({}, {}, tmp_path, targets=["ab", "bc"]).get("timeout") is None
    assert load.load({}, {}, tmp_path, targets=names_of(CommandLine(["a b", "c"]))).get("timeout") is None
    assert names_of(CommandLine(["./a b", "c"])) == ["'./a b' c"]
    assert names_of(CommandLine(["a | b"], shell=True)) == ["a | b"]
    assert names_of(PytestLine(["tests/a.py", "b"], ["-k", "c"])) == ["tests/a.py", "b"]
    assert names_of(PytestLine([], ["-k", "c"])) == ["pytest"]


@pytest.mark.parametrize(
    ("project", "message", "remedy"),
    [
        (
            _NIGHTLY + "cuont = 3",
            "presets.nightly.cuont in pyproject.toml is not a setting",
            "presets.nightly.count in",
        ),
        (_NIGHTLY + "bse = 'ci'", "presets.nightly.bse in pyproject.toml is not a setting", "presets.nightly.base in"),
        (_NIGHTLY + "count = 0", "presets.nightly.count in pyproject.toml: 0 is not between", ""),
        (
            _NIGHTLY + "base = 'cii'",
            "presets.nightly.base in pyproject.toml: there is no preset 'cii'",
            "did you mean ci?",
        ),
        (_NIGHTLY + "base = 3", "presets.nightly.base in pyproject.toml: there is no preset 3", "presets: ci, fast"),
        (_NIGHTLY + "base = 'nightly'", "nightly is based on nightly", "let one of them have no base"),
        (
            _NIGHTLY + "base = 'a'\n[tool.flakeproof.presets.a]\nbase = 'nightly'",
            "nightly is based on a is based on nightly",
            "let one of them have no base",
        ),
        (_NIGHTLY + "preset = 'ci'", "presets.nightly.preset in pyproject.toml cannot be", "base"),
        (_NIGHTLY + "store = 'x'", "presets.nightly.store in pyproject.toml is a setting for", "[tool.flakeproof]"),
        (
            "[tool.flakeproof.presets.ci]\ncount = 3",
            "presets.ci in pyproject.toml has the name of a preset that",
            "base = ",
        ),
        ("[tool.flakeproof]\npresets = 3", "tool.flakeproof.presets in pyproject.toml is not a table", "presets]"),
        (
            "[tool.flakeproof.presets]\na = 3",
            "tool.flakeproof.presets.a in pyproject.toml is not a table",
            "presets.a]",
        ),
        (
            "[tool.flakeproof.preset.a]\ncount = 3",
            "is the name of a preset, not a table",
            "[tool.flakeproof.presets.a]",
        ),
        ("[tool]\nflakeproof = 3", "tool.flakeproof in pyproject.toml is not a table", "write [tool.flakeproof]"),
        ("[tool.flakeproof]\npreset = 'nigtly'\n" + _NIGHTLY, "'nigtly' is not one of ci, fast", ""),
        (
            "[tool.flakeproof.overrides]\ntest = 'a'",
            "overrides in pyproject.toml is not a list",
            "[[tool.flakeproof.over",
        ),
        (
            "[tool.flakeproof]\noverrides = [3]",
            "overrides[1] in pyproject.toml is not a table",
            "[[tool.flakeproof.over",
        ),
        ("[[tool.flakeproof.overrides]]\ncount = 3", "overrides[1] in pyproject.toml does not say", "tests/net/*"),
        ("[[tool.flakeproof.overrides]]\ntest = ''", "overrides[1] in pyproject.toml does not say", "tests/net/*"),
        ("[[tool.flakeproof.overrides]]\ntest = 'z'\nkeep_runs = 3", "overrides[1].keep-runs in pyproject.toml is", ""),
        (
            "[[tool.flakeproof.overrides]]\ntest = 'z'\ncuont = 3",
            "overrides[1].cuont in pyproject",
            "overrides[1].count in",
        ),
        ("[[tool.flakeproof.overrides]]\ntest = 'z'\ncount = 0", "overrides[1].count in pyproject.toml: 0 is not", ""),
        (
            "[[tool.flakeproof.override]]\ntest = 'z'",
            "override in pyproject.toml is not a setting",
            "flakeproof.overrides in",
        ),
    ],
)
def test_what_is_wrong_is_named_at_once(tmp_path: Path, project: str, message: str, remedy: str) -> None:
    """Also in a preset that is not chosen, and for a target that is not run."""
    with pytest.raises(UsageError) as raised:
        _load(tmp_path, project)
    assert message in raised.value.message
    assert remedy in raised.value.remedy


def test_paths_of_presets_and_overrides_belong_to_the_project(tmp_path: Path) -> None:
    """Like those of the table; stdout is no path."""
    project = (
        "[tool.flakeproof]\njson = '-'\n"
        + _NIGHTLY
        + "markdown = 'out/run.md'\n[[tool.flakeproof.overrides]]\ntest = '*'\njunit_xml = 'out/run.xml'\n"
    )
    found = _load(tmp_path, project, {"preset": "nightly"})

    assert [found.get(name) for name in ("json", "markdown", "junit-xml")] == [
        "-",
        str(tmp_path / "out/run.md"),
        str(tmp_path / "out/run.xml"),
    ]

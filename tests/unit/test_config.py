"""Settings, where they come from, and what they are for a run."""

from pathlib import Path
from typing import Any

import pytest

from flakeproof.errors import UsageError
from flakeproof.model import RunSpec
from flakeproof.settings import load
from flakeproof.settings.build_spec import build
from flakeproof.store.folder import store_of
from flakeproof.targets.resolve import resolve


def _spec(
    folder: Path, asked: dict[str, Any], environment: dict[str, str], project: str, target: str = "pkg.mod:function"
) -> RunSpec:
    (folder / "pyproject.toml").write_text(f"[tool.flakeproof]\n{project}\n")
    return build(target, load.load(asked, environment, folder), {}, folder)


@pytest.mark.parametrize(
    ("asked", "environment", "project", "count"),
    [
        ({}, {}, "", 2000),
        ({}, {}, "count = 3", 3),
        ({}, {"FLAKEPROOF_COUNT": "4"}, "count = 3", 4),
        ({"count": "5"}, {"FLAKEPROOF_COUNT": "4"}, "count = 3", 5),
        ({}, {"FLAKEPROOF_COUNT": ""}, "count = 3", 3),
        ({"preset": "fast"}, {}, "", 1000),
        ({"preset": "parallel"}, {}, "", 250_000),
        ({"preset": "full"}, {}, "", 100_000),
        ({"preset": "full"}, {}, "count = 3", 3),
    ],
)
def test_the_nearest_source_wins(
    tmp_path: Path, asked: dict[str, Any], environment: dict[str, str], project: str, count: int
) -> None:
    """Command line, environment, pyproject.toml, default; a preset only fills in what nobody has set."""
    assert count == _spec(tmp_path, asked, environment, project).count


@pytest.mark.parametrize(
    ("asked", "project", "expected"),
    [
        ({"duration": "5s"}, "", (None, 5.0)),
        ({"duration": "5s"}, "count = 3", (None, 5.0)),
        ({"duration": "5s", "count": "7"}, "", (7, 5.0)),
        ({"duration": "5s", "preset": "fast"}, "", (1000, 5.0)),
        ({"count": "7"}, "duration = '5s'", (7, 5.0)),
        ({}, "duration = 5\npreset = 'fast'", (1000, 5.0)),
    ],
)
def test_a_time_is_a_plan_of_its_own(
    tmp_path: Path, asked: dict[str, Any], project: str, expected: tuple[int | None, float]
) -> None:
    """What weighs less does not cut it short."""
    spec = _spec(tmp_path, asked, {}, project)

    assert expected == (spec.count, spec.duration)


@pytest.mark.parametrize(
    ("asked", "project", "expected"),
    [
        ({"workers": "2"}, "processes = 4", (2, 2)),
        ({"processes": "4"}, "workers = 2", (4, 4)),
        ({"workers": "8", "processes": "4"}, "", (8, 4)),
        ({"preset": "parallel", "processes": "1"}, "", (50, 1)),
        ({"preset": "full", "processes": "1"}, "", (20, 1)),
    ],
)
def test_places(tmp_path: Path, asked: dict[str, Any], project: str, expected: tuple[int, int]) -> None:
    """Of workers and processes that do not fit, the one that weighs more stays as it is."""
    spec = _spec(tmp_path, asked, {}, project)

    assert expected == (spec.workers, spec.processes)


@pytest.mark.parametrize(
    ("asked", "project", "most"),
    [
        ({"failfast": True}, "max-failures = 5", 1),
        ({"max-failures": "5"}, "failfast = true", 5),
        ({"failfast": True, "max-failures": "1"}, "", 1),
        ({}, "", None),
    ],
)
def test_when_to_stop(tmp_path: Path, asked: dict[str, Any], project: str, most: int | None) -> None:
    """The command line decides about what the project says otherwise."""
    assert most == _spec(tmp_path, asked, {}, project).max_failures


@pytest.mark.parametrize(
    ("asked", "environment", "project", "message"),
    [
        ({"count": "0"}, {}, "", "--count: 0 is not between 1 and 1,000,000,000,000"),
        ({"count": "1e30"}, {}, "", "--count: '1e30' is not a whole number"),
        ({"count": str(10**40)}, {}, "", "--count: 1000"),
        ({"count": "2k"}, {}, "", "--count: '2k'"),
        ({"workers": "-1"}, {}, "", "--workers: -1"),
        ({"workers": "2", "processes": "3"}, {}, "", "--processes 3 is more than --workers 2"),
        ({"failfast": True, "max-failures": "3"}, {}, "", "--failfast stops at the first failure, --max-failures 3"),
        ({"ci-rate": "2"}, {}, "", "--ci-rate: '2' is more than 1"),
        ({"ci-rate": "nan"}, {}, "", "--ci-rate: 'nan'"),
        ({"ci-rate": "inf"}, {}, "", "--ci-rate: 'inf'"),
        ({"ci-rate": "-5%"}, {}, "", "--ci-rate: '-5%'"),
        ({"ci-rate": "150%"}, {}, "", "--ci-rate: '150%'"),
        ({"timeout": "0"}, {}, "", "--timeout: '0' is no time at all; `none` is no limit"),
        ({"timeout": "inf"}, {}, "", "--timeout: 'inf'"),
        ({"duration": "9999h9999h"}, {}, "", "more than a year"),
        ({"seed": "-1"}, {}, "", "--seed: -1"),
        ({"isolation": "frok"}, {}, "", "did you mean fork?"),
        ({"preset": "cii"}, {}, "", "did you mean ci?"),
        ({"store": ""}, {}, "", "--store: it is empty"),
        ({}, {"FLAKEPROOF_WORKERS": "many"}, "", "the environment variable FLAKEPROOF_WORKERS: 'many'"),
        ({}, {"FLAKEPROOF_WORKRES": "2"}, "", "the environment variable FLAKEPROOF_WORKRES is not a setting"),
        ({}, {}, "workers = true", "tool.flakeproof.workers in pyproject.toml: 'True'"),
        ({}, {}, "count = 1.5", "tool.flakeproof.count in pyproject.toml: '1.5'"),
        ({}, {}, "failfast = 'maybe'", "tool.flakeproof.failfast in pyproject.toml: 'maybe'"),
        ({}, {}, "cuont = 5", "tool.flakeproof.cuont in pyproject.toml is not a setting"),
        ({}, {}, "count = ", "cannot be read"),
    ],
)
def test_a_bad_value_is_named_with_its_source(
    tmp_path: Path, asked: dict[str, Any], environment: dict[str, str], project: str, message: str
) -> None:
    """Who reads the message knows what to change, and where."""
    with pytest.raises(UsageError) as raised:
        _spec(tmp_path, asked, environment, project)
    assert message in raised.value.message


@pytest.mark.parametrize(
    ("environment", "project", "remedy"),
    [
        ({"FLAKEPROOF_CUONT": "2"}, "", "did you mean the environment variable FLAKEPROOF_COUNT?"),
        ({}, "max_failure = 5", "did you mean tool.flakeproof.max-failures in pyproject.toml?"),
    ],
)
def test_an_unknown_setting_is_named_with_the_nearest(
    tmp_path: Path, environment: dict[str, str], project: str, remedy: str
) -> None:
    """In the spelling of the same source."""
    with pytest.raises(UsageError) as raised:
        _spec(tmp_path, {}, environment, project)
    assert remedy == raised.value.remedy


def test_a_scenario_setting_is_named_with_its_source(tmp_path: Path) -> None:
    """Also when it is the scenario that refuses it; and a project's setting is no mistake for another target."""
    with pytest.raises(UsageError, match=r"FLAKEPROOF_SERVER: 'leaks' is not one of fixed, leaky"):
        _spec(tmp_path, {}, {"FLAKEPROOF_SERVER": "leaks"}, "", target="tcprtt")
    assert _spec(tmp_path, {}, {"FLAKEPROOF_SERVER": "leaky"}, "").target.settings == {}
    with pytest.raises(UsageError, match="server=leaky cannot apply"):
        _spec(tmp_path, {"server": "leaky"}, {}, "")


@pytest.mark.parametrize(
    "name", ["FLAKEPROOF_BOOTSTRAP_PYTHON", "FLAKEPROOF_RUN", "FLAKEPROOF_SHORT", "FLAKEPROOF_TRIAL"]
)
def test_other_variables_are_no_settings(tmp_path: Path, name: str) -> None:
    """What the scripts and the engine say to each other is left alone."""
    assert _spec(tmp_path, {}, {name: "7"}, "").count == 2000


def test_the_seed_of_a_trial_is_no_setting(tmp_path: Path) -> None:
    """A run inside of a trial draws its own."""
    assert _spec(tmp_path, {}, {"FLAKEPROOF_SEED": "7"}, "").seed == 7
    assert _spec(tmp_path, {"seed": "9"}, {"FLAKEPROOF_TRIAL": "3", "FLAKEPROOF_SEED": "x"}, "").seed == 9


def test_a_run_inside_of_a_trial_leaves_the_reports_of_the_run_around_it_alone(tmp_path: Path) -> None:
    """They are still to be written."""
    environment = {"FLAKEPROOF_JSON": "run.json", "FLAKEPROOF_JUNIT_XML": "run.xml", "FLAKEPROOF_MARKDOWN": "run.md"}

    assert {"json", "junit-xml", "markdown"} == load.load({}, environment, tmp_path).values.keys()
    assert not load.load({}, {**environment, "FLAKEPROOF_TRIAL": "3"}, tmp_path).values


def test_paths_in_the_project_belong_to_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of pyproject.toml is the same from each of its folders; one on the command line is where one is."""
    (tmp_path / "pyproject.toml").write_text("[tool.flakeproof]\nstore = 'records'\n")
    inner = tmp_path / "deep" / "inside"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)

    assert tmp_path / "records" == store_of(load.load({}, {}, inner)).root
    assert inner / "here" == store_of(load.load({"store": "here"}, {}, inner)).root


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pkg.mod.function", "did you mean pkg.mod:function?"),
        ("tcprt", "did you mean tcprtt?"),
        ("", "target ''"),
        ("a:b:c", "target 'a:b:c'"),
        ("9a:b", "target '9a:b'"),
    ],
)
def test_a_target_in_another_form_is_translated(tmp_path: Path, name: str, hint: str) -> None:
    """What was probably meant is given in the form that works."""
    with pytest.raises(UsageError) as raised:
        resolve(name, {}, tmp_path)
    assert hint in raised.value.message


@pytest.mark.parametrize("name", ["tcprtt", "pkg:function"])
def test_a_bad_loop_is_found_at_once(tmp_path: Path, name: str) -> None:
    """For scenarios, too."""
    with pytest.raises(UsageError, match="--loop 'x' is not module:function"):
        resolve(name, {}, tmp_path, loop="x")


def test_a_time_limit_shorter_than_can_be_kept_is_refused(tmp_path: Path) -> None:
    """Running tests are looked at from time to time: the message names the value and what to do."""
    with pytest.raises(UsageError) as found:
        load.load({"timeout": "5ms"}, {}, tmp_path)
    assert found.value.message == (
        "--timeout: '5ms' is too short: running tests are looked at every 50ms; "
        "ask for at least that, or assert in the test how long it takes"
    )
    assert load.load({"timeout": "50ms"}, {}, tmp_path).get("timeout") == 0.05


def test_a_limit_of_the_user_does_not_adapt(tmp_path: Path) -> None:
    """Only where nobody has set one it follows from what is usual."""
    assert _spec(tmp_path, {}, {}, "").adapts_timeout
    own = _spec(tmp_path, {"timeout": "5m"}, {}, "")
    assert (own.timeout, own.adapts_timeout) == (300.0, False)

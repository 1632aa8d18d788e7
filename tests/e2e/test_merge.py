"""Parts of a run on several machines, and the whole that is made of them."""

import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Flakeproof

import flakeproof as api
from flakeproof.errors import UsageError
from flakeproof.features.merge.parts import find_parts, given_places

TARGET = """
import os

def seldom():
    if int(os.environ["FLAKEPROOF_SEED"]) % 9 == 0:
        raise ValueError(f"kind {int(os.environ['FLAKEPROOF_SEED']) % 2}")

def never(): pass
"""
COUNT, PARTS, SEED = 203, 4, 11


@pytest.fixture
def parts(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The records of all parts of a run, a folder for each, as CI collects artifacts."""
    (project / "merged.py").write_text(TARGET)
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(str(project))
    for number in range(1, PARTS + 1):
        made(number)
    return project / "parts"


def made(number: int, total: int = PARTS, target: str = "merged:seldom", **changes: object) -> Path:
    """Run a part; the folder with its record."""
    store = Path("parts", f"part-{number}")
    settings: dict[str, object] = {"count": COUNT, "seed": SEED, "workers": 2, **changes}
    api.run(target, shard=f"{number}/{total}", store=store / ".flakeproof", **settings)  # type: ignore[arg-type]
    return store


def counted(file: Path) -> dict[str, object]:
    """What a JSON report says that does not depend on when and where it ran."""
    summary = json.loads(file.read_text())
    kinds = {(one["signature"], one["count"], one["example"]["trial"]) for one in summary["signatures"]}
    return {
        "kinds": kinds,
        **{name: summary[name] for name in ("total", "passed", "failed", "outcomes", "rate", "seed")},
    }


def test_parts_add_up_to_the_whole(flakeproof: Flakeproof, project: Path, parts: Path) -> None:
    """The same numbers and seeds, whatever the number of machines; folders and archives alike."""
    whole = flakeproof("run", "merged:seldom", "-c", str(COUNT), "--seed", str(SEED), "--json", "whole.json")
    merged = flakeproof(
        "merge", "parts", "--json", "merged.json", "--junit-xml", "merged.xml", "--markdown", "merged.md"
    )
    assert merged.returncode == whole.returncode == 1, merged.stderr
    assert counted(project / "merged.json") == counted(project / "whole.json")
    assert f"{PARTS} parts of {PARTS} merged, from " in merged.stderr
    assert "ValueError" in (project / "merged.md").read_text()
    trial = json.loads((project / "merged.json").read_text())["signatures"][0]["example"]["trial"]
    assert "failed again, in the same way" in flakeproof("replay", "latest", str(trial)).stdout
    with tarfile.open("one.tar.gz", "w:gz") as archive:
        archive.add("parts/part-1")
    with zipfile.ZipFile("two.zip", "w") as zipped:
        for path in Path("parts/part-2").rglob("*"):
            if path.is_file():
                zipped.write(path)
    packed = flakeproof("merge", "one.tar.gz", "two.zip", "parts/part-3", "parts/part-4", "--json", "packed.json")
    assert packed.returncode == 1, packed.stderr
    assert counted(project / "packed.json") == counted(project / "whole.json")


def test_what_is_missing_is_said_and_the_rest_holds(flakeproof: Flakeproof, project: Path, parts: Path) -> None:
    """A machine that never came, and one that was killed in the middle."""
    shutil.rmtree(parts / "part-2")
    log = next((parts / "part-3").rglob("events.jsonl"))
    log.write_bytes(b"".join(line for line in log.read_bytes().splitlines(keepends=True) if b'"run-ended"' not in line))
    merged = flakeproof("merge", "parts", "--json", "merged.json")
    assert merged.returncode == 1
    assert f"part 2 of {PARTS} is missing; what follows is about the others" in merged.stderr
    assert "Not complete: part 3: killed, after " in merged.stdout
    assert json.loads((project / "merged.json").read_text())["total"] < COUNT


def test_the_question_is_answered_by_all_parts(flakeproof: Flakeproof, parts: Path) -> None:
    """No part alone has enough tests to be below the rate; together they have."""
    shutil.rmtree(parts)
    for number in range(1, 4):
        words = ["gate", "merged:never", "--max-rate", "2%", "-c", "300", "--seed", "1", "--shard", f"{number}/3"]
        part = flakeproof(*words, "-w", "1", "--store", f"parts/{number}")
        assert part.returncode == 4, part.stderr
        assert "cannot show" not in part.stderr  # a part answers nothing by itself
    merged = flakeproof("merge", "parts")
    assert merged.returncode == 0, merged.stdout
    assert merged.stdout.endswith("\nThe failure rate is below 2% (95% confidence)\n")


def twice(parts: Path) -> None:
    """A part under two names."""
    shutil.copytree(parts / "part-2", parts / "again", symlinks=True)


def other_seed(parts: Path) -> None:
    """Part 2 of another run."""
    shutil.rmtree(parts / "part-2")
    made(2, seed=12)


def other_target(parts: Path) -> None:
    """Part 2 of something else."""
    shutil.rmtree(parts / "part-2")
    made(2, target="merged:never")


def other_version(parts: Path) -> None:
    """As if an older flakeproof had run it."""
    log = next((parts / "part-4").rglob("events.jsonl"))
    log.write_text(log.read_text().replace(f'"version":"{api.__version__}"', '"version":"0.0.1"', 1))


def whole_run(parts: Path) -> None:
    """One that is no part of any."""
    api.run("merged:never", count=2, store=parts / "whole" / ".flakeproof")


def emptied(parts: Path) -> None:
    """A folder without a record."""
    shutil.rmtree(parts)
    parts.mkdir()


def spoiled(parts: Path) -> None:
    """A record that is none."""
    next((parts / "part-4").rglob("spec.json")).write_text("{")


def gone(parts: Path) -> None:
    """Nothing at all."""
    shutil.rmtree(parts)


def no_archive(parts: Path) -> None:
    """A file of another kind."""
    shutil.rmtree(parts)
    parts.write_text("no archive")


SPOILED = [
    (twice, "part 2 is there twice"),
    (other_seed, r"they differ in seed \(11 and 12\)"),
    (other_target, "they differ in target"),
    (other_version, r"of 0\.0\.1"),
    (whole_run, "it was made without --shard"),
    (emptied, "holds no record of a run"),
    (spoiled, "cannot be read"),
    (gone, "there is nothing at"),
    (no_archive, "cannot be unpacked"),
]


def test_what_is_no_part_of_the_run_is_refused(flakeproof: Flakeproof, project: Path, parts: Path) -> None:
    """With the reason; no record is left of it."""
    for number, (spoil, message) in enumerate(SPOILED):
        shutil.copytree(parts, "kept", symlinks=True)
        spoil(parts)
        with pytest.raises(UsageError, match=message):
            find_parts(given_places([parts], project / f"unpacked-{number}"))
        if parts.is_dir():
            shutil.rmtree(parts)
        parts.unlink(missing_ok=True)
        Path("kept").rename(parts)
    done = flakeproof("merge", "parts/part-1", "parts/part-1")
    assert done.returncode == 2
    assert "part 1 is there twice (the same record)" in done.stderr
    assert not (project / ".flakeproof").exists()


ARMS = ("--arm", "old:merged:seldom", "--arm", "new:merged:never", "--seed", "3", "-w", "2", "--processes", "2")


def part_of_comparison(flakeproof: Flakeproof, number: int, total: int, *words: str) -> dict[str, Any]:
    """Run a part; what it says in JSON."""
    where = ("--shard", f"{number}/{total}", "--store", f"parts/{number}/.flakeproof", "--json", f"{number}.json")
    done = flakeproof("compare", *ARMS, *(words or ("-c", "120")), *where)
    assert f"Part {number} of {total}: pairs of a test each" in done.stderr, done.stderr
    found: dict[str, Any] = json.loads(Path(f"{number}.json").read_text())
    return found


def test_parts_of_a_comparison_decide_together(
    flakeproof: Flakeproof, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them has enough pairs; the pairs of all are the evidence of the whole, and nothing ran twice."""
    (project / "merged.py").write_text(TARGET)
    monkeypatch.chdir(project)
    told = [part_of_comparison(flakeproof, number, 3) for number in (1, 2, 3)]
    assert [part["verdict"] for part in told] == ["inconclusive"] * 3
    merged = flakeproof("merge", "parts", "--json", "merged.json")
    assert merged.returncode == 0, merged.stderr
    assert "3 parts of 3 merged, from " in merged.stderr
    whole = json.loads(Path("merged.json").read_text())
    assert whole["verdict"] == "fixed"
    for name in ("pairs", "base_lost", "fix_lost", "ties", "void"):
        assert whole[name] == sum(part[name] for part in told)
    for arm in ("base", "fix"):
        assert whole[arm]["failed"] == sum(part[arm]["failed"] for part in told)
    trials = [
        json.loads(line)["failure"]["trial"]
        for log in Path("parts").glob(f"*/.flakeproof/runs/{'?' * 8}-*/events.jsonl")
        for line in log.read_text().splitlines()
        if '"trial-failed"' in line
    ]
    assert len(trials) == len(set(trials)) == whole["base"]["failed"]
    assert "failed again, in the same way" in flakeproof("replay", whole["base"]["run_id"], str(trials[0])).stdout
    assert flakeproof("report", "latest").stdout == merged.stdout
    refused = flakeproof("compare", *ARMS, "--resume", "latest")
    assert (refused.returncode, "that comparison was merged from parts" in refused.stderr) == (2, True)


@pytest.mark.long
def test_what_is_no_part_of_the_comparison_is_refused(
    flakeproof: Flakeproof, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason; what is missing is named, and the rest holds."""
    (project / "merged.py").write_text(TARGET)
    monkeypatch.chdir(project)
    for number in (1, 3):
        part_of_comparison(flakeproof, number, 3)
    some = flakeproof("merge", "parts")
    assert some.returncode == 4
    assert "part 2 of 3 is missing; what follows is about the others" in some.stderr
    twice = flakeproof("merge", "parts/1", "parts/1")
    assert (twice.returncode, "part 1 is there twice (the same record)" in twice.stderr) == (2, True)
    part_of_comparison(flakeproof, 2, 3, "-c", "120", "--error", "1e-6")
    other = flakeproof("merge", "parts")
    assert (other.returncode, "are not parts of one comparison" in other.stderr) == (2, True)
    flakeproof("compare", *ARMS, "-c", "4", "--store", "whole/.flakeproof")
    whole = flakeproof("merge", "parts/1", "whole")
    assert (whole.returncode, "is no part of a comparison: it was made without --shard" in whole.stderr) == (2, True)
    few = flakeproof("compare", *ARMS, "-c", "3", "--shard", "1/3")
    assert (few.returncode, "3 tests are too few for so many parts" in few.stderr) == (2, True)
    both = flakeproof("compare", *ARMS, "--resume", "latest", "--shard", "1/3")
    assert (both.returncode, "leave --shard out" in both.stderr) == (2, True)
    no_seed = flakeproof("compare", *ARMS[:4], "--shard", "1/3")
    assert (no_seed.returncode, "all parts of a run need one seed" in no_seed.stderr) == (2, True)

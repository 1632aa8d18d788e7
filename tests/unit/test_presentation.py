"""The path on which every feature presents its result."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flakeproof.errors import ExitCode, UsageError
from flakeproof.reports.files import Document, ReportFiles
from flakeproof.reports.foreign import findings
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import Style

Presenting = Callable[..., Presentation]
_RENDERERS = {"json": lambda: b"{}\n", "markdown": lambda: b"# found\n"}


@pytest.fixture
def presenting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Presenting:
    """Makes a presentation with reports: called with the places of `json` and `markdown`."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "FLAKEPROOF_TRIAL"):
        monkeypatch.delenv(name, raising=False)

    def made(**places: str) -> Presentation:
        return Presentation(ReportFiles({name: Document(f"--{name}", place) for name, place in places.items()}))

    return made


def test_results_are_a_block_with_a_closing_line(presenting: Presenting, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty line, the title and its lines, an empty line, the conclusion; remarks go to stderr."""
    presentation = presenting()
    presentation.note("on the way")
    presentation.block(["=== Title ===", "a line"], "The end", Style.GOOD)

    assert capsys.readouterr() == ("\n=== Title ===\na line\n\nThe end\n", "on the way\n")


def test_what_raises_leaves_no_folder_of_a_report(presenting: Presenting, tmp_path: Path) -> None:
    """Folders are made before the run, and go with it."""
    presentation = presenting(json="made/for/it.json")
    seen = []

    def fails() -> None:
        with presentation.running():
            seen.append((tmp_path / "made" / "for").is_dir())
            raise UsageError("not this")

    with pytest.raises(UsageError):
        fails()
    assert seen == [True]
    assert not (tmp_path / "made").exists()


def test_in_github_actions_the_markdown_is_the_job_summary(
    presenting: Presenting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any option, and only there."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "job.md"))
    assert presenting().finish(0, _RENDERERS, ["::error ::one"]) == 0
    assert not (tmp_path / "job.md").exists()

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert presenting().finish(1, _RENDERERS, ["::error ::one"]) == 1
    assert (tmp_path / "job.md").read_text() == "# found\n\n"
    assert capsys.readouterr().out == "::error ::one\n"


@pytest.mark.parametrize(("code", "shown"), [(0, ExitCode.BROKEN), (1, ExitCode.FAILURES), (4, ExitCode.INCONCLUSIVE)])
def test_a_report_that_is_missing_is_no_success(
    presenting: Presenting, tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int, shown: ExitCode
) -> None:
    """It is told, the others are written, and only 0 becomes 3."""
    assert presenting(json="/dev/full", markdown="found.md").finish(code, _RENDERERS) == shown

    assert capsys.readouterr().err == "warning: the JSON report was not written: No space left on device\n"
    assert (tmp_path / "found.md").read_bytes() == b"# found\n"


def test_every_line_is_kept_in_the_folder_of_the_run(presenting: Presenting, tmp_path: Path) -> None:
    """Also those that a closed pipe swallows."""
    presentation = presenting()
    presentation.copy_to(tmp_path)
    presentation.warn("one")
    presentation.print("two")
    presentation.finish(0, _RENDERERS)

    assert (tmp_path / "output.log").read_text() == "warning: one\ntwo\n"


def test_a_document_of_findings_is_not_formatted_by_names_in_it() -> None:
    """Names of tests may hold anything."""
    text = findings("why `x` fails", "t[<b>*1*] fails", ["````", "line"], "Seed 1", "run 't[`]'").decode()

    assert "t&#91;&#60;b&#62;&#42;1&#42;&#93; fails\n" in text
    assert "```sh\nrun 't[`]'\n```\n" in text
    assert "`````text\n````\nline\n`````\n" in text
    assert "<sub>Seed 1; flakeproof " in text

"""What is a repository, what is a revision, and what is in none of them."""

from pathlib import Path, PurePath

import pytest
from tests.integration.revisions.conftest import commit, git, new, state, write

from flakeproof.errors import UsageError
from flakeproof.revisions.repository import Repository, find


def test_found_from_a_subfolder(project: Path, tmp_path: Path) -> None:
    """The top is known, and where in it the user is; also through a symbolic link."""
    assert find(project) == Repository(project)
    assert find(project / "tests") == Repository(project, PurePath("tests"))
    (tmp_path / "link").symlink_to(project / "tests")
    assert find(tmp_path / "link") == Repository(project, PurePath("tests"))
    assert find(project / "tests").top(Path("/other/tests")) == Path("/other")
    assert find(project).top(Path("/other")) == Path("/other")


def test_found_in_a_worktree(project: Path, tmp_path: Path) -> None:
    """A worktree of the user's is as good as a clone."""
    git(project, "worktree", "add", "--quiet", "--detach", str(tmp_path / "second"))
    assert find(tmp_path / "second" / "tests") == Repository(tmp_path / "second", PurePath("tests"))


def test_no_repository(tmp_path: Path) -> None:
    """Each way of having none is told apart."""
    with pytest.raises(UsageError, match="in no git repository"):
        find(tmp_path)
    git(tmp_path, "init", "--quiet", "empty")
    with pytest.raises(UsageError, match="has no commits"):
        find(tmp_path / "empty")
    with pytest.raises(UsageError, match="the insides of a git repository"):
        find(tmp_path / "empty" / ".git")
    git(tmp_path, "init", "--quiet", "--bare", "bare")
    with pytest.raises(UsageError, match="a bare repository"):
        find(tmp_path / "bare")
    with pytest.raises(UsageError, match="no such folder"):
        find(tmp_path / "missing")


def test_no_git(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git there is a message."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="git is not installed"):
        find(project)


def test_a_broken_repository_is_not_taken_for_none(project: Path) -> None:
    """What git says of it is passed on."""
    (project / ".git" / "config").write_text("[core\n")
    with pytest.raises(UsageError, match="bad config"):
        find(project)


def test_revisions(project: Path) -> None:
    """Whatever names a commit becomes that commit."""
    first = git(project, "rev-parse", "HEAD").strip()
    second = commit(project, lib="value = 'fix'\n")
    git(project, "tag", "--annotate", "--message", "release", "v1")
    repository = find(project / "tests")
    for name in ("HEAD", "main", "v1", second, second[:8], ":/chan.e", "@{0}"):
        assert repository.resolve(name) == second, name
    assert repository.resolve("HEAD~1") == first


@pytest.mark.parametrize("name", ["nowhere", "HEAD~9", "f" * 40, "HEAD:lib.py", "", "-x", "^HEAD", "HEAD..@", "a\0b"])
def test_no_revision(project: Path, name: str) -> None:
    """The message names what stands for no commit."""
    with pytest.raises(UsageError, match="revision") as caught:
        find(project).resolve(name)
    assert repr(name) in caught.value.message
    assert caught.value.remedy


def test_a_branch_that_is_only_on_the_other_side(project: Path, tmp_path: Path) -> None:
    """As in a checkout of CI."""
    git(project, "branch", "other")
    git(tmp_path, "clone", "--quiet", str(project), "clone")
    with pytest.raises(UsageError) as caught:
        find(tmp_path / "clone").resolve("other")
    assert caught.value.remedy == "did you mean origin/other?"


def test_a_shallow_clone(project: Path, tmp_path: Path) -> None:
    """Where history is cut off, the way to more of it is told."""
    commit(project, lib="value = 'fix'\n")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{project}", "clone")
    repository = find(tmp_path / "clone")
    assert repository.resolve("HEAD") == find(project).resolve("HEAD")
    with pytest.raises(UsageError, match="HEAD~1") as caught:
        repository.resolve("HEAD~1")
    assert "git fetch --unshallow" in caught.value.remedy
    assert "--deepen" in caught.value.remedy


def test_the_same_content(project: Path) -> None:
    """Two commits are the same if their files are."""
    repository = find(project / "tests")
    first = repository.resolve("HEAD")
    assert repository.is_same(first, first)
    assert repository.is_same(first, None)
    second = commit(project, lib="value = 'fix'\n")
    assert not repository.is_same(first, second)
    assert not repository.is_same(first, None)
    assert repository.is_same(second, None)
    git(project, "revert", "--no-edit", "HEAD")
    assert repository.is_same(first, repository.resolve("HEAD"))
    assert repository.is_same(first, None)


@pytest.mark.parametrize("change", ["changed", "staged", "new", "added", "removed", "mode"])
def test_a_working_tree_that_differs(project: Path, change: str) -> None:
    """Whatever is not committed counts; looking at it changes nothing, and a locked index does not matter."""
    lib = project / "lib.py"
    if change == "removed":
        lib.unlink()
    elif change == "mode":
        lib.chmod(0o755)
    else:
        write(project, **{"lib" if change in ("changed", "staged") else "more": "value = 'fix'\n"})
        if change in ("staged", "added"):
            git(project, "add", "--all")
    before = state(project)
    (project / ".git" / "index.lock").touch()
    repository = find(project / "tests")
    assert not repository.is_same(repository.resolve("HEAD"), None)
    assert repository.untracked() == (["more.py"] if change == "new" else [])
    assert repository.dirty_submodules() == []
    assert state(project) == before


def test_what_is_no_difference(project: Path) -> None:
    """Neither a touched file, nor one that is ignored, nor Python's bytecode."""
    (project / ".gitignore").write_text("build\n")
    commit(project)
    (project / "lib.py").touch()
    write(project / "build", made="")
    write(project / "tests" / "__pycache__", cached="")
    before = state(project)
    repository = find(project)
    assert repository.is_same(repository.resolve("HEAD"), None)
    assert repository.untracked() == []
    assert state(project) == before


@pytest.mark.parametrize("setting", ["diff.external", "diff.upper.textconv"])
def test_a_fingerprint_is_of_what_is_there(project: Path, setting: str) -> None:
    """Not of what the user's own tools show of it."""
    git(project, "config", setting, "true")
    (project / ".gitattributes").write_text("*.py diff=upper\n")
    repository = find(project)
    found = {repository.fingerprint()}
    for value in ("fix", "other"):
        write(project, lib=f"value = '{value}'\n")
        found.add(repository.fingerprint())
    assert len(found) == 3


def test_names_that_are_no_utf8(project: Path) -> None:
    """A name comes out as Python writes it."""
    name = "caf\udce9 \n.txt"
    (project / name).touch()
    assert find(project).untracked() == [name]


def test_submodules(project: Path, tmp_path: Path) -> None:
    """A change in a submodule is one, and so is another commit of it."""
    new(tmp_path / "inner")
    git(project, "submodule", "--quiet", "add", str(tmp_path / "inner"), "parts/inner")
    head = commit(project)
    repository, inner = find(project), project / "parts" / "inner"
    assert repository.dirty_submodules() == []
    assert repository.is_same(head, None)
    git(project, "config", "diff.ignoreSubmodules", "all")
    for change in ("lib", "more"):
        write(inner, **{change: "value = 'fix'\n"})
        assert repository.dirty_submodules() == ["parts/inner"]
        assert not repository.is_same(head, None)
        git(inner, "stash", "--quiet", "--include-untracked")
        assert repository.is_same(head, None)
    commit(inner, lib="value = 'committed'\n")
    assert repository.dirty_submodules() == ["parts/inner"]
    assert not repository.is_same(head, None)
    git(project, "submodule", "--quiet", "deinit", "--force", "--all")
    assert repository.dirty_submodules() == []
    assert repository.is_same(head, None)


def test_a_hook_around_us(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What git tells its hooks of another repository is not ours."""
    other = new(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "no index"))
    monkeypatch.setenv("GIT_PREFIX", "elsewhere/")
    repository = find(project / "tests")
    assert repository == Repository(project, PurePath("tests"))
    assert repository.is_same(repository.resolve("HEAD"), None)

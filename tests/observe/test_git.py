"""Git as it is on this machine: what it prints, where it finds a repository, how it refuses."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import GitError, NotARepositoryError
from router.observe import git, git_worktrees
from router.observe.git import parse
from router.observe.git_files import ListedWorktree
from tests.observe.shops import added, fake_git, found, run

# Reading what git prints

LISTED = (
    b"worktree /r/main\0HEAD 0705\0branch refs/heads/other\0\0worktree /r/wt-d\0HEAD 0705\0detached\0\0"
    b"worktree /r/wt-o\0HEAD 0000\0branch refs/heads/orph\0\0"
)


def test_records_are_read() -> None:
    assert parse(LISTED) == (
        ListedWorktree("/r/main", "0705", "other"),
        ListedWorktree("/r/wt-d", "0705"),
        ListedWorktree("/r/wt-o", "0000", "orph"),
    )  # fmt: skip


def test_a_bare_record_and_locks_with_and_without_a_reason_are_read() -> None:
    output = (
        b"worktree /p/.bare\0bare\0\0worktree /a\0HEAD 1\0detached\0locked\0\0worktree /b\0HEAD 1\0locked on a disk\0\0"
    )
    assert [(r.bare, r.locked) for r in parse(output)] == [(True, None), (False, ""), (False, "on a disk")]


def test_attributes_of_a_later_git_are_ignored() -> None:
    assert parse(b"worktree /a\0HEAD 1\0shiny new thing\0prunable gone\0\0") == (ListedWorktree("/a", "1"),)


def test_paths_keep_their_newlines_and_bytes() -> None:
    assert [r.path for r in parse(b"worktree /a b\nc\0HEAD 1\0\0worktree /\xff\0HEAD 1\0\0")] == ["/a b\nc", "/\udcff"]


@given(st.binary() | st.lists(st.sampled_from([b"worktree", b" ", b"\0", b"/a", b"HEAD", b"locked"])).map(b"".join))
def test_no_bytes_upset_the_reader(output: bytes) -> None:
    for record in parse(output):
        assert isinstance(record.path, str)


# Where a repository is


def test_the_common_directory_is_the_same_from_everywhere(shop: Path) -> None:
    path = added(shop, "feature/x")
    (path / "deep").mkdir()
    for place in (shop, path, path / "deep", shop / ".git"):
        assert git.common_dir(place) == shop / ".git"


def test_a_link_leads_to_the_real_place(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(shop)
    assert git.common_dir(tmp_path / "link") == shop / ".git"


def test_inside_submodules_the_outermost_repository_counts(shop: Path, tmp_path: Path) -> None:
    for name in ("middle", "inner"):
        run(tmp_path, "init", "-q", name)
        run(tmp_path / name, "commit", "-q", "--allow-empty", "-m", "first")
    run(tmp_path / "middle", "submodule", "--quiet", "add", str(tmp_path / "inner"), "sub")
    run(tmp_path / "middle", "commit", "-q", "-m", "sub")
    run(shop, "submodule", "--quiet", "add", str(tmp_path / "middle"), "sub")
    run(shop, "submodule", "--quiet", "update", "--init", "--recursive")
    assert git.common_dir(shop / "sub" / "sub") == shop / ".git"


def test_where_a_repository_is_takes_one_question(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_git(tmp_path, f'echo "$@" >>{tmp_path}/asked; exec {shutil.which("git")} "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
    assert git.common_dir(shop) == shop / ".git"
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


def test_a_directory_outside_of_git_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError, match="is not inside a git repository"):
        git.common_dir(tmp_path)


def test_a_path_that_is_no_directory_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError, match="is not a directory"):
        git.common_dir(tmp_path / "nothing")


def test_a_path_that_cannot_be_asked_is_named(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(GitError, match="loop cannot be read"):
        git.common_dir(tmp_path / "loop")


def test_a_common_directory_that_is_none_any_more_is_named(shop: Path) -> None:
    (shop / ".git" / "HEAD").unlink()
    with pytest.raises(NotARepositoryError, match=str(shop)):
        git_worktrees.worktrees(shop / ".git")


def test_git_variables_from_outside_lead_nowhere(shop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(tmp_path, "init", "-q", "other")
    for name in ("GIT_DIR", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    assert git.common_dir(shop) == shop / ".git"
    assert list(found(shop)) == ["shop"]


def test_without_git_the_error_says_so(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GitError, match="git is not installed"):
        git.common_dir(shop)


@pytest.mark.parametrize("version", ["2.35.8", "1.8.3.1"])
def test_a_git_that_is_too_old_is_named(
    shop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    fake_git(tmp_path, f'[ "$1" = version ] && echo "git version {version}" && exit; exit 129')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(GitError, match=f"git version {version} is too old") as caught:
        git_worktrees.worktrees(shop / ".git")
    assert "2.36" in caught.value.hint


def test_git_s_own_reason_is_passed_on_with_a_hint(shop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = (
        "warning: odd\\nfatal: detected dubious ownership in repository at '/x'\\nTo add an exception: safe.directory"
    )
    fake_git(tmp_path, f'[ "$1" = version ] && echo "git version 2.39.5" && exit; printf "{said}" >&2; exit 128')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(GitError) as caught:
        git_worktrees.worktrees(shop / ".git")
    assert caught.value.message.endswith("failed: detected dubious ownership in repository at '/x'")
    assert "safe.directory" in caught.value.hint


def test_the_directory_of_the_router_may_be_gone(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    assert list(found(shop)) == ["shop"]


@pytest.mark.parametrize(
    ("common", "name"),
    [("/w/shop/.git", "shop"), ("/w/shop/.bare", "shop"), ("/w/shop.git", "shop"), ("/w/elsewhere", "elsewhere")],
)
def test_a_repository_is_called_like_its_main_checkout(common: str, name: str) -> None:
    assert git.name(Path(common)) == name

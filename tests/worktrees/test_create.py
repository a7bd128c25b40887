"""Worktrees created whole or not at all. With real git."""

import os
import threading
from pathlib import Path

import pytest

from router.errors import BlockError, FileError, GitError, UsageError
from tests.disks import fill, small_disk
from tests.worktrees.shops import Shop, commit, git


def test_a_worktree_is_created_on_its_branch_with_its_env_block(shop: Shop) -> None:
    path = shop.create("fix-auth")
    assert path == shop.path / ".claude" / "worktrees" / "fix-auth"
    assert git(path, "branch", "--show-current") == "worktree-fix-auth"
    assert git(path, "rev-parse", "HEAD") == git(shop.path, "rev-parse", "HEAD")
    assert ">>> worktree-router >>>" in (path / ".env.local").read_text()
    assert git(path, "status", "--porcelain") == ""


def test_a_directory_of_worktrees_that_git_would_commit_is_reported(shop: Shop) -> None:
    warning = "git does not ignore .claude/worktrees/: see `router init claude`"
    shop.create("ignored")
    assert warning not in shop.messages
    shop.commit(**{".gitignore": ".env*\n"})
    shop.create("seen")
    assert warning in shop.messages


def test_it_begins_where_the_session_is(shop: Shop) -> None:
    first = shop.create("first")
    at = commit(first, {"new": "1"})
    (first / "deep").mkdir()
    second = shop.create("second", cwd=first / "deep")
    assert second.parent == first.parent
    assert git(second, "rev-parse", "HEAD") == at


def test_mise_s_file_is_written_where_mise_is_used(shop: Shop) -> None:
    shop.commit(**{"mise.toml": "[tools]\n"})
    assert "[env]" in (shop.create() / ".mise.local.toml").read_text()


def test_a_hidden_worktree_is_created_without_an_environment(shop: Shop) -> None:
    (shop.path / "router.toml").write_text('[worktrees."worktree-x"]\nhide = true\n')
    path = shop.create("x")
    assert not (path / ".env.local").exists()
    assert any("it is hidden" in line for line in shop.messages)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "/etc", "../x", ".git", "a..b", "a b", "a~1", "x.lock", "@{-1}", "a\nb", "a\0b", "\udc80",
     "x" * 101, "ü" * 51, "a:b", "a?", "a*", "a[", "a\\b", "x."],
)  # fmt: skip
def test_a_name_that_is_no_directory_and_branch_is_refused(shop: Shop, name: str) -> None:
    before = shop.left
    with pytest.raises(UsageError, match="a worktree cannot be called"):
        shop.create(name)
    assert shop.left == before


@pytest.mark.parametrize("name", ["-x", "--force", "ünïcode", "a.b_c-d+e", "agent-a8f3", "$(id)", "x;y", "x" * 100])
def test_any_other_name_is_data(shop: Shop, name: str) -> None:
    path = shop.create(name)
    assert path.name == name
    shop.remove(path)
    assert shop.left[2] is False


@pytest.mark.parametrize("link", [".claude", ".claude/worktrees"])
def test_nothing_is_created_behind_a_link(shop: Shop, link: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "worktrees").mkdir(parents=True)
    (shop.path / link).parent.mkdir(exist_ok=True)
    (shop.path / link).symlink_to(elsewhere)
    with pytest.raises(FileError, match="is not a directory"):
        shop.create()
    assert list((elsewhere / "worktrees").iterdir()) == []


def test_an_existing_worktree_stays_as_it_is(shop: Shop) -> None:
    path = shop.create()
    commit(path, {"mine": "1"})
    assert shop.create() == path
    assert (path / "mine").exists()
    assert f"{path} exists already and stays as it is" in shop.messages


@pytest.mark.parametrize("what", ["directory", "file", "link"])
def test_what_is_in_the_way_stays(shop: Shop, what: str) -> None:
    path = shop.path / ".claude" / "worktrees" / "x"
    path.parent.mkdir(parents=True)
    {"directory": path.mkdir, "file": path.touch, "link": lambda: path.symlink_to(shop.path)}[what]()
    with pytest.raises(GitError, match="is in the way"):
        shop.create()
    assert os.path.lexists(path)


def test_an_existing_branch_stays_as_it_is(shop: Shop) -> None:
    git(shop.path, "branch", "worktree-x")
    shop.commit(later="1")
    path = shop.create()
    assert not (path / "later").exists()
    assert f"created {path} on branch worktree-x as it was" in shop.messages
    shop.remove(path)
    assert shop.left[0] == ["refs/heads/main", "refs/heads/worktree-x"]


def test_another_git_at_work_is_waited_for(shop: Shop) -> None:
    lock = shop.path / ".git" / "refs" / "heads" / "worktree-x.lock"
    lock.touch()
    timer = threading.Timer(0.4, lock.unlink)
    timer.start()
    assert shop.create().is_dir()
    timer.join()


# Origin


@pytest.fixture
def cloned(shop: Shop, tmp_path: Path) -> Shop:
    """A clone of the shop with `fetch = true`, a commit behind it."""
    path = tmp_path.resolve() / "clone"
    git(tmp_path, "clone", "-q", shop.path, path)
    shop.commit(later="1")
    (path / "router.toml").write_text("[setup]\nfetch = true\n")
    return Shop(path, shop.settings, shop.store)


def test_a_branch_begins_at_origin_s_default_branch_where_fetching_is_wanted(shop: Shop, cloned: Shop) -> None:
    path = cloned.create()
    assert git(path, "rev-parse", "HEAD") == git(shop.path, "rev-parse", "HEAD")
    assert git(path, "rev-parse", "HEAD") != git(cloned.path, "rev-parse", "HEAD")
    with pytest.raises(AssertionError):
        git(path, "rev-parse", "@{upstream}")  # so that `git push` does not go to main


def test_a_default_branch_that_is_unknown_is_asked_for(shop: Shop, cloned: Shop) -> None:
    git(cloned.path, "remote", "set-head", "origin", "--delete")
    assert git(cloned.create(), "rev-parse", "HEAD") == git(shop.path, "rev-parse", "HEAD")


def test_without_the_network_a_branch_begins_at_what_was_last_fetched(shop: Shop, cloned: Shop) -> None:
    git(cloned.path, "remote", "set-url", "origin", "/gone")
    commit(cloned.path, {"mine": "1"})
    assert git(cloned.create(), "rev-parse", "HEAD") == git(cloned.path, "rev-parse", "origin/main")
    [line] = [line for line in cloned.messages if line.startswith("could not fetch: ")]
    assert line.endswith("; the branch begins at origin's default branch as last fetched")


def test_without_an_origin_it_begins_where_the_session_is(shop: Shop) -> None:
    head = shop.commit(**{"router.toml": "[setup]\nfetch = true\n"})
    path = shop.create()
    assert git(path, "rev-parse", "HEAD") == head
    assert f"created {path} on branch worktree-x at {head[:12]}" in shop.messages
    [line] = [line for line in shop.messages if line.startswith("could not fetch: ")]
    assert line.endswith("; the branch begins at this checkout's commit")


# Failing


def test_a_failure_removes_all_that_was_created(shop: Shop) -> None:
    shop.commit(**{".worktreeinclude": ".env.local\n"})
    (shop.path / ".env.local").write_text("# >>> worktree-router >>> a torn block\n")
    before = shop.left
    with pytest.raises(BlockError, match=r"the worktree was removed again$"):
        shop.create()
    assert shop.left == before
    assert not (shop.path / ".claude").exists()


def test_a_full_disk_is_reported_and_leaves_nothing(shop: Shop, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="2m") as disk:
        path = disk.resolve() / "clone"
        git(tmp_path, "clone", "-q", "--no-hardlinks", "--no-local", shop.path, path)
        clone = Shop(path, shop.settings, shop.store)
        commit(path, {f"{number}.txt": "x" * 10_000 + str(number) for number in range(20)})
        before = clone.left
        ballast = fill(disk)
        os.truncate(ballast, ballast.stat().st_size - 65_536)  # room for half of it
        with pytest.raises(GitError, match=r"git worktree add failed: .* \(the disk is full\)") as caught:
            clone.create()
        assert caught.value.hint == "free some space and try again"
        assert clone.left == before
        ballast.unlink()
        assert (clone.create() / "19.txt").is_file()


def test_a_failure_keeps_a_branch_that_was_there(shop: Shop) -> None:
    git(shop.path, "branch", "worktree-x")
    before = shop.left
    (shop.path / ".git" / "hooks").mkdir(exist_ok=True)
    hook = shop.path / ".git" / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitError):
        shop.create()
    assert shop.left == before


def test_a_repository_without_a_commit_is_reported(shop: Shop, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "empty")
    with pytest.raises(GitError, match="has no commit yet"):
        shop.create(cwd=tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == [tmp_path / "empty" / ".git"]


def test_a_repository_of_bare_and_siblings_has_its_worktrees_in_the_default_one(shop: Shop, tmp_path: Path) -> None:
    project = tmp_path.resolve() / "project"
    git(tmp_path, "clone", "-q", "--bare", shop.path, project / ".bare")
    git(project / ".bare", "worktree", "add", "-q", project / "main", "main")
    path = shop.create(cwd=project / "main")
    assert path == project / "main" / ".claude" / "worktrees" / "x"
    shop.remove(path)
    assert not path.exists()


def test_a_sparse_worktree_has_these_directories_and_the_files_above_them(shop: Shop) -> None:
    shop.commit(**{
        "apps/web/index.js": "1", "apps/api/main.py": "1", "apps/README": "1",
        "router.toml": '[setup]\nsparse = ["apps/web"]\n',
    })  # fmt: skip
    path = shop.create()
    assert {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()} == {
        ".git", ".gitignore", ".env.local", "page", "router.toml", "apps/README", "apps/web/index.js",
    }  # fmt: skip
    assert git(path, "status", "--porcelain") == ""
    assert git(shop.path, "status", "--porcelain") == ""
    shop.remove(path)
    assert not path.exists()

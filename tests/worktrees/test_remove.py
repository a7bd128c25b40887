"""Worktrees removed only when no work would be lost. With real git."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from router.errors import RouterError, UnsavedWorkError
from tests.worktrees.shops import Shop, commit, git


def test_removing_leaves_nothing_that_was_not_there(shop: Shop) -> None:
    before = shop.left
    shop.remove(shop.create())
    assert shop.left == before
    assert not (shop.path / ".claude").exists()


def test_what_only_the_router_put_there_is_no_work(shop: Shop) -> None:
    shop.commit(**{".gitignore": "", "router.toml": '[setup]\nlink = ["node_modules"]\n', "mise.toml": "[tools]\n"})
    (shop.path / "node_modules").mkdir()
    path = shop.create()
    seen = git(path, "status", "--porcelain").splitlines()
    assert seen == ["?? .env.local", "?? .mise.local.toml", "?? node_modules"]
    shop.remove(path)
    assert not path.exists()
    assert (shop.path / "node_modules").is_dir()


def own_env_file(path: Path) -> None:
    (path / ".gitignore").write_text("")
    with (path / ".env.local").open("a") as file:
        file.write("SECRET=1\n")


def detached(path: Path) -> None:
    git(path, "checkout", "-q", "--detach")
    commit(path, {"a": "1"})


def rebasing(path: Path) -> None:
    (path / "page").write_text("two\n")
    git(path, "commit", "-q", "-am", "two")
    git(path, "tag", "first-try")
    subprocess.run(["git", "rebase", "-q", "-x", "false", "HEAD~1"], cwd=path, capture_output=True, check=False)
    git(path, "status")


WORK: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file changed": (lambda path: (path / "page").write_text("two\n"), "not committed: page"),
    "a file staged": (lambda path: git(path, "rm", "-q", "page"), "not committed: page"),
    "a new file": (lambda path: (path / "a b").touch(), "not committed: a b"),
    "an env file of one's own": (own_env_file, "not committed: .gitignore, .env.local"),
    "a commit": (lambda path: commit(path, {"a": "1"}), "1 commit is on worktree-x alone"),
    "a commit on no branch": (detached, "1 commit is on no branch ("),
    "a rebase": (rebasing, "a rebase is in progress"),
    "a lock": (lambda path: git(path, "worktree", "lock", "--reason", "agent 7", path), "it is locked (agent 7)"),
}


@pytest.mark.parametrize("work", WORK)
def test_work_that_is_nowhere_else_keeps_the_worktree(shop: Shop, work: str) -> None:
    path = shop.create()
    do, reason = WORK[work]
    do(path)
    with pytest.raises(UnsavedWorkError) as refused:
        shop.remove(path)
    assert refused.value.message.startswith(f"{path} stays: ")
    assert reason in refused.value.message
    assert path.is_dir()
    shop.remove(path, force=True)
    assert not path.exists()


@pytest.mark.parametrize(("count", "rest"), [(5, ""), (6, " and 1 more"), (8, " and 3 more")])
def test_of_many_files_the_first_five_are_named(shop: Shop, count: int, rest: str) -> None:
    path = shop.create()
    for number in range(count):
        (path / f"f{number}").touch()
    with pytest.raises(UnsavedWorkError, match=rf"not committed: f0, f1, f2, f3, f4{rest}$"):
        shop.remove(path)


def test_a_branch_with_commits_of_its_own_stays_even_with_force(shop: Shop) -> None:
    path = shop.create()
    commit(path, {"a": "1"})
    shop.remove(path, force=True)
    assert "refs/heads/worktree-x" in shop.left[0]
    assert "branch worktree-x stays: 1 commit is on it alone" in shop.messages


@pytest.mark.parametrize("holder", ["branch", "tag", "remote", "main"])
def test_commits_that_something_else_holds_are_not_lost(shop: Shop, holder: str) -> None:
    path = shop.create()
    commit(path, {"a": "1"})
    where = {"branch": "refs/heads/other", "tag": "refs/tags/v1", "remote": "refs/remotes/origin/x"}.get(holder)
    git(shop.path, *(("update-ref", where, "worktree-x") if where else ("merge", "-q", "worktree-x")))
    shop.remove(path)
    assert "refs/heads/worktree-x" not in shop.left[0]


def test_another_branch_that_was_checked_out_there_stays(shop: Shop) -> None:
    path = shop.create()
    git(path, "checkout", "-q", "-b", "feature/y")
    commit(path, {"a": "1"})
    shop.remove(path)
    assert shop.left[0] == ["refs/heads/feature/y", "refs/heads/main"]


def test_a_worktree_whose_directory_is_gone_is_forgotten_with_its_branch(shop: Shop) -> None:
    before = shop.left
    path = shop.create()
    subprocess.run(["rm", "-rf", path], check=True)
    shop.remove(path)
    shop.remove(path)
    assert shop.left[:2] == before[:2]
    assert shop.messages[-1] == f"{path} is gone already"


def test_only_worktrees_of_the_hook_are_removed(shop: Shop, tmp_path: Path) -> None:
    other = tmp_path.resolve() / "other"
    git(shop.path, "worktree", "add", "-q", other)
    foreign = shop.path / ".claude" / "worktrees" / "foreign"
    foreign.mkdir(parents=True)
    (foreign.parent / "link").symlink_to(other)
    main = foreign / ".." / ".." / ".."
    for path in (shop.path, other, foreign, foreign.parent / "link", main, Path("x"), Path("/")):
        with pytest.raises(RouterError):
            shop.remove(path, force=True)
    assert other.is_dir()
    assert foreign.is_dir()


@pytest.mark.parametrize("path", ["/a\0b", "/\ud800"])
def test_what_is_no_path_is_reported(shop: Shop, path: str) -> None:
    with pytest.raises(RouterError):
        shop.remove(Path(path))


@pytest.mark.parametrize("work", ["commit", "stash", "file"])
def test_work_in_a_submodule_keeps_the_worktree(with_submodule: Shop, work: str) -> None:
    path = with_submodule.create()
    (path / "lib" / "lib.txt").write_text("2")
    if work == "commit":
        commit(path / "lib", {"lib.txt": "2"})
        commit(path, {"lib2": "1"})
        git(path, "add", "lib")
        git(path, "commit", "-q", "-m", "lib")
        git(with_submodule.path, "merge", "-q", "worktree-x")
    elif work == "stash":
        git(path / "lib", "stash", "-q")
    reason = "not committed: lib" if work == "file" else "in the submodule lib alone"
    with pytest.raises(UnsavedWorkError, match=reason):
        with_submodule.remove(path)
    with_submodule.remove(path, force=True)
    assert not path.exists()
